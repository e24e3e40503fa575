"""The use cases: what the faces call."""
