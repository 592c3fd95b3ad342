"""The version, for the build too. Imports nothing: each module may take it from here."""

__version__ = "0.1.0"
