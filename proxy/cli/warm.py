"""`pratique cache warm`: fetches images before a rollout does, through the proxy's own door, judged like any pull.

Through the proxy that runs here; where none runs, through one that is started on a port of this host for as long as it lasts.
"""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proxy.cli.exits import INCOMPLETE, OK, REFUSED, TRY_LATER, UPSTREAM
from proxy.cli.files import ConfigOption, load_all
from proxy.cli.output import Format, Output, emit, say, table
from proxy.cli.progress import Quiet, progress, size
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from proxy.cli.fetching import Door, Warmed
    from proxy.cli.progress import Step
    from proxy.config.layout import Config
    from proxy.config.policy import LoadedPolicy
    from proxy.oci.descriptor import Platform
    from proxy.oci.digest import Digest
    from proxy.oci.reference import ImageName, Repository


def warm(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]...", help="host/name:tag or host/name@sha256:…")
    ] = None,
    *,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A list, one reference a line; `-` is stdin.")
    ] = None,
    quiet: Quiet = False,
    config: ConfigOption = None,
    output: Output = Format.TABLE,
) -> int:
    """Fetch images ahead: what is named, else all that the lock file names. What is here already is not fetched again.

    Exit: 0 all is here, proved; 1 something was refused or is unknown; 3 some of it could not be had; 75 none of it could,
    try later; 69 upstream unavailable.
    """
    settings, loaded = load_all(config)
    images = _images(references or (), from_file, loaded)
    warmed = asyncio.run(_warmed(settings, loaded, images, is_quiet=quiet))
    document = {"images": [_record(each) for each in warmed], **_sums(warmed)}
    emit(document, output=output, show=lambda: _show(warmed))
    return _code(warmed)


def _images(references: Sequence[str], from_file: Path | None, loaded: "LoadedPolicy") -> "list[ImageName]":
    from proxy.cli.fetching import parsed
    from proxy.oci.reference import ImageName

    names = [*references, *(_lines(from_file) if from_file else ())]
    if names:
        return parsed(names)
    if not loaded.lock:
        raise ConfigError("nothing is named, and the lock file names nothing; name references, or a list with --from")
    found = {ImageName(repository, digest): None for (repository, _), digest in sorted(loaded.lock.items())}
    return list(found)


def _lines(path: Path) -> list[str]:
    """Without blank lines and comments."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return [line for each in text.splitlines() if (line := each.partition("#")[0].strip())]


async def _warmed(
    config: "Config", loaded: "LoadedPolicy", images: "Sequence[ImageName]", *, is_quiet: bool
) -> "list[Warmed]":
    from proxy.cli.fetching import warm_all

    with progress("warm", is_quiet=is_quiet) as step:
        async with _door(config, loaded, step) as door:
            return await asyncio.to_thread(warm_all, door, images)


@contextlib.asynccontextmanager
async def _door(config: "Config", loaded: "LoadedPolicy", step: "Step") -> "AsyncIterator[Door]":
    """Of the proxy that runs, else of one that ends with this command."""
    from proxy.bootstrap import Proxy, is_running

    if is_running(config):
        address, tls = config.listen.registry.address, config.listen.registry.tls
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 compared, and not bound
        context = None if tls is None else _trusting(tls.certificate)
        yield _opened(host, address.port, context, config, loaded, step)
        return
    proxy = Proxy(config.model_copy(update={"listen": _here()}), fills_ahead=0)
    await proxy.start()
    try:
        address = proxy.front.addresses["registry"]
        yield _opened(address.host, address.port, None, config, loaded, step)
    finally:
        await proxy.stop()


def _here() -> Any:
    """A port of this host that nobody else knows."""
    from proxy.web.settings import AdminListener, ListenSettings, RegistryListener

    nowhere = RegistryListener.model_validate({"address": "127.0.0.1:0"})
    return ListenSettings(registry=nowhere, admin=AdminListener.model_validate({"address": "127.0.0.1:0"}))


def _trusting(certificate: Path) -> ssl.SSLContext:
    """The proxy's own certificate is what must answer, by whatever name it is asked."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _opened(
    host: str, port: int, context: ssl.SSLContext | None, config: "Config", loaded: "LoadedPolicy", step: "Step"
) -> "Door":
    from proxy.cli.fetching import Door
    from proxy.content.keeping.stock import Stock
    from proxy.errors import NotAllowed
    from proxy.policy.evaluate import permits_repository

    stock = Stock(config.content_folder)
    counts = [0, 0]

    def platforms(repository: "Repository") -> "Sequence[Platform]":
        try:
            return permits_repository(loaded.policy, repository).platforms
        except NotAllowed:
            return ()

    def stored(digest: "Digest") -> int | None:
        return stock.proved(digest)

    def add(proved: int, of: int) -> None:
        counts[0], counts[1] = counts[0] + proved, counts[1] + of
        step(*counts)

    return Door(host, port, context, stored, platforms, add)


def _record(each: "Warmed") -> dict[str, Any]:
    return {
        "image": each.image,
        "digest": each.digest,
        "outcome": each.outcome,
        "message": each.why or None,
        "verifiedBytes": each.proved,
        "fetchedBytes": each.fetched,
        "blobs": each.blobs,
    }


def _sums(warmed: "Sequence[Warmed]") -> Mapping[str, int]:
    return {
        "verifiedBytes": sum(each.proved for each in warmed),
        "fetchedBytes": sum(each.fetched for each in warmed),
        "notWarm": sum(each.outcome != "warm" for each in warmed),
    }


def _show(warmed: "Sequence[Warmed]") -> None:
    table(
        ["image", "outcome", "verified", "fetched"],
        [[each.image, each.outcome, size(each.proved), size(each.fetched)] for each in warmed],
    )
    for each in warmed:
        if each.why:
            say(f"\n{each.image}: {each.why}")
    sums = _sums(warmed)
    say(f"\n{size(sums['verifiedBytes'])} are here, verified; {size(sums['fetchedBytes'])} of them were fetched now.")


def _code(warmed: "Sequence[Warmed]") -> int:
    """A refusal is told before what may come right by itself."""
    outcomes = {each.outcome for each in warmed}
    if outcomes <= {"warm"}:
        return OK
    if outcomes & {"refused", "absent"}:
        return REFUSED
    if "warm" in outcomes or any(each.proved for each in warmed):
        return INCOMPLETE
    return UPSTREAM if all(each.status in (502, 504) for each in warmed) else TRY_LATER
