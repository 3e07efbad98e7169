"""Other registries. Nothing that they say is believed, and nothing that a client sends is forwarded."""
