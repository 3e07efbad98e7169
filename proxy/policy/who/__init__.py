"""The words that say who: signers, identities, names."""
