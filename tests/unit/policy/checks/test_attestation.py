from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.facts import ALIASES, FIELDS
from proxy.policy.checks.attestation import AttestationRequirement
from proxy.policy.checks.where import Where
from proxy.policy.evaluate import Wanted, evaluate
from proxy.policy.requirements import AtLeast, SignatureRequirement
from proxy.verify.evidence import CertificateFacts, LogProof
from tests.unit.policy.cases import NOW, OTHER, case, proof, rejection, requiring, statement

COSIGN = "https://cosign.sigstore.dev/attestation/vuln/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
VEX = "https://openvex.dev/ns/v0.2.0"
BUILDER = "https://github.com/actions/runner/github-hosted"
DAY = timedelta(days=1)
TEST_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
TESTED = {"result": "PASSED", "passedTests": []}
VSA = {
    "verifier": {"id": "https://acme.test/v"},
    "resourceUri": "ghcr.io/acme/app",
    "verificationResult": "PASSED",
    "verifiedLevels": [],
}


def wanted(kind="vuln", signer="scan", **more):
    types = ALIASES.get(kind, (kind,))
    return AttestationRequirement(more.pop("name", kind), kind, types, signer, **more)


def scan(*severities, ids=(), at=NOW - DAY, **more):
    names = ids or [f"CVE-{number}" for number in range(len(severities))]
    found = [
        {"VulnerabilityID": name, "Severity": severity, "PkgName": "openssl", "InstalledVersion": "3"}
        for name, severity in zip(names, severities, strict=True)
    ]
    predicate = {
        "scanner": {"uri": "pkg:trivy", "result": {"SchemaVersion": 2, "Results": [{"Vulnerabilities": found}]}},
        "metadata": {"scanFinishedOn": "2026-11-09T00:00:00Z"},
    }
    return statement(predicate, of=COSIGN, at=at, **more)


def provenance(builder=BUILDER, source="https://github.com/acme/ml", **more):
    predicate = {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {"repository": source, "ref": "refs/tags/v1", "path": "r.yml"}},
        },
        "runDetails": {"builder": {"id": builder}},
    }
    return statement(predicate, of=PROVENANCE, **more)


def sbom(*names, **more):
    components = [{"type": "library", "name": name, "version": "1"} for name in names]
    predicate = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    return statement(predicate, of=CYCLONEDX, **more)


def judged(requirement, *evidence, **more):
    return evaluate(case(requiring(requirement), *evidence, **more))


def none_critical(**more):
    return wanted(where=(Where.number("critical", 0),), **more)


def test_an_attestation_by_the_signer_with_the_facts_asked_for_passes_and_shows_what_proved_it():
    facts = CertificateFacts("O=acme", "ab", "cd", NOW, NOW, san="https://x", issuer="https://i", extensions={"a": "b"})
    log = LogProof("l" * 64, "rekor.example", 7, "dsse 0.0.1", NOW)
    evidence = replace(scan("LOW"), certificate=facts, log=log, rests_on=("ca:1",), opinions=("pratique",))
    decision = judged(none_critical(), evidence)
    assert decision.is_allow
    assert decision.summary == "vuln by scan"
    assert decision.evidence == evidence.sources
    assert (decision.rests_on, decision.opinions) == (("ca:1",), ("pratique",))
    assert decision.proved_at == NOW - DAY
    shown = decision.checks[-1].details
    assert shown["identity"] == "key:scan"
    assert shown["predicateType"] == COSIGN
    assert (shown["san"], shown["issuer"], shown["extension.a"]) == ("https://x", "https://i", "b")
    assert (shown["log"], shown["logIndex"], shown["logEntry"]) == ("rekor.example", "7", "dsse 0.0.1")


@pytest.mark.parametrize(
    "foreign",
    [
        (),
        (proof("scan"),),
        (sbom("a"),),
        (scan(signer="stranger"),),
        (scan(subject=OTHER),),
        (replace(scan(), names=("ghcr.io/acme/other",)),),
        (replace(scan(), predicate_type=COSIGN + "x"),),
        (proof("scan"), sbom("a"), scan(signer="stranger"), provenance(), scan(subject=OTHER)),
    ],
    ids=[
        "nothing",
        "a signature",
        "another type",
        "another signer",
        "another image",
        "another name",
        "a near type",
        "all",
    ],
)
def test_t22_t23_only_the_wanted_type_by_the_signer_about_this_image_counts(foreign):
    assert judged(wanted(), *foreign).verdict == "deny"
    assert judged(wanted(max_age=30 * DAY), *foreign).verdict == "deny"


