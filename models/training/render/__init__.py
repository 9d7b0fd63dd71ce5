"""Rendered printers: the demo clip and a training set of growing tangles, path traced with Mitsuba."""
