"""Tells people of events on targets of their own: ntfy, webhooks, e-mail and the rest through Apprise."""
