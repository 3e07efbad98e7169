"""HTTP in. The door never thinks: a request becomes a value, the pipeline answers, the answer is written."""
