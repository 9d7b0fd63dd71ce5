"""The printers an agent can talk to, one file per kind."""
