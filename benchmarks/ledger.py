"""What `compare.py` measured, as JSON for a program and as a table for a person, with the machine's facts: no name, no path."""

import datetime as dt
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
from dataclasses import dataclass, field

from proxy import __version__

SERVERS = ("Pratique", "docker-registry", "nginx")


@dataclass
class Ledger:
    """`figures`: title → server → one number a round. A server that has no such figure is not there."""

    missing: dict[str, str]
    settings: dict[str, object]
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, title: str, server: str, number: float) -> None:
        self.figures.setdefault(title, {}).setdefault(server, []).append(number)

    def record(self) -> dict[str, object]:
        return {
            "machine": self.machine,
            "settings": self.settings,
            "missing": self.missing,
            "figures": {
                title: {
                    "rounds": {server: [_short(number) for number in found] for server, found in rounds.items()},
                    "medians": {server: _short(statistics.median(found)) for server, found in rounds.items()},
                    "pratiqueOver": {
                        server: _short(_ratio(rounds, server))
                        for server in rounds
                        if server != "Pratique" and statistics.median(rounds[server])
                    },
                }
                for title, rounds in self.figures.items()
            },
        }

    def __post_init__(self) -> None:
        self.machine = machine()

    def table(self) -> str:
        lines = [
            "| figure | Pratique | docker-registry | nginx, static | Pratique ÷ docker-registry | Pratique ÷ nginx |",
            "|---|---|---|---|---|---|",
        ]
        for title, rounds in self.figures.items():
            cells = [_cell(rounds.get(server)) for server in SERVERS]
            ratios = [_times(rounds, server) for server in SERVERS[1:]]
            lines.append(f"| {title} | {' | '.join(cells + ratios)} |")
        return "\n".join(lines)

    def write(self, stem: pathlib.Path, *, preface: str) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".json").write_text(json.dumps(self.record(), indent=1) + "\n")
        facts = "\n".join(f"- {name}: {fact}" for name, fact in {**self.machine, **self.settings}.items())
        absent = "".join(f"- missing: {name}, {why}\n" for name, why in self.missing.items())
        stem.with_suffix(".md").write_text(f"{preface}\n\n{self.table()}\n\n{facts}\n{absent}")


def machine() -> dict[str, object]:
    """Facts that a figure hangs on, read before the run."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": _first(r"model name\s*: (.+)", pathlib.Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release().partition("-")[0],
        "load average before the run": round(os.getloadavg()[0], 2),
        "Python": platform.python_version(),
        "Pratique": __version__,
        **{name: importlib.metadata.version(name) for name in ("aiohttp", "uvloop")},
        "nginx": _version(["nginx", "-v"]),
        "docker-registry": _version(["docker-registry", "--version"]),
        "wrk": _version(["wrk", "-v"]),
    }


def _version(command: list[str]) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "missing"
    return _first(r"(?:/|\s|v)(\d+\.\d+[\w.+]*)", said.stdout + said.stderr)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else "unknown"


def _ratio(rounds: dict[str, list[float]], server: str) -> float:
    return statistics.median(rounds["Pratique"]) / statistics.median(rounds[server])


def _times(rounds: dict[str, list[float]], server: str) -> str:
    if server not in rounds or not statistics.median(rounds[server]):
        return "-"
    ratio = _ratio(rounds, server)
    return f"{ratio:.2f}" if ratio < 20 else f"{ratio:.0f}"


def _cell(found: list[float] | None) -> str:
    if not found:
        return "-"
    return f"{_said(statistics.median(found))} ({_said(min(found))} to {_said(max(found))})"


def _said(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}".replace(",", " ")
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}" if number >= 1 else f"{number:.3f}"


def _short(number: float) -> float:
    return float(f"{number:.4g}")
