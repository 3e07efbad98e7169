"""Who may speak, how often, and from where, through the real proxy: each word admits whom it names and refuses who resembles them."""

import functools
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proxy.demo.images import Blob, make_index
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from tests.fakes import pki
from tests.fakes.gathering import evidence
from tests.fakes.notary import Pen
from tests.fakes.predicates import SLSA_V1, SPDX
from tests.fakes.signing import GITHUB, GITLAB, Key, Sigstore, Workflow
from tests.fakes.site import APP, SIGN, Site, check, image, index, statement

V1, SBOM = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
GOOGLE = "https://accounts.google.com"
RELEASE = "https://github.com/acme/ml/.github/workflows/release.yml"


# --- covers


def twin_of(made: Any, label: str) -> Any:
    """The same platforms in an Index of other bytes."""
    document = json.loads(make_index(made).manifest) | {"annotations": {"label": label}}
    raw = json.dumps(document).encode()
    return replace(make_index(made), manifest=raw, digest=Digest.of(raw))


@pytest.mark.parametrize(
    ("covers", "signed", "index_passes", "children_pass"),
    [
        ("index", "index", True, (True, True)),
        ("index", "both-children", False, (True, True)),
        ("index", "first-child", False, (True, False)),
        ("platform", "index", False, (False, False)),
        ("platform", "first-child", True, (True, False)),
        ("platform", "both-children", True, (True, True)),
        ("any", "index", True, (True, True)),
        ("any", "first-child", True, (True, False)),
        ("any", "nothing", False, (False, False)),
    ],
)
@pytest.mark.parametrize("place", ["rule", "requirement"])
async def test_t10_what_covers_an_index_its_children_or_both(
    tmp_path, place, covers, signed, index_passes, children_pass
):
    rule = {
        "rule": f"covers: {covers}\nrequire: [{{ signature: team }}]",
        "requirement": f"require: [{{ signature: team, covers: {covers} }}]",
    }[place]
    async with Site(tmp_path, rule) as site:
        children = (image("amd"), image("arm", platform="linux/arm64"))
        whole = site.publish(index(*children))
        for made, when in (
            (whole, ("index",)),
            (children[0], ("first-child", "both-children")),
            (children[1], ("both-children",)),
        ):
            if signed in when:
                site.signed(made)
        got = await site.manifest(APP, "v1")
        assert (got.status == 200) is index_passes, got.body
        if not index_passes:
            assert "no signature by team" in json.loads(got.body)["errors"][0]["message"]
        for made, passes in zip(children, children_pass, strict=True):
            answer = await site.manifest(APP, made.digest)
            assert (answer.status == 200) is passes, (made.platform, answer.body)


async def test_covers_may_differ_from_requirement_to_requirement(tmp_path):
    rule = "require: [{ signature: team }, { attestation: sbom, by: scanner, covers: platform }]"
    async with Site(tmp_path, rule) as site:
        children = (image("amd"), image("arm", platform="linux/arm64"))
        whole = site.publish(index(*children))
        site.signed(whole)
        site.attest(children[0], SBOM, SPDX, by="scanner")
        await site.admitted()
        await site.admitted(children[0].digest)
        assert "no sbom by scanner" in await site.refused(children[1].digest)
        other = site.publish(twin_of(children, "unsigned"), tag="v2")
        assert "no signature by team" in await site.refused("v2")
        site.attest(other, SBOM, SPDX, by="scanner")
        site.clock.forward(minutes=2)
        assert "no signature by team" in await site.refused("v2")


# --- claims and names


