"""Images that real tools signed and that are committed here: what machines without the vectors and the tools verify.

    for case in asset_cases(): …       # as those of the lab (tests/fakes/lab.py), with paths that stand by themselves
    strangers(case)                    # the same with somebody else asked for

`tests/assets/lab` are some of the lab's, `tests/assets/styles` are signed as well-known publishers sign.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from tests.fakes.lab import Case, Twin, twins
from tests.fakes.layouts import ROOT, read_layout

ASSETS = ROOT / "tests" / "assets"
BASES = (ASSETS / "lab", ASSETS / "styles")


def asset_cases() -> list[Case]:
    return [_standing(case, base) for base in BASES for case in json.loads((base / "cases.json").read_text())]


def asset_named(name: str) -> Case:
    (found,) = (case for case in asset_cases() if case["name"] == name)
    return found


def strangers(case: Case) -> Iterator[Twin]:
    """The lab's twins of which the files are here, and for the other images the same made of their own files."""
    base = Path(case["folder"]).parents[1]
    for twin in twins(case):
        other = _standing(twin.case, base)
        if all(Path(path).is_file() for path in _paths(other)):
            yield Twin(twin.name, other)
    if base.name == "styles":
        yield from _of_keys(case, base)


def _of_keys(case: Case, base: Path) -> Iterator[Twin]:
    for key in sorted((base / "trust").glob("*.pub")):
        other = deepcopy(case)
        for asked in _alternatives(other):
            if "key" in asked and asked["key"] != str(key):
                asked["key"] = str(key)
                asked.pop("hash", None)
                yield Twin(f"the key {key.stem}", other)
                break


def _standing(case: Case, base: Path) -> Case:
    """The case with every path whole; the digest of a case that says none is that of its tag."""
    made = deepcopy(case)
    made["folder"] = str(base / case["folder"])
    made["digest"] = case.get("digest") or str(read_layout(Path(made["folder"])).tags[case["tag"]])
    for asked in _alternatives(made):
        for word in ("key", "trusted_root", "timestamps"):
            if word in asked:
                asked[word] = str(base / asked[word])
        if "x509" in asked:
            asked["x509"] = [str(base / each) for each in asked["x509"]]
        if "timestamp" in asked.get("notation", {}):
            asked["notation"]["timestamp"] = str(base / asked["notation"]["timestamp"])
    return made


def _alternatives(case: Case) -> list[dict[str, Any]]:
    wanted = case["require"]
    lists = [wanted.get("signature", {}), *wanted.get("attestations", [])]
    return [asked for each in lists for way in ("any_of", "all_of") for asked in each.get(way, [])]


def _paths(case: Case) -> Iterator[str]:
    for asked in _alternatives(case):
        yield from (asked[word] for word in ("key", "trusted_root", "timestamps") if word in asked)
        yield from asked.get("x509", ())
        if "timestamp" in asked.get("notation", {}):
            yield asked["notation"]["timestamp"]
