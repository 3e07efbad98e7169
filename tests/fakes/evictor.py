"""Makes room in a process of its own, beside a proxy that serves: over and over, with leases of almost no time.

    python -m tests.fakes.evictor PRATIQUE_YAML LEASE

It says a line for each round, with how many images went, and ends when its input does.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from proxy.bootstrap import keeping_of
from proxy.config.both import load_both


async def main(file: str, lease: str) -> None:
    config, loaded = load_both(Path(file), env={}, now=datetime.now(UTC))
    over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    async with keeping_of(config, loaded, changes=True) as (keeping, _):
        keeping.evictor.lease = float(lease)
        while not over.done():
            removed = await keeping.evictor.make_room(1 << 60)
            print(removed.images, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
