"""Certificates: read, chained to what is believed, and found not revoked."""
