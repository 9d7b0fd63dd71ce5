"""The demonstration clips."""
