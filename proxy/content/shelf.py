"""Where files stand, how a stored one is opened through its proof, and how a wrong one is put aside. Blocking: for threads.

    blobs/<algorithm>/<hh>/<hex>          a stored blob, and <hex>.proof beside it
    partial/<algorithm>-<hex>             a growing file, and its .progress record; .new for small content on its way
    quarantine/<algorithm>-<hex>.<time>   what was not what its digest says: the last few, for a person to look at

A path is made of a validated digest and of nothing else (T39).
"""

import contextlib
import fcntl
import itertools
import os
import stat
from collections.abc import Callable
from pathlib import Path

from proxy.content import proofs
from proxy.content.disk import Steps, disk_errors, feed, make_folder, open_plain, publish, stands_at, write_all
from proxy.content.proofs import Proof
from proxy.errors import ContentMismatch, DigestInvalid, StorageError
from proxy.oci.digest import LENGTHS, Digest, Hasher, require_digest

# Put-aside files are evidence for a person, not an archive that fills the disk.
KEPT_ASIDE = 16
_turn = itertools.count()


class Shelf:
    """The folders under one root."""

    def __init__(self, root: Path, *, clock: Callable[[], float]) -> None:
        self._blobs = root / "blobs"
        self._partial = root / "partial"
        self._quarantine = root / "quarantine"
        self._clock = clock

    def blob(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex[:2] / digest.hex

    def proof(self, digest: Digest) -> Path:
        return self.blob(digest).with_name(f"{digest.hex}.proof")

    def growing(self, digest: Digest) -> Path:
        return self._partial / digest.dashed

    def progress(self, digest: Digest) -> Path:
        return self._partial / f"{digest.dashed}.progress"

    def open_file(self, path: Path) -> int | None:
        """A descriptor of whatever regular file stands there; None for nothing, and for what is not a file."""
        with disk_errors():
            try:
                return open_plain(path)
            except ContentMismatch:
                return None

    def size(self, digest: Digest) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(self.blob(digest))
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def open(self, digest: Digest, proved: Proof | None = None) -> tuple[int, Proof] | None:
        """A descriptor and its proof: the recorded one, or `proved`. None where neither is of this very file.

        Raises ContentMismatch where something else than a file stands there.
        """
        descriptor = open_plain(self.blob(digest))
        if descriptor is None:
            return None
        found = Proof.of(descriptor)
        if found in {proved, proofs.recall(self.proof(digest))}:
            return descriptor, found
        os.close(descriptor)
        return None

    def prove_again(self, digest: Digest) -> Proof | None:
        """Hash a stored file and write its proof. None where nothing stands there; ContentMismatch after it was put aside.

        Under the file's lock, which a filler holds until its own proof is written: nobody hashes what another is proving.
        """
        descriptor = self._open_or_move_aside(digest)
        if descriptor is None:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            found = Proof.of(descriptor)
            return found if found == proofs.recall(self.proof(digest)) else self._prove(digest, descriptor)
        finally:
            os.close(descriptor)

    def _open_or_move_aside(self, digest: Digest) -> int | None:
        try:
            return open_plain(self.blob(digest))
        except ContentMismatch:
            self.move_aside(self.blob(digest), digest)
            raise

    def _prove(self, digest: Digest, descriptor: int) -> Proof:
        try:
            proof = proofs.prove(descriptor, digest)
        except ContentMismatch:
            self._put_aside(digest, descriptor)
            raise
        with contextlib.suppress(OSError):  # read-only or full: it is hashed again next time
            proofs.record(self.proof(digest), proof)
        return proof

    def attest(self, digest: Digest, descriptor: int, before: Proof) -> None:
        """Record the proof of a file that was just renamed, unless it was touched since `before`. Never fails."""
        with contextlib.suppress(OSError, ContentMismatch):
            proof = proofs.settled(descriptor)
            if proof == before or proof.differs_in_ctime_only(before):  # renaming changes ctime
                proofs.record(self.proof(digest), proof)

    def read(self, digest: Digest, limit: int) -> bytes | None:
        """Small content whole, hashed. ContentMismatch after it was put aside; StorageError where it is right but too long."""
        descriptor = self._open_or_move_aside(digest)
        if descriptor is None:
            return None
        try:
            return _read_proved(descriptor, digest, limit)
        except ContentMismatch:
            self._put_aside(digest, descriptor)
            raise
        finally:
            os.close(descriptor)

    def write(self, digest: Digest, raw: bytes, steps: Steps) -> None:
        """Small content, durable and at once; nothing is written where it stands already."""
        require_digest(raw, digest)
        with contextlib.suppress(ContentMismatch):
            if self.read(digest, len(raw)) is not None:
                return
        make_folder(self._partial)
        fresh = self._partial / f"{digest.dashed}.{os.getpid()}-{next(_turn)}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            write_all(descriptor, [raw], 0)
            steps("written")
            publish(descriptor, fresh, self.blob(digest), steps)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        finally:
            os.close(descriptor)

    def delete(self, digest: Digest) -> None:
        """The blob first: a proof without its blob proves nothing."""
        self.blob(digest).unlink(missing_ok=True)
        self.proof(digest).unlink(missing_ok=True)

    def folders(self) -> list[Path]:
        """The folders that hold blobs."""
        found: list[Path] = []
        for algorithm in LENGTHS:
            with contextlib.suppress(FileNotFoundError):
                found += sorted(path for path in (self._blobs / algorithm).iterdir() if path.is_dir())
        return found

    def stored(self, folder: Path) -> list[tuple[Digest, int]]:
        """Digest and size of each regular file in one of `folders`; other names are not ours, and are left alone."""
        found: list[tuple[Digest, int]] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(DigestInvalid, FileNotFoundError):
                    digest = Digest(folder.parent.name, entry.name)
                    if entry.is_file(follow_symlinks=False):
                        found.append((digest, entry.stat(follow_symlinks=False).st_size))
        return found

    def tidy(self) -> None:
        """Remove what a crash left of small content, and progress records without a file. Growing files stay: they resume."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._partial.iterdir():
                if path.suffix == ".new" or (path.suffix == ".progress" and not path.with_suffix("").exists()):
                    _remove_unheld(path)

    def move_aside(self, path: Path, digest: Digest) -> None:
        """Keep it for a person to look at; the oldest beyond the last few goes."""
        make_folder(self._quarantine)
        with contextlib.suppress(FileNotFoundError):
            path.rename(self._quarantine / f"{digest.dashed}.{int(self._clock())}-{os.getpid()}-{next(_turn)}")
        kept = sorted(self._quarantine.iterdir(), key=lambda found: found.lstat().st_ctime_ns)
        for old in kept[:-KEPT_ASIDE]:
            with contextlib.suppress(OSError):
                old.unlink()

    def _put_aside(self, digest: Digest, descriptor: int) -> None:
        """Only this very file: another process may have put a good one in its place. Where it cannot be moved it stays."""
        with contextlib.suppress(OSError):
            if stands_at(self.blob(digest), descriptor):
                self.proof(digest).unlink(missing_ok=True)
                self.move_aside(self.blob(digest), digest)


def _read_proved(descriptor: int, digest: Digest, limit: int) -> bytes:
    raw = os.pread(descriptor, limit + 1, 0)
    if len(raw) <= limit:
        require_digest(raw, digest)
        return raw
    hasher = Hasher(digest)
    feed(hasher, descriptor)
    hasher.prove()
    raise StorageError(f"the content is longer than the {limit} bytes that its kind may have")


def _remove_unheld(path: Path) -> None:
    with contextlib.suppress(OSError, ContentMismatch):
        descriptor = open_plain(path)
        if descriptor is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)
