"""Several workers on one data directory: a supervisor that starts, replaces and ends them, and serves nothing itself."""
