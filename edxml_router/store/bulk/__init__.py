"""Many deliveries at once: how they are chosen, and the jobs that act upon them."""
