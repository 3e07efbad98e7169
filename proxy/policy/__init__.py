"""THE JUDGE. Pure: the policy, the evidence and `now` in, a Decision out. Every yes or no of the product is said here."""
