"""The forms in which a signature comes, and what each is of."""
