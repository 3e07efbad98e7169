"""The spec's nouns. Pure, standard library only: bytes and strings in, values out, or a RequestError."""
