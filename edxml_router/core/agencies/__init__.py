"""Agency codes, the registry of agencies, and the way to each."""
