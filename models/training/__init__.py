"""From data to shipped network: one module per step, see README.md."""
