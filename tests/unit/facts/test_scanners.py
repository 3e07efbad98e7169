"""Nothing scanned is not clean; and a severity that nobody knows is critical."""

import copy

import pytest

from proxy.facts import Unreadable
from proxy.facts.scanners import SEVERITIES, read_result, severity_of
from tests.fakes.predicates import GRYPE, TRIVY


def severities(result):
    return [each["severity"] for each in read_result(result).findings]


def test_trivys_report_is_read():
    report = read_result(TRIVY)
    assert report.findings == [
        {
            "id": "CVE-2026-0001",
            "aliases": ["DSA-1-1"],
            "severity": "critical",
            "package": "libssl3",
            "version": "3.0.1",
            "purl": "pkg:deb/debian/libssl3@3.0.1?arch=amd64",
            "fixable": True,
            "fixedIn": "3.0.2",
        },
        {
            "id": "CVE-2026-0002",
            "aliases": [],
            "severity": "unknown",
            "package": "libc6",
            "version": "2.36",
            "purl": "",
            "fixable": False,
            "fixedIn": "",
        },
    ]
    assert report.tool == "trivy"
    assert report.scanned_at.isoformat() == "2026-11-01T08:00:00.123456+00:00"


def test_grypes_report_is_read():
    report = read_result(GRYPE)
    assert report.findings[0] == {
        "id": "GHSA-aaaa-bbbb-cccc",
        "aliases": ["CVE-2026-0003"],
        "severity": "high",
        "package": "express",
        "version": "1.0.0",
        "purl": "pkg:npm/express@1.0.0",
        "fixable": True,
        "fixedIn": "2.0.0",
    }
    assert report.findings[1]["severity"] == "negligible"
    assert not report.findings[1]["fixable"]
    assert (report.tool, report.version, report.ignored) == ("grype", "0.100.0", 1)
    assert report.database_at.isoformat() == "2026-10-31T06:00:00+00:00"


def test_grypes_older_database_is_dated_too():
    twin = copy.deepcopy(GRYPE)
    twin["descriptor"]["db"] = {"built": "2024-01-01T00:00:00Z", "schemaVersion": 5}
    assert read_result(twin).database_at.year == 2024


@pytest.mark.parametrize(
    "spoil",
    [
        lambda report: report.pop("Results"),
        lambda report: report.update(Results=None),
        lambda report: report.update(Results=[]),
        lambda report: report.update(Results={}),
        lambda report: report.update(Results=[{"Target": "secrets", "Class": "secret"}]),
        lambda report: report.update(Results=[None]),
        lambda report: report.update(SchemaVersion=1),
        lambda report: report.update(SchemaVersion=3),
        lambda report: report.update(matches=[]),
        lambda report: report["Results"][0].update(Vulnerabilities={}),
        lambda report: report["Results"][0]["Vulnerabilities"][0].pop("VulnerabilityID"),
        lambda report: report["Results"][0].update(Vulnerabilities=[None]),
    ],
)
def test_t23_a_trivy_report_of_nothing_scanned_or_another_shape_is_unreadable(spoil):
    twin = copy.deepcopy(TRIVY)
    spoil(twin)
    with pytest.raises(Unreadable):
        read_result(twin)


def test_a_target_that_was_scanned_and_is_clean_is_clean():
    assert severities({"Results": [{"Target": "a", "Class": "os-pkgs"}]}) == []
    assert severities({"Results": [{"Target": "a", "Vulnerabilities": None}]}) == []


@pytest.mark.parametrize(
    "matches",
    [
        None,
        {},
        "none",
        [None],
        [{}],
        [{"vulnerability": {"id": "CVE-1"}}],
        [{"vulnerability": {"severity": "Low"}, "artifact": {}}],
    ],
)
def test_t23_a_grype_report_of_another_shape_is_unreadable(matches):
    with pytest.raises(Unreadable):
        read_result({**GRYPE, "matches": matches})


