"""The one door from a proved predicate to facts. Law: every fact that `FIELDS` documents is there, or it is Unreadable."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from proxy.facts.kinds import ALIASES, Facts, alias_of
from proxy.facts.provenance import read_v02, read_v1
from proxy.facts.sbom import read_sbom
from proxy.facts.verdicts import read_custom, read_sign, read_test, read_vsa_v02, read_vsa_v1
from proxy.facts.vex import read_vex
from proxy.facts.vulnerabilities import read_scan

_Reader = Callable[[Any], tuple[dict[str, Any], datetime | None]]

READERS: Mapping[str, _Reader] = {
    "https://slsa.dev/provenance/v0.2": read_v02,
    "https://slsa.dev/provenance/v1": read_v1,
    "https://slsa.dev/verification_summary/v0.2": read_vsa_v02,
    "https://slsa.dev/verification_summary/v1": read_vsa_v1,
    **dict.fromkeys(ALIASES["sbom"], read_sbom),
    **dict.fromkeys(ALIASES["vuln"], read_scan),
    **dict.fromkeys(ALIASES["vex"], read_vex),
    **dict.fromkeys(ALIASES["test"], read_test),
    **dict.fromkeys(ALIASES["sign"], read_sign),
    **dict.fromkeys(ALIASES["custom"], read_custom),
}


def read(predicate_type: str, predicate: Any) -> Facts:
    """What a proved predicate of this type says; raise Unreadable with one sentence that an operator can act on.

    `predicate` is parsed JSON, as proved. Of a type that no reader knows, the predicate itself is the only fact.
    """
    reader = READERS.get(predicate_type)
    if reader is None:
        return Facts(None, predicate_type, {"predicate": predicate})
    values, created = reader(predicate)
    return Facts(alias_of(predicate_type), predicate_type, {**values, "predicate": predicate or {}}, created)
