"""The window: a face of the services."""
