"""Small mutable facts, behind one small protocol. Losing them is survivable; believing wrong ones is not."""
