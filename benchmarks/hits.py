"""CPU µs of one process for each warm manifest by tag, client and server together: run by `judging.py` for two trees."""

import asyncio
import pathlib
import tempfile
import time

from tests.fakes.house import House

HITS = 4000


async def hits(folder: pathlib.Path) -> float:
    async with House(folder) as house:
        house.put("acme/app", "app", tag="v1")
        for _ in range(200):
            await house.manifest("acme/app", "v1")
        began = time.process_time()
        for _ in range(HITS):
            await house.manifest("acme/app", "v1")
        return (time.process_time() - began) / HITS * 1e6


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(asyncio.run(hits(pathlib.Path(scratch))))
