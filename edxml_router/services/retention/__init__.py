"""What is kept on purpose and what goes, for operators."""
