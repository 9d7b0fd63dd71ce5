"""Where frames come from: one file per kind of camera. JPEG bytes pass through undecoded."""
