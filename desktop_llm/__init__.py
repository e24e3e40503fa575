"""desktop-llm: language work with local models, on one's own computer."""

__version__ = "0.1.0"
