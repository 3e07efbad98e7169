"""Real disks that fail: a small one that fills up, one that is mounted read-only, one whose blocks cannot be read.

They need root, since they are mounted; tests that use them say so where they are skipped. `Faults` needs nothing: it stands in
for `os` in the modules that touch the disk, and fails the calls that it is told to.
"""

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

MIB = 1024 * 1024
_SYS_ADMIN = 1 << 21  # capabilities(7)


def _may_mount() -> bool:
    words = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return os.geteuid() == 0 and bool(int(words["CapEff"], 16) & _SYS_ADMIN)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to go on as another user")
needs_mounts = pytest.mark.skipif(not _may_mount(), reason="needs root (CAP_SYS_ADMIN) to mount a small file system")


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        _run("umount", "--lazy", folder)


@contextlib.contextmanager
def spoilable_disk(folder: Path, image: Path, size: int = 48 * MIB) -> Iterator[Path]:
    """An ext4 file system in `image`: what is cut off the image cannot be read any more (EIO)."""
    folder.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", image)
    _run("mount", "-o", "loop", image, folder)
    try:
        yield folder
    finally:
        _run("umount", "--lazy", folder)


def spoil(image: Path, file: Path, raw: bytes) -> None:
    """From somewhere in the middle of `file`, whose content is `raw` (of chance), the disk can read nothing any more."""
    os.sync()
    middle = len(raw) // 2 & ~0xFFFF
    at = image.read_bytes().find(raw[middle : middle + 4096])
    assert at > 0, "the file lies in one piece"
    os.truncate(image, at)
    forget_cached(file)


def forget_cached(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def fill_up(folder: Path) -> Path:
    """Leave no byte free; remove the file to make room."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(65536)):
            pass
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x"):
            pass
    return path


def remount(folder: Path, mode: str) -> None:
    """`mode`: ro | rw."""
    _run("mount", "-o", f"remount,{mode}", folder)


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


class Faults:
    """`os` for the modules of `into`, but for the calls that are told to fail.

    with Faults(disk, shelf) as faults:
        faults.fail("preadv", errno.EIO, when=lambda *arguments: arguments[2] >= 65536)
    """

    def __init__(self, *into: ModuleType) -> None:
        self._into = into
        self._rules: dict[str, tuple[int, Callable[..., bool], int | None]] = {}
        self.failed: list[str] = []

    def fail(
        self,
        call: str,
        number: int = errno.EIO,
        *,
        when: Callable[..., bool] = lambda *_, **__: True,
        times: int | None = None,
    ) -> None:
        self._rules[call] = (number, when, times)

    def heal(self) -> None:
        self._rules.clear()

    def __enter__(self) -> Self:
        for module in self._into:
            module.os = self  # type: ignore[attr-defined]
        return self

    def __exit__(self, *_: object) -> None:
        for module in self._into:
            module.os = os  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in self._rules:
            return real

        def call(*arguments: Any, **named: Any) -> Any:
            number, when, times = self._rules.get(name, (0, lambda *_, **__: False, None))
            if times == 0 or not when(*arguments, **named):
                return real(*arguments, **named)
            if times is not None:
                self._rules[name] = (number, when, times - 1)
            self.failed.append(name)
            raise OSError(number, os.strerror(number))

        return call
