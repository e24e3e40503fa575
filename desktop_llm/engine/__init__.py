"""The program's side of the engine worker: client, supervisor, arbiter."""
