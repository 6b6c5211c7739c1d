"""What Prometheus is told of a node, and whether the node lives and is ready."""
