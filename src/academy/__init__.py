"""Rtech Academy: an online academy in one process or on many servers."""

__version__ = "0.1.0"
