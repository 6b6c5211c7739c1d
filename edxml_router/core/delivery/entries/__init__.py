"""What entries of the journal hold of envelopes and deliveries, and the rows that follow from them."""