@pytest.mark.parametrize("alias", sorted(set(FIELDS) - {"image"}))
def test_t23_no_kind_of_attestation_passes_by_there_being_none(alias):
    decision = judged(wanted(alias))
    assert (decision.verdict, decision.reason) == ("deny", "unverified")
    assert decision.summary == f"no {alias} by scan (0 found)"


def test_t24_what_was_found_and_not_proved_is_counted_and_no_evidence():
    decision = judged(wanted(), rejections=[rejection("the envelope has no signature")])
    assert decision.summary == "no vuln by scan (1 found)"


def test_t26_an_attestation_by_the_right_identity_is_no_signature_of_the_image():
    evidence = [scan(signer="team"), sbom("a", signer="team"), provenance(signer="team")]
    decision = evaluate(case(requiring(SignatureRequirement("signature", "team")), *evidence))
    assert decision.verdict == "deny"
    assert decision.summary == "no signature by team (0 found)"


def test_a_signature_by_cosign_3_is_a_sign_statement_too_where_that_is_asked_for():
    of = ALIASES["sign"][0]
    evidence = proof("scan", names=None, predicate_type=of, predicate={})
    assert judged(wanted("sign"), evidence).is_allow
    assert judged(wanted(), evidence).verdict == "deny"


def test_one_good_among_a_hundred_bad_passes_in_any_order():
    bad = [scan("CRITICAL", source=f"s{number}") for number in range(100)]
    unread = [statement({"nothing": number}, of=COSIGN) for number in range(3)]
    good = scan("LOW", source="good")
    for evidence in ([good, *bad, *unread], [*bad, *unread, good], [*bad[:50], good, *bad[50:]]):
        decision = judged(none_critical(), *evidence)
        assert decision.is_allow
        assert decision.evidence == good.sources
    assert judged(none_critical(), *bad).summary == "vuln by scan: critical is 1; the rule asks for 0"


def test_with_max_age_the_newest_proved_one_decides_whatever_came_before():
    required = none_critical(max_age=7 * DAY)
    bad, good = scan("CRITICAL", at=NOW - 2 * DAY), scan("LOW", at=NOW - DAY)
    assert judged(required, bad, good).is_allow
    late = scan("CRITICAL", at=NOW - timedelta(hours=1), source="late")
    for order in ((bad, good, late), (late, good, bad)):
        decision = judged(required, *order)
        assert (decision.verdict, decision.reason) == ("deny", "condition")
        assert "critical is 1" in decision.summary


def test_of_two_scans_with_the_one_newest_time_each_must_pass():
    required = none_critical(max_age=7 * DAY)
    same = [scan("CRITICAL", source="a"), scan("LOW", source="b")]
    assert judged(required, *same).verdict == "deny"
    assert judged(required, *reversed(same)).verdict == "deny"
    assert judged(required, same[1]).is_allow


def test_the_newest_one_decides_even_where_it_may_not_be_used_any_more():
    newest = scan("LOW", at=NOW - DAY, until=NOW, source="n")
    assert judged(none_critical(max_age=7 * DAY), scan("LOW", at=NOW - 2 * DAY), newest).verdict == "deny"


def test_a_time_that_nothing_proves_counts_for_no_age():
    required = none_critical(max_age=7 * DAY)
    decision = judged(required, scan("LOW", at=None))
    assert decision.summary == "nothing proves when scan attested vuln, so that maxAge cannot be asked"
    assert judged(required, scan("CRITICAL", at=None), scan("LOW")).is_allow
    assert judged(required, scan("LOW", at=None), scan("CRITICAL")).verdict == "deny"


def test_max_age_is_counted_from_the_proved_time_to_the_second():
    required = none_critical(max_age=7 * DAY)
    assert judged(required, scan(at=NOW - 7 * DAY)).is_allow
    old = judged(required, scan(at=NOW - 7 * DAY - timedelta(seconds=1)))
    assert old.summary == "vuln by scan is of 2026-11-03T11:59Z, older than 7d"
    assert old.reason == "condition"


def test_grace_keeps_an_admitted_image_pullable_with_an_alarm_and_admits_no_new_one():
    required = none_critical(max_age=7 * DAY, grace=2 * DAY)
    evidence = scan(at=NOW - 8 * DAY)
    assert judged(required, evidence).verdict == "deny"
    decision = judged(required, evidence, was_admitted=True)
    assert decision.is_allow
    assert decision.is_alarm
    assert decision.checks[-1].is_alarm
    assert decision.alarms == (
        "vuln by scan is of 2026-11-02T12:00Z, older than 7d; scan must attest again before 2026-11-11T12:00Z",
    )
    assert decision.expires_at == NOW + DAY
    assert decision.is_in_grace(NOW)
    assert judged(required, scan(at=NOW - 10 * DAY), was_admitted=True).verdict == "deny"
    assert judged(none_critical(max_age=7 * DAY), evidence, was_admitted=True).verdict == "deny"