@pytest.mark.parametrize("form", ["simple", "bundle"])
async def test_claims_are_signed_ones_and_all_of_them(tmp_path, form):
    rule = "require: [{ signature: team, claims: { build: '4711', stage: prod } }]"
    async with Site(tmp_path, rule) as site:

        def sign(made: Any, claims: dict[str, str]) -> None:
            if form == "simple":
                site.signed(made, claims=claims)
                return
            subject = [{"digest": {"sha256": made.digest.hex}, "annotations": claims}]
            site.attest(made, SIGN, {}, by="team", form="bundle", subject=subject)

        for number, (claims, sentence) in enumerate(
            [
                ({"build": "4711", "stage": "prod", "more": "x"}, ""),
                ({"build": "4711", "stage": "test"}, "claims stage=test, not stage=prod"),
                ({"build": "4711"}, "does not claim stage=prod"),
                ({"Build": "4711", "stage": "prod"}, "does not claim build=4711"),
                ({"build": "4711 ", "stage": "prod"}, "claims build=4711 , not build=4711"),
                ({}, "does not claim build=4711"),
            ]
        ):
            made = site.publish(image(f"{number}"), tag=f"v{number}")
            sign(made, claims)
            if sentence:
                assert sentence in await site.refused(f"v{number}")
            else:
                await site.admitted(f"v{number}")


async def test_claims_of_two_signatures_do_not_add_up(tmp_path):
    async with Site(tmp_path, "require: [{ signature: team, claims: { a: '1', b: '2' } }]") as site:
        app = site.publish(image())
        site.signed(app, claims={"a": "1"})
        site.signed(app, claims={"b": "2"})
        assert "does not claim" in await site.refused()
        site.signed(app, claims={"a": "1", "b": "2"})
        site.clock.forward(minutes=2)
        await site.admitted()


async def test_t11_a_payload_names_this_repository_or_one_that_signed_as_lists(tmp_path):
    rule = "signedAs: ['staging.test/acme/*', reg.test/old/app]\nrequire: [{ signature: team }]"
    async with Site(tmp_path, rule) as site:
        names = {
            "reg.test/acme/app": True,
            "reg.test/acme/app:v1": True,
            "staging.test/acme/app": True,
            "reg.test/old/app": True,
            "reg.test/acme/other": False,
            "staging.test/acme/a/b": False,
            "staging.test.evil.test/acme/app": False,
            "reg.test/old/app2": False,
            "": False,
        }
        for number, (name, passes) in enumerate(names.items()):
            made = site.publish(image(f"{number}"), tag=f"v{number}")
            site.signed(made, names=name or " ")
            if passes:
                await site.admitted(f"v{number}")
            else:
                message = await site.refused(f"v{number}")
                assert "signature by team names" in message, name


# --- at least so many


AT_LEAST_2 = (
    "require: [{ atLeast: 2, of: [{ signature: team }, { signature: copy }, { signature: other }, { signature: ci }] }]"
)


async def test_t30_at_least_counts_keys_and_identities_and_no_names(tmp_path):
    (tmp_path / "copy.pub").write_bytes(b"")
    site = Site(tmp_path, AT_LEAST_2, signers="copy: { key: copy.pub, log: none }")
    (tmp_path / "copy.pub").write_bytes((tmp_path / "team.pub").read_bytes())  # one key in two files
    async with site:
        once = site.publish(image("once"), tag="once")
        site.signed(once)
        site.signed(once)
        assert "1 of the 2 distinct signers needed" in await site.refused("once")
        for tag, by in (("keys", "other"), ("key-and-workflow", "ci")):
            made = site.publish(image(tag), tag=tag)
            site.signed(made)
            site.signed(made, by=by)
            decision = await site.admitted(tag)
            assert len(check(decision, "at-least")["identities"]) == 2


async def test_t30_one_identity_that_two_patterns_match_counts_once_and_one_key_that_signs_and_attests_too(tmp_path):
    rule = (
        "require: [{ atLeast: 2, of: [{ signature: ci }, { signature: ci-any }, { attestation: sbom, by: ci }, "
        "{ attestation: slsa-provenance, by: lab }] }]"
    )
    signers = f"ci-any: {{ issuer: '{GITHUB}', subject: '{RELEASE}@refs/**', trustRoot: logged }}"
    async with Site(tmp_path, rule, signers=signers) as site:
        app = site.publish(image())
        site.signed(app, by="ci")
        site.attest(app, SBOM, SPDX, by="ci")
        assert "1 of the 2 distinct signers needed" in await site.refused()
        site.attest(app, V1, SLSA_V1, by="lab")
        site.clock.forward(minutes=2)
        assert len(check(await site.admitted(), "at-least")["identities"]) == 2


