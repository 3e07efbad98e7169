"""Heads of one GET over a connection of its own: what we ask, and what is answered. The standard library parses."""

import http.client
import io
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

_MOST = 64 * 1024  # bytes of a whole head; signed URLs in Location are a few KiB
_PIECE = 64 * 1024
_END = b"\r\n\r\n"
# Nothing that stands for the end of a line or of a word slips into a request.
_TARGET = re.compile(r"[\x21-\x7e]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Head:
    """`length` is the body's, None where it is not counted."""

    status: int
    headers: CIMultiDictProxy[str]
    length: int | None


def written(url: URL, headers: Mapping[str, str]) -> bytes:
    """A GET of `url`; raise ValueError for what cannot be sent."""
    ours = {"User-Agent": "pratique", "Accept-Encoding": "identity", "Connection": "close"}
    lines = {"Host": url.host_port_subcomponent or "", **ours, **headers}
    if not _TARGET.fullmatch(url.raw_path_qs) or not all(_VALUE.fullmatch(each) for each in lines.values()):
        raise ValueError("a request line or header that cannot be sent")
    fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {url.raw_path_qs} HTTP/1.1\r\n{fields}\r\n".encode("ascii")


def read(connection: socket.socket) -> tuple[Head, memoryview]:
    """(the answer's head, what came of its body). Blocking. Raise OSError, http.client.HTTPException."""
    raw = bytearray()
    while (end := raw.find(_END)) < 0:
        if len(raw) >= _MOST:
            raise http.client.HTTPException("the head of an answer is too long")
        piece = connection.recv(_PIECE)
        if not piece:
            raise ConnectionResetError
        raw += piece
    end += len(_END)
    return parsed(bytes(raw[:end])), memoryview(bytes(raw[end:]))


def parsed(text: bytes) -> Head:
    """A whole head, its blank line included. Raise http.client.HTTPException."""
    response = http.client.HTTPResponse(_Text(text), method="GET")  # type: ignore[arg-type] # all it asks of a socket
    response.begin()
    headers = CIMultiDictProxy(CIMultiDict(response.headers.items()))
    return Head(response.status, headers, None if response.chunked else response.length)


class _Text:
    """Bytes in the place of a socket: the parser asks for nothing else."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._text)
