"""Pins after a loss. Law: a new state beside content that is not was lost, and nothing is trusted anew silently (promise 3)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from proxy.content.store import ContentStore
from proxy.errors import StorageError
from proxy.events import Event, StateLost
from proxy.observe import audit as audits
from proxy.observe.logs import say
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository, Tag
from proxy.pipeline.tags.pins import Pins
from proxy.state.sqlite import SqliteStore


async def recover_pins(
    pins: Pins, state: SqliteStore, content: ContentStore, *, audit_folder: Path, emit: Callable[[Event], None]
) -> None:
    """Bring pins back from the audit; where neither is there, distrust until an operator confirms. Raise StorageError."""
    if not state.is_new and await pins.is_recovered():
        return
    remembered, is_damaged = await _remembered(audit_folder)
    now = datetime.now(UTC)
    for (upstream, name, tag), digest in remembered.items():
        await pins.restore(Repository(upstream, name), Tag(tag), digest, now=now)
    is_lost = is_damaged or (not remembered and not await content.is_empty())
    if is_lost:
        await pins.distrust(is_distrusted=True)
    await pins.recovered()
    if remembered or is_lost:
        emit(StateLost(len(remembered), is_lost))


async def _remembered(audit_folder: Path) -> tuple[Mapping[tuple[str, str, str], Digest], bool]:
    """The last digest of each tag by the audit, and whether the audit is damaged."""
    try:
        return await asyncio.to_thread(audits.restore_pins, audit_folder), False
    except StorageError as error:
        say("audit-damaged", level="error", message=error.message)
        return {}, True
