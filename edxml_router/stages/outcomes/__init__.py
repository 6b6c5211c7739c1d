"""What became of deliveries, told and asked on the way back."""
