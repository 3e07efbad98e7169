"""Bytes that stream through without being stored, since the disk cannot take them: hashed all the same, tail withheld."""
