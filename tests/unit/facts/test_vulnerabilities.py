"""What is not told counts as the worst; and VEX takes out only what it speaks of, saying so."""

import copy

import pytest

from proxy.facts import Unreadable, apply_vex, read
from tests.fakes.predicates import GRYPE, IMAGE, SPDX, TRIVY, VEX, VULNS_V02, scan

KIND = "https://cosign.sigstore.dev/attestation/vuln/v1"
COUNTS = ("critical", "high", "medium", "low", "negligible", "unknown")
FIXABLE = ("fixable", "fixableCritical", "fixableHigh", "fixableMedium", "fixableLow")


def counts(facts, names=COUNTS):
    return tuple(facts.values[name] for name in names)


def statements(document=VEX):
    return read("https://openvex.dev/ns", document).values["statements"]


def test_trivys_findings_are_counted():
    facts = read(KIND, scan(TRIVY))
    assert counts(facts) == (1, 0, 0, 0, 0, 1)
    assert counts(facts, FIXABLE) == (1, 1, 0, 0, 0)
    assert facts.values["total"] == 2
    assert facts.values["ids"] == ["CVE-2026-0001", "CVE-2026-0002"]
    assert (facts.values["ignored"], facts.values["suppressed"]) == (0, [])


def test_grypes_findings_are_counted():
    facts = read(KIND, scan(GRYPE))
    assert counts(facts) == (0, 1, 0, 0, 1, 0)
    assert counts(facts, FIXABLE) == (1, 0, 1, 0, 0)
    assert facts.values["ignored"] == 1


def test_in_totos_list_is_counted():
    for kind in ("https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns/v0.2"):
        facts = read(kind, VULNS_V02)
        assert counts(facts) == (0, 0, 1, 0, 0, 0)
        assert facts.values["dbTime"] == "2026-10-31T00:00:00Z"


def test_bare_counts_leave_open_what_they_do_not_tell():
    facts = read(KIND, scan({"critical": 3}))
    assert counts(facts) == (3, None, None, None, None, None)
    assert counts(facts, FIXABLE) == (None,) * 5
    assert facts.values["total"] == 3
    assert facts.values["ids"] is facts.values["findings"] is None


def test_one_vulnerability_in_two_packages_counts_twice_and_has_one_id():
    twin = copy.deepcopy(TRIVY)
    twin["Results"][1]["Vulnerabilities"] = [twin["Results"][0]["Vulnerabilities"][0]]
    facts = read(KIND, scan(twin))
    assert facts.values["critical"] == 2
    assert facts.values["ids"].count("CVE-2026-0001") == 1


@pytest.mark.parametrize(
    ("result", "metadata", "scanned"),
    [
        (TRIVY, {"scanFinishedOn": "2026-11-20T00:00:00Z"}, "2026-11-01T08:00:00.123456Z"),
        (TRIVY, {"scanFinishedOn": "2026-10-01T00:00:00Z"}, "2026-10-01T00:00:00Z"),
        (
            [],
            {"scanStartedOn": "2026-10-01T00:00:00Z", "scanFinishedOn": "2026-10-01T00:00:05Z"},
            "2026-10-01T00:00:05Z",
        ),
        (
            [],
            {"scanStartedOn": "2026-10-01T00:00:00Z", "scanFinishedOn": "0001-01-01T00:00:00Z"},
            "2026-10-01T00:00:00Z",
        ),
        ([], None, None),
    ],
)
def test_an_old_scan_that_was_wrapped_anew_is_old(result, metadata, scanned):
    facts = read(KIND, {**scan(result), "metadata": metadata})
    assert facts.values["scanTime"] == scanned
    assert (facts.created is None) == (scanned is None)


def test_the_scanner_is_named_as_the_predicate_names_it():
    facts = read(KIND, scan(GRYPE))
    assert (facts.values["scanner"], facts.values["scannerVersion"]) == ("pkg:github/acme/scanner@1", "1.0")
    unnamed = scan(GRYPE)
    unnamed["scanner"] |= {"uri": "", "version": ""}
    facts = read(KIND, unnamed)
    assert (facts.values["scanner"], facts.values["scannerVersion"]) == ("grype", "0.100.0")


@pytest.mark.parametrize("scanner", [None, [], {}, {"result": None}, {"uri": "x"}, {"uri": 5, "result": []}])
def test_t23_a_scan_without_a_result_is_unreadable(scanner):
    with pytest.raises(Unreadable):
        read(KIND, {**scan([]), "scanner": scanner})


def test_a_statement_takes_its_finding_out_of_every_count_and_says_so():
    facts = apply_vex(read(KIND, scan(TRIVY)), statements(), digests={IMAGE})
    assert counts(facts) == (0, 0, 0, 0, 0, 1)
    assert counts(facts, FIXABLE) == (0, 0, 0, 0, 0)
    assert facts.values["total"] == 1
    assert facts.values["ids"] == ["CVE-2026-0002"]
    assert [each["id"] for each in facts.values["findings"]] == ["CVE-2026-0002"]
    assert facts.values["suppressed"] == [
        {
            "id": "CVE-2026-0001",
            "severity": "critical",
            "package": "libssl3",
            "version": "3.0.1",
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
            "impact": None,
            "document": "https://acme.test/vex/1",
            "author": "Acme Security",
            "timestamp": "2026-11-01T00:00:00Z",
        }
    ]


def test_a_statement_by_an_alias_of_the_finding_takes_it_out():
    facts = apply_vex(read(KIND, scan(GRYPE)), statements(), digests={IMAGE})
    assert counts(facts) == (0, 0, 0, 0, 1, 0)
    assert [each["status"] for each in facts.values["suppressed"]] == ["fixed"]


def test_the_scan_itself_is_not_changed():
    before = read(KIND, scan(TRIVY))
    apply_vex(before, statements(), digests={IMAGE})
    assert before == read(KIND, scan(TRIVY))


def test_statements_of_several_documents_add_up_and_none_is_told_twice():
    once = apply_vex(read(KIND, scan(TRIVY)), statements(), digests={IMAGE})
    assert apply_vex(once, statements(), digests={IMAGE}).values == once.values
    assert apply_vex(read(KIND, scan(TRIVY)), [*statements(), *statements()], digests={IMAGE}).values == once.values


def test_t23_no_statement_takes_nothing_out():
    before = read(KIND, scan(TRIVY))
    assert apply_vex(before, [], digests={IMAGE}).values == before.values
    assert apply_vex(before, statements(), digests={"sha256:" + "00" * 32}).values == before.values
    assert apply_vex(before, statements(), digests=()).values == before.values


def test_bare_counts_and_what_is_no_scan_stay_as_they_are():
    bare = read(KIND, scan({"critical": 1}))
    sbom = read("https://spdx.dev/Document", SPDX)
    assert apply_vex(bare, statements(), digests={IMAGE}) is bare
    assert apply_vex(sbom, statements(), digests={IMAGE}) is sbom
