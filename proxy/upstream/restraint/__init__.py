"""When an upstream is not asked, or not yet. Pure: time and chance are handed in."""
