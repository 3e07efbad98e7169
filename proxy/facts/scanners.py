"""The results inside a scan: Trivy's and Grype's JSON, in-toto's list, or bare counts. Law: nothing scanned is not clean.

A result without the section that would hold findings, or with no target that was scanned for them, is Unreadable.
Trivy: report schema 2 (pkg/types/report.go). Grype: presenter models (grype/presenter/models). in-toto: vulns.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.facts.kinds import Unreadable
from proxy.facts.shapes import (
    at,
    list_of,
    moment_of,
    object_of,
    optional_list,
    optional_object,
    required_text,
    shown,
    text_of,
    texts_of,
)

SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")

# The words of Trivy, Grype, NVD, GitHub, Red Hat and Debian. Any other counts as critical.
_WORDS = {
    **{name: name for name in SEVERITIES},
    "important": "high",
    "moderate": "medium",
    "minor": "low",
    "none": "negligible",
    "info": "negligible",
    "informational": "negligible",
}
_SCORE = re.compile(r"(?:10(?:\.0{1,3})?|[0-9](?:\.[0-9]{1,3})?)", re.ASCII)
_VULNERABLE_CLASSES = ("os-pkgs", "lang-pkgs")


@dataclass(frozen=True, slots=True)
class Report:
    """`findings` is None where only `counts` by severity are told. `ignored` were left out by the scanner's own rules."""

    findings: list[dict[str, Any]] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    ignored: int = 0
    tool: str | None = None
    version: str | None = None
    scanned_at: datetime | None = None
    database_at: datetime | None = None


def read_result(result: Any) -> Report:
    """The report, of whichever form it is; raise Unreadable."""
    if isinstance(result, list):
        return Report(findings=[_from_statement(each) for each in result])
    document = object_of(result, what="scan's scanner.result")
    is_grype = "matches" in document
    is_trivy = not document.keys().isdisjoint({"Results", "SchemaVersion", "ArtifactName"})
    if is_grype and is_trivy:
        raise Unreadable("the scan's result could be read both as Trivy's and as Grype's")
    if is_grype:
        return _read_grype(document)
    if is_trivy:
        return _read_trivy(document)
    if document and all(name.lower() in SEVERITIES for name in document):
        return Report(counts=_bare_counts(document))
    raise Unreadable("the scan's result is neither Trivy's nor Grype's JSON, a list of vulnerabilities nor counts")


def severity_of(word: Any) -> str:
    """One of SEVERITIES for a scanner's word; critical for what is no known word."""
    return _WORDS.get(word.strip().lower(), "critical") if isinstance(word, str) else "critical"


def _read_trivy(document: dict[str, Any]) -> Report:
    version = document.get("SchemaVersion", 2)
    if version != 2:
        raise Unreadable("the scan is a Trivy report of another schema than 2; scan with a newer Trivy")
    targets = [object_of(each, what="result of the Trivy report") for each in _results(document)]
    scanned = [target for target in targets if _is_scanned(target)]
    if not scanned:
        raise Unreadable("the Trivy report lists no target that was scanned for vulnerabilities")
    rows = [_rows(target) for target in scanned]
    modified = [optional_list(each.get("ExperimentalModifiedFindings"), what="modified findings") for each in targets]
    return Report(
        findings=[_from_trivy(each) for row in rows for each in row],
        ignored=sum(map(len, modified)),
        tool="trivy",
        version=_trivy_version(document),
        scanned_at=moment_of(document.get("CreatedAt"), what="Trivy report's CreatedAt"),
    )


def _results(document: dict[str, Any]) -> list[Any]:
    if document.get("Results") is None:
        raise Unreadable("the Trivy report has no results: nothing was scanned")
    return list_of(document["Results"], what="Trivy report's list of results")


def _is_scanned(target: dict[str, Any]) -> bool:
    # Secrets, configuration and licences are targets too, of other classes; before 0.19 there were no classes.
    return "Vulnerabilities" in target or target.get("Class", "os-pkgs") in _VULNERABLE_CLASSES


def _rows(target: dict[str, Any]) -> list[Any]:
    return optional_list(target.get("Vulnerabilities"), what="Trivy report's list of vulnerabilities")


def _trivy_version(document: dict[str, Any]) -> str | None:
    told = at(document, "Trivy", "Version")
    return told if isinstance(told, str) and told else None


