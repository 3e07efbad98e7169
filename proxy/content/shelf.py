"""Where files stand, how a stored one is opened through its proof, and how a wrong one is put aside. Blocking: for threads.

    blobs/<algorithm>/<hh>/<hex>          a stored blob, <hex>.proof beside it, or <hex>.used: their mtime is its last use
    partial/<algorithm>-<hex>             a growing file, and its .progress record; .new for small content on its way
    quarantine/<algorithm>-<hex>.<time>   what was not what its digest says: the last few, for a person to look at

A path is made of a validated digest and of nothing else (T39).
"""

import contextlib
import errno
import fcntl
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from proxy.content import proofs
from proxy.content.care.quarantine import Quarantine
from proxy.content.disk import (
    Steps,
    disk_errors,
    feed,
    make_folder,
    no_step,
    open_plain,
    publish,
    stands_at,
    write_all,
)
from proxy.content.keeping import leases, marks
from proxy.content.proofs import Proof
from proxy.errors import ContentMismatch, DigestInvalid, StorageError
from proxy.oci.digest import LENGTHS, Digest, Hasher, require_digest

_turn = itertools.count()


class Shelf:
    """The folders under one root."""

    def __init__(self, root: Path, *, clock: Callable[[], float], steps: Steps = no_step) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self.partial = root / "partial"
        self.quarantine = Quarantine(root / "quarantine", clock=clock)
        self._steps = steps

    def blob(self, digest: Digest) -> Path:
        return self._blobs / digest.algorithm / digest.hex[:2] / digest.hex

    def proof(self, digest: Digest) -> Path:
        return self.blob(digest).with_name(f"{digest.hex}.proof")

    def growing(self, digest: Digest) -> Path:
        return self.partial / digest.dashed

    def progress(self, digest: Digest) -> Path:
        return self.partial / f"{digest.dashed}.progress"

    def open_file(self, path: Path) -> int | None:
        """A descriptor of whatever regular file stands there; None for nothing, and for what is not a file."""
        with disk_errors():
            try:
                descriptor = open_plain(path)
            except ContentMismatch:
                return None
            if descriptor is not None:
                leases.hold(descriptor)
            return descriptor

    def size(self, digest: Digest) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(self.blob(digest))
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def open(
        self, digest: Digest, proved: Proof | None = None, *, doubted: Proof | None = None
    ) -> tuple[int, Proof] | None:
        """A descriptor and its proof: the recorded one, or `proved`. None where neither is of this very file.

        `doubted` is one that counts no more. Raises ContentMismatch where something else than a file stands there.
        """
        descriptor = open_plain(self.blob(digest))
        if descriptor is None:
            return None
        leases.hold(descriptor)  # what is removed meanwhile has no proof any more
        found = Proof.of(descriptor)
        if found == proved or (found != doubted and found == proofs.recall(self.proof(digest))):
            marks.mark(self.blob(digest))
            return descriptor, found
        os.close(descriptor)
        return None

    def prove_again(self, digest: Digest, *, doubted: Proof | None = None) -> Proof | None:
        """Hash a stored file and write its proof. None where nothing stands there; ContentMismatch after it was put aside.

        Under the file's lock, which a filler holds until its own proof is written: nobody hashes what another is proving.
        """
        descriptor = self._open_or_move_aside(digest)
        if descriptor is None:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            found = Proof.of(descriptor)
            is_proved = found != doubted and found == proofs.recall(self.proof(digest))
            return found if is_proved else self._prove(digest, descriptor)
        finally:
            os.close(descriptor)

    def _open_or_move_aside(self, digest: Digest) -> int | None:
        try:
            return open_plain(self.blob(digest))
        except ContentMismatch:
            self.quarantine.take(self.blob(digest), digest)
            raise

    def _prove(self, digest: Digest, descriptor: int) -> Proof:
        with self._condemning(digest, descriptor):
            proof = proofs.prove(descriptor, digest)
        self.keep_proof(digest, proof)
        return proof

    def keep_proof(self, digest: Digest, proof: Proof) -> None:
        """Never fails: on a disk that is read-only or full it is hashed again next time."""
        with contextlib.suppress(OSError):
            proofs.record(self.proof(digest), proof, self._steps)

    def attest(self, digest: Digest, descriptor: int, before: Proof) -> None:
        """Record the proof of a file that was just renamed, unless it was touched since `before`. Never fails."""
        with contextlib.suppress(OSError, ContentMismatch):
            proof = proofs.settled(descriptor)
            if proof == before or proof.differs_in_ctime_only(before):  # renaming changes ctime
                proofs.record(self.proof(digest), proof, self._steps)

    def read(self, digest: Digest, limit: int) -> bytes | None:
        """Small content whole, hashed. ContentMismatch after it was put aside; StorageError where it is right but too long."""
        descriptor = self._open_or_move_aside(digest)
        if descriptor is None:
            return None
        try:
            with self._condemning(digest, descriptor):
                return _read_proved(descriptor, digest, limit)
        finally:
            os.close(descriptor)

    def write(self, digest: Digest, raw: bytes) -> None:
        """Small content, durable and at once; nothing is written where it stands already."""
        require_digest(raw, digest)
        with contextlib.suppress(ContentMismatch):
            if self.read(digest, len(raw)) is not None and self._renew(digest):
                return
        make_folder(self.partial)
        fresh = self.partial / f"{digest.dashed}.{os.getpid()}-{next(_turn)}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            write_all(descriptor, [raw], 0)
            self._steps("small-written")
            publish(descriptor, fresh, self.blob(digest), self._steps)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise
        finally:
            os.close(descriptor)

    def _renew(self, digest: Digest) -> bool:
        """Whether it stands still and is not removed now: who writes what stands already rests on it from now on."""
        descriptor = self.open_file(self.blob(digest))
        if descriptor is None:
            return False
        try:
            marks.mark(self.blob(digest), every=0)
            return stands_at(self.blob(digest), descriptor)
        finally:
            os.close(descriptor)

    def delete(self, digest: Digest) -> None:
        """The blob first: a proof without its blob proves nothing."""
        self.blob(digest).unlink(missing_ok=True)
        self._steps("dropped")
        self.proof(digest).unlink(missing_ok=True)
        self._steps("proof-dropped")
        marks.used_of(self.blob(digest)).unlink(missing_ok=True)

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
            for path in self.partial.iterdir():
                if path.suffix == ".new" or (path.suffix == ".progress" and not path.with_suffix("").exists()):
                    _remove_unheld(path)

    @contextlib.contextmanager
    def _condemning(self, digest: Digest, descriptor: int) -> Iterator[None]:
        """What is not what its digest says is put aside, and what the disk cannot read (EIO) is the same to us."""
        try:
            yield
        except ContentMismatch:
            self.condemn(digest, descriptor)
            raise
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.condemn(digest, descriptor)
            raise ContentMismatch("the disk cannot read the stored file", detail=error.strerror) from error

    def condemn(self, digest: Digest, descriptor: int) -> None:
        """Put a wrong file aside. Only this very file: another process may have put a good one in its place.

        Where it cannot be moved it stays, without a proof that counts.
        """
        with contextlib.suppress(OSError):
            if stands_at(self.blob(digest), descriptor):
                self.proof(digest).unlink(missing_ok=True)
                self._steps("proof-dropped")
                self.quarantine.take(self.blob(digest), digest)
                self._steps("aside")


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
