"""One TUF refresh of a trusted root: all of it verified, or nothing of it kept (T38). Blocking: it is run in a thread.

The TUF specification's client workflow is the library's; what is fetched goes through the guarded fetcher that is
handed in. What TUF verifies is believed, though it takes a log or an authority away: that is how a publisher says that
one was lost. No name of the repository becomes a path (T39): its folder is named by a hash.
"""

import fcntl
import hashlib
import io
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tuf.api import exceptions as faults
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from proxy.errors import ConfigError, PratiqueError, StorageError, UpstreamRefused, UpstreamUnavailable
from proxy.trust.settings import TufSource
from proxy.verify.trustedroot import MAX_BYTES, parse

logging.getLogger("tuf").addHandler(logging.NullHandler())

# A document of at most so many bytes, or None where the repository has none; raises an UpstreamError.
Fetch = Callable[[str, int], bytes | None]

# The first that fits.
_WHY: tuple[tuple[type[Exception], str], ...] = (
    (faults.ExpiredMetadataError, "its metadata has expired, so nobody vouches for it now"),
    (faults.BadVersionNumberError, "it offers an older version of its metadata than one that was seen, or a wrong one"),
    (faults.UnsignedMetadataError, "its metadata is not signed by enough of the keys that are trusted for it"),
    (faults.LengthOrHashMismatchError, "a file is not the one that its signed metadata names"),
    (faults.DownloadLengthMismatchError, "a file is larger than its metadata, or the specification, allows"),
    (faults.RepositoryError, "its metadata cannot be read"),
)


def refresh(source: TufSource, *, folder: Path, fetch: Fetch, is_rehearsal: bool = False) -> bytes:
    """Return the trusted root's bytes, verified by TUF and parsed once. `folder` keeps the metadata for the next time.

    A rehearsal does the same, and keeps nothing. Raise UpstreamUnavailable or UpstreamTimeout where the repository
    cannot be reached, UpstreamRefused where what it serves is refused: rolled back, expired, signed by others, or no
    trusted root; ConfigError where the operator's first root is none, StorageError where the folder cannot be used.
    """
    try:
        with _home(source, folder, is_rehearsal=is_rehearsal) as home, tempfile.TemporaryDirectory() as targets:
            raw = _download(source, home, Path(targets), fetch)
    except OSError as error:
        raise StorageError(f"the TUF metadata cannot be kept in {folder}: {error.strerror}") from error
    try:
        parse(source.name, raw)  # a root that cannot be read never replaces one that can
    except ConfigError as error:
        raise _refused(source, f"what it serves is no trusted root for us ({error.message})") from error
    return raw


@contextmanager
def _home(source: TufSource, folder: Path, *, is_rehearsal: bool) -> Iterator[Path]:
    """The folder of this repository's metadata, for one process at a time; a copy of it for a rehearsal."""
    home = folder / hashlib.sha256(f"{source.name} {source.url}".encode()).hexdigest()[:32]
    if is_rehearsal:
        with tempfile.TemporaryDirectory() as copy:
            if home.is_dir():
                shutil.copytree(home, copy, symlinks=True, dirs_exist_ok=True)
            yield Path(copy)
        return
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{home.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StorageError(
                f"trust root {source.name} is being refreshed by another process; try again in a minute"
            ) from None
        yield home


def _download(source: TufSource, home: Path, targets: Path, fetch: Fetch) -> bytes:
    try:
        return _updated(source, home, targets, fetch)
    except (PratiqueError, OSError):
        raise
    except faults.DownloadHTTPError as error:
        raise _refused(source, "a file that it must have is not there; see whether `tuf` is its address") from error
    except Exception as error:  # whatever a hostile repository makes the library raise: nothing of it is believed
        cause = error.__cause__
        if isinstance(error, faults.DownloadError) and isinstance(cause, PratiqueError):
            raise cause from error
        why = next((said for kind, said in _WHY if isinstance(error, kind)), None)
        if why is None and isinstance(error, faults.DownloadError):
            raise UpstreamUnavailable(f"trust root {source.name} cannot be fetched now", retry_after=60) from error
        raise _refused(source, why or "its metadata cannot be read") from error


def _updated(source: TufSource, home: Path, targets: Path, fetch: Fetch) -> bytes:
    base = source.url.rstrip("/")
    try:
        updater = Updater(
            metadata_dir=str(home),
            metadata_base_url=base,
            target_dir=str(targets),
            target_base_url=f"{base}/targets",
            fetcher=_Guarded(fetch),
            bootstrap=source.root,
        )
    except faults.RepositoryError:
        raise ConfigError(
            f"trust root {source.name}: the file under `root` is no TUF root that is signed by its own keys; "
            "copy it again from who gave it to you"
        ) from None
    updater.refresh()
    found = updater.get_targetinfo(source.target)
    if found is None:
        raise _refused(source, f"it has no target {source.target}")
    if found.length > MAX_BYTES:
        raise _refused(source, f"its target {source.target} is over 4 MiB")
    return Path(updater.download_target(found, str(targets / "target"))).read_bytes()


def _refused(source: TufSource, why: str) -> UpstreamRefused:
    return UpstreamRefused(f"trust root {source.name} was not refreshed, and the one before stays: {why}")


class _Guarded(FetcherInterface):
    """The library asks; whoever was handed in fetches, from the hosts that the operator named."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch_document = fetch

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """The library's own reads everything before it counts; here the bound goes to who reads."""
        try:
            raw = self._fetch_document(url, max_length)
        except Exception as error:
            raise faults.DownloadError("it could not be fetched") from error
        if raw is None:
            raise faults.DownloadHTTPError("there is no such document", 404)
        if len(raw) > max_length:
            raise faults.DownloadLengthMismatchError("it is larger than it may be")
        yield io.BytesIO(raw)

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError(url)  # everything goes through download_file
