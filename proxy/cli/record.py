"""`pratique verify --record`: one file with all that a Decision was made of, from the data directory of a proxy."""

import asyncio
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.cli.exits import OK, complain
from proxy.cli.files import load_config
from proxy.cli.output import Format, emit, say
from proxy.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from proxy.config.layout import Config
    from proxy.config.replay import Replay
    from proxy.oci.reference import ImageName
    from proxy.state.store import StateStore

_REFUSAL = re.compile(r"\[?(r-[a-z0-9]{4,12})\]?[.,;]?")
_KEY = re.compile(r"[0-9a-f]{64}")


def write_record(what: str, out: Path | None, config: Path | None, output: Format = Format.TABLE) -> int:
    """Write the case file of a refusal's id, of a Decision's key, or of the Decision that stands about a digest.

    It is judged again before it is written. Raise ConfigError, or StorageError where nothing is kept of it.
    """
    from proxy.config.replay import replay
    from proxy.pipeline.court.cases import read_case

    settings = load_config(config)
    key, made_at = asyncio.run(_meant(settings, what.strip()))
    raw = read_case(settings.cases_folder, key)
    again = replay(raw)
    recorded = again.recorded
    if not again.is_same:
        complain(
            "judged again here, it comes out otherwise; `pratique verify --replay` shows how, and that is worth a report",
            word="warning",
        )
    if made_at is not None and made_at != recorded["madeAt"]:
        complain(
            f"what was told then was made at {made_at}; kept is the latest one of the same question, of {recorded['madeAt']}",
            word="note",
        )
    where = out or Path(f"pratique-{key[:12]}.case")
    _write(raw, where)
    if str(where) != "-":
        document = _document(where, key, again)
        emit(document, output=output, show=lambda: _show(document))
    return OK


async def _meant(config: "Config", what: str) -> tuple[str, str | None]:
    """The Decision's key, and when it was made where the id is that of one telling."""
    from proxy.bootstrap import opened_state
    from proxy.oci.reference import ImageName

    if _KEY.fullmatch(what):
        return what, None
    refusal = _REFUSAL.fullmatch(what)
    image = None if refusal else ImageName.parse(what)
    async with opened_state(config) as store:
        if refusal:
            return await _of_refusal(store, refusal[1])
        assert image is not None
        return await _of_image(store, image), None


async def _of_refusal(store: "StateStore", refusal: str) -> tuple[str, str]:
    from proxy.pipeline.refusals import read_refusal

    story = await read_refusal(store, refusal)
    if story is None:
        raise StorageError(
            f"nothing is recorded under {refusal}; ids live 30 days, in the proxy that said them: is --config that one's?"
        )
    if not story["decision"]:
        raise StorageError(
            f"{refusal} was refused before anything was judged, so there is no case: {story['message']}; "
            f"`pratique explain {refusal}` says why"
        )
    return str(story["decision"]["key"]), str(story["decision"]["madeAt"])


async def _of_image(store: "StateStore", image: "ImageName") -> str:
    from proxy.oci.digest import Digest
    from proxy.pipeline.books import Book

    if not isinstance(image.reference, Digest):
        raise ConfigError(f"a tag may have had many Decisions; name the digest: {image.repository}@sha256:…")
    kept = [record for _, record in await Book(store, "decisions", limit=0).scan()]
    # A deny is kept for a minute, and what was told of it for a month.
    kept += [story["decision"] for _, story in await Book(store, "refusals", limit=0).scan() if story["decision"]]
    found = [record for record in kept if _is_about(record, image)]
    if not found:
        raise StorageError(
            f"no Decision about {image} is recorded here; pull it through the proxy, or name a refusal's id (r-…)"
        )
    return str(max(found, key=lambda record: str(record["madeAt"]))["key"])


def _is_about(record: Any, image: "ImageName") -> bool:
    name = f"{record.get('upstream')}/{record.get('repository')}"
    return name == str(image.repository) and record.get("digest") == str(image.reference)


def _write(raw: bytes, out: Path) -> None:
    """To stdout, into what is no plain file (a pipe), or as a whole file in the place of whatever lies there."""
    from proxy.pipeline.court.cases import write_whole

    if str(out) == "-":
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    try:
        if out.exists() and not out.is_file():
            out.write_bytes(raw)
        else:
            write_whole(out, raw)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no file's name"
        raise ConfigError(f"{out} cannot be written: {why}; name another file with --out") from error


def _document(out: Path, key: str, again: "Replay") -> dict[str, Any]:
    recorded = again.recorded
    return {
        "file": str(out),
        "seal": again.seal,
        "key": key,
        "image": f"{recorded['upstream']}/{recorded['repository']}@{recorded['digest']}",
        "verdict": recorded["verdict"],
        "summary": recorded["summary"],
        "madeAt": recorded["madeAt"],
        "same": again.is_same,
        "restsOn": [{"what": each.what, "verdict": each.verdict, "key": each.key} for each in again.others],
    }


def _show(document: dict[str, Any]) -> None:
    say(
        f"{document['file']}: {document['verdict']}: {document['image']}: {document['summary']}",
        "It holds the policy, the keys' and certificates' files and all evidence as they were then; no secret.",
        f"Judge it again anywhere: pratique verify --replay {shlex.quote(document['file'])}",
    )
    for each in document["restsOn"]:
        say(f"It rests on the Decision about {each['what']} too: pratique verify --record {each['key']}")
