"""The speed and size that Modelkeep promises, measured against the real program: `python -m bench [measure ...]`."""
