"""What `attestation:` can ask, each word through the real proxy: the right statement admits, each hostile twin is told why."""

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from proxy.demo.images import Blob
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag, Repository
from tests.fakes.predicates import (
    CYCLONEDX,
    GRYPE,
    SLSA_V02,
    SLSA_V1,
    SPDX,
    TEST,
    TRIVY,
    VSA_V02,
    VSA_V1,
    VULNS_V02,
    scan,
)
from tests.fakes.signing import AT, b64, envelope, pae
from tests.fakes.site import APP, NOW, SIGN, Site, check, image, spoiled, statement

V02, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
SPDX_TYPE, SPDX_23 = "https://spdx.dev/Document", "https://spdx.dev/Document/v2.3"
CYCLONEDX_TYPE = "https://cyclonedx.org/bom"
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
VULNS_1, VULNS_2 = "https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns/v0.2"
TESTED = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY_2, SUMMARY_1 = "https://slsa.dev/verification_summary/v0.2", "https://slsa.dev/verification_summary/v1"
OWN = "https://acme.test/review/v1"
SPDX_3 = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [{"type": "SpdxDocument"}]}

HERMETIC = "https://mobyproject.org/buildkit@v1#hermetic"
BUILT = (
    'hermetic && materialsComplete && materials.exists(m, m.uri.startsWith("pkg:docker/debian@")) && '
    'externalParameters.target == "trainer"'
)
RUN = ("runDetails", "builder", "id")
ASKED_FOR = ("buildDefinition", "externalParameters", "workflow")
FOUND = ("scanner", "result", "Results", 0, "Vulnerabilities")


@dataclass(frozen=True)
class Row:
    """`asked` stands beside `by: scanner`. `right` and `twins` are (predicate type, predicate), twins with a sentence."""

    name: str
    asked: str
    right: list[tuple[str, Any]]
    twins: list[tuple[str, Any, str]]


def provenance(asked: str) -> str:
    return f"attestation: slsa-provenance, where: {{ {asked} }}"


def scanned(*severities: str) -> dict[str, Any]:
    """A scan by Trivy with findings of these severities."""
    one = TRIVY["Results"][0]["Vulnerabilities"][0]
    found = [one | {"VulnerabilityID": f"CVE-{at}", "Severity": word} for at, word in enumerate(severities)]
    return spoiled(scan(TRIVY), *FOUND, to=found)


