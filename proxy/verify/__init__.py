"""The expert witnesses. Pure: bytes, trust material and `now` in; Evidence or a Rejection out."""
