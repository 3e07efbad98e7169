"""What is asked, one kind of requirement a file, and what answers it."""
