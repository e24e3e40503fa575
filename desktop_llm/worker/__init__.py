"""The engine worker: the only process that loads weights for inference.

Spawned by `desktop_llm.engine`, never imported by it. Native code may abort here; that costs one
reply.
"""
