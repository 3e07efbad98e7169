"""Processes that a test started: each is known by its own id, and ended by that id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_STARTS = 60.0  # seconds; on a machine that does much else too


@dataclass(frozen=True)
class Ran:
    """A command that came to its end; `said` is both of its streams."""

    status: int
    said: str
    out: str

    def fine(self) -> Self:
        assert self.status == 0, self.said
        return self


def run(*command: str | Path, env: Mapping[str, str] | None = None, seconds: float = 90) -> Ran:
    done = subprocess.run(
        [str(part) for part in command],
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Ran(done.returncode, done.stdout + done.stderr, done.stdout)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without proxies, credentials and homes that would lead a tool off this machine."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "TMPDIR", "LANG", "PYTHONPATH")}
    kept["PATH"] = f"{kept.get('PATH', '/usr/bin:/bin')}:/usr/local/sbin:/usr/sbin:/sbin"
    return {**kept, **(extra or {})}


class Process:
    """One process; what it says goes to `log`. `start` returns once `is_ready` says so."""

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, is_ready: Callable[[], bool], env: Mapping[str, str] | None
    ) -> None:
        self._command = [str(part) for part in command]
        self._env = environment(env)
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None
        self.log = log

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + _STARTS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"{self._command[0]} did not start:\n{self.said[-4000:]}")
            time.sleep(0.03)
        return self

    def stop(self) -> None:
        """End it by its id, politely first; its port is free when this returns."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def send(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


def free_port() -> int:
    """A port of loopback that nobody has now: for servers that cannot say which one they took."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as asked:
        asked.settimeout(1)
        return asked.connect_ex(("127.0.0.1", port)) == 0
