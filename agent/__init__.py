"""Printwarden's agent: sits beside a printer, sends frames and state, obeys signed commands."""

__version__ = "0.1.0"