async def test_t23_at_least_one_of_many_foreign_ones_is_none(tmp_path):
    of = ", ".join(f"{{ signature: other, claims: {{ number: '{number}' }} }}" for number in range(100))
    async with Site(tmp_path, f"require: [{{ atLeast: 1, of: [{of}, {{ signature: team }}] }}]") as site:
        app = site.publish(image())
        site.signed(app, by="stranger")
        site.signed(app, by="other")
        assert "0 of the 1 distinct signers needed" in await site.refused()
        site.signed(app)
        site.clock.forward(minutes=2)
        await site.admitted()


# --- identities


def workflows(site: Site) -> dict[str, Workflow]:
    """Who resembles `ci` and `lab`, each with a certificate of the same CA."""

    def of(san: str, issuer: str = GITHUB) -> Workflow:
        return Workflow(site.sigstore, san, issuer)

    gitlab = "https://gitlab.com/acme/ml//.gitlab-ci.yml"
    return {
        "another-branch": of(f"{RELEASE}@refs/heads/main"),
        "another-tag": of(f"{RELEASE}@refs/tags/x1"),
        "a-tag-with-a-slash": of(f"{RELEASE}@refs/tags/v1/evil"),
        "another-workflow": of(f"{RELEASE.replace('release', 'pull-request')}@refs/tags/v1"),
        "another-repository": of(f"{RELEASE.replace('acme/ml', 'acme/ml-fork')}@refs/tags/v1"),
        "another-owner": of(f"{RELEASE.replace('acme/ml', 'evil/ml')}@refs/tags/v1"),
        "another-host": of(f"https://evil.test/{RELEASE}@refs/tags/v1"),
        "something-behind": of(f"{RELEASE}@refs/tags/v1\n"),
        "other-letters": of(f"{RELEASE.replace('acme', 'Acme')}@refs/tags/v1"),
        "escaped": of(f"{RELEASE.replace('acme', 'acm%65')}@refs/tags/v1"),
        "another-issuer": of(f"{RELEASE}@refs/tags/v1", GOOGLE),
        "an-issuer-with-a-slash": of(f"{RELEASE}@refs/tags/v1", f"{GITHUB}/"),
        "gitlab-branch": of(f"{gitlab}@refs/heads/main", GITLAB),
        "gitlab-group": of(f"{gitlab.replace('acme/ml', 'acme-evil/ml')}@refs/tags/v1", GITLAB),
        "gitlab-by-github": of(f"{gitlab}@refs/tags/v1", GITHUB),
    }


@pytest.mark.parametrize("form", ["simple", "bundle"])
async def test_t28_a_workflow_is_known_whole_and_by_its_issuer(tmp_path, form):
    async with Site(tmp_path, "require: [{ atLeast: 1, of: [{ signature: ci }, { signature: lab }] }]") as site:

        def sign(made: Any, by: Any) -> None:
            if form == "simple":
                site.signed(made, by=by)
            else:
                site.attest(made, SIGN, {}, by=by, form="bundle")

        for name in ("ci", "lab"):
            made = site.publish(image(name), tag=name)
            sign(made, name)
            decision = await site.admitted(name)
            assert decision["identities"][0].startswith("keyless:https://")
        for name, who in workflows(site).items():
            made = site.publish(image(name), tag=name)
            sign(made, who)
            assert "no signature by ci" in await site.refused(name), name
            reasons = [each["reason"] for each in site.decision(made.digest)["rejections"]]
            assert reasons, name


async def test_another_sigstore_with_the_same_names_is_nobodys(tmp_path):
    async with Site(tmp_path, "require: [{ signature: ci }]") as site:
        app = site.publish(image())
        site.signed(app, by=Workflow(Sigstore("mallory"), f"{RELEASE}@refs/tags/v1"))
        assert "no signature by ci (1 found)" in await site.refused()