def test_grace_forgives_age_and_no_finding():
    required = none_critical(max_age=7 * DAY, grace=2 * DAY)
    assert judged(required, scan("CRITICAL", at=NOW - 8 * DAY), was_admitted=True).verdict == "deny"


def test_a_fresh_decision_lives_through_the_grace_and_tells_when_that_begins():
    decision = judged(none_critical(max_age=7 * DAY, grace=2 * DAY), scan(at=NOW - DAY))
    assert decision.expires_at == NOW + 8 * DAY
    assert decision.grace_from == NOW + 6 * DAY
    assert not decision.is_alarm
    assert decision.proved_at is None  # a scan of today tells nothing of the image's age
    assert judged(none_critical(max_age=7 * DAY), scan(at=NOW - DAY)).grace_from is None


def test_a_decision_ends_with_the_first_of_age_and_validity():
    evidence = scan(at=NOW - DAY, until=NOW + DAY)
    assert judged(none_critical(max_age=7 * DAY), evidence).expires_at == NOW + DAY
    assert judged(none_critical(), evidence).expires_at == NOW + DAY
    assert judged(none_critical(), scan(until=NOW)).summary == "vuln by scan was valid until 2026-11-10"


@pytest.mark.parametrize(
    ("where", "severities", "sentence"),
    [
        (Where.number("high", "<=1"), ["HIGH", "HIGH"], "vuln by scan: high is 2; the rule asks for <=1"),
        (Where.one_of("scanner", "pkg:grype"), [], "vuln by scan: scanner is 'pkg:trivy'; the rule asks for pkg:grype"),
        (Where.one_of("ids", "CVE-9"), ["LOW"], "vuln by scan: ids is CVE-0; the rule asks for CVE-9"),
        (Where.one_of("ids", "CVE-9"), [], "vuln by scan: ids is empty; the rule asks for CVE-9"),
        (Where.one_of("dbTime", "*"), [], "vuln by scan: dbTime is not told; the rule asks for *"),
        (Where.number("nonsense", 0), [], "vuln by scan: nonsense is not told; the rule asks for 0"),
    ],
)
def test_t27_each_fact_that_is_asked_for_and_not_so_is_a_sentence(where, severities, sentence):
    assert judged(wanted(where=(where,)), scan(*severities)).summary == sentence


def test_each_of_several_facts_must_be_so():
    required = wanted(where=(Where.number("critical", 0), Where.number("high", 0)))
    assert judged(required, scan("LOW")).is_allow
    assert judged(required, scan("HIGH")).verdict == "deny"
    assert judged(required, scan("CRITICAL")).verdict == "deny"


def test_a_condition_is_asked_of_the_facts():
    ban = '!components.exists(c, c.name == "banned")'
    required = wanted("sbom", condition=ban)
    assert judged(required, sbom("a", "b")).is_allow
    decision = judged(required, sbom("a", "banned"))
    assert (decision.verdict, decision.reason) == ("deny", "condition")
    assert decision.summary == f"sbom by scan: condition {ban!r} is not met"


@pytest.mark.parametrize(
    "condition",
    [
        '!components.exists(c, c.name == "banned")',
        "components.all(c, c.name != 'banned')",
        "!predicate.components.exists(c, c.name == 'banned')",
    ],
)
def test_t23_an_sbom_that_lists_nothing_passes_no_ban(condition):
    required = wanted("sbom", condition=condition)
    assert judged(required, sbom("a")).is_allow
    decision = judged(required, sbom())
    assert (decision.verdict, decision.reason) == ("deny", "condition")
    assert decision.summary == (
        "sbom by scan lists no components, so that it tells nothing of them; if that is right, ask for `count` too"
    )
    assert judged(wanted("sbom"), sbom()).is_allow, "that there is one was asked, and there is"


@pytest.mark.parametrize(
    "asked",
    [{"where": (Where.number("count", ">=0"),)}, {"condition": "count == 0"}, {"condition": "size(components) == 0"}],
)
def test_whoever_asks_how_many_components_there_are_may_want_none(asked):
    assert judged(wanted("sbom", **asked), sbom()).is_allow


