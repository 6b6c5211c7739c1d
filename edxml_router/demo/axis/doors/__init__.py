"""What stands between the maker's system and the nodes: the doors of offices, and the way of webhooks."""
