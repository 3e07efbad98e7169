"""The in-memory registry for tests whose clients are processes: it runs in a thread of its own until it is stopped."""

import asyncio
import threading
from typing import Self

from tests.fakes.registry import FakeRegistry


class QuirkyRegistry:
    """`fake` holds what is served, with every knob; fill it before `start`. It listens on loopback."""

    def __init__(self) -> None:
        self.fake = FakeRegistry()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self.fake.start())
        self._is_up = True
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stop(self) -> None:
        """Go away: whoever asks is refused the connection."""
        if self._is_up:
            self._is_up = False
            self._run(self.fake.stop())

    @property
    def url(self) -> str:
        return self.fake.url

    @property
    def host(self) -> str:
        return self.fake.host

    def _run(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
