"""What the gateway does for e-offices beyond other faces: who they are, what comes for them, what they send."""