async def test_extensions_are_all_asked_and_email_and_pattern_identities_are_whole(tmp_path):
    signers = (
        f"hosted: {{ issuer: '{GITHUB}', subject: '{RELEASE}@refs/tags/*', trustRoot: logged, extensions: "
        "{ runnerEnvironment: github-hosted, sourceRepositoryUri: 'https://github.com/acme/*' } }\n"
        f"person: {{ issuer: '{GOOGLE}', subject: release@acme.test, trustRoot: logged }}\n"
        f"regex: {{ issuer: '{GITHUB}', trustRoot: logged, "
        "subjectRegex: 'https://github\\.com/acme/(ml|web)/\\.github/workflows/release\\.yml@refs/tags/v\\d+' }"
    )
    of = ", ".join(f"{{ signature: {each} }}" for each in ("hosted", "person", "regex"))
    async with Site(tmp_path, f"require: [{{ atLeast: 1, of: [{of}] }}]", signers=signers) as site:

        def hosted(**extensions: str) -> Workflow:
            numbers = {"environment": 11, "repository": 12}
            said = {numbers[name]: text for name, text in extensions.items()}
            return Workflow(site.sigstore, f"{RELEASE}@refs/tags/1.0", GITHUB, said)

        ml = "https://github.com/acme/ml"
        rows = [
            (hosted(environment="github-hosted", repository=ml), True),
            (hosted(environment="self-hosted", repository=ml), False),
            (hosted(environment="github-hosted", repository=f"{ml}/evil"), False),
            (hosted(environment="github-hosted"), False),
            (hosted(), False),
            (Workflow(site.sigstore, "release@acme.test", GOOGLE), True),
            (Workflow(site.sigstore, "xrelease@acme.test", GOOGLE), False),
            (Workflow(site.sigstore, "release@acme.test.evil.test", GOOGLE), False),
            (Workflow(site.sigstore, "release@acme.test", "https://login.evil.test"), False),
            (Workflow(site.sigstore, f"{RELEASE}@refs/tags/v7"), True),
            (Workflow(site.sigstore, f"{RELEASE}@refs/tags/v7-rc1"), False),
            (Workflow(site.sigstore, f"{RELEASE.replace('ml', 'web')}@refs/tags/v"), False),
        ]
        for number, (who, passes) in enumerate(rows):
            made = site.publish(image(f"{number}"), tag=f"v{number}")
            site.signed(made, by=who)
            if passes:
                await site.admitted(f"v{number}")
            else:
                assert "0 of the 1 distinct signers needed" in await site.refused(f"v{number}"), who


async def test_a_preset_with_parameters_means_the_identities_of_that_organisation_alone(tmp_path):
    signers = "guard: { preset: chainguard-custom, parameters: { imageSyncer: abc/1, customImageBuilder: abc/2 } }"
    async with Site(tmp_path, "require: [{ signature: guard }]", signers=signers) as site:
        signer = site.proxy.pipeline.regime.current.material.signers["guard"]
        assert signer.issuer == "https://issuer.enforce.dev"
        assert signer.root == "sigstore"
        assert signer.subject.matches("https://issuer.enforce.dev/abc/1")
        assert signer.subject.matches("https://issuer.enforce.dev/abc/2")
        for twin in ("abc/3", "abc/1/x", "xabc/1", "abc", "abc/1|abc/2"):
            assert not signer.subject.matches(f"https://issuer.enforce.dev/{twin}")
        app = site.publish(image())
        site.signed(app, by=Workflow(site.sigstore, "https://issuer.enforce.dev/abc/1", "https://issuer.enforce.dev"))
        assert "no signature by guard (1 found)" in await site.refused()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("", "needs the parameter 'imageSyncer'"),
        (", parameters: { imageSyncer: a }", "needs the parameter 'customImageBuilder'"),
        (", parameters: { imageSyncer: a, customImageBuilder: b, more: c }", "has no parameter 'more'"),
        (", parameters: { imageSyncer: '.*', customImageBuilder: b }", "holds more than letters"),
        (", parameters: {}", "it is empty"),
    ],
)
async def test_t27_a_preset_with_the_wrong_parameters_is_no_policy(tmp_path, parameters, sentence):
    rule = "require: [{ signature: guard }]"
    async with Site(tmp_path, "require: [{ signature: ci }]") as site:
        said = site.mistaken(rule, signers=f"guard: {{ preset: chainguard-custom{parameters} }}")
        assert sentence in said
        app = site.publish(image())
        site.signed(app, by="ci")
        await site.admitted()