ROWS = [
    Row(
        "slsa-source-ref-and-workflow",
        provenance("source: github.com/acme/ml, ref: 'refs/tags/v*', workflow: .github/workflows/release.yml"),
        [(V02, SLSA_V02), (V1, SLSA_V1)],
        [
            (
                V02,
                spoiled(
                    SLSA_V02, "invocation", "configSource", "uri", to="git+https://github.com/acme/ml2@refs/tags/v1"
                ),
                "source is 'github.com/acme/ml2'; the rule asks for github.com/acme/ml",
            ),
            (V1, spoiled(SLSA_V1, *ASKED_FOR, "repository", to="https://evil.test/acme/ml"), "source is "),
            (V1, spoiled(SLSA_V1, *ASKED_FOR, "ref", to="refs/heads/main"), "ref is "),
            (
                V02,
                spoiled(SLSA_V02, "invocation", "configSource", "entryPoint", to="test.yml"),
                "workflow is 'test.yml'; the rule asks for .github/workflows/release.yml",
            ),
            (V1, SLSA_V02, "the provenance's buildDefinition is missing"),
            (V02, SLSA_V1, "provenance's builder is missing"),
        ],
    ),
    Row(
        "slsa-builder-and-type",
        provenance("builder: 'https://ci.acme.test/builder@v2', buildType: 'https://ci.acme.test/build@v*'"),
        [(V02, SLSA_V02)],
        [
            (
                V02,
                spoiled(SLSA_V02, "builder", "id", to="https://ci.acme.test/builder@v2.evil"),
                "builder is 'https://ci.acme.test/builder@v2.evil'; the rule asks for https://ci.acme.test/builder@v2",
            ),
            (V02, spoiled(SLSA_V02, "builder", "id", to="https://ci.acme.test/builder@v2/x"), "builder is "),
            (V02, spoiled(SLSA_V02, "builder", "id"), "builder is not told"),
            (V02, spoiled(SLSA_V02, "buildType", to="https://ci.acme.test/build@v1/x"), "buildType is "),
            (V02, spoiled(SLSA_V02, "buildType"), "buildType is missing"),
        ],
    ),
    Row(
        "slsa-level-by-builder",
        provenance("level: '>=3'")
        + ", levels: { 'https://github.com/actions/runner/github-hosted': 3, 'https://github.com/**': 1 }",
        [(V1, SLSA_V1)],
        [
            (V1, spoiled(SLSA_V1, *RUN, to="https://github.com/actions/runner/self-hosted"), "level is 1"),
            (V1, spoiled(SLSA_V1, *RUN, to="https://github.com.evil.test/"), "level is 0; the rule asks for >=3"),
            (V02, SLSA_V02 | {"level": 4}, "level is 0"),
        ],
    ),
    Row(
        "slsa-hermetic-materials-and-parameters",
        f"attestation: slsa-provenance, condition: '{BUILT}'",
        [(V02, SLSA_V02)],
        [
            (V02, spoiled(SLSA_V02, "metadata", HERMETIC), "is not met"),
            (V02, spoiled(SLSA_V02, "materials", to=[]), "is not met"),
            (V02, spoiled(SLSA_V02, "invocation", "parameters", "target"), "has no answer: "),
        ],
    ),
    Row(
        "sbom-ban-list",
        "attestation: sbom, condition: '!components.exists(c, c.name == \"log4shell\")'",
        [
            *((each, SPDX) for each in (SPDX_TYPE, SPDX_23)),
            (SPDX_TYPE, SPDX | {"spdxVersion": "SPDX-2.2"}),
            *((CYCLONEDX_TYPE, CYCLONEDX | {"specVersion": each}) for each in ("1.4", "1.5", "1.6", "1.7")),
        ],
        [
            (SPDX_TYPE, spoiled(SPDX, "packages", 1, "name", to="log4shell"), "is not met"),
            (
                CYCLONEDX_TYPE,
                spoiled(CYCLONEDX, "components", 0, "components", 0, "components", 0, "name", to="log4shell"),
                "is not met",
            ),
            (SPDX_TYPE, SPDX_3, "the SBOM is SPDX 3"),
            (SPDX_TYPE, SPDX | {"spdxVersion": "SPDX-3.0"}, "the SBOM is of version 'SPDX-3.0', which is not read"),
            (CYCLONEDX_TYPE, CYCLONEDX | {"specVersion": "2.0"}, "'CycloneDX' '2.0', which is not read"),
            (SPDX_TYPE, SPDX | CYCLONEDX, "both as SPDX and as CycloneDX"),
            (SPDX_TYPE, "SPDXVersion: SPDX-2.3", "the SBOM is a text, not a JSON object"),
            (SPDX_TYPE, spoiled(SPDX, "packages"), "list of packages is missing"),
            (SPDX_TYPE, SPDX | {"packages": []}, "lists no components, so that it tells nothing of them"),
            (CYCLONEDX_TYPE, CYCLONEDX | {"components": [], "metadata": {}}, "lists no components"),
        ],
    ),
    Row(
        "sbom-licences-and-versions",
        'attestation: sbom, where: { format: spdx, count: ">=2" }, condition: '
        '\'components.all(c, !("AGPL-3.0-only" in c.licences)) && createdAt > timestamp("2026-01-01T00:00:00Z")\'',
        [(SPDX_TYPE, SPDX)],
        [
            (CYCLONEDX_TYPE, CYCLONEDX, "format is 'cyclonedx'; the rule asks for spdx"),
            (SPDX_TYPE, spoiled(SPDX, "packages", 1), "count is 1; the rule asks for >=2"),
            (SPDX_TYPE, spoiled(SPDX, "packages", 0, "licenseDeclared", to="AGPL-3.0-only"), "is not met"),
            (SPDX_TYPE, spoiled(SPDX, "creationInfo", "created"), "createdAt is not told"),
        ],
    ),
    Row(
        "vuln-counts",
        "attestation: vuln, where: { critical: 0, high: '<=1' }",
        [
            (VULN, scanned("HIGH", "LOW")),
            (VULN, scan(GRYPE)),
            (VULNS_1, VULNS_V02),
            (VULNS_2, VULNS_V02),
            (VULN, scan({"critical": 0, "high": 1})),
        ],
        [
            (VULN, scanned("CRITICAL"), "critical is 1; the rule asks for 0"),
            (VULN, scanned("HIGH", "HIGH"), "high is 2; the rule asks for <=1"),
            (VULN, scanned("Critique"), "critical is 1"),
            (VULN, spoiled(scan(GRYPE), "scanner", "result", "matches", 0, "vulnerability", "severity"), "critical is"),
            (VULN, spoiled(scan(GRYPE), "scanner", "result", "matches"), "cannot be read"),
            (VULN, scan({"Results": [], "SchemaVersion": 2}), "cannot be read"),
            (VULN, scan(None), "cannot be read"),
            (VULN, scan({"critical": -1, "high": 0}), "cannot be read"),
            (VULN, scan({"high": 0}), "critical is not told; the rule asks for 0"),
            (VULNS_2, spoiled(VULNS_V02, "scanner", "result", 0, "severity", 0, "score", to="critical"), "critical is"),
        ],
    ),
    Row(
        "vuln-fixable-ids-and-database",
        "attestation: vuln, where: { fixableCritical: 0, scanner: 'pkg:github/acme/scanner@1' }, condition: "
        '\'!("CVE-2026-0005" in ids) && dbTime > timestamp("2026-10-30T00:00:00Z")\'',
        [(VULN, scan(GRYPE)), (VULNS_2, VULNS_V02)],
        [
            (VULN, spoiled(scan(GRYPE), "scanner", "uri", to="pkg:github/acme/scanner@1?x"), "scanner is "),
            (
                VULN,
                spoiled(scan(GRYPE), "scanner", "result", "matches", 1, "vulnerability", "id", to="CVE-2026-0005"),
                "is not met",
            ),
            (
                VULN,
                spoiled(
                    scan(GRYPE), "scanner", "result", "descriptor", "db", "status", "built", to="2026-10-01T00:00:00Z"
                ),
                "is not met",
            ),
            (VULN, spoiled(scan(GRYPE), "scanner", "result", "descriptor", "db"), "dbTime is not told"),
        ],
    ),
    Row(
        "verification-summary",
        "attestation: vsa, where: { verifier: 'https://acme.test/verifier', passed: true, "
        "resource: ghcr.io/acme/ml/trainer, levels: ['SLSA_BUILD_LEVEL_3', 'SLSA_LEVEL_3'] }",
        [(SUMMARY_1, VSA_V1), (SUMMARY_2, VSA_V02)],
        [
            (SUMMARY_1, VSA_V1 | {"verificationResult": "FAILED"}, "passed is false; the rule asks for true"),
            (SUMMARY_1, VSA_V1 | {"verifier": {"id": "https://acme.test/verifier2"}}, "verifier is "),
            (SUMMARY_1, VSA_V1 | {"resourceUri": "ghcr.io/acme/ml/other"}, "resource is "),
            (SUMMARY_1, VSA_V1 | {"verifiedLevels": []}, "levels is empty"),
            (SUMMARY_1, VSA_V1 | {"verifiedLevels": ["SLSA_BUILD_LEVEL_2"]}, "levels is SLSA_BUILD_LEVEL_2"),
            (SUMMARY_1, VSA_V02, "cannot be read"),
            (SUMMARY_1, VSA_V1 | {"verificationResult": "passed"}, "which is none of PASSED, FAILED"),
        ],
    ),
    Row(
        "tests",
        "attestation: test, where: { passed: true, passedTests: e2e }",
        [(TESTED, TEST)],
        [
            (TESTED, TEST | {"result": "WARNED"}, "passed is false"),
            (TESTED, TEST | {"result": "FAILED"}, "passed is false"),
            (TESTED, TEST | {"passedTests": ["unit", "e2e-not"]}, "passedTests is unit, e2e-not"),
            (TESTED, TEST | {"passedTests": []}, "passedTests is empty"),
            (TESTED, TEST | {"failedTests": ["e2e"]}, "says PASSED and lists failed tests"),
            (TESTED, spoiled(TEST, "result"), "cannot be read"),
        ],
    ),
    Row(
        "any-uri",
        f"attestation: '{OWN}', condition: 'predicate.verdict == \"good\" && size(predicate.reviewers) >= 2'",
        [(OWN, {"verdict": "good", "reviewers": ["a", "b"]})],
        [
            (OWN, {"verdict": "bad", "reviewers": ["a", "b"]}, "is not met"),
            (OWN, {"verdict": "good", "reviewers": []}, "is not met"),
            (OWN, {"verdict": "good"}, "has no answer"),
            (OWN, {}, "has no answer"),
            (OWN, None, "has no answer"),
            (f"{OWN}0", {"verdict": "good", "reviewers": ["a", "b"]}, f"no {OWN} by scanner (1 found)"),
        ],
    ),
]


