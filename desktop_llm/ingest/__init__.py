"""Documents of any kind as text, read by a process that can be killed."""
