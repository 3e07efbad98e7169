"""What a proof costs: on one core, beside the cosign and notation binaries on the same material in the same run.

    python benchmarks/evidence.py [--rounds 200] [--out benchmarks/results/evidence]

Needs the lab vectors (`PRATIQUE_VECTORS`). A peer is a whole process, its start-up and one registry on loopback in it: what
an admission controller pays that calls it, and no measure of its arithmetic. `--version` of the same binary is reported
beside it. Writes OUT.json and OUT.md.
"""

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmarks.ledger import machine
from benchmarks.materials import CASES, Material, hearing_of, peer_line, read_material, served
from proxy.policy.hearing import hear
from proxy.verify.crosscheck import second_opinion
from proxy.verify.prove import prove_all

GOALS = {"key": 0.2, "keyless": 2.0, "bundle": 4.0}
PEER_ROUNDS = 5
PREFACE = """# What a proof costs

Written by `benchmarks/evidence.py`. Milliseconds on one core. `proof` is the p50 of proving what was fetched, `hearing` the
whole judgement: proof, second opinion, decision. `second opinion` is what the sigstore library takes of it, asked afresh;
`-` where it has none. `peer` is the median of whole processes of the binary named, `start` the same binary asked for its
version. The machine was shared with other work."""


def p50(work, rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def proof(material: Material, rounds: int) -> float:
    def once() -> None:
        proved = prove_all(
            material.founds,
            target=material.target,
            signers=tuple(material.trust.signers.values()),
            material=material.trust,
            now=material.now,
        )
        assert proved.evidence, material.name

    return p50(once, rounds)


def opinion(material: Material, rounds: int) -> float | None:
    bundles = [found.payload for found in material.founds if "sigstore.bundle" in found.media_type]
    if not bundles or not material.trust.roots:
        return None
    root = next(iter(material.trust.roots.values()))

    def ask() -> None:
        word = second_opinion(bundles[0], root=root, digest=material.target.digest).word
        assert word in ("agrees", "unsupported"), word

    return p50(ask, max(5, rounds // 20))


def hearing(material: Material, rounds: int) -> float:
    brief, policy = hearing_of(material)
    decision = hear(brief, policy, material.trust)
    assert getattr(decision, "is_allow", False), decision
    return p50(lambda: hear(brief, policy, material.trust), rounds)


async def peer(material: Material) -> tuple[str, float, float] | None:
    """(binary, ms of a verification, ms of its start) or None where it is not here."""
    async with served(material) as address:
        with tempfile.TemporaryDirectory() as folder:
            line = peer_line(material, address, pathlib.Path(folder))
            if line is None or shutil.which(line.words[0]) is None:
                return None
            whole = [await _timed(line.words, line.environment) for _ in range(PEER_ROUNDS)]
            start = [await _timed((line.words[0], "version"), line.environment) for _ in range(PEER_ROUNDS)]
    return line.words[0], statistics.median(whole), statistics.median(start)


async def _timed(words: tuple[str, ...], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = await process.communicate()
    taken = (time.perf_counter() - began) * 1e3
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: {said.decode()[-600:]}")
    return taken


def measure(rounds: int) -> list[dict[str, object]]:
    rows = []
    for name, kind in CASES.items():
        print(name, file=sys.stderr)
        material = read_material(name)
        beside = asyncio.run(peer(material))
        row: dict[str, object] = {"material": name, "kind": kind, "proof": proof(material, rounds)}
        row |= {"hearing": hearing(material, rounds), "secondOpinion": opinion(material, rounds)}
        row |= {"goal": GOALS.get(kind)}
        if beside is not None:
            row |= dict(zip(("peer", "peerMs", "peerStartMs"), beside, strict=True))
        rows.append(row)
    return rows


def table(rows: list[dict[str, object]]) -> str:
    lines = [
        "| material | proof | goal | hearing | second opinion | peer | peer ms | start ms | peer ÷ hearing |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{row['peerMs'] / row['hearing']:.0f}" if "peerMs" in row else "-"
        cells = [row["material"], _ms(row["proof"]), row["goal"] or "-", _ms(row["hearing"]), _ms(row["secondOpinion"])]
        cells += [row.get("peer", "-"), _ms(row.get("peerMs")), _ms(row.get("peerStartMs")), ratio]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def _ms(number: object) -> str:
    return "-" if number is None else f"{number:.2f}"


def main() -> None:
    words = argparse.ArgumentParser(description="What a proof costs, beside cosign and notation.")
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "results" / "evidence")
    options = words.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = measure(options.rounds)
    options.out.parent.mkdir(exist_ok=True)
    record = {"machine": machine(), "rounds": options.rounds, "rows": rows}
    options.out.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    options.out.with_suffix(".md").write_text(f"{PREFACE}\n\n{table(rows)}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
