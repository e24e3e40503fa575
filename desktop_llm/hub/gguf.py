"""The headers of model files on disk."""

from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import Header, NeedMoreError, check_file, parse_header

__all__ = ["Header", "NeedMoreError", "parse_header", "read_header"]


def read_header(path: Path) -> Header:
    """Read and check one file. Raises EnvironmentFault naming it and the cause.

    Only a regular file is opened: a pipe of that name would keep its reader waiting for ever.
    """
    try:
        if not path.exists():
            raise EnvironmentFault(FaultCode.MODEL_MISSING, path=str(path))
        if not path.is_file():
            raise EnvironmentFault(FaultCode.MODEL_NOT_GGUF, path=str(path))
        with path.open("rb", buffering=0) as file:
            return check_file(file, str(path))
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=str(path), reason=error.strerror or ""
        ) from error
