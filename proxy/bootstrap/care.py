"""Who looks after the content store while the proxy runs: is the disk well, is everything still what it was, what was lost?"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from proxy.content.care.scrub import Progress
from proxy.content.filesystem import FilesystemStore
from proxy.content.keeping.budget import Reservation
from proxy.content.settings import ScrubSettings
from proxy.errors import StorageError
from proxy.events import ContentScrubbed, Event
from proxy.observe.logs import say
from proxy.observe.metrics import Metrics
from proxy.oci.digest import Digest
from proxy.pipeline.keeping.mending import Mender
from proxy.pipeline.keeping.room import Room

PROBE_SECONDS = 5.0  # how soon it shows that a disk is well again; each request tries by itself
_QUIET_SECONDS = 60.0  # after the start, which belongs to those who wait
_LOOK_SECONDS = 3600.0  # at most so long until it is asked again whether a scrub is due
_BUSY_SECONDS = 300.0  # while another process scrubs


class Care:
    """`emit` tells what happened."""

    def __init__(self, content: FilesystemStore, settings: ScrubSettings, emit: Callable[[Event], None]) -> None:
        self._content = content
        self._settings = settings
        self._emit = emit

    async def reserve(self, room: Room, digest: Digest, size: int) -> Reservation:
        """As `Room.reserve`; whether there was room is noted."""
        condition = self._content.condition
        with condition.watching(wanted=size):
            reservation = await room.reserve(digest, size)
        condition.found_room(size)
        return reservation

    async def probe(self, room: Room) -> None:
        """Until the proxy stops: find out whether a trouble is over. It costs nothing while there is none."""
        condition = self._content.condition
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if not condition.is_well:
                with contextlib.suppress(StorageError):
                    if (await room.look()).room >= condition.wanted:
                        await self._content.probe()

    async def scrub(self, metrics: Metrics, mender: Mender) -> None:
        """Until the proxy stops: a round each `every`, from where the last process was. What was wrong is fetched again."""
        if not self._settings.rate:
            return

        def progress(now: Progress) -> None:
            metrics.count_scrubbed(now.step, now.ratio)

        await asyncio.sleep(_QUIET_SECONDS)
        while True:
            await self._until_due()
            try:
                report = await self._content.scrub(rate=self._settings.rate, found=mender.lost).run(progress)
                self._emit(ContentScrubbed(report.files, report.bytes, len(report.wrong), report.seconds))
            except StorageError as error:
                if error.trouble is not None:  # else another process scrubs, as of several workers only one does
                    say("scrub-failed", level="warning", message=error.message)
                await asyncio.sleep(_BUSY_SECONDS)

    async def _until_due(self) -> None:
        """A round that was interrupted is due at once."""
        while True:
            last = await self._content.last_scrub()
            left = last.began + self._settings.every.total_seconds() - time.time()
            if not last.ended or left <= 0:
                return
            await asyncio.sleep(min(left, _LOOK_SECONDS))
