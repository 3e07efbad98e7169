"""The best attackers of evidence at work: malicious registries, siblings, and publishers with valid signatures of other things.

Each test is one attack on the whole proxy. Where it once came through, its sentence says what must hold.
"""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.config.replay import replay
from proxy.demo.images import Blob, Image, make_index, signature_manifest
from proxy.errors import ConfigError, StorageError
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.oci.manifest import MAX_PARTS, parse_manifest
from proxy.oci.reference import EvidenceTag
from proxy.oci.referrers import parse_listing
from proxy.pipeline.court.cases import read_case
from proxy.pipeline.gathering.catch import Catch, Opened
from proxy.pipeline.gathering.proofs import REFERRERS, Proof
from proxy.verify import lookup
from tests.fakes import pki, predicates
from tests.fakes.gathering import evidence
from tests.fakes.house import UPSTREAM
from tests.fakes.signing import Key, Workflow, b64, envelope
from tests.fakes.site import APP, NOW, SIGN, Site, check, image, index, simple_payload, spoiled, statement

VULN, VEX = "https://cosign.sigstore.dev/attestation/vuln/v1", "https://openvex.dev/ns/v0.2.0"
SPDX = "https://spdx.dev/Document"
PROVENANCE = "https://slsa.dev/provenance/v1"
PER_PLATFORM = "covers: platform\nrequire: [{ signature: team }]"
SIGNED = "require: [{ signature: team }]"
COMPANY = "corp: { certificates: ca.pem, revocation: skip }"


# --- Indexes


def listed(*entries: tuple[Image, str]) -> Image:
    """An Index that nobody signed, with what its maker says of each manifest."""
    whole = make_index([each for each, _ in entries])
    manifests = []
    for each, platform in entries:
        os, _, architecture = platform.partition("/")
        of = {"platform": {"os": os, "architecture": architecture}} if platform else {}
        manifests.append({"mediaType": each.media_type, "digest": str(each.digest), "size": each.size} | of)
    raw = json.dumps(json.loads(whole.manifest) | {"manifests": manifests}).encode()
    return replace(whole, manifest=raw, digest=Digest.of(raw))


def layer_of(made: Image) -> str:
    return json.loads(made.manifest)["layers"][0]["digest"]


@pytest.mark.parametrize(
    "marks", [["unknown/unknown"], ["unknown/unknown", "linux/amd64"], ["linux/amd64", "unknown/unknown"], [""]]
)
@pytest.mark.parametrize("asks_platforms", [False, True])
async def test_t10_an_image_in_an_attestations_clothes_is_judged_as_the_image_that_it_is(
    tmp_path, marks, asks_platforms
):
    """BuildKit's mark is anybody's word: an unsigned Index, admitted by one good platform, must not bring another image in."""
    platforms = "platforms: [linux/amd64, linux/arm64]\n" if asks_platforms else ""
    async with Site(tmp_path, platforms + PER_PLATFORM) as site:
        good, evil = image("good", platform="linux/arm64", layers=("good",)), image("evil", layers=("evil",))
        site.publish(listed((good, "linux/arm64"), *((evil, mark) for mark in marks)))
        site.signed(good)
        await site.admitted()
        assert (await site.blob(APP, layer_of(evil))).status in (403, 404)  # before anybody looked at it …
        assert "no signature by team" in await site.refused(evil.digest)
        assert (await site.blob(APP, layer_of(evil))).status in (403, 404)  # … and after
        assert (await site.blob(APP, layer_of(good))).status == 200
        await site.restart()
        assert "no signature by team" in await site.refused(evil.digest)


async def test_t10_what_cannot_be_run_is_served_beside_the_platform_that_it_is_about(tmp_path):
    async with Site(tmp_path, PER_PLATFORM) as site:
        app = image()
        raw = statement(app.digest, PROVENANCE, predicates.SLSA_V1)
        whole = site.publish(index(app, attached=((app, raw),)))
        site.signed(app)
        await site.admitted()
        attached = whole.children[1]
        assert (await site.manifest(APP, attached.digest)).status == 200
        assert (await site.blob(APP, layer_of(attached))).body == raw


