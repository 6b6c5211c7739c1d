"""What proves the journal to others: checkpoints, witnesses, time stamps."""
