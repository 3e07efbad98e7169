"""Metrics, audit and logs, made from events. Nothing here decides, and nothing here keeps a secret."""
