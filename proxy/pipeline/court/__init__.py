"""Decisions: made, remembered, made again."""
