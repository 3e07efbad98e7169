"""A client that sends exact bytes and shows exact bytes: no library between a test and what left the proxy."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Reply:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address, tls: ssl.SSLContext | None = None) -> "Wire":
        return cls(*await asyncio.open_connection(address.host, address.port, ssl=tls))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def send(self, target: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> None:
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {"Host": "localhost", **(headers or {})}.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def head(self) -> Reply:
        """Read a status line and headers; a header that comes twice fails the test."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        _, status, reason = first.split(" ", 2)
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), f"a header stands twice: {pairs}"
        return Reply(int(status), reason, headers, b"")

    async def ask(self, target: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Reply:
        await self.send(target, method=method, headers=headers)
        reply = await self.head()
        if method != "HEAD":
            reply.body = await self.reader.readexactly(int(reply.headers["content-length"]))
        return reply


async def ask(address, target: str, *, method: str = "GET", headers=None, tls=None) -> Reply:
    """One request on a connection of its own."""
    async with await Wire.open(address, tls) as wire:
        return await wire.ask(target, method=method, headers=headers)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(days=1), now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, key_file
