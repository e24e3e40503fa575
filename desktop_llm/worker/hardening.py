"""What a worker does about native code that prints."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def without_native_output() -> Iterator[None]:
    """For calls that print what they were given, which may be a person's, to the log."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
