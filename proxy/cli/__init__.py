"""The operator's hands: one file a verb group. It asks the lower floors and puts answers into words; it decides nothing."""
