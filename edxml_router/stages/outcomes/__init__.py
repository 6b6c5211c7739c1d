"""Outcomes of deliveries: told and asked on the way back."""