# --- Notation


VENDORS = "vendors: { certificates: vendor-ca.pem }"
VENDOR = "vendor: { x509: vendors, subject: 'O=Acme,CN=release' }"


@functools.cache
def vendor_ca() -> pki.Holder:
    return pki.root("C=US,O=Acme,CN=root")


@functools.cache
def employee(subject: str = "C=US,ST=WA,O=Acme,CN=release") -> pki.Holder:
    return vendor_ca().issue(subject, purposes=[pki.CODE])


def notation_site(folder: Any, rule: str = "require: [{ signature: vendor }]", **more: Any) -> Site:
    site = Site(folder, rule, **({"roots": VENDORS, "signers": VENDOR} | more))
    (folder / "vendor-ca.pem").write_bytes(vendor_ca().certificate.public_bytes(Encoding.PEM))
    return site


def notarise(site: Site, made: Any, **knobs: Any) -> None:
    about = {"mediaType": made.media_type, "digest": str(made.digest), "size": made.size}
    raw = Pen(knobs.pop("by", employee()), artifact=about | knobs.pop("artifact", {}), **knobs).write()
    kind = mediatype.COSE if raw[:1] == b"\xd2" else mediatype.JOSE
    manifest = evidence(Blob(raw, kind), subject=made, artifact_type=mediatype.NOTARY_SIGNATURE)
    site.upstream.put_image(APP, manifest)


@pytest.mark.parametrize("form", ["jws", "cose"])
async def test_a_notation_signature_by_the_named_subject_admits_and_its_twins_do_not(tmp_path, form):
    async with notation_site(tmp_path) as site:
        good = site.publish(image("good"), tag="good")
        notarise(site, good, form=form)
        decision = await site.admitted("good")
        assert check(decision, "signature")["details"]["form"] == f"notation-{form}"
        stranger = pki.root("C=US,O=Acme,CN=root", private=pki.key(which="other root")).issue(
            "C=US,ST=WA,O=Acme,CN=release", private=pki.key(which="other leaf"), purposes=[pki.CODE]
        )
        twins: dict[str, dict[str, Any]] = {
            "another-subject": {"by": employee("C=US,ST=WA,O=Acme,CN=dev")},
            "another-organisation": {"by": employee("C=US,ST=WA,O=Acme Inc,CN=release")},
            "another-ca": {"by": stranger},
            "another-image": {"artifact": {"digest": str(Digest.of(b"x"))}},
            "another-size": {"artifact": {"size": 1}},
            "another-media-type": {"artifact": {"mediaType": mediatype.OCI_INDEX}},
            "expired": {"protected": {"io.cncf.notary.expiry": pki.NOW}},
            "another-key": {"private": pki.key(which="not its own")},
            "a-critical-header": {"protected": {"crit": ["io.cncf.notary.signingScheme", "acme"], "acme": "x"}},
        }
        for name, knobs in twins.items():
            made = site.publish(image(name), tag=name)
            notarise(site, made, form=form, **knobs)
            assert "no signature by vendor (1 found)" in await site.refused(name), name
            assert site.decision(made.digest)["rejections"][0]["reason"], name


async def test_t30_claims_of_notation_are_its_user_metadata_and_it_counts_beside_a_key(tmp_path):
    rule = "require: [{ atLeast: 2, of: [{ signature: vendor, claims: { build: '4711' } }, { signature: team }] }]"
    async with notation_site(tmp_path, rule) as site:
        for tag, build, passes in (("right", "4711", True), ("wrong", "4712", False)):
            made = site.publish(image(tag), tag=tag)
            notarise(site, made, artifact={"annotations": {"build": build}})
            site.signed(made)
            if passes:
                await site.admitted(tag)
            else:
                assert "claims build=4712, not build=4711" in await site.refused(tag)


