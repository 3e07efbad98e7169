"""Pratique beside its peers, in one run: docker-registry as a pull-through proxy of the same upstream, nginx with the same files.

    python benchmarks/compare.py [--rounds 3] [--folder DIR] [--out benchmarks/results/compare]

Everything on loopback, one process each, rounds interleaved, the order turned each round; medians, the least and the most.
Writes OUT.json and OUT.md. Needs nginx (it is the upstream too); docker-registry and wrk are reported where they are missing.
Clients and upstream run on the same cores: compare columns, not absolutes.
"""

import argparse
import contextlib
import multiprocessing
import pathlib
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from multiprocessing.pool import Pool

from benchmarks import loads, peers
from benchmarks.ledger import Ledger
from benchmarks.pictures import Gallery, Picture

BIG, SMALL = 256, 64  # MiB of the layer of a single pull, and of a herd's
HERD = 16
CONNECTIONS, SECONDS = 32, 3
LIMIT = 240  # seconds for everything
PREFACE = """# Pratique beside docker-registry and nginx

Written by `benchmarks/compare.py`. Medians, with the least and the most of the rounds. The machine was shared with other
work, and clients, upstream and servers share its cores: the columns compare, the absolutes do not. ↑ more is better,
↓ less is better. nginx answers from files and asks nobody: its cold figures are the upstream's own."""


class Run:
    """One round after the other, each figure for each server before the next figure."""

    def __init__(self, servers: list[peers.Server], upstream: peers.Upstream, pool: Pool, ledger: Ledger) -> None:
        self._servers = servers
        self._upstream = upstream
        self._pool = pool
        self._ledger = ledger

    def warm_up(self, picture: Picture) -> None:
        for server in self._servers:
            for _ in range(2):
                loads.get(server.port, picture.by_tag)
                loads.get(server.port, picture.by_digest)
                loads.get(server.port, picture.blob, picture.size)
        self._upstream.settle()

    def round(self, warm: Picture, cold: Picture, herded: Picture) -> None:
        if "wrk" not in self._ledger.missing:
            self._each(lambda server: self._manifest(server, "by tag", warm.by_tag))
            self._each(lambda server: self._manifest(server, "by digest", warm.by_digest))
        self._each(lambda server: self._blob(server, warm, clients=1, times=4))
        self._each(lambda server: self._blob(server, warm, clients=8, times=1))
        self._each(lambda server: self._peak(server, warm))
        self._each(lambda server: self._cold(server, cold))
        self._each(lambda server: self._herd(server, herded))
        self._servers.append(self._servers.pop(0))

    def _each(self, measure) -> None:
        for server in self._servers:
            measure(server)
            self._upstream.settle()

    def _manifest(self, server: peers.Server, how: str, path: str) -> None:
        rate, spent, slowest = loads.hammer(server, path, connections=CONNECTIONS, seconds=SECONDS)
        self._ledger.note(f"warm manifest {how}, requests/s ↑", server.name, rate)
        self._ledger.note(f"warm manifest {how}, server CPU µs each ↓", server.name, spent)
        self._ledger.note(f"warm manifest {how}, p99 ms ↓", server.name, slowest)

    def _blob(self, server: peers.Server, warm: Picture, *, clients: int, times: int) -> None:
        speed, spent = loads.stream(server, warm, self._pool, clients=clients, times=times)
        who = "1 client" if clients == 1 else f"{clients} clients"
        self._ledger.note(f"warm {BIG} MiB blob, {who}, GiB/s ↑", server.name, speed)
        self._ledger.note(f"warm {BIG} MiB blob, {who}, server CPU s per GiB ↓", server.name, spent)

    def _peak(self, server: peers.Server, warm: Picture) -> None:
        server.forget_peak()
        loads.stream(server, warm, self._pool, clients=HERD, times=1)
        self._ledger.note(f"peak RSS, {HERD} clients on a warm {BIG} MiB blob, MiB ↓", server.name, server.peak())

    def _cold(self, server: peers.Server, cold: Picture) -> None:
        before = server.cpu()
        pulled = loads.pull(server.port, cold, 0.0)
        self._upstream.settle()
        title = f"cold image with a {BIG} MiB blob, 1 client"
        self._ledger.note(f"{title}, first byte of the blob, ms ↓", server.name, (pulled.first - pulled.began) * 1e3)
        self._ledger.note(f"{title}, last byte, s ↓", server.name, pulled.last - pulled.began)
        self._ledger.note(f"{title}, server CPU s per GiB ↓", server.name, (server.cpu() - before) * 1024 / BIG)

    def _herd(self, server: peers.Server, picture: Picture) -> None:
        server.forget_peak()
        before = self._upstream.sent(picture.blob)
        arrivals = loads.herd(server, picture, self._pool, clients=HERD)
        title = f"herd of {HERD} on a cold {SMALL} MiB blob"
        if server.asks:
            fetched = (self._upstream.sent(picture.blob) - before) / picture.size
            self._ledger.note(f"{title}, upstream bytes ÷ unique ↓", server.name, fetched)
        firsts = [(arrival.first - arrival.began) * 1e3 for arrival in arrivals]
        self._ledger.note(f"{title}, median first byte of the blob, ms ↓", server.name, statistics.median(firsts))
        lasts = [arrival.last - arrival.began for arrival in arrivals]
        self._ledger.note(f"{title}, the slowest's last byte, s ↓", server.name, max(lasts))
        self._ledger.note(f"{title}, peak RSS, MiB ↓", server.name, server.peak())


