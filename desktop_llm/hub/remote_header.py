"""A model's header from its first bytes on the Hub: understood before it is downloaded."""

import io

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.gguf import MAX_HEADER, Header, NeedMoreError, parse_header
from desktop_llm.core.network import Purpose, Why
from desktop_llm.hub.connections import Connections, refuse

FIRST = 512 * 1024  # bytes that are asked for at first: enough for small vocabularies
FACTOR = 8  # by which more is asked for where that is not enough


def read_remote_header(connections: Connections, file: RemoteFile, token: str = "") -> Header:
    """Raises EnvironmentFault: what the connection or the header has against it, or that the file
    is shorter than its header says.
    """
    data, size = b"", FIRST
    while True:
        data += _piece(connections, file, token, len(data), size)
        whole = len(data) < size
        try:
            header = parse_header(io.BytesIO(data), file.name)
        except NeedMoreError:
            if whole or size >= MAX_HEADER:
                raise EnvironmentFault(
                    FaultCode.MODEL_TRUNCATED, path=file.name, size=len(data)
                ) from None
            size = min(MAX_HEADER, size * FACTOR)
            continue
        if file.size is not None and header.end_of_data > file.size:
            raise EnvironmentFault(
                FaultCode.MODEL_TRUNCATED, path=file.name, size=file.size,
                expected=header.end_of_data,
            )  # fmt: skip
        return header


def _piece(connections: Connections, file: RemoteFile, token: str, begin: int, end: int) -> bytes:
    """Bytes from `begin` up to `end`, fewer where the file ends before."""
    headers = {"Range": f"bytes={begin}-{end - 1}"}
    with connections.get(file.url, Purpose(Why.HEADER, file.name), headers, token) as reply:
        if reply.status == 416:
            return b""
        refuse(reply, file.name)
        skip = begin if reply.status == 200 else 0  # a server that knows no parts
        wanted = end - begin
        pieces: list[bytes] = []
        for piece in reply.pieces():
            kept = piece[skip:]
            skip = max(0, skip - len(piece))
            pieces.append(kept[:wanted])
            wanted -= len(pieces[-1])
            if wanted <= 0:
                break
        return b"".join(pieces)