def test_no_match_is_no_finding():
    assert severities({"matches": []}) == []


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("CRITICAL", "critical"),
        ("High", "high"),
        ("Important", "high"),
        ("moderate", "medium"),
        ("LOW", "low"),
        ("Negligible", "negligible"),
        ("UNKNOWN", "unknown"),
        ("catastrophic", "critical"),
        ("critical!", "critical"),
        ("", "critical"),
        (None, "critical"),
        (0, "critical"),
        (["low"], "critical"),
    ],
)
def test_a_severity_that_nobody_knows_is_critical(word, severity):
    assert severity_of(word) == severity


def test_t23_a_finding_without_a_severity_is_critical():
    twin = copy.deepcopy(TRIVY)
    del twin["Results"][0]["Vulnerabilities"][1]["Severity"]
    assert severities(twin) == ["critical", "critical"]
    twin = copy.deepcopy(GRYPE)
    del twin["matches"][1]["vulnerability"]["severity"]
    assert severities(twin) == ["high", "critical"]
    assert severities([{"id": "CVE-1"}, {"id": "CVE-2", "severity": []}]) == ["critical", "critical"]


@pytest.mark.parametrize(
    ("scores", "severity"),
    [
        ([{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "5.2"}], "medium"),
        ([{"method": "nvd", "score": "low"}, {"method": "vendor", "score": "high"}], "high"),
        ([{"method": "cvss", "score": "9.0"}], "critical"),
        ([{"method": "cvss", "score": "8.9"}], "high"),
        ([{"method": "cvss", "score": 6.9}], "medium"),
        ([{"method": "cvss", "score": "3.9"}], "low"),
        ([{"method": "cvss", "score": "0.0"}], "negligible"),
        ([{"method": "cvss", "score": "10"}], "critical"),
        ([{"method": "cvss", "score": "11"}], "critical"),
        ([{"method": "cvss", "score": "-1"}], "critical"),
        ([{"method": "cvss", "score": "NaN"}], "critical"),
        ([{"method": "cvss", "score": True}], "critical"),
        ([{"method": "vendor", "score": "unknown"}, {"method": "nvd", "score": "low"}], "low"),
        ([{"method": "vendor", "score": "unknown"}], "unknown"),
        ([{"method": "EPSS", "score": "0.01"}], "critical"),
        ([{"method": "epss", "score": "0.01"}, {"method": "nvd", "score": "high"}], "high"),
        ([{"method": "cvss_v3", "score": "CVSS:3.1/AV:N"}, {"method": "nvd", "score": "low"}], "low"),
        ([{"method": "cvss_v3", "score": "CVSS:3.1/AV:N"}], "critical"),
        (["low"], "critical"),
        ({"method": "nvd", "score": "low"}, "low"),
    ],
)
def test_in_totos_scores_come_to_the_worst_of_them(scores, severity):
    assert severities([{"id": "CVE-1", "severity": scores}]) == [severity]
    assert severities([{"vulnerability": {"id": "CVE-1", "severity": scores}}]) == [severity]


@pytest.mark.parametrize(
    "entry", [None, "CVE-1", {}, {"id": ""}, {"id": 5}, {"id": "CVE-1", "severity": "low"}, {"vulnerability": {}}]
)
def test_t22_an_entry_of_in_totos_list_of_another_shape_is_unreadable(entry):
    with pytest.raises(Unreadable):
        read_result([entry])


def test_bare_counts_are_read_and_have_no_findings():
    report = read_result({"CRITICAL": 3, "high": 0})
    assert report.counts == {"critical": 3, "high": 0}
    assert report.findings is None


@pytest.mark.parametrize(
    "counts",
    [
        {"critical": -1},
        {"critical": "0"},
        {"critical": True},
        {"critical": 0.0},
        {"critical": None},
        {"critical": 0, "CRITICAL": 3},
    ],
)
def test_t23_a_count_that_is_no_number_of_findings_is_unreadable(counts):
    with pytest.raises(Unreadable):
        read_result(counts)


@pytest.mark.parametrize(
    "result", [None, "clean", 0, {}, {"passed": True}, {"critical": 0, "passed": True}, {"runs": []}]
)
def test_t22_a_result_of_no_known_form_is_unreadable(result):
    with pytest.raises(Unreadable):
        read_result(result)


def test_the_worst_severity_stands_first():
    assert SEVERITIES[0] == "critical"
    assert SEVERITIES[-1] == "unknown"