def measure(folder: pathlib.Path, pool: Pool, ledger: Ledger, rounds: int) -> None:
    gallery = Gallery(folder / "images")
    gallery.root.mkdir()
    warm = gallery.add("warm", BIG)
    colds = [(gallery.add(f"cold-{turn}", BIG), gallery.add(f"herd-{turn}", SMALL)) for turn in range(rounds)]
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.upstream(folder, gallery.root, gallery.digests))
        servers = [stack.enter_context(peers.pratique(folder, upstream.port, gallery.public_key))]
        if "docker-registry" not in ledger.missing:
            servers.append(stack.enter_context(peers.docker_registry(folder, upstream.port)))
        servers.append(stack.enter_context(peers.nginx(folder, gallery.root)))
        run = Run(servers, upstream, pool, ledger)
        run.warm_up(warm)
        for turn, (cold, herded) in enumerate(colds, 1):
            print(f"round {turn} of {rounds}", file=sys.stderr)
            run.round(warm, cold, herded)


def _out_of_time(*_: object) -> None:
    raise SystemExit(f"stopped: the run took more than {LIMIT} seconds; try fewer rounds, or a machine with less to do")


def main() -> None:
    words = argparse.ArgumentParser(description="Pratique beside docker-registry and nginx.")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--folder", help="where files are made, and removed again; its disk is measured too")
    words.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results" / "compare")
    options = words.parse_args()
    missing = peers.missing()
    if "nginx" in missing:
        raise SystemExit("nginx is not on this machine; it is the upstream of this comparison: install it")
    settings = {
        "rounds": options.rounds,
        "manifests": f"wrk, one thread, {CONNECTIONS} keep-alive connections, {SECONDS} s",
        "logs": "Pratique and docker-registry log each request to a file, as they do by default; nginx logs nothing",
        "verification": "Pratique requires a signature by a P-256 key; docker-registry and nginx verify nothing",
    }
    ledger = Ledger(missing, settings)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(LIMIT)
    began = time.monotonic()
    # The clients are forked first, while this process is small and holds nothing of theirs.
    with multiprocessing.Pool(HERD) as pool, tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure(pathlib.Path(folder), pool, ledger, options.rounds)
    signal.alarm(0)
    settings["seconds"] = round(time.monotonic() - began)
    ledger.write(options.out, preface=PREFACE)
    print(ledger.table())


if __name__ == "__main__":
    main()
