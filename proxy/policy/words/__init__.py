"""What is written in policy.yaml, and what it means."""
