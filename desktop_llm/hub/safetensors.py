"""The header of a safetensors file, read with caps: names and shapes, never a weight, never pickle.

Source: https://github.com/huggingface/safetensors#format: eight bytes of length, then JSON.
"""

import json
import struct
from math import prod
from pathlib import Path

from desktop_llm.core.errors import EnvironmentFault, FaultCode

MOST_HEADER = 100_000_000  # bytes, as the reference implementation allows
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2,
          "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8}  # fmt: skip


def count_parameters(path: Path) -> int:
    """Numbers in all its tensors. Raises EnvironmentFault where it is not sound."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(MOST_HEADER, size - 8):
                raise _broken(path, "length")
            tensors = json.loads(file.read(length))
    except (OSError, ValueError, struct.error, RecursionError) as error:
        raise _broken(path, type(error).__name__) from error
    if not isinstance(tensors, dict):
        raise _broken(path, "header")
    tensors.pop("__metadata__", None)
    return sum(_elements(path, tensor, size - 8 - length) for tensor in tensors.values())


def _elements(path: Path, tensor: object, room: int) -> int:
    """Raises EnvironmentFault for a tensor that cannot be in the file."""
    if not isinstance(tensor, dict):
        raise _broken(path, "tensor")
    shape, kind, offsets = (tensor.get(name) for name in ("shape", "dtype", "data_offsets"))
    if (
        not isinstance(shape, list)
        or len(shape) > 8
        or not all(isinstance(each, int) and 0 <= each < 2**40 for each in shape)
        or not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(isinstance(each, int) for each in offsets)
        or not 0 <= offsets[0] <= offsets[1] <= room
    ):
        raise _broken(path, "tensor")
    elements = prod(shape)
    if elements * _BYTES.get(str(kind), 0) > offsets[1] - offsets[0]:
        raise _broken(path, "tensor")
    return elements


def _broken(path: Path, reason: str) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.ENCODER_BROKEN, path=str(path.parent), reason=reason)
