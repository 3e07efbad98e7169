"""A front over a door in memory, in a process of its own: what it holds can be read from outside.

`python -m tests.fakes.standing LOOP FILES CONNECTIONS` prints its addresses as JSON and serves until its standard input ends; FILES 0
leaves the limit of descriptors alone. The log is on standard error. `Standing` starts one and reads /proc.
"""

import asyncio
import contextlib
import json
import os
import resource
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from proxy.oci.digest import Digest
from proxy.web.settings import Address

MANIFEST = b'{"schemaVersion": 2}' + b" " * 2000
LARGE = b" " * 4_000_000
BLOB = bytes(range(256)) * 4 * 4096  # 4 MiB
BLOB_PATH = f"/v2/a/b/blobs/{Digest.of(BLOB)}"
_PAGE = resource.getpagesize()


@dataclass
class Standing:
    process: asyncio.subprocess.Process
    registry: Address
    admin: Address
    log: Path

    @property
    def resident(self) -> int:
        """Bytes (proc(5), statm)."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def said(self) -> str:
        return self.log.read_text()


@contextlib.asynccontextmanager
async def standing(
    folder: Path, *, loop: str = "uvloop", files: int = 0, connections: int = 4096
) -> AsyncIterator[Standing]:
    log = folder / "log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fakes.standing", loop, str(files), str(connections)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            cwd=Path(__file__).parents[2],
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, log.read_text()
        found = {name: Address.parse(address) for name, address in json.loads(line).items()}
        yield Standing(process, found["registry"], found["admin"], log)
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 30)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(connections: int) -> None:
    from proxy.observe import logs
    from proxy.observe.metrics import Metrics
    from proxy.web.app import Front
    from proxy.web.connections.crowd import Crowd
    from proxy.web.settings import ClientsSettings, ListenSettings
    from tests.fakes.door import FakeDoor

    door, metrics = FakeDoor(), Metrics(upstreams=frozenset(), version="0")
    await door.put_blob(BLOB)
    door.put_manifest(MANIFEST, tag="small")
    door.put_manifest(LARGE, tag="large")

    def emit(event: object) -> None:
        metrics.record(event)  # type: ignore[arg-type]
        logs.log_event(event)  # type: ignore[arg-type]

    async def rendered() -> bytes:
        return metrics.render()

    listen = {"registry": {"address": "127.0.0.1:0"}, "admin": {"address": "127.0.0.1:0"}}
    crowd = Crowd(total=connections, each=connections)
    metrics.watch_connections(lambda: len(crowd))
    front = Front(
        door,
        ListenSettings.model_validate(listen),
        ClientsSettings(),
        emit=emit,
        ready=lambda: True,
        metrics=rendered,
        stall_seconds=5.0,
        crowd=crowd,
    )
    await front.start()
    print(json.dumps({name: str(address) for name, address in front.addresses.items()}), flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    await front.drain(0.2)


def main() -> None:
    from proxy.observe import logs
    from tests.fakes.loops import LOOPS

    logs.configure(format="json", level="warning")
    loop, files, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_serve(connections))


if __name__ == "__main__":
    main()
