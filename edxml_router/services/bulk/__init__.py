"""What a person does to many deliveries at once: choose, see exactly which, then let it be done."""
