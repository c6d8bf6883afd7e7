"""The name that bundles import the challenge's types by."""
