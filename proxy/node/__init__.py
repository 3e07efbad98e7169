"""What a node needs so that it cannot go around the proxy."""
