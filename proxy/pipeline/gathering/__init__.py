"""Evidence as bytes: where it may lie, and what was found there."""