@pytest.mark.parametrize(
    ("kind", "of", "predicate", "condition", "size"),
    [
        ("slsa-provenance", PROVENANCE, None, 'materials.all(m, m.uri.startsWith("pkg:docker/debian@"))', "materials"),
        ("vsa", "https://slsa.dev/verification_summary/v1", VSA, 'levels.all(l, l == "SLSA_BUILD_LEVEL_3")', "levels"),
        (
            "vex",
            VEX,
            {"timestamp": "2026-11-01T00:00:00Z", "statements": []},
            "!statements.exists(s, true)",
            "statements",
        ),
        (
            "test",
            "https://in-toto.io/attestation/test-result/v0.1",
            TESTED,
            "passedTests.all(t, t == 'x')",
            "passedTests",
        ),
    ],
)
def test_t23_a_condition_over_a_list_that_tells_nothing_is_not_met(kind, of, predicate, condition, size):
    evidence = provenance() if predicate is None else statement(predicate, of=of)
    decision = judged(wanted(kind, condition=condition), evidence)
    assert decision.verdict == "deny"
    assert f"lists no {size}, so that it tells nothing of them" in decision.summary
    assert judged(wanted(kind, condition=f"{condition} && size({size}) == 0"), evidence).is_allow


def test_t23_a_list_that_is_good_when_it_is_empty_stays_so():
    assert judged(wanted(condition="findings.all(f, f.severity == 'low')"), scan()).is_allow
    assert judged(wanted("test", condition="failedTests.all(t, false)"), statement(TESTED, of=TEST_TYPE)).is_allow


def test_an_error_in_a_condition_and_a_predicate_that_cannot_be_read_are_denies_with_the_sentence():
    decision = judged(wanted("sbom", condition="components.all(c, c.zip == 1)"), sbom("a"))
    assert decision.summary == (
        "sbom by scan: condition 'components.all(c, c.zip == 1)' has no answer: Key not found in map : \"zip\""
    )
    unread = judged(wanted("sbom"), statement({"bomFormat": "CycloneDX", "specVersion": "9.9"}, of=CYCLONEDX))
    assert unread.verdict == "deny"
    assert unread.summary.startswith("sbom by scan cannot be read: ")
    assert judged(wanted("sbom"), statement(["no object"], of=CYCLONEDX)).verdict == "deny"


def test_a_type_that_no_reader_knows_is_asked_by_its_predicate():
    of = "https://acme.example/review/v1"
    required = wanted(of, condition="predicate.approved == true")
    assert judged(required, statement({"approved": True}, of=of)).is_allow
    assert judged(required, statement({"approved": False}, of=of)).verdict == "deny"
    assert judged(required, statement({}, of=of)).verdict == "deny"
    assert judged(required, statement(None, of=of)).verdict == "deny"


def test_t37_provenance_of_another_image_counts_for_nothing():
    required = wanted("slsa-provenance", where=(Where.one_of("source", "github.com/acme/ml"),))
    assert judged(required, provenance()).is_allow
    assert judged(required, provenance(subject=OTHER)).verdict == "deny"
    assert judged(required, provenance(source="https://github.com/evil/ml")).verdict == "deny"


@pytest.mark.parametrize(
    "builder",
    [
        f"{BUILDER}@evil",
        f"{BUILDER}/evil",
        f"x{BUILDER}",
        BUILDER.upper(),
        f"{BUILDER}\n",
        "https://evil.example/hosted",
    ],
)
def test_t37_a_builder_is_compared_as_a_whole_and_a_star_crosses_no_slash(builder):
    exact = wanted("slsa-provenance", where=(Where.one_of("builder", BUILDER),))
    starred = wanted("slsa-provenance", where=(Where.one_of("builder", "https://github.com/actions/runner/*-hosted"),))
    for required in (exact, starred):
        assert judged(required, provenance()).is_allow
        assert judged(required, provenance(builder)).verdict == "deny"


def test_t37_the_level_is_what_the_policy_gives_the_whole_builder():
    levels = ((BUILDER, 3), ("https://github.com/actions/runner/*", 2))
    required = wanted("slsa-provenance", levels=levels, where=(Where.number("level", ">=3"),))
    assert judged(required, provenance()).is_allow
    assert judged(required, provenance("https://github.com/actions/runner/self-hosted")).verdict == "deny"
    told = judged(required, provenance(f"{BUILDER}@evil/x"))
    assert told.summary == "slsa-provenance by scan: level is 0; the rule asks for >=3"
    unmapped = wanted("slsa-provenance", where=(Where.number("level", ">=1"),))
    assert judged(unmapped, provenance()).verdict == "deny"


