"""A filler in a process of its own: it does what its standard input says, and dies where it is told to.

    python -m tests.fakes.filler ROOT DIGEST SIZE [STEP]

Lines: `write N` appends N bytes of the file on line one's path, `commit`, `fail`, `keep`.
It answers each with a line. With STEP it ends, as by kill -9, right after the step of that name.
"""

import asyncio
import os
import sys
from pathlib import Path

from proxy.content.filesystem import FilesystemStore
from proxy.errors import UpstreamUnavailable
from proxy.oci.digest import Digest


def _say(*words: object) -> None:
    print(*words, flush=True)


async def main(root: str, name: str, size: str, step: str = "") -> None:
    def end_at(reached: str) -> None:
        if reached == step:
            os._exit(9)

    store = FilesystemStore(Path(root), rotted=_say, steps=end_at)
    raw = Path(sys.stdin.readline().strip()).read_bytes()
    partial = await store.partial(Digest.parse(name), int(size))
    if partial is None:
        _say("held")
        return
    _say("received", partial.received)
    at = partial.received
    while line := await asyncio.to_thread(sys.stdin.readline):
        verb, *rest = line.split()
        if verb == "write":
            await partial.write(raw[at : at + int(rest[0])])
            at += int(rest[0])
        elif verb == "commit":
            await partial.commit()
        else:
            await partial.fail(UpstreamUnavailable("it is gone"), keep=verb == "keep")
        _say("done")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
