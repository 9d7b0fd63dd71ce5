"""Printwarden's hub: scores frames, decides, commands, and keeps every tenant apart."""
