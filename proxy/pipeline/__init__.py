"""All the awaiting, none of the rules: fetch, keep, stream; every yes or no comes from `policy.evaluate`."""