def vex(*vulnerabilities, status="not_affected", signer="owner", issued="2026-11-08T00:00:00Z", **more):
    statements = [
        {"vulnerability": {"name": name}, "status": status, "justification": "component_not_present"}
        for name in vulnerabilities
    ]
    predicate = {"@id": "doc", "author": "acme", "timestamp": issued, "version": 1, "statements": statements}
    return statement(predicate, signer, of=VEX, **more)


def test_a_vex_statement_by_the_trusted_signer_takes_a_finding_out_and_the_decision_says_so():
    required = none_critical(vex="owner")
    evidence = scan("CRITICAL", ids=["CVE-1"])
    assert required.signer_names == {"scan", "owner"}
    assert judged(required, evidence).verdict == "deny"
    spoken = vex("CVE-1")
    decision = judged(required, evidence, spoken)
    assert decision.is_allow
    assert decision.checks[-1].details["suppressed"] == "CVE-1"
    assert set(spoken.sources) <= set(decision.evidence)
    assert decision.identities == ("key:scan",)


@pytest.mark.parametrize(
    "spoken",
    [
        vex("CVE-2"),
        vex("CVE-1", signer="stranger"),
        vex("CVE-1", signer="scan"),
        vex("CVE-1", subject=OTHER),
        vex("CVE-1", status="affected"),
        vex("CVE-1", until=NOW),
        replace(vex("CVE-1"), kind="signature"),
        replace(vex("CVE-1"), predicate={"timestamp": "2026-11-08T00:00:00Z"}),
    ],
    ids=["of another", "a stranger's", "the scanner's", "another image", "affected", "past", "a signature", "unread"],
)
def test_no_other_statement_takes_anything_out(spoken):
    assert judged(none_critical(vex="owner"), scan("CRITICAL", ids=["CVE-1"]), spoken).verdict == "deny"


def test_the_latest_vex_statement_decides_in_any_order():
    evidence = scan("CRITICAL", ids=["CVE-1"])
    early, late = vex("CVE-1"), vex("CVE-1", status="affected", issued="2026-11-09T00:00:00Z")
    for order in ((early, late), (late, early)):
        assert judged(none_critical(vex="owner"), evidence, *order).verdict == "deny"
    again = vex("CVE-1", issued="2026-11-09T12:00:00Z")
    assert judged(none_critical(vex="owner"), evidence, again, late, early).is_allow


def test_a_decision_ends_with_the_vex_statement_that_it_used():
    evidence = scan("CRITICAL", ids=["CVE-1"])
    assert judged(none_critical(vex="owner"), evidence, vex("CVE-1", until=NOW + DAY)).expires_at == NOW + DAY
    assert judged(none_critical(vex="owner"), scan(), vex("CVE-1", until=NOW + DAY)).expires_at is None


def test_t30_one_key_that_signs_and_attests_counts_once():
    required = AtLeast("two", 2, (SignatureRequirement("signature", "team"), wanted()))
    assert judged(required, proof(key="k"), scan(key="k")).verdict == "deny"
    assert judged(required, proof(key="k"), scan(key="other")).is_allow


def test_what_was_not_looked_for_is_wanted_and_what_is_out_of_reach_is_open():
    assert judged(wanted(), gathered=False) == Wanted("signatures")
    assert judged(wanted(), gaps=("referrers are out of reach",)).verdict == "inconclusive"
    assert judged(wanted(), scan(), gaps=("referrers are out of reach",)).is_allow
    assert judged(wanted(), wanted_urls=("http://crl.example/1",)) == Wanted("revocation", ("http://crl.example/1",))
    assert judged(wanted(), scan(), wanted_urls=("http://crl.example/1",)).is_allow


def test_two_verifiers_that_disagree_about_it_are_told_by_a_word_of_their_own():
    alarm = rejection("verifiers disagree about it", signer="scan", is_alarm=True)
    decision = judged(wanted(), rejections=[alarm])
    assert (decision.verdict, decision.reason, decision.summary) == ("deny", "verifiers-disagree", alarm.reason)
    assert decision.alarms == (alarm.reason,)
    assert judged(wanted(), scan(), rejections=[alarm]).is_allow
    assert judged(wanted(), scan("LOW"), rejections=[alarm]).is_alarm


def test_everything_that_is_asked_for_is_in_the_fingerprint():
    plain = wanted()
    others = [
        wanted(name="other"),
        wanted("sbom"),
        wanted(signer="other"),
        wanted(where=(Where.number("critical", 0),)),
        wanted(condition="count == 1"),
        wanted(max_age=DAY),
        wanted(max_age=DAY, grace=DAY),
        wanted(covers="platform"),
        wanted(levels=(("b", 1),)),
        wanted(vex="owner"),
    ]
    assert len({str(each.plain()) for each in (plain, *others)}) == 1 + len(others)