# --- where evidence is kept


def attached_to(made: Any, predicate: Any = SLSA_V1) -> tuple[Any, bytes]:
    return made, statement(made.digest, V1, predicate)


BUILDKIT = "require: [{ signature: ci }, { attestation: slsa-provenance, by: ci, where: { source: github.com/acme/ml }, covers: platform }]"


async def test_t24_what_buildkit_attached_counts_by_a_signature_of_its_index_and_by_nothing_else(tmp_path):
    async with Site(tmp_path, BUILDKIT) as site:
        child = image("child")
        whole = site.publish(index(child, attached=(attached_to(child),)), tag="good")
        assert "no signature by ci" in await site.refused("good")
        site.signed(whole, by="ci")
        site.clock.forward(minutes=2)
        await site.admitted("good")
        decision = await site.admitted(child.digest)
        assert check(decision, "slsa-provenance")["details"]["form"] == "carried"
        twins = {
            "by-stranger": "stranger",
            "by-another-signer": "team",
            "unsigned": None,
        }
        for tag, by in twins.items():
            other = image(tag)
            made = site.publish(index(other, attached=(attached_to(other),)), tag=tag)
            if by:
                site.signed(made, by=by)
            assert "no signature by ci" in await site.refused(tag), tag
            assert (await site.manifest(APP, other.digest)).status == 403


async def test_t26_the_index_carries_by_a_signature_and_not_by_what_was_attested_of_it(tmp_path):
    rule = BUILDKIT.replace("{ signature: ci }, ", "")
    async with Site(tmp_path, rule) as site:
        child = image("child")
        whole = site.publish(index(child, attached=(attached_to(child),)))
        site.attest(whole, SBOM, SPDX, by="ci")
        assert "no slsa-provenance by ci" in await site.refused()


async def test_t10_t37_what_is_attached_about_a_sibling_or_another_image_says_nothing_of_this_one(tmp_path):
    async with Site(tmp_path, BUILDKIT) as site:
        one, two = image("one"), image("two", platform="linux/arm64")
        whole = site.publish(index(one, two, attached=(attached_to(one),)))
        site.signed(whole, by="ci")
        await site.admitted()
        await site.admitted(one.digest)
        assert "no slsa-provenance by ci" in await site.refused(two.digest)
        lying = image("lying")
        made = site.publish(index(lying, attached=((lying, statement(one.digest, V1, SLSA_V1)),)), tag="v2")
        site.signed(made, by="ci")
        assert "no slsa-provenance by ci" in await site.refused("v2")


async def test_evidence_from_a_repository_of_the_sites_own_counts_under_the_same_proofs(tmp_path):
    rule = "evidenceFrom: [corp.test/approvals]\nrequire: [{ signature: team }, { attestation: sbom, by: scanner }]"
    async with Site(tmp_path, rule, others=("corp.test",)) as site:
        corp = site.others["corp.test"]
        app = site.publish(image())
        assert "no signature by team" in await site.refused()
        site.signed(app, name="approvals", names="reg.test/acme/app", to=corp)
        site.attest(app, SBOM, SPDX, by="scanner", name="approvals", to=corp, form="bundle")
        site.clock.forward(minutes=2)
        decision = await site.admitted()
        assert check(decision, "signature")["details"]["place"] == "evidenceFrom corp.test/approvals"
        for tag, by, names, sentence in (
            ("by-other", "other", "reg.test/acme/app", "no signature by team (1 found)"),
            ("for-another", "team", "reg.test/acme/other", "names reg.test/acme/other, not this repository"),
            ("for-itself", "team", "corp.test/approvals", "names corp.test/approvals, not this repository"),
        ):
            made = site.publish(image(tag), tag=tag)
            site.signed(made, by=by, name="approvals", names=names, to=corp)
            assert sentence in await site.refused(tag), tag
        corp.knobs.fail(500)
        site.publish(image("late"), tag="late")
        assert "not all could be read" in await site.refused("late", status=503)
        await site.admitted()


