"""What is kept for which image, what was used, and what goes where room is needed. Never a byte of what somebody reads."""
