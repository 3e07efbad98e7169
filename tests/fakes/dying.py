"""Processes that end by kill -9 after the n-th time that they come to a step.

`python -m tests.fakes.dying audit FOLDER STEP N` · `migration FILE STEP N` · `pin CONFIG STEP N`; STEP `-` ends nowhere. What was done for sure is printed,
a line each, flushed.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

REPOSITORY = Repository("reg.test", "acme/app")
DIGESTS = tuple(Digest.of(b"%d" % number) for number in range(5))


class Steps:
    def __init__(self, last: str, turn: int) -> None:
        self._last = last
        self._left = turn

    def __call__(self, name: str) -> None:
        if name == self._last:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def say(word: object) -> None:
    print(word, flush=True)


def audit(folder: Path, steps: Steps, *, tears: bool) -> None:
    from proxy.events import PinMoved
    from proxy.observe.audit import Audit

    made = Audit(folder, steps=steps)
    write = os.write
    if tears:  # the machine ends while the disk writes

        def half(descriptor: int, line: bytes) -> int:
            if b"pinMoved" in line:
                write(descriptor, line[: len(line) // 2])
                steps("torn")
                return write(descriptor, line[len(line) // 2 :]) + len(line) // 2
            return write(descriptor, line)

        os.write = half
    for old, new in zip((None, *DIGESTS), DIGESTS, strict=False):
        made.record(PinMoved(REPOSITORY, "1.0", old, new, "follow", "test"))
        say(new)
    made.close()


def migration(path: Path, steps: Steps) -> None:
    from proxy.state.connection import connect
    from proxy.state.schema import MIGRATIONS, Migration, prepare

    next_one = Migration(
        len(MIGRATIONS) + 1,
        1,
        ("ALTER TABLE entries ADD COLUMN proof BLOB NOT NULL DEFAULT x''", "CREATE TABLE more (a TEXT PRIMARY KEY)"),
    )
    connection = connect(path, read_only=False)
    prepare(connection, path, now=1.0, read_only=False, migrations=(*MIGRATIONS, next_one), steps=steps)
    say("migrated")
    connection.close()


async def pin(config: Path, steps: Steps) -> None:
    """A whole proxy, until its standard input ends."""
    from proxy.bootstrap import Proxy
    from proxy.config.loader import load
    from proxy.observe import logs

    logs.configure(level="error")
    proxy = Proxy(load(config, env={}), fills_ahead=0)
    await proxy.start()
    proxy.pipeline.pins._steps = steps
    database = proxy.pipeline.pins._book._store._database  # type: ignore[attr-defined]  # the state's own file
    write = database._write

    def written(book: str, *rest: object) -> object:
        entry = write(book, *rest)
        if book == "pins":
            steps("written")  # and not committed
        return entry

    database._write = written
    say(proxy.front.addresses["registry"])
    await asyncio.to_thread(sys.stdin.buffer.read)
    await proxy.stop()


def main() -> None:
    kind, path, step, turn = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    steps = Steps(step, turn)
    match kind:
        case "audit":
            audit(path, steps, tears=step == "torn")
        case "migration":
            migration(path, steps)
        case "pin":
            asyncio.run(pin(path, steps))


if __name__ == "__main__":
    main()
