"""A transport that only remembers, and a framework that answers when it is told to."""

from types import SimpleNamespace


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_reading = True
        self.is_closed = False
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def get_extra_info(self, _name: str, default: object = None) -> object:
        return default


class FakeFramework:
    """What aiohttp's protocol is to a connection. It holds what it was given until `answers` is called."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.given: list[bytes] = []
        self.heard: list[str] = []
        self.pending = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        self.given.append(data)
        self.pending += data.count(b"\r\n\r\n")

    def answers(self, response) -> None:
        """One request is answered, as `Server` does it."""
        self.connection.begins()
        self.pending -= 1
        self.transport.write(b"by the framework")
        self.connection.answered(response)

    def __getattr__(self, name: str):
        return lambda *_: self.heard.append(name)


class FakeHouse:
    """The server of one connection. `framework` makes the only one."""

    def __init__(self, lane) -> None:
        self.port = SimpleNamespace(lane=lane)
        self.made: FakeFramework | None = None
        self.members: set = set()

    def joined(self, connection) -> None:
        self.members.add(connection)

    def left(self, connection) -> None:
        self.members.discard(connection)

    def framework(self, connection):
        assert self.made is None, "one connection has one framework"
        self.made = FakeFramework(connection)
        return self.made
