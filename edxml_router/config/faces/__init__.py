"""The settings of the faces that a node shows to e-offices while it runs."""
