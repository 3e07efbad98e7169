"""Who we are to an upstream."""