async def test_githubs_attestation_api_is_a_source_and_what_it_holds_is_proved_like_anything(tmp_path):
    rule = (
        "evidenceFrom: [api.github.com/repos/acme/ml]\n"
        "require: [{ attestation: slsa-provenance, by: ci, where: { source: github.com/acme/ml } }]"
    )
    async with Site(tmp_path, rule, others=("api.github.com",)) as site:
        api = site.others["api.github.com"]

        def hold(made: Any, by: Any, about: Digest | None = None) -> None:
            payload = statement(about or made.digest, V1, SLSA_V1)
            api.put_attestation("repos/acme/ml", made.digest, by.bundle(payload))

        good = site.publish(image("good"), tag="good")
        hold(good, site.voices["ci"])
        decision = await site.admitted("good")
        passed = check(decision, "slsa-provenance")
        assert passed["details"]["place"] == "evidenceFrom api.github.com/repos/acme/ml"
        assert decision["opinions"] == ["pratique", "sigstore-python"]
        rows = {
            "of-another-image": (site.voices["ci"], Digest.of(b"another")),
            "by-another-workflow": (workflows(site)["another-repository"], None),
            "under-another-root": (Workflow(Sigstore("mallory"), f"{RELEASE}@refs/tags/v1"), None),
        }
        for tag, (by, about) in rows.items():
            made = site.publish(image(tag), tag=tag)
            hold(made, by, about)
            assert "no slsa-provenance by ci (1 found)" in await site.refused(tag), tag


# --- what the Decision tells of who was asked


async def test_the_second_opinion_is_in_the_decision_and_only_where_it_was_given(tmp_path):
    async with Site(tmp_path, "require: [{ signature: ci, name: who }]") as site:
        for tag, form, opinions in (
            ("bundle", "bundle", ["pratique", "sigstore-python"]),
            ("simple", "att", ["pratique"]),
        ):
            made = site.publish(image(tag), tag=tag)
            if form == "bundle":
                site.attest(made, SIGN, {}, by="ci", form="bundle")
            else:
                site.signed(made, by="ci")
            decision = await site.admitted(tag)
            assert decision["opinions"] == opinions
            assert check(decision, "who")["details"]["opinions"] == ", ".join(opinions)


async def test_a_root_that_must_not_be_used_is_not_now_and_never_no(tmp_path):
    (tmp_path / "root.json").write_text('{"signed": {"_type": "root"}, "signatures": []}')
    roots = "corp: { tuf: 'https://tuf.corp.test', root: root.json, maxAge: 30d }"
    signers = f"release: {{ issuer: '{GITHUB}', subject: '{RELEASE}@refs/tags/*', trustRoot: corp }}"
    async with Site(tmp_path, "require: [{ signature: release }]", roots=roots, signers=signers) as site:
        app = site.publish(image())
        site.signed(app, by="ci")
        assert "trust root corp was never fetched" in await site.refused(status=503)
        site.change("require: [{ atLeast: 1, of: [{ signature: release }, { signature: ci }] }]")
        await site.admitted()


async def test_every_form_is_judged_again_after_a_restart_without_the_upstream(tmp_path):
    rule = (
        "evidenceFrom: [corp.test/approvals]\nrequire: [{ signature: ci }, { signature: team }, { signature: vendor }, "
        "{ attestation: sbom, by: scanner }, { attestation: slsa-provenance, by: lab }]"
    )
    async with notation_site(tmp_path, rule, others=("corp.test",)) as site:
        app = site.publish(image())
        site.signed(app, by="ci")
        site.signed(app, name="approvals", names="reg.test/acme/app", to=site.others["corp.test"])
        notarise(site, app)
        site.attest(app, SBOM, SPDX, by="scanner")
        site.attest(app, V1, SLSA_V1, by="lab", form="bundle")
        first = await site.admitted()
        for registry in (site.upstream, *site.others.values()):
            await registry.stop()
        await site.restart()
        got = await site.manifest(APP, "v1")
        assert got.status == 200
        site.change(f"{rule}\ncovers: any")
        again = await site.admitted()
        assert again["key"] != first["key"], "it was judged, and not remembered"
        assert sorted(again["evidence"]) == sorted(first["evidence"])
        assert again["identities"] == first["identities"]
        site.change(rule.replace("by: scanner", "by: security"))
        assert (await site.manifest(APP, "v1")).status == 503, "what is missing may be there"
        for registry in (site.upstream, *site.others.values()):
            await registry.start()


