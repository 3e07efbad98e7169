"""What `pratique serve --workers N` runs N times: `python -m proxy.cli.worker FORMAT LEVEL LINE LOCK`. Not for people.

LINE and LOCK are descriptors that the supervisor gave it. It listens to its supervisor alone: a terminal's Ctrl-C and
hang-up are the supervisor's to hear, and a SIGTERM drains this worker, which is then replaced.
"""

import asyncio
import os
import signal
import socket
import sys

from proxy.cli.exits import guarded


def main() -> int:
    log_format, level, line, lock = sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for descriptor in (int(line), int(lock)):
        os.set_inheritable(descriptor, False)
    return guarded(lambda: _run(int(line), log_format, level), is_debugging=os.environ.get("PRATIQUE_DEBUG") == "1")


def _run(line: int, log_format: str, level: str) -> None:
    import uvloop

    uvloop.run(_serve(socket.socket(fileno=line), log_format, level))


async def _serve(end: socket.socket, log_format: str, level: str) -> None:
    from proxy.bootstrap.crew.worker import Worker

    worker = Worker(end, format=log_format, level=level)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
    await worker.run()


if __name__ == "__main__":
    sys.exit(main())
