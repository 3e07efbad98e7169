"""Composes each room's settings: file, environment and secrets become a Config, or every error at once."""
