"""What neighbours believe to have gone over their link, and what of it the other end does not know."""
