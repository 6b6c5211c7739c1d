"""Commands about the node itself: made, configured, run, examined, copied, connected."""
