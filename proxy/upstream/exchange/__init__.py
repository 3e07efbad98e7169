"""One HTTP exchange with another host: where we may connect to, how, and what its answer means."""
