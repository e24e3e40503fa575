"""Text into blocks a view can draw; no Qt here."""
