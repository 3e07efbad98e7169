"""What stands here, when it was last used, how much there may be, and what goes first."""