@pytest.mark.parametrize("form", ["att", "bundle"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_each_fact_that_is_asked_for_admits_what_is_right_and_refuses_its_twins_with_a_sentence(
    tmp_path, row, form
):
    async with Site(tmp_path, f"require: [{{ {row.asked}, by: scanner }}]") as site:
        for number, (kind, predicate) in enumerate(row.right):
            right = site.publish(image(f"right {number}"), tag=f"right-{number}")
            site.attest(right, kind, predicate, by="scanner", form=form)
            decision = await site.admitted(f"right-{number}")
            assert decision["summary"].startswith(row.asked.partition(": ")[2].partition(",")[0].strip("'"))
        for number, (kind, predicate, sentence) in enumerate(row.twins):
            twin = site.publish(image(f"twin {number}"), tag=f"twin-{number}")
            site.attest(twin, kind, predicate, by="scanner", form=form)
            assert sentence in await site.refused(f"twin-{number}"), (number, site.decision(twin.digest))


# --- the statement itself

# Good facts of each alias, which then come as no proof at all.
ALIASES = {
    "slsa-provenance": (V1, SLSA_V1),
    "sbom": (SPDX_TYPE, SPDX),
    "vuln": (VULN, scan(GRYPE)),
    "vex": ("https://openvex.dev/ns/v0.2.0", {"timestamp": "2026-11-01T00:00:00Z", "statements": []}),
    "test": (TESTED, TEST),
    "vsa": (SUMMARY_1, VSA_V1),
    "sign": (SIGN, {}),
    OWN: (OWN, {"verdict": "good"}),
}


def rewritten(site, made, kind, predicate):
    """Each way in which the right words are no evidence, as layers of `.att`: (what is wrong, the layer)."""
    payload = statement(made.digest, kind, predicate)
    scanner = site.voices["scanner"]
    whole = json.loads(scanner.layer(payload).raw)
    other = statement(Digest.of(b"another image"), kind, predicate)
    yield "by a key that nobody named", site.voices["stranger"].layer(payload)
    yield "by a signer who was named for something else", site.voices["security"].layer(payload)
    yield "without a signature", _layer(envelope(payload))
    yield "with an empty signature", _layer(envelope(payload, b""))
    yield "with garbage for a signature", _layer(envelope(payload, b"garbage"))
    yield "with the signature of other words", _layer(envelope(payload, scanner.sign(pae(other))))
    yield "with its words changed", _layer(json.dumps(whole | {"payload": b64(other)}).encode())
    yield "without its timestamp", _layer(json.dumps(whole).encode())
    yield "about another image", scanner.layer(other)
    yield "about nothing", scanner.layer(statement(made.digest, kind, predicate, subject=[]))
    yield "of another type", scanner.layer(statement(made.digest, f"{kind}/", predicate))
    yield "of no type", scanner.layer(statement(made.digest, "", predicate))
    yield "of a type in a list", scanner.layer(statement(made.digest, kind, predicate, predicateType=[kind]))
    yield "as no statement", scanner.layer(statement(made.digest, kind, predicate, _type="https://acme.test/x"))
    yield "as another payload", _layer(scanner.dsse(payload, kind="application/json"))
    yield "as a broken document", scanner.layer(payload[:-1])
    yield "without an envelope", Blob(payload, mediatype.IN_TOTO, {})


def _layer(raw: bytes) -> Blob:
    return Blob(raw, mediatype.DSSE, {"dev.cosignproject.cosign/signature": ""})


@pytest.mark.parametrize("alias", ALIASES)
async def test_t22_t23_t24_the_right_words_admit_nothing_where_they_are_no_statement_of_this_image_by_the_signer(
    tmp_path, alias
):
    kind, predicate = ALIASES[alias]
    async with Site(tmp_path, f"require: [{{ attestation: '{alias}', by: scanner }}]") as site:
        good = site.publish(image("good"), tag="good")
        site.attest(good, kind, predicate, by="scanner")
        await site.admitted("good")
        site.publish(image("silent"), tag="silent")
        assert f"no {alias} by scanner (0 found)" in await site.refused("silent")
        every = site.publish(image("every"), tag="every")
        for number, (wrong, layer) in enumerate(rewritten(site, every, kind, predicate)):
            made = site.publish(image(f"twin {number}"), tag=f"twin-{number}")
            (alone,) = [each for name, each in rewritten(site, made, kind, predicate) if name == wrong]
            site.put_layer(made, alone)
            site.put_layer(every, layer)
            message = await site.refused(f"twin-{number}")
            assert f"no {alias} by scanner (" in message, wrong
        assert f"no {alias} by scanner (" in await site.refused("every")
        site.attest(every, kind, predicate, by="scanner")
        site.clock.forward(minutes=2)
        await site.admitted("every")


async def test_t26_what_is_attested_signs_nothing_and_what_signs_attests_nothing_else(tmp_path):
    async with Site(tmp_path, "require: [{ signature: scanner }]") as site:
        app = site.publish(image())
        site.attest(app, SPDX_TYPE, SPDX, by="scanner")
        site.attest(app, VULN, scan(GRYPE), by="scanner", form="bundle")
        assert "no signature by scanner" in await site.refused()
        site.change("require: [{ attestation: sbom, by: scanner }, { attestation: sign, by: scanner }]")
        assert "no sign by scanner" in await site.refused()
        site.attest(app, SIGN, {}, by="scanner", form="bundle")
        site.clock.forward(minutes=2)
        await site.admitted()
        site.change("require: [{ signature: scanner }, { attestation: test, by: scanner }]")
        assert "no test by scanner" in await site.refused()


async def test_t25_after_the_first_pull_what_the_upstream_swapped_is_not_what_conditions_are_asked_of(tmp_path):
    async with Site(tmp_path, "require: [{ attestation: vuln, by: scanner, where: { critical: 0 } }]") as site:
        app = site.publish(image())
        site.attest(app, VULN, scan(GRYPE), by="scanner")
        await site.admitted()
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner")
        tag = EvidenceTag(app.digest, ".att").tag.name
        repo = site.upstream.repos[APP]
        raw, _ = repo.manifests[repo.tags[tag]]
        for layer in json.loads(raw)["layers"]:
            repo.blobs[Digest.parse(layer["digest"])] = b"{}"
        site.change("require: [{ attestation: vuln, by: scanner, where: { critical: 0 }, name: again }]")
        assert check(await site.admitted(), "again")["details"]["predicateType"] == VULN
        site.change("require: [{ attestation: vuln, by: scanner, where: { total: 99 } }]")
        assert "total is " in await site.refused()


# --- age

AGED = "require: [{ attestation: vuln, by: scanner, maxAge: 7d, grace: 2d, where: { critical: 0 } }]"


def fresh(**ago: float) -> Any:
    return NOW - timedelta(**ago)


async def test_the_newest_proved_scan_decides_and_an_old_good_one_hides_nothing(tmp_path):
    async with Site(tmp_path, AGED) as site:
        app = site.publish(image())
        site.attest(app, VULN, scan(GRYPE), by="scanner", at=fresh(days=3))
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner", at=fresh(days=2))
        assert "critical is 1; the rule asks for 0" in await site.refused()
        site.attest(app, VULN, scan(GRYPE), by="scanner", at=fresh(days=1))
        site.clock.forward(minutes=2)
        decision = await site.admitted()
        assert check(decision, "vuln")["details"]["provedAt"] == fresh(days=1).isoformat()


async def test_a_claimed_scan_time_and_an_unproved_one_count_for_no_age(tmp_path):
    async with Site(tmp_path, AGED) as site:
        app = site.publish(image())
        young = spoiled(scan(GRYPE), "metadata", "scanFinishedOn", to="2026-11-10T00:00:00Z")
        site.attest(app, VULN, young, by="scanner", at=fresh(days=8))
        assert f"is of {fresh(days=8):%Y-%m-%d}T12:00Z, older than 7d" in await site.refused()
        site.put_layer(app, site.voices["team"].layer(statement(app.digest, VULN, young)))
        site.put_layer(app, _layer(site.voices["scanner"].dsse(statement(app.digest, VULN, young))))
        site.clock.forward(minutes=2)
        assert "older than 7d" in await site.refused()


async def test_grace_keeps_what_was_admitted_with_an_alarm_and_admits_nothing_new(tmp_path):
    async with Site(tmp_path, AGED) as site:
        for tag in ("v1", "new"):
            made = site.publish(image(tag), tag=tag)
            site.attest(made, VULN, scan(GRYPE), by="scanner", at=fresh(days=1))
        first = await site.admitted("v1")
        assert first["graceFrom"] == fresh(days=-6).isoformat()
        assert first["expiresAt"] == fresh(days=-8).isoformat()
        site.clock.forward(days=7)
        site.change(AGED.replace("critical: 0", "critical: 0, high: '<=5'"))
        decision = await site.admitted("v1")
        assert "older than 7d" in decision["alarms"][0]
        assert "scanner must attest again before" in decision["alarms"][0]
        assert "older than 7d" in await site.refused("new")
        site.clock.forward(days=2)
        assert "older than 7d" in await site.refused("v1")


# --- VEX

VEXED = "require: [{ attestation: vuln, by: scanner, vex: security, where: { critical: 0 } }]"


def vex(digest: Digest, status: str = "not_affected", **changes: Any) -> dict[str, Any]:
    said = {
        "vulnerability": {"name": "CVE-0"},
        "products": [{"@id": f"pkg:oci/app@{digest}"}],
        "status": status,
        **({"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}),
    }
    head = {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.test/vex/7", "author": "Acme"}
    return head | {"timestamp": "2026-11-02T00:00:00Z", "statements": [said | changes]}


VEX_TYPE = "https://openvex.dev/ns/v0.2.0"


@pytest.mark.parametrize("status", ["not_affected", "fixed"])
async def test_a_trusted_signers_vex_statement_takes_a_finding_out_and_the_decision_says_so(tmp_path, status):
    async with Site(tmp_path, VEXED) as site:
        app = site.publish(image())
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner")
        assert "critical is 1" in await site.refused()
        site.attest(app, VEX_TYPE, vex(app.digest, status), by="security", form="bundle")
        site.clock.forward(minutes=2)
        decision = await site.admitted()
        passed = check(decision, "vuln")
        assert passed["details"]["suppressed"] == "CVE-0"
        assert len(passed["evidence"]) == 4, "the scan and the statement"
        site.attest(app, VEX_TYPE, vex(app.digest, "affected") | {"timestamp": "2026-11-03T00:00:00Z"}, by="security")
        again = await site.proxy.pipeline.rooms.judge.again(Repository("reg.test", APP), app.digest)
        assert "critical is 1" in again.summary


async def test_no_other_vex_statement_takes_anything_out(tmp_path):
    async with Site(tmp_path, VEXED) as site:
        other = Digest.of(b"other")
        twins = {
            "by-stranger": ("stranger", vex),
            "by-scanner": ("scanner", vex),
            "of-another-image": ("security", lambda _: vex(other)),
            "no-reason": ("security", lambda digest: spoiled(vex(digest), "statements", 0, "justification")),
            "investigated": ("security", lambda digest: vex(digest, "under_investigation")),
            "of-another-cve": ("security", lambda digest: vex(digest, vulnerability={"name": "CVE-1"})),
            "of-another-part": (
                "security",
                lambda digest: vex(
                    digest,
                    products=[{"@id": f"pkg:oci/app@{digest}", "subcomponents": [{"@id": "pkg:deb/debian/other"}]}],
                ),
            ),
            "unreadable": ("security", lambda digest: spoiled(vex(digest), "timestamp")),
            "empty": ("security", lambda digest: vex(digest) | {"statements": []}),
        }
        for tag, (by, made) in twins.items():
            app = site.publish(image(tag), tag=tag)
            site.attest(app, VULN, scanned("CRITICAL"), by="scanner")
            site.attest(app, VEX_TYPE, made(app.digest), by=by)
            assert "critical is 1; the rule asks for 0" in await site.refused(tag), tag


async def test_vex_without_a_signer_named_for_it_is_not_heard(tmp_path):
    async with Site(tmp_path, VEXED.replace(" vex: security,", "")) as site:
        app = site.publish(image())
        site.attest(app, VULN, scanned("CRITICAL"), by="scanner")
        site.attest(app, VEX_TYPE, vex(app.digest), by="security")
        site.attest(app, VEX_TYPE, vex(app.digest), by="scanner")
        assert "critical is 1" in await site.refused()


# --- what the Decision tells


async def test_an_attestation_is_called_by_its_name_and_its_refusal_says_what_is_asked(tmp_path):
    rule = (
        "require: [{ attestation: sbom, by: scanner, name: no-banned-package, "
        "condition: '!components.exists(c, c.name == \"musl\")' }]"
    )
    async with Site(tmp_path, rule) as site:
        app = site.publish(image())
        site.attest(app, SPDX_TYPE, SPDX, by="scanner")
        message = await site.refused()
        assert "sbom by scanner: condition" in message
        assert "is not met" in message
        decision = site.decision(app.digest)
        assert (decision["reason"], check(decision, "no-banned-package")["passed"]) == ("condition", False)


async def test_t22_a_predicate_deeper_than_any_is_a_rejection_and_no_crash(tmp_path):
    async with Site(tmp_path, f"require: [{{ attestation: '{OWN}', by: scanner }}]") as site:
        app = site.publish(image())
        head, tail = statement(app.digest, OWN, {"x": 0}).split(b'{"x": 0}')
        deep = head + b'{"x":' * 70 + b"0" + b"}" * 70 + tail
        site.put_layer(app, site.voices["scanner"].layer(deep))
        assert f"no {OWN} by scanner" in await site.refused()
        (rejection,) = site.decision(app.digest)["rejections"]
        assert "deep" in rejection["reason"]


async def test_what_was_signed_at_no_proved_time_is_no_word_of_a_signer_who_must_prove_one(tmp_path):
    async with Site(tmp_path, "require: [{ attestation: sbom, by: scanner }]") as site:
        app = site.publish(image())
        layer = site.voices["scanner"].layer(statement(app.digest, SPDX_TYPE, SPDX), at=AT)
        token = json.loads(layer.annotations["dev.sigstore.cosign/rfc3161timestamp"])["SignedRFC3161Timestamp"]
        raw = bytearray(base64.b64decode(token))
        raw[-1] ^= 1
        stamp = json.dumps({"SignedRFC3161Timestamp": b64(bytes(raw))})
        said = dict(layer.annotations) | {"dev.sigstore.cosign/rfc3161timestamp": stamp}
        site.put_layer(app, Blob(layer.raw, layer.media_type, said))
        assert "no sbom by scanner (1 found)" in await site.refused()
        assert "timestamp" in site.decision(app.digest)["rejections"][0]["reason"]
