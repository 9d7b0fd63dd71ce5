"""Everything that is settled: the only SQL, and the evidence folder beside it."""
