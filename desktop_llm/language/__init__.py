"""The language process: spaCy, NLTK and lingua, in a process of its own.

Spawned when first needed by `desktop_llm.engine.language_client`, never imported by it.
"""
