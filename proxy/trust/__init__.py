"""Fetches and keeps trust material. It never says what may be pulled."""