def _from_trivy(value: Any) -> dict[str, Any]:
    row = object_of(value, what="vulnerability of the Trivy report")
    fixed = text_of(row.get("FixedVersion"), what="vulnerability's FixedVersion") or ""
    identifier = optional_object(row.get("PkgIdentifier"), what="vulnerability's PkgIdentifier")
    return {
        "id": required_text(row.get("VulnerabilityID"), what="VulnerabilityID of a vulnerability"),
        "aliases": texts_of(row.get("VendorIDs"), what="vulnerability's VendorIDs"),
        "severity": severity_of(row.get("Severity")),
        "package": text_of(row.get("PkgName"), what="vulnerability's PkgName") or "",
        "version": text_of(row.get("InstalledVersion"), what="vulnerability's InstalledVersion") or "",
        "purl": text_of(identifier.get("PURL"), what="vulnerability's PURL") or "",
        "fixable": bool(fixed),
        "fixedIn": fixed,
    }


def _read_grype(document: dict[str, Any]) -> Report:
    matches = list_of(document["matches"], what="Grype report's list of matches")
    descriptor = optional_object(document.get("descriptor"), what="Grype report's descriptor")
    database = descriptor.get("db")
    # Since schema 6 the database's status stands one level deeper.
    built = at(database, "status", "built") or at(database, "built")
    return Report(
        findings=[_from_grype(each) for each in matches],
        ignored=len(optional_list(document.get("ignoredMatches"), what="Grype report's ignoredMatches")),
        tool=text_of(descriptor.get("name"), what="Grype report's name") or "grype",
        version=text_of(descriptor.get("version"), what="Grype report's version"),
        scanned_at=moment_of(descriptor.get("timestamp"), what="Grype report's timestamp"),
        database_at=moment_of(built, what="build time of Grype's database"),
    )


def _from_grype(value: Any) -> dict[str, Any]:
    match = object_of(value, what="match of the Grype report")
    found = object_of(match.get("vulnerability"), what="vulnerability of a match")
    package = object_of(match.get("artifact"), what="artifact of a match")
    fix = optional_object(found.get("fix"), what="fix of a match")
    versions = texts_of(fix.get("versions"), what="versions of a fix")
    related = optional_list(match.get("relatedVulnerabilities"), what="related vulnerabilities of a match")
    return {
        "id": required_text(found.get("id"), what="id of a vulnerability"),
        "aliases": [each["id"] for each in related if isinstance(at(each, "id"), str)],
        "severity": severity_of(found.get("severity")),
        "package": text_of(package.get("name"), what="artifact's name") or "",
        "version": text_of(package.get("version"), what="artifact's version") or "",
        "purl": text_of(package.get("purl"), what="artifact's purl") or "",
        "fixable": bool(versions) or fix.get("state") == "fixed",
        "fixedIn": ", ".join(versions),
    }


def _from_statement(value: Any) -> dict[str, Any]:
    """An entry of in-toto's list. v0.1 describes it both with and without an object `vulnerability` around it."""
    entry = object_of(value, what="vulnerability of the scan")
    entry = optional_object(entry.get("vulnerability"), what="vulnerability of the scan") or entry
    told = entry.get("severity")  # described as an object, shown as a list
    scores = [told] if isinstance(told, dict) else optional_list(told, what="severity of a vulnerability")
    return {
        "id": required_text(entry.get("id"), what="id of a vulnerability"),
        "aliases": [],
        "severity": _worst(scores),
        "package": "",
        "version": "",
        "purl": "",
        "fixable": False,
        "fixedIn": "",
    }


def _worst(scores: list[Any]) -> str:
    """The worst of what the methods say: words, or CVSS scores by the bands of CVSS 3.1, section 5."""
    told = [_scored(at(each, "score")) for each in scores if not _is_another_measure(each)]
    known = [each for each in told if each != "unknown"]
    return min(known or told, key=SEVERITIES.index, default="critical")


def _is_another_measure(entry: Any) -> bool:
    # EPSS gives the chance of an exploit, from 0 to 1; a CVSS vector is what a score is computed from.
    method, score = at(entry, "method"), at(entry, "score")
    return "epss" in str(method).lower() or (isinstance(score, str) and score.startswith("CVSS:"))


def _scored(score: Any) -> str:
    text = str(score) if isinstance(score, int | float) and not isinstance(score, bool) else score
    if not isinstance(text, str) or not _SCORE.fullmatch(text):
        return severity_of(text)
    number = float(text)
    bands = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
    return next((name for least, name in bands if number >= least), "negligible")


def _bare_counts(document: dict[str, Any]) -> dict[str, int]:
    counts = {}
    for name, count in document.items():
        if type(count) is not int or count < 0:
            raise Unreadable(f"the scan's count of {shown(name)} is not a number of findings")
        if name.lower() in counts:
            raise Unreadable(f"the scan counts {shown(name)} twice")
        counts[name.lower()] = count
    return counts
