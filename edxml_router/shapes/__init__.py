"""The one JSON shape of each thing, for every face."""
