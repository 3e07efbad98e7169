"""Connections: who gets one, for how long, and which of their requests need the framework."""
