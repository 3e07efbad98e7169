"""What others saw: entries of transparency logs, and timestamps."""
