"""What an operator tells the whole flow of mail to do, and what is seen of it."""
