"""See `interface`."""
