"""Pages: widgets and services put together."""
