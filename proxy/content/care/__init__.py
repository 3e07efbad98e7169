"""Looks after what is stored: says how the disk is, and finds what rotted before a client does."""
