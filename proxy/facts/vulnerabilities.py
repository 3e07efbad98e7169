"""What a scan found: cosign's vuln v1 and in-toto's vulns v0.1 and v0.2. Law: what is not told counts as the worst.

Every row of the scan counts once, as in the scanners' own summaries. A severity of an unknown word, or none at all,
counts as critical; `unknown` counts only what the scanner itself calls unknown. Of two times the earlier is the scan's.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from proxy.facts.kinds import Facts
from proxy.facts.scanners import SEVERITIES, Report, read_result
from proxy.facts.shapes import moment_of, object_of, optional_object, stamp, text_of
from proxy.facts.vex import deciding_statement, takes_out

_FIXABLE = ("critical", "high", "medium", "low")


def read_scan(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """A scan as facts, and when it was made; raise Unreadable."""
    document = object_of(predicate, what="scan")
    scanner = object_of(document.get("scanner"), what="scan's scanner")
    database = optional_object(scanner.get("db"), what="scan's scanner.db")
    report = read_result(scanner.get("result"))
    scanned = _earliest(_claimed(document.get("metadata")), report.scanned_at)
    updated = moment_of(database.get("lastUpdate"), what="scan's scanner.db.lastUpdate")
    values = {
        **_counted(report),
        "ignored": report.ignored,
        "suppressed": [],
        "scanner": text_of(scanner.get("uri"), what="scan's scanner.uri") or report.tool,
        "scannerVersion": text_of(scanner.get("version"), what="scan's scanner.version") or report.version,
        "scanTime": stamp(scanned),
        "dbTime": stamp(_earliest(updated, report.database_at)),
    }
    return values, scanned


def apply_vex(
    scan: Facts, statements: Iterable[Mapping[str, Any]], *, digests: Collection[str], repository: str = ""
) -> Facts:
    """The scan without the findings that a VEX statement says are `not_affected` or `fixed` in this image.

    `statements` are facts of `vex` predicates by signers whom the policy trusts for it, `digests` those that the image
    goes by (its own and its Index's), `repository` is host/path. For each finding the statement with the latest time
    decides; of two with one time the one that leaves it in. `suppressed` tells which were taken out, by what, and why.
    Counts that a scan gives without findings stay as they are.
    """
    findings = scan.values.get("findings")
    if scan.alias != "vuln" or findings is None:
        return scan
    named: dict[str, list[Mapping[str, Any]]] = {}
    for statement in statements:
        for name in {statement["vulnerability"], *statement["aliases"]}:
            named.setdefault(name, []).append(statement)
    left, suppressed = [], list(scan.values["suppressed"])
    for finding in findings:
        about = [each for name in {finding["id"], *finding["aliases"]} for each in named.get(name, ())]
        decides = deciding_statement(finding, about, digests=digests, repository=repository)
        if decides is not None and takes_out(decides):
            suppressed.append(_suppression(finding, decides))
        else:
            left.append(finding)
    return replace(scan, values={**scan.values, **_counted(Report(findings=left)), "suppressed": suppressed})


def _claimed(value: Any) -> datetime | None:
    metadata = optional_object(value, what="scan's metadata")
    finished = moment_of(metadata.get("scanFinishedOn"), what="scan's scanFinishedOn")
    return finished or moment_of(metadata.get("scanStartedOn"), what="scan's scanStartedOn")


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _counted(report: Report) -> dict[str, Any]:
    if report.findings is None:
        counts: dict[str, int | None] = {name: report.counts.get(name) for name in SEVERITIES}
        told = [count for count in counts.values() if count is not None]
        fixable = dict.fromkeys(("fixable", *map(_fixable_name, _FIXABLE)))
        return {**counts, "total": sum(told), **fixable, "ids": None, "findings": None}
    severities = [finding["severity"] for finding in report.findings]
    fixable_ones = [finding["severity"] for finding in report.findings if finding["fixable"]]
    return {
        **{name: severities.count(name) for name in SEVERITIES},
        "total": len(severities),
        "fixable": len(fixable_ones),
        **{_fixable_name(name): fixable_ones.count(name) for name in _FIXABLE},
        "ids": list(dict.fromkeys(finding["id"] for finding in report.findings)),
        "findings": list(report.findings),
    }


def _fixable_name(severity: str) -> str:
    return f"fixable{severity.capitalize()}"


def _suppression(finding: Mapping[str, Any], statement: Mapping[str, Any]) -> dict[str, Any]:
    told = ("status", "justification", "impact", "document", "author", "timestamp")
    found = ("id", "severity", "package", "version")
    return {**{name: finding[name] for name in found}, **{name: statement[name] for name in told}}
