"""Model files: understood before anything native touches them."""