@pytest.mark.parametrize("by", ["payload", "manifest"])
async def test_an_honest_index_that_is_signed_covers_children_of_whom_more_is_asked(tmp_path, by):
    """What proves the Index is not kept yet while its children are judged: it counts for them all the same."""
    rule = "require: [{ signature: team }, { image: { condition: 'config.user != \"root\"' } }]"
    async with Site(tmp_path, rule) as site:
        child, root = image(), image("root", platform="linux/arm64", User="root", layers=("x",))
        whole = site.publish(index(child, root))
        if by == "payload":
            site.signed(whole)
        else:
            signature = b64(Key(site.private).sign(whole.manifest))
            material = {"publicKey": {"hint": ""}, "tlogEntries": []}
            message = {"messageSignature": {"signature": signature}}
            site.put_bundle(
                whole, {"mediaType": mediatype.SIGSTORE_BUNDLE, "verificationMaterial": material, **message}
            )
        await site.admitted()
        await site.admitted(child.digest)
        assert "is not met" in await site.refused(root.digest)


async def test_what_is_said_of_an_index_later_counts_for_its_children_though_less_was_kept(tmp_path):
    rule = (
        "require: [{ signature: team }, { attestation: vuln, by: scanner, vex: security, covers: platform, where: %s }]"
    )
    async with Site(tmp_path, rule % "{ critical: '<=1' }") as site:
        child = image()
        whole = site.publish(index(child))
        site.signed(whole)
        site.attest(child, VULN, predicates.scan(predicates.TRIVY), by="scanner")
        await site.admitted()
        site.change(rule % "{ critical: 0 }")
        assert "critical is 1" in await site.refused()
        site.attest(whole, VEX, excuse(), by="security")
        site.clock.forward(minutes=2)
        await site.admitted()
        assert "suppressed" in check(await site.admitted(child.digest), "vuln")["details"]
        site.upstream.knobs.fail(503)
        await site.restart()
        await site.admitted(child.digest)


async def test_a_child_alone_hears_what_excuses_it_in_the_index_that_names_it(tmp_path):
    rule = "require: [{ attestation: vuln, by: scanner, vex: security, covers: platform, where: { critical: 0 } }]"
    async with Site(tmp_path, rule) as site:
        child = image()
        whole = site.publish(index(child))
        site.attest(child, VULN, predicates.scan(predicates.TRIVY), by="scanner")
        assert "critical is 1" in await site.refused()
        site.attest(whole, VEX, excuse(), by="stranger")
        site.clock.forward(minutes=2)
        assert "critical is 1" in await site.refused()
        site.attest(whole, VEX, excuse(), by="security")
        site.clock.forward(minutes=2)
        await site.admitted()
        await site.admitted(child.digest)


# --- Revocation


def certified(site: Site, subject: Image, holder: pki.Holder) -> None:
    layer = Key(holder.private).simple(simple_payload(subject.digest, f"{UPSTREAM}/{APP}"))
    leaf, *chain = (each.public_bytes(Encoding.PEM).decode() for each in holder.chain)
    beside = {"dev.sigstore.cosign/certificate": leaf, "dev.sigstore.cosign/chain": "".join(chain)}
    site.put_layer(subject, Blob(layer.raw, layer.media_type, {**layer.annotations, **beside}), suffix=".sig")


