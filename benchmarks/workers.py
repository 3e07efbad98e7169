"""One worker and two, of Pratique and of nginx, in one run: throughput, and the processor time of each request and GiB.

    python benchmarks/workers.py [--rounds 3] [--folder DIR] [--out benchmarks/results/workers]

On loopback, rounds interleaved, medians. Clients run on the same cores as the servers: where there is no core left for a
second worker, throughput says little, and nginx's own ratio beside ours says what could be had. A supervisor's processor
time counts. Writes OUT.json and OUT.md. Needs nginx and wrk.
"""

import argparse
import contextlib
import json
import multiprocessing
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from multiprocessing.pool import Pool

from benchmarks import loads, peers
from benchmarks.ledger import machine
from benchmarks.pictures import Gallery, Picture

MEBIBYTES, CLIENTS = 256, 8
CONNECTIONS, SECONDS = 64, 3
Figures = dict[str, dict[str, list[float]]]


def figures_of(server: peers.Server, warm: Picture, pool: Pool) -> dict[str, float]:
    rate, each, slowest = loads.hammer(server, warm.by_tag, connections=CONNECTIONS, seconds=SECONDS)
    speed, spent = loads.stream(server, warm, pool, clients=CLIENTS, times=1)
    return {
        "warm manifest by tag, requests/s ↑": rate,
        "warm manifest by tag, CPU µs each ↓": each,
        "warm manifest by tag, p99 ms ↓": slowest,
        f"warm {MEBIBYTES} MiB blob, {CLIENTS} clients, GiB/s ↑": speed,
        f"warm {MEBIBYTES} MiB blob, {CLIENTS} clients, CPU s per GiB ↓": spent,
    }


def measure(folder: pathlib.Path, pool: Pool, rounds: int) -> Figures:
    gallery = Gallery(folder / "images")
    gallery.root.mkdir()
    warm = gallery.add("warm", MEBIBYTES)
    figures: Figures = {}
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(peers.upstream(folder, gallery.root, gallery.digests))
        servers = [
            stack.enter_context(peers.pratique(folder, upstream.port, gallery.public_key)),
            stack.enter_context(peers.pratique(folder, upstream.port, gallery.public_key, workers=2)),
            stack.enter_context(peers.nginx(folder, gallery.root)),
            stack.enter_context(peers.nginx(folder, gallery.root, workers=2)),
        ]
        for server in servers:
            for _ in range(8):  # each worker has seen it
                loads.get(server.port, warm.by_tag)
                loads.get(server.port, warm.blob, warm.size)
        for turn in range(rounds):
            print(f"round {turn + 1} of {rounds}", file=sys.stderr)
            for server in servers:
                for title, number in figures_of(server, warm, pool).items():
                    figures.setdefault(title, {}).setdefault(server.name, []).append(number)
            servers.append(servers.pop(0))
    return figures


def table(figures: Figures) -> str:
    lines = [
        "| figure | Pratique, 1 | Pratique, 2 | 2 ÷ 1 | nginx, 1 | nginx, 2 | 2 ÷ 1 |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, rounds in figures.items():
        median = {name: statistics.median(found) for name, found in rounds.items()}
        cells = []
        for name in ("Pratique", "nginx"):
            one, two = median[name], median[f"{name}-2-workers"]
            cells += [f"{one:.3g}", f"{two:.3g}", f"**{two / one:.2f}**"]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    words = argparse.ArgumentParser(description="One worker and two.")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--folder", help="where files are made, and removed again")
    words.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results" / "workers")
    options = words.parse_args()
    if missing := peers.missing().keys() & {"nginx", "wrk"}:
        raise SystemExit(f"not on this machine: {', '.join(sorted(missing))}")
    facts = {**machine(), "rounds": options.rounds, "wrk": f"one thread, {CONNECTIONS} connections, {SECONDS} s"}
    with multiprocessing.Pool(CLIENTS) as pool, tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = measure(pathlib.Path(folder), pool, options.rounds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps({"machine": facts, "figures": figures}, indent=1) + "\n")
    told = "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    head = "# One worker and two\n\nWritten by `benchmarks/workers.py`. ↑ more is better, ↓ less is better."
    options.out.with_suffix(".md").write_text(f"{head}\n\n{table(figures)}\n\n{told}\n")
    print(table(figures))


if __name__ == "__main__":
    main()
