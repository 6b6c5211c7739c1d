"""Agency codes, the registry of agencies, and the routes to them."""