async def test_t41_a_referrer_of_the_right_type_with_junk_in_it_is_no_evidence(tmp_path):
    async with notation_site(
        tmp_path, "require: [{ atLeast: 1, of: [{ signature: vendor }, { signature: ci }] }]"
    ) as site:
        app = site.publish(image())
        for kind, layer in (
            (mediatype.NOTARY_SIGNATURE, mediatype.JOSE),
            (mediatype.NOTARY_SIGNATURE, mediatype.COSE),
            (mediatype.SIGSTORE_BUNDLE, mediatype.SIGSTORE_BUNDLE),
            (mediatype.COSIGN_SIGNATURE_ARTIFACT, mediatype.SIMPLE_SIGNING),
            (mediatype.IN_TOTO, mediatype.DSSE),
        ):
            for raw in (b"", b"{}", b"null", b"\xd2\x84", b"[" * 100):
                site.upstream.put_image(APP, evidence(Blob(raw, layer), subject=app, artifact_type=kind))
        message = await site.refused()
        assert "0 of the 1 distinct signers needed" in message
        rejections = site.decision(app.digest)["rejections"]
        assert len(rejections) >= 20
        assert all(each["reason"] for each in rejections)


async def test_t62_what_was_admitted_is_judged_again_when_its_root_requires_more_or_lists_less(tmp_path):
    """A root is what it lists: with another CT log in it, yesterday's certificate is one that no log saw."""
    rule = "require: [{ signature: who }]"
    site = Site(tmp_path, rule)
    logged, mallory = json.loads(site.sigstore.logged), json.loads(Sigstore("mallory").logged)
    roots = {
        "as-it-was": logged | {"ctlogs": []},
        "more-logs": logged | {"ctlogs": [], "tlogs": [*logged["tlogs"], *mallory["tlogs"]]},
        "a-ct-log": logged | {"ctlogs": mallory["ctlogs"]},
        "another-log": logged | {"ctlogs": [], "tlogs": mallory["tlogs"]},
        "another-ca": logged | {"ctlogs": [], "certificateAuthorities": mallory["certificateAuthorities"]},
    }
    for name, document in roots.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    def parts(name: str) -> dict[str, str]:
        return {
            "roots": f"corp: {{ file: {name}.json, sha256: {site.sha256(name)} }}",
            "signers": "who: { github: acme/ml, workflow: release.yml, trustRoot: corp }",
        }

    site.write(rule, **parts("as-it-was"))
    async with site:
        app = site.publish(image())
        site.signed(app, by="ci")
        first = await site.admitted()
        for name, passes in (
            ("more-logs", True),
            ("a-ct-log", False),
            ("as-it-was", True),
            ("another-log", False),
            ("another-ca", False),
        ):
            site.change(rule, **parts(name))
            if passes:
                assert (await site.admitted())["key"] == first["key"]
            else:
                assert "no signature by who" in await site.refused(), name


async def test_a_key_of_another_kind_of_proof_is_not_asked_in_its_place(tmp_path):
    """A signer who must prove a time is not heard without one, though the same key stands there for another."""
    site = Site(tmp_path, "require: [{ signature: scanner }]", signers="plain: { key: scanner.pub, log: none }")
    async with site:
        app = site.publish(image())
        site.signed(app, by=Key(site.voices["scanner"].private))
        assert "no signature by scanner (1 found)" in await site.refused()
        site.change("require: [{ signature: plain }]")
        await site.admitted()
