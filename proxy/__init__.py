"""Pratique: a pull-through verifying registry proxy. A node gets bytes only from an image that was judged and admitted."""

__version__ = "0.1.0"
