"""Bytes by digest. Nothing is visible before its commit, and nothing is served complete unless it is proved."""
