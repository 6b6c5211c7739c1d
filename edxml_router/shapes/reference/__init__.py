"""What is said of the shapes: their JSON Schema, their words, and which command shows which."""
