"""Composes each room's settings: file, environment and secrets to one Config, or every error at once."""
