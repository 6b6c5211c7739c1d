"""What the national document axis does for e-offices, by a node: transfers with their states, and its catalogue."""
