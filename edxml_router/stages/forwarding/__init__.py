"""From what is due to what a hub has confirmed: bound, planned, and sent as far as there is room."""
