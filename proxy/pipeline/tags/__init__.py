"""Which digest a tag has."""
