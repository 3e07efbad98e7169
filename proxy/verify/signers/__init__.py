"""Who says it: one engine for every kind of signer."""
