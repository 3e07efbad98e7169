"""The drill: a registry of its own with good and bad images, the proxy before it, and what happens to each."""
