"""Who names whom: parents, children, and under which root a digest stands."""
