"""The national axis's way of speaking, and the forms that provinces have made of it."""
