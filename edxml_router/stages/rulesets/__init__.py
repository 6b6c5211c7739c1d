"""The rules of a day as bytes that are kept by digest, written from a snapshot and read into one again."""
