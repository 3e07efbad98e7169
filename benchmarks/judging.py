"""What judging costs beside the network: a 10 MB SBOM, an image with eight attestations, and a warm hit before and after.

    python benchmarks/judging.py [--before COMMIT] [--out benchmarks/results/judging]

`--before` names a commit of this repository whose warm hit is measured in the same run, turn about, by the same script.
Writes OUT.json and OUT.md. Everything is on loopback and in one process with its fake upstream.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import aiohttp

from benchmarks.ledger import machine
from benchmarks.statements import attested_house, large_sbom, sbom_policy
from proxy.observe import logs
from proxy.oci.digest import Digest

ROOT = pathlib.Path(__file__).resolve().parents[1]
DELAY = 0.025  # seconds of each upstream answer
ROUNDS = 5
PREFACE = """# What judging costs beside the network

Written by `benchmarks/judging.py`. Medians, with the least and the most of the rounds; the machine was shared with other
work. The loop's lag is the longest that a task waiting for a millisecond was late while the SBOM was judged."""


async def sbom(folder: pathlib.Path) -> dict[str, object]:
    """Judged in a worker by a `condition` over its components; the worker is there, as it is in a proxy that runs."""
    async with attested_house(folder, policy=sbom_policy()) as house:
        bench = house.proxy.pipeline.bench
        brief, standing = await large_sbom(house)
        await bench.hear(brief, standing)
        taken, lags = [], []
        for _ in range(ROUNDS):
            longest = [0.0]
            watch = asyncio.create_task(_lag(longest))
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            decision = await bench.hear(brief, standing)
            taken.append((time.perf_counter() - began) * 1e3)
            watch.cancel()
            lags.append(longest[0])
            assert decision.is_allow, decision.summary
        return {"bytes": brief.size, "ms": taken, "lagMs": lags}


async def _lag(longest: list[float]) -> None:
    """Note how late a task is that waits for a millisecond, where it is later than ever."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        longest[0] = max(longest[0], (time.perf_counter() - began - 0.001) * 1e3)


async def eight(folder: pathlib.Path) -> dict[str, object]:
    """First pulls of images with eight attestations each, every upstream answer 25 ms late; and a client that only fetches."""
    ours, bare = [], []
    async with attested_house(folder) as house, aiohttp.ClientSession() as session:
        names = [await house.put_attested(f"eight-{turn}", count=8) for turn in range(2 * ROUNDS + 2)]
        house.upstream.knobs.delay = DELAY
        for mine, its in zip(names[::2], names[1::2], strict=True):
            began = time.perf_counter()
            got = await house.manifest(mine, "v1")
            ours.append((time.perf_counter() - began) * 1e3)
            assert got.status == 200, got
            began = time.perf_counter()
            await _only_fetched(session, f"{house.upstream.url}/v2/{its}")
            bare.append((time.perf_counter() - began) * 1e3)
    rest = [mine - its for mine, its in zip(ours[1:], bare[1:], strict=True)]
    return {"delayMs": DELAY * 1e3, "ms": ours[1:], "bareMs": bare[1:], "beyondTheChainMs": rest}


async def _only_fetched(session: aiohttp.ClientSession, repository: str) -> None:
    """The chain of round trips: the manifest; the listing; the evidence manifests side by side; their blobs side by side."""

    async def get(path: str) -> bytes:
        async with session.get(f"{repository}/{path}") as response:
            response.raise_for_status()
            return await response.read()

    digest = Digest.of(await get("manifests/v1"))
    listed = json.loads(await get(f"referrers/{digest}"))["manifests"]
    manifests = await asyncio.gather(*(get(f"manifests/{each['digest']}") for each in listed))
    blobs = [layer["digest"] for raw in manifests for layer in json.loads(raw)["layers"]]
    assert len(await asyncio.gather(*(get(f"blobs/{each}") for each in blobs))) == 8


def hits_of(tree: pathlib.Path) -> float:
    words = [sys.executable, str(ROOT / "benchmarks" / "hits.py")]
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, check=True
    )
    return float(done.stdout.strip().splitlines()[-1])


def before_and_after(commit: str | None) -> dict[str, object]:
    found: dict[str, list[float]] = {"after": []}
    with tempfile.TemporaryDirectory() as folder:
        old = pathlib.Path(folder) / "before"
        if commit:
            found["before"] = []
            old.mkdir()
            archive = subprocess.run(
                ["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=True
            ).stdout
            subprocess.run(["tar", "-x", "-C", str(old)], input=archive, check=True)
        for _ in range(ROUNDS):
            for name, tree in (("before", old), ("after", ROOT)):
                if name in found:
                    found[name].append(hits_of(tree))
    return found


def _cell(numbers: list[float]) -> str:
    return f"{statistics.median(numbers):.1f} ({min(numbers):.1f} to {max(numbers):.1f})"


def table(record: dict[str, dict]) -> str:
    large, several, hit = record["sbom"], record["eight"], record["hit"]
    rows = [
        (f"judging an SBOM of 10 MB (its envelope has {large['bytes'] / 1e6:.1f}), ms", _cell(large["ms"]), "≤ 150"),
        ("the loop's longest lag meanwhile, ms", _cell(large["lagMs"]), "not blocked"),
        ("first pull with eight attestations, ms", _cell(several["ms"]), ""),
        ("a bare client that fetches the same and judges nothing, ms", _cell(several["bareMs"]), ""),
        ("ours beyond that chain of round trips, ms", _cell(several["beyondTheChainMs"]), "≤ 20"),
        ("warm manifest by tag, CPU µs with its client", _cell(hit["after"]), "as before"),
    ]
    if "before" in hit:
        rows.append(("the same before, CPU µs", _cell(hit["before"]), ""))
    lines = ["| figure | measured | goal |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    return "\n".join(lines)


def main() -> None:
    words = argparse.ArgumentParser(description="What judging costs beside the network.")
    words.add_argument("--before", help="a commit whose warm hit is measured too")
    words.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks" / "results" / "judging")
    options = words.parse_args()
    logs.configure(stream=pathlib.Path(os.devnull).open("w"))  # noqa: SIM115  # as long as the process
    with tempfile.TemporaryDirectory() as folder:
        parts = {name: pathlib.Path(folder) / name for name in ("sbom", "eight")}
        for part in parts.values():
            part.mkdir()
        record = {
            "machine": machine(),
            "before": options.before,
            "sbom": asyncio.run(sbom(parts["sbom"])),
            "eight": asyncio.run(eight(parts["eight"])),
            "hit": before_and_after(options.before),
        }
    options.out.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    options.out.with_suffix(".md").write_text(f"{PREFACE}\n\n{table(record)}\n")
    print(table(record))


if __name__ == "__main__":
    main()
