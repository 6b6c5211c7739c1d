"""From due deliveries to what a hub has confirmed: routed, planned, and sent as far as there is room."""