def authority(folder) -> pki.Holder:
    root = pki.root("O=Acme,CN=root")
    (folder / "ca.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    return root


@pytest.mark.parametrize("whose", ["the signer's", "the authority's"])
async def test_t62_a_certificates_key_that_is_revoked_ends_what_was_admitted_by_it(tmp_path, whose):
    between = authority(tmp_path).issue("O=Acme,CN=between", is_ca=True)
    signer = between.issue("O=Acme,CN=builder", purposes=[pki.CODE], sans=(x509.RFC822Name("a@acme.test"),))
    rule = "require: [{ signature: corp }]"
    async with Site(tmp_path, rule, roots=COMPANY, signers="corp: { x509: corp, san: a@acme.test }") as site:
        app = site.publish(image())
        certified(site, app, signer)
        await site.admitted()
        key = signer.private if whose == "the signer's" else between.private
        spki = hashlib.sha256(pki.spki(key)).hexdigest()
        site.change(rule, rest=f'revoked: [{{ key: "sha256:{spki}", reason: INC-1 }}]')
        assert "no signature by corp" in await site.refused()


@pytest.mark.parametrize("is_warm", [False, True])
async def test_t62_a_revoked_digest_is_refused_under_its_other_name_too(tmp_path, is_warm):
    async with Site(tmp_path, SIGNED) as site:
        app = site.publish(image())
        alias = Digest.of(app.manifest, "sha512")
        manifests = site.upstream.repos[APP].manifests
        manifests[alias] = manifests[app.digest]
        subject = [{"digest": {"sha256": app.digest.hex, "sha512": alias.hex}}]
        layer = Key(site.private).layer(statement(app.digest, SIGN, {}, subject=subject))
        for name in (app.digest, alias):
            made = signature_manifest(APP, layers=[layer])
            site.upstream.put_image(APP, made, tag=EvidenceTag(name, ".att").tag.name)
        if is_warm:
            assert (await site.manifest(APP, alias)).status == 200
        site.change(SIGNED, rest=f'revoked: [{{ digest: "{app.digest}", reason: INC-1 }}]')
        assert "revoked: INC-1" in await site.refused(app.digest)
        assert "revoked: INC-1" in await site.refused(alias)


async def test_t62_an_index_cannot_bring_a_revoked_image_back_by_its_other_name(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        app = image()
        alias = Digest.of(app.manifest, "sha512")
        whole = listed((replace(app, digest=alias), "linux/amd64"))
        site.publish(replace(whole, children=(app,)))
        manifests = site.upstream.repos[APP].manifests
        manifests[alias] = manifests[app.digest]
        site.signed(whole)
        await site.admitted()
        assert (await site.manifest(APP, alias)).status == 200
        site.change(SIGNED, rest=f'revoked: [{{ digest: "{app.digest}", reason: INC-1 }}]')
        assert "revoked: INC-1" in await site.refused(alias)


# --- Who counts


@pytest.mark.parametrize(
    "other", ["two: { x509: corp, subject: 'O=Acme,CN=builder' }", "two: { x509: corp, san: '*@acme.test' }"]
)
async def test_t30_one_certificate_under_two_signers_is_not_two_of_two(tmp_path, other):
    signer = authority(tmp_path).issue("O=Acme,CN=builder", purposes=[pki.CODE], sans=(x509.RFC822Name("a@acme.test"),))
    rule = "require: [{ atLeast: 2, of: [{ signature: one }, { signature: two }] }]"
    async with Site(tmp_path, rule, roots=COMPANY, signers=f"one: {{ x509: corp, san: a@acme.test }}\n{other}") as site:
        certified(site, site.publish(image()), signer)
        assert "1 of the 2 distinct signers" in await site.refused()


async def test_t30_a_key_and_a_certificate_of_that_key_are_not_two_of_two(tmp_path):
    root = authority(tmp_path)
    rule = "require: [{ atLeast: 2, of: [{ signature: team }, { signature: two }] }]"
    async with Site(tmp_path, rule, roots=COMPANY, signers="two: { x509: corp, subject: 'O=Acme,CN=builder' }") as site:
        signer = root.issue("O=Acme,CN=builder", private=site.private, purposes=[pki.CODE])
        certified(site, site.publish(image()), signer)
        assert "1 of the 2 distinct signers" in await site.refused()


# --- What others signed, or signed of others


@pytest.mark.parametrize("form", ["att", "bundle"])
async def test_t37_a_trusted_signers_word_of_another_image_is_no_word_of_this_one(tmp_path, form):
    async with Site(tmp_path, "require: [{ attestation: sbom, by: team }]") as site:
        app, other = site.publish(image()), site.publish(image("other"), tag="other")
        site.attest(app, SPDX, predicates.SPDX, by="team", form=form, about=other.digest)
        assert "no sbom by team" in await site.refused()


async def test_t24_an_attester_for_one_thing_is_nobody_for_another(tmp_path):
    rule = (
        "require: [{ attestation: vuln, by: scanner }, { attestation: slsa-provenance, by: ci }, { signature: team }]"
    )
    async with Site(tmp_path, rule) as site:
        app = site.publish(image())
        for kind, predicate in (
            (VULN, predicates.scan(predicates.TRIVY)),
            (PROVENANCE, predicates.SLSA_V1),
            (SIGN, {}),
        ):
            site.attest(app, kind, predicate, by="scanner")
            site.attest(app, kind, predicate, by="other")
        assert "no slsa-provenance by ci" in await site.refused()


async def test_t11_a_siblings_signature_and_a_rename_of_it_admit_nothing(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        app = image()
        for name in (APP, "acme/sibling"):
            site.publish(app, name=name)
        site.signed(app, name="acme/sibling")
        site.signed(app, names=f"{UPSTREAM}/acme/sibling")
        site.signed(app, names=f"{UPSTREAM}/{APP}/../app")
        site.signed(app, names=f"{UPSTREAM}:443/{APP}")
        site.signed(app, names=f"{UPSTREAM}/{APP}x")
        site.signed(app, names=f"evil.test/{UPSTREAM}/{APP}")
        assert "names" in await site.refused()
        await site.admitted(name="acme/sibling")


async def test_t28_a_neighbours_workflow_is_not_this_one(tmp_path):
    async with Site(tmp_path, "require: [{ signature: ci }]") as site:
        app = site.publish(image())
        for san in (
            "https://github.com/acme/ml2/.github/workflows/release.yml@refs/tags/v1",
            "https://github.com/acme/ml/.github/workflows/release.yml@refs/heads/main",
            "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1/x",
            "https://github.com/acme/ml/.github/workflows/release.yml2@refs/tags/v1",
            "https://github.com/ACME/ml/.github/workflows/release.yml@refs/tags/v1",
            "https://github.com/acme%2fml/.github/workflows/release.yml@refs/tags/v1",
            "https://evil.test/https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1",
        ):
            workflow = Workflow(site.sigstore, san)
            site.put_bundle(app, workflow.bundle(statement(app.digest, SIGN, {})))
        assert "no signature by ci (7 found)" in await site.refused()


async def test_evidence_kept_where_others_can_push_counts_only_by_who_signed_it(tmp_path):
    elsewhere = "approvals.test/anybody/pushes"
    async with Site(tmp_path, f"evidenceFrom: [{elsewhere}]\n{SIGNED}", others=("approvals.test",)) as site:
        app, other = site.publish(image()), image("other")
        registry = site.others["approvals.test"]
        site.signed(app, by="stranger", name="anybody/pushes", names=f"{UPSTREAM}/{APP}", to=registry)
        site.signed(app, by="team", name="anybody/pushes", names=elsewhere, to=registry)
        site.attest(app, SIGN, {}, by="team", about=other.digest, name="anybody/pushes", to=registry)
        assert "not this repository" in await site.refused()


async def test_githubs_api_answering_for_another_image_or_repository_proves_nothing(tmp_path):
    source = "api.github.com/repos/acme/ml"
    rule = f"evidenceFrom: [{source}]\nrequire: [{{ attestation: slsa-provenance, by: ci }}]"
    async with Site(tmp_path, rule, others=("api.github.com",)) as site:
        app, other = site.publish(image()), image("other")
        api = site.others["api.github.com"]
        theirs = Workflow(site.sigstore, "https://github.com/evil/ml/.github/workflows/release.yml@refs/tags/v1")
        for voice, about in ((site.voices["ci"], other), (theirs, app)):
            bundle = voice.bundle(statement(about.digest, PROVENANCE, predicates.SLSA_V1))
            api.put_attestation("repos/acme/ml", app.digest, bundle)
        assert "no slsa-provenance by ci (2 found)" in await site.refused()


# --- Conditions on what was proved


async def test_t06_a_base_image_is_not_told_by_a_config_that_clients_read_otherwise(tmp_path):
    """Go takes `Diff_IDs` for `diff_ids`: what is unpacked must be what was compared."""
    async with Site(tmp_path, f"{SIGNED}\nbase: {{ require: [{{ signature: other }}] }}") as site:
        base = site.publish(image("base", layers=("base",)), name="acme/base")
        site.signed(base, by="other", name="acme/base")
        names = "org.opencontainers.image.base"
        notes = {f"{names}.name": f"{UPSTREAM}/acme/base:v1", f"{names}.digest": str(base.digest)}
        honest = site.publish(image("app", layers=("base", "app"), annotations=notes), tag="honest")
        site.signed(honest)
        await site.admitted("honest")
        evil = image("evil", layers=("evil", "app"), annotations=notes)
        real = [str(Digest.of(text)) for text in (b"evil", b"app")]
        claimed = [str(Digest.of(b"base")), real[1]]
        for spelled in (
            {"rootfs": {"diff_ids": claimed, "Diff_IDs": real}},
            {"rootfs": {"diff_ids": claimed}, "RootFS": {"diff_ids": real}},
            {"rootfs": {"diff_ids": real}},
        ):
            made = site.publish(reconfigured(evil, spelled), tag="evil")
            site.signed(made)
            assert "no base" in (told := await site.refused(made.digest)) or "is none" in told


def reconfigured(made: Image, changes: dict[str, object]) -> Image:
    document = json.loads(made.manifest)
    before = json.loads(made.blobs[Digest.parse(document["config"]["digest"])])
    raw = json.dumps({**before, **changes}).encode()
    document["config"] |= {"digest": str(Digest.of(raw)), "size": len(raw)}
    manifest = json.dumps(document).encode()
    return replace(made, manifest=manifest, digest=Digest.of(manifest), blobs={**made.blobs, Digest.of(raw): raw})


def excuse(**changes: object) -> dict[str, object]:
    said = {"vulnerability": {"name": "CVE-2026-0001"}, "status": "not_affected"}
    said |= {"justification": "vulnerable_code_not_present"} | changes
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.test/1", "author": "Acme"}
    return document | {"timestamp": "2026-11-02T00:00:00Z", "statements": [said]}


async def test_vex_of_other_products_packages_or_signers_takes_nothing_out(tmp_path):
    rule = "require: [{ attestation: vuln, by: scanner, vex: security, where: { critical: 0 } }]"
    other, own = Digest.of(b"other"), f"pkg:oci/app?repository_url={UPSTREAM}/acme/app"
    async with Site(tmp_path, rule) as site:
        app = site.publish(image())
        site.attest(app, VULN, predicates.scan(predicates.TRIVY), by="scanner")
        for changes in (
            {"products": [{"@id": f"pkg:oci/app@{other}"}]},
            {"products": [{"@id": f"{own}&tag=v0"}]},
            {"products": [{"@id": f"pkg:oci/app?repository_url={UPSTREAM}/acme/app2"}]},
            {"products": [{"@id": f"pkg:oci/app@{app.digest}", "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}]},
            {"products": [{"@id": own, "subcomponents": [{"@id": "pkg:deb/debian/libssl3@9.9"}]}]},
            {"products": [{"@id": own, "hashes": {"sha-256": other.hex}}]},
            {"justification": None},
            {"justification": "trust me"},
            {"status": "under_investigation"},
            {"vulnerability": {"name": "CVE-2026-000"}},
            {"vulnerability": {"name": "cve-2026-0001"}},
        ):
            site.attest(app, VEX, excuse(**changes), by="security")
        site.attest(app, VEX, excuse(), by="stranger")
        site.attest(app, VEX, excuse(), by="scanner")
        site.attest(app, VEX, excuse(), by="security", about=other)
        assert "critical is 1; the rule asks for 0" in await site.refused()
        site.attest(app, VEX, excuse(products=[{"@id": own}], timestamp="2026-11-03T00:00:00Z"), by="security")
        site.clock.forward(minutes=2)
        await site.admitted()


async def test_numbers_and_lists_that_contradict_each_other_are_counted_as_the_worst(tmp_path):
    async with Site(tmp_path, "require: [{ attestation: vuln, by: scanner, where: { critical: 0 } }]") as site:
        found = predicates.scan(predicates.TRIVY)
        result = ("scanner", "result")
        for tag, predicate in (
            ("bare-beside", spoiled(found, *result, "critical", to=0)),
            ("both-tools", spoiled(found, *result, "matches", to=[])),
            ("negative", spoiled(found, *result, to={"critical": -1})),
            ("twice", spoiled(found, *result, to={"critical": 0, "Critical": 7})),
            ("huge", spoiled(found, *result, to={"critical": 10**30})),
            ("true", spoiled(found, *result, to={"critical": False})),
            ("nothing", spoiled(found, *result, to={"Results": []})),
            ("unscanned", spoiled(found, *result, "Results", to=[{"Target": "x", "Class": "secret"}])),
            ("unknown-word", spoiled(found, *result, "Results", 0, "Vulnerabilities", 0, "Severity", to="none-ish")),
        ):
            app = site.publish(image(tag), tag=tag)
            site.attest(app, VULN, predicate, by="scanner")
            await site.refused(tag)


async def test_t12_a_time_to_come_is_no_age_at_all(tmp_path):
    async with Site(tmp_path, "require: [{ image: { maxAge: 30d } }]") as site:
        for tag, created in (("later", "2126-01-01T00:00:00Z"), ("last", "9999-12-31T23:59:59Z"), ("none", None)):
            site.publish(image(tag, created=created), tag=tag)
            assert "does not tell when it was made" in await site.refused(tag)


async def test_t40_an_exception_is_for_its_digest_and_repository_and_for_what_its_index_lists_alone(tmp_path):
    rule = "require: [{ signature: team }, { attestation: sbom, by: ci }]"
    async with Site(tmp_path, rule) as site:
        app, sibling = image(), image("sibling", platform="linux/arm64", layers=("s",))
        for name in (APP, "acme/other"):
            site.publish(app, name=name)
            site.signed(app, name=name)
        site.publish(sibling, tag="sibling")
        site.signed(sibling)
        until = f"{NOW + timedelta(days=9):%Y-%m-%dT%H:%MZ}"
        grant = f"match: reg.test/{APP}, digest: '{app.digest}', waive: [sbom], reason: INC, by: j, until: {until}"
        site.change(rule, rest=f"exceptions: [{{ {grant} }}]")
        await site.admitted()
        assert "no sbom by ci" in await site.refused(name="acme/other")
        assert "no sbom by ci" in await site.refused("sibling")
        # An Index that nobody signed lists the excepted image: that excuses the Index from nothing.
        site.publish(listed((app, "linux/amd64"), (sibling, "linux/arm64")), tag="index")
        await site.refused("index")


# --- Floods


async def test_t50_junk_by_who_can_push_neither_denies_a_good_image_nor_stalls_the_judge(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        app = site.publish(image())
        stranger = site.voices["stranger"]
        for number in range(70):
            raw = statement(app.digest, SIGN, {"number": number})
            layers = [
                Blob(envelope(raw, *[stranger.sign(b"%d %d" % (number, each)) for each in range(8)]), mediatype.DSSE),
                Blob(json.dumps(stranger.bundle(raw)).encode(), mediatype.SIGSTORE_BUNDLE),
            ]
            made = signature_manifest("x", layers=layers)
            document = json.loads(made.manifest) | {"artifactType": mediatype.SIGSTORE_BUNDLE}
            document["subject"] = {"mediaType": app.media_type, "digest": str(app.digest), "size": app.size}
            manifest = json.dumps(document).encode()
            site.upstream.put_image(APP, replace(made, manifest=manifest, digest=Digest.of(manifest)))
        site.signed(app)
        await site.admitted()


async def test_t08_evidence_manifests_of_megabytes_are_not_held(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        app = site.publish(image())
        layer = Blob(b"junk", mediatype.SIGSTORE_BUNDLE, {"x": "y" * 2 * lookup.MAX_MANIFEST})
        for number in range(4):
            made = evidence(replace(layer, raw=b"%d" % number), subject=app, artifact_type=mediatype.SIGSTORE_BUNDLE)
            site.upstream.put_image(APP, made)
        assert "no signature by team (4 found)" in await site.refused()
        reasons = {each["reason"] for each in site.decision(app.digest)["rejections"]}
        assert reasons == {"its manifest is larger than one of evidence is"}
        assert site.upstream.seen("blob") == []


def test_t50_which_manifests_are_held_under_the_cap_never_depends_on_what_came_first(monkeypatch):
    monkeypatch.setattr("proxy.pipeline.gathering.catch.MAX_MANIFESTS", 3000)
    about = image()
    made = [
        evidence(Blob(b"%d" % size, mediatype.DSSE, {"x": "y" * size}), subject=about, artifact_type=mediatype.DSSE)
        for size in (200, 900, 700, 1, 400, 300)
    ]
    parsed = [parse_manifest(each.manifest, digest=each.digest, content_type=each.media_type) for each in made]
    tagged = about.digest.dashed + ".sig"

    def held(order: list[int]) -> list[Digest]:
        catch = Catch(lookup.ANYTHING, registry_of=lambda _: None, most=1)
        for number in order:
            slot = tagged if number == 1 else REFERRERS
            catch.open(Opened(Proof(parsed[number], {}, slots=(slot,)), ()))
        return [each.proof.manifest.digest for each in catch._opened]

    kept = held([0, 1, 2, 3, 4, 5])
    assert kept[0] == made[1].digest  # what lies at a tag is likeliest, whatever its size
    assert 1 < len(kept) < len(made)
    for order in ([5, 4, 3, 2, 1, 0], [2, 1, 0, 5, 3, 4], [4, 0, 5, 3, 1, 2]):
        assert held(order) == kept


def test_t08_a_manifest_or_listing_of_a_million_parts_is_refused_before_it_is_read():
    many = b"[" + b"[]," * MAX_PARTS + b"[]]"
    raw = b'{"schemaVersion":2,"mediaType":"%b","manifests":[],"x":%b}' % (mediatype.OCI_INDEX.encode(), many)
    for read in (lambda: parse_manifest(raw, digest=Digest.of(raw), content_type=""), lambda: parse_listing(raw)):
        with pytest.raises(Exception, match="more parts than any real one"):
            read()


def test_t08_what_a_listing_says_beside_a_digest_is_a_hint_and_long_ones_are_not_held():
    entry = {"mediaType": mediatype.OCI_MANIFEST, "digest": str(Digest.of(b"x")), "size": 1}
    long = {"artifactType": "a/" + "b" * 300, "annotations": {"x": "y" * 5000}}
    raw = json.dumps({"schemaVersion": 2, "manifests": [entry | long]}).encode()
    (found,) = parse_listing(raw)
    assert (found.digest, found.artifact_type, dict(found.annotations)) == (Digest.of(b"x"), None, {})


async def test_t35_a_hostile_base_config_is_a_refusal_and_no_crash(tmp_path):
    async with Site(tmp_path, f"{SIGNED}\nbase: {{ require: [{{ signature: other }}] }}") as site:
        deep = reconfigured(image("deep", layers=("base",)), {"rootfs": None})
        document = json.loads(deep.manifest)
        raw = b'{"rootfs":{"diff_ids":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
        document["config"] |= {"digest": str(Digest.of(raw)), "size": len(raw)}
        manifest = json.dumps(document).encode()
        base = replace(deep, manifest=manifest, digest=Digest.of(manifest), blobs={**deep.blobs, Digest.of(raw): raw})
        site.publish(base, name="acme/base")
        site.signed(base, by="other", name="acme/base")
        names = "org.opencontainers.image.base"
        notes = {f"{names}.name": f"{UPSTREAM}/acme/base:v1", f"{names}.digest": str(base.digest)}
        site.signed(site.publish(image(annotations=notes)))
        assert "its config lists no layers" in await site.refused()


# --- Records


async def test_a_case_file_that_was_touched_is_never_the_same_decision(tmp_path):
    async with Site(tmp_path, SIGNED) as site:
        app = site.publish(image())
        site.signed(app)
        decision = await site.admitted()
        await site.proxy.pipeline.cases.close()
        folder = site.proxy.config.cases_folder
        raw = read_case(folder, decision["key"])
        assert replay(raw).is_same
        for at in range(0, len(raw), max(1, len(raw) // 40)):
            with pytest.raises(ConfigError):
                replay(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        # Sealed anew by who knows how: what it claims is still judged, and does not come out.
        head, _, body = raw.partition(b"\n")
        lie = body.replace(b'"verdict":"allow"', b'"verdict":"deny"')
        assert lie != body
        seal = head.partition(b" ")[0] + b" " + hashlib.sha256(lie).hexdigest().encode()
        assert not replay(seal + b"\n" + lie).is_same


@pytest.mark.parametrize("key", ["../state.db", "a" * 63, "A" * 64, "a" * 64 + "/..", f"{'a' * 63}\0", "", "." * 64])
def test_t39_no_key_leads_out_of_the_folder_of_cases(tmp_path, key):
    with pytest.raises(StorageError, match="not the key of a Decision"):
        read_case(tmp_path, key)
