"""Keys, certificates, bindings and lists as files and tokens: by what a node signs, and whom it trusts."""
