"""The cookbook: each recipe under config/cookbook loads as it stands, lets through what it is for, and nothing beside it.

The real publishers' keys are theirs: what is replaced so that a test can sign is said in tests/fakes/kitchen.py.
"""

import json
import shutil
from datetime import timedelta

import pytest
from cryptography import x509

from proxy.config.policy import PolicyFiles, load_files
from proxy.demo.images import as_referrer, sign, signature_tag
from tests.fakes import predicates
from tests.fakes.kitchen import COOKBOOK, MICROSOFT, RECIPES, Kitchen
from tests.fakes.layouts import VECTORS
from tests.fakes.scenes import cluster_api, slsa
from tests.fakes.signing import GITLAB
from tests.fakes.site import AT, NOW, image, index

ACME = "https://github.com/acme"
CHAINGUARD = "https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main"
ENFORCE = "https://issuer.enforce.dev"
GOOGLE = "https://accounts.google.com"
KREL = "krel-trust@k8s-releng-prod.iam.gserviceaccount.com"
RELEASE = f"{ACME}/ml/.github/workflows/release.yml@refs/tags/v1.2.0"
GENERATOR = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
PROVENANCE, PROVENANCE_V02 = "https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"
SPDX, VULN = "https://spdx.dev/Document", "https://cosign.sigstore.dev/attestation/vuln/v1"
VEX = "https://openvex.dev/ns/v0.2.0"
ML = "registry.corp.example/ml/trainer"
CLEAN = {"Results": [{"Target": "trainer", "Class": "os-pkgs", "Vulnerabilities": []}], "SchemaVersion": 2}


def changed(predicate, path, value):
    """The same with another value at `path`: dots between, numbers for items."""
    made = json.loads(json.dumps(predicate))
    here, words = made, [int(word) if word.isdigit() else word for word in path.split(".")]
    for word in words[:-1]:
        here = here[word]
    here[words[-1]] = value
    return made


# As they stand.


def load(recipe, folder):
    """The recipe as it is shipped; what it says that the operator must bring is brought."""
    shutil.copytree(COOKBOOK / recipe, folder, dirs_exist_ok=True)
    certificate = (COOKBOOK / "own-pki" / "corp-ca.pem").read_bytes()
    for name in ("microsoft-supply-chain.pem", "microsoft-timestamps.pem"):
        (folder / name).write_bytes(certificate)
    (folder / "redhat-release3.pub").write_bytes((COOKBOOK / "own-keys" / "keys" / "build.pub").read_bytes())
    return load_files(PolicyFiles(folder / "policy.yaml", folder / "pins.lock.yaml"), now=NOW)


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_loads_as_it_stands_and_without_a_warning(recipe, tmp_path):
    loaded = load(recipe, tmp_path / recipe)

    assert loaded.policy.rules
    assert loaded.warnings == ()


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_recipe_says_at_its_top_what_it_is_for(recipe):
    text = (COOKBOOK / recipe / "policy.yaml").read_text()

    assert text.startswith("# ")
    assert all(len(line) <= 160 for line in text.splitlines())


@pytest.mark.parametrize("recipe", RECIPES)
async def test_t24_no_recipe_lets_an_unsigned_image_through(recipe, tmp_path):
    rules = load(recipe, tmp_path / "loaded").policy.rules
    names = sorted({rule.match.replace("/**", "/x").replace("/*", "/x") for rule in rules})
    asked = {name.partition("/")[0] for name in (*names, *(each for rule in rules for each in rule.evidence_from))}
    async with Kitchen(tmp_path / "house", recipe, *sorted(asked)) as kitchen:
        for name in names:
            made = kitchen.puts(name, image(name), tag=None)
            assert await kitchen.refuses(f"{name}@{made.digest}")


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not here")
def test_the_kubernetes_recipe_believes_a_real_signature_of_registry_k8s_io(tmp_path):
    material = load("kubernetes", tmp_path).material
    proved = cluster_api().prove(signers=(material.signers["kubernetes"],), material=material)

    (found,) = proved.evidence
    assert (found.signer, found.identity) == ("kubernetes", f"keyless:{GOOGLE} {KREL}")
    assert found.proved_at is not None


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not here")
def test_the_provenance_recipe_believes_a_real_attestation_of_the_slsa_generator(tmp_path):
    material = load("provenance-level", tmp_path).material
    proved = slsa("v2.1.0").prove(signers=(material.signers["generator"],), material=material)

    assert [(each.kind, each.signer, each.predicate_type) for each in proved.evidence] == [
        ("attestation", "generator", PROVENANCE_V02)
    ]


# Publishers.


async def test_ngc_lets_nvidias_images_through_and_no_others(tmp_path):
    name = "nvcr.io/nvidia/pytorch"
    async with Kitchen(tmp_path, "ngc", "nvcr.io") as kitchen:
        registry, good = kitchen.others["nvcr.io"], kitchen.puts(name, image("torch"), tag="24.10-py3")
        # As NGC writes it: base64 with line breaks, no log, no certificate.
        made = sign(good.digest, private=kitchen.voices["nvidia"].private, reference_name=name, newlines=True)
        registry.put_image("nvidia/pytorch", made, tag=str(signature_tag(good.digest)))
        forged = kitchen.puts(name, image("forged"), tag="24.11-py3")
        kitchen.signs(name, forged, by="stranger")
        other = kitchen.puts(name, image("other product"), tag="24.12-py3")
        kitchen.signs(name, other, by="nvidia", names="nvcr.io/nvidia/tensorflow")

        assert (await kitchen.admits(f"{name}:24.10-py3"))["identities"]
        assert "no signature by nvidia" in await kitchen.refuses(f"{name}:24.11-py3")
        assert "names nvcr.io/nvidia/tensorflow, not this repository" in await kitchen.refuses(f"{name}:24.12-py3")
        assert "tag 23.10-py3 is not permitted" in await kitchen.refuses(f"{name}:23.10-py3")


async def test_kubernetes_lets_the_promoters_images_through_under_the_name_they_were_promoted_from(tmp_path):
    name = "registry.k8s.io/pause"
    async with Kitchen(tmp_path, "kubernetes", "registry.k8s.io") as kitchen:
        staging = kitchen.workflow("krel-staging@k8s-releng-prod.iam.gserviceaccount.com", GOOGLE)
        good = kitchen.puts(name, index(image("pause"), image("pause", platform="linux/arm64")), tag="3.10")
        kitchen.signs(name, good, by=staging, names="us.gcr.io/k8s-artifacts-prod/pause")
        kitchen.signs(name, good, by=kitchen.workflow(KREL, GOOGLE), names="us.gcr.io/k8s-artifacts-prod/pause")
        staged = kitchen.puts(name, image("staged"), tag="3.11")
        kitchen.signs(name, staged, by=staging)
        strange = kitchen.puts(name, image("strange"), tag="3.12")
        kitchen.signs(name, strange, by=kitchen.workflow(KREL, GITLAB))
        elsewhere = kitchen.puts(name, image("elsewhere"), tag="3.13")
        kitchen.signs(name, elsewhere, by=kitchen.workflow(KREL, GOOGLE), names="us.gcr.io/somebody/pause")

        assert (await kitchen.admits(f"{name}:3.10"))["identities"] == [f"keyless:{GOOGLE} {KREL}"]
        for tag in ("3.11", "3.12"):
            assert "no signature by kubernetes" in await kitchen.refuses(f"{name}:{tag}")
        assert "names us.gcr.io/somebody/pause" in await kitchen.refuses(f"{name}:3.13")


async def test_chainguard_tells_the_public_images_from_an_organisations(tmp_path):
    public, private = "cgr.dev/chainguard/static", "cgr.dev/acme.example/python"
    syncer = f"{ENFORCE}/0000000000000000000000000000000000000000/0000000000000001"
    async with Kitchen(tmp_path, "chainguard", "cgr.dev") as kitchen:
        for name, san, issuer, tag in (
            (public, CHAINGUARD, None, "good"),
            (public, CHAINGUARD.replace("heads/main", "heads/other"), None, "branch"),
            (public, syncer, ENFORCE, "syncer"),
            (private, syncer, ENFORCE, "good"),
            (private, f"{syncer}7", ENFORCE, "another-organisation"),
            (private, CHAINGUARD, None, "public"),
        ):
            made = kitchen.puts(name, image(f"{name} {tag}"), tag=tag)
            kitchen.signs(name, made, by=kitchen.workflow(san, issuer) if issuer else kitchen.workflow(san))

        assert await kitchen.admits(f"{public}:good")
        assert await kitchen.admits(f"{private}:good")
        for refused in (f"{public}:branch", f"{public}:syncer", f"{private}:another-organisation", f"{private}:public"):
            assert "no signature by chainguard" in await kitchen.refuses(refused)


async def test_docker_hardened_images_are_proved_platform_by_platform(tmp_path):
    name = "dhi.io/python"
    amd, arm = image("python"), image("python", platform="linux/arm64")
    async with Kitchen(tmp_path, "docker-hardened-images", "dhi.io") as kitchen:
        good = kitchen.puts(name, index(amd, arm), tag="3.13")
        unsigned = kitchen.puts(name, index(image("unsigned")), tag="3.14")
        registry, docker = kitchen.others["dhi.io"], kitchen.voices["docker"].private
        for each in (amd, unsigned):  # the second Index itself, which is not what is asked
            made = sign(each.digest, private=docker, reference_name=name)
            registry.put_image("python", as_referrer(made, subject=each))

        assert await kitchen.admits(f"{name}:3.13")
        assert await kitchen.admits(f"{name}@{amd.digest}")
        assert "no signature by docker" in await kitchen.refuses(f"{name}@{arm.digest}")
        assert "no platform passes" in await kitchen.refuses(f"{name}:3.14")
        assert good.digest != unsigned.digest


async def test_red_hats_images_need_red_hats_key(tmp_path):
    name = "registry.access.redhat.com/ubi9/ubi"
    async with Kitchen(tmp_path, "red-hat", "registry.access.redhat.com", "registry.redhat.io") as kitchen:
        good = kitchen.puts(name, image("ubi"), tag="9.6")
        kitchen.signs(name, good, by="redhat")
        forged = kitchen.puts(name, image("forged"), tag="9.7")
        kitchen.signs(name, forged, by="stranger")
        copied = kitchen.puts("registry.redhat.io/ubi9/ubi", image("copied"), tag="9.6")
        kitchen.signs("registry.redhat.io/ubi9/ubi", copied, by="redhat", names=name)

        assert await kitchen.admits(f"{name}:9.6")
        assert "no signature by redhat" in await kitchen.refuses(f"{name}:9.7")
        assert f'add "signedAs: [{name}]"' in await kitchen.refuses("registry.redhat.io/ubi9/ubi:9.6")


async def test_microsofts_images_are_believed_by_notation_after_the_certificate_ended(tmp_path):
    name = "mcr.microsoft.com/dotnet/runtime"
    async with Kitchen(tmp_path, "microsoft", "mcr.microsoft.com") as kitchen:
        brief = {"not_before": AT - timedelta(days=1), "not_after": AT + timedelta(days=1)}
        signer = kitchen.employee(subject=MICROSOFT, **brief)
        another = kitchen.employee(subject=MICROSOFT.replace("SCD Products", "Other Products"), **brief)
        for tag, by, is_stamped in (("10.0", signer, True), ("10.1", another, True), ("10.2", signer, False)):
            platforms = image(tag), image(tag, platform="linux/arm64")
            made = kitchen.puts(name, index(*platforms), tag=tag)
            for each in (made, *platforms):
                kitchen.notarises(name, each, by=by, is_stamped=is_stamped)

        assert await kitchen.admits(f"{name}:10.0")
        await kitchen.admits(f"{name}@{image('10.0').digest}")
        assert "no signature by microsoft" in await kitchen.refuses(f"{name}:10.1")
        assert "no signature by microsoft" in await kitchen.refuses(f"{name}:10.2")


# Workflows.


async def test_github_actions_believes_one_workflow_of_a_repository_at_its_release_tags(tmp_path):
    one, any_of_us = "ghcr.io/acme/ml/trainer", "ghcr.io/acme/tool"
    ours = {"n16": ACME, "n11": "github-hosted"}
    async with Kitchen(tmp_path, "github-actions", "ghcr.io", "api.github.com") as kitchen:
        for name, tag, san, said in (
            (one, "good", RELEASE, {}),
            (one, "branch", RELEASE.replace("tags/v1.2.0", "heads/main"), {}),
            (one, "fork", RELEASE.replace("/acme/", "/acme-fork/"), {}),
            (one, "other-workflow", RELEASE.replace("release.yml", "test.yml"), {}),
            (any_of_us, "good", RELEASE.replace("/ml/", "/tool/"), ours),
            (any_of_us, "own-runner", RELEASE.replace("/ml/", "/tool/"), ours | {"n11": "self-hosted"}),
            (any_of_us, "look-alike", RELEASE.replace("/acme/ml/", "/acme-inc/tool/"), ours),
        ):
            made = kitchen.puts(name, image(f"{name} {tag}"), tag=tag)
            kitchen.signs(name, made, by=kitchen.workflow(san, **said))

        assert await kitchen.admits(f"{one}:good")
        assert await kitchen.admits(f"{any_of_us}:good")
        for refused in ("branch", "fork", "other-workflow"):
            assert "no signature by ml-release" in await kitchen.refuses(f"{one}:{refused}")
        for refused in ("own-runner", "look-alike"):
            assert "no signature by ml-any" in await kitchen.refuses(f"{any_of_us}:{refused}")


async def test_github_actions_finds_a_private_repositorys_attestation_at_github(tmp_path):
    name = "ghcr.io/acme/secret/app"
    private = changed(predicates.SLSA_V1, "buildDefinition.externalParameters.workflow.repository", f"{ACME}/secret")
    dependency = "buildDefinition.resolvedDependencies.0.uri"
    private = changed(private, dependency, f"git+{ACME}/secret@refs/tags/v1.2.0")
    async with Kitchen(tmp_path, "github-actions", "ghcr.io", "api.github.com") as kitchen:
        by = kitchen.workflow(RELEASE.replace("/ml/", "/secret/"))
        for tag, predicate in (("good", private), ("of-another-source", predicates.SLSA_V1)):
            made = kitchen.puts(name, image(tag), tag=tag)
            kitchen.attests_at_github("repos/acme/secret", made, PROVENANCE, predicate, by=by)

        assert await kitchen.admits(f"{name}:good")
        assert "source is 'github.com/acme/ml'" in await kitchen.refuses(f"{name}:of-another-source")


async def test_gitlab_ci_believes_one_projects_pipeline_at_its_release_tags(tmp_path):
    name = "registry.gitlab.com/acme/ml/app"
    pipeline = "https://gitlab.com/acme/ml//.gitlab-ci.yml@refs/tags/v1.2.0"
    ours = {"n12": "https://gitlab.com/acme/ml", "n11": "gitlab-hosted"}
    async with Kitchen(tmp_path, "gitlab-ci", "registry.gitlab.com") as kitchen:
        for tag, san, issuer, said in (
            ("good", pipeline, GITLAB, ours),
            ("branch", pipeline.replace("tags/v1.2.0", "heads/main"), GITLAB, ours),
            ("own-runner", pipeline, GITLAB, ours | {"n11": "self-hosted"}),
            ("issuer", pipeline, "https://gitlab.com.evil.example", ours),
        ):
            made = kitchen.puts(name, image(tag), tag=tag)
            kitchen.signs(name, made, by=kitchen.workflow(san, issuer, **said))

        assert await kitchen.admits(f"{name}:good")
        for refused in ("branch", "own-runner", "issuer"):
            assert "no signature by ml-pipeline" in await kitchen.refuses(f"{name}:{refused}")


async def test_a_provenance_level_is_the_builders_and_the_source_is_asked_for(tmp_path):
    generated, attested = "ghcr.io/acme/ml/trainer", "ghcr.io/acme/attested/app"
    builder = f"{GENERATOR}@refs/tags/v2.1.0"
    good = changed(predicates.SLSA_V02, "builder.id", builder)
    stolen = changed(good, "invocation.configSource.uri", "git+https://github.com/evil/ml@refs/tags/v1.2.0")
    slow = changed(predicates.SLSA_V1, "runDetails.builder.id", "https://github.com/actions/runner/self-hosted")
    async with Kitchen(tmp_path, "provenance-level", "ghcr.io") as kitchen:
        by = kitchen.workflow(builder)
        for tag, predicate in (("good", good), ("stolen", stolen), ("slow", predicates.SLSA_V02)):
            made = kitchen.puts(generated, image(tag), tag=tag)
            kitchen.states(generated, made, PROVENANCE_V02, predicate, by=by)
        for tag, predicate in (("good", predicates.SLSA_V1), ("slow", slow)):
            made = kitchen.puts(attested, image(f"attested {tag}"), tag=tag)
            kitchen.states(attested, made, PROVENANCE, predicate, by=kitchen.workflow(RELEASE), form="bundle")

        assert await kitchen.admits(f"{generated}:good")
        assert await kitchen.admits(f"{attested}:good")
        assert "source is 'github.com/evil/ml'" in await kitchen.refuses(f"{generated}:stolen")
        assert "level is 0; the rule asks for >=3" in await kitchen.refuses(f"{generated}:slow")
        assert "level is 0; the rule asks for >=2" in await kitchen.refuses(f"{attested}:slow")


# A site's own.


async def test_own_keys_ask_two_people_for_what_runs_in_production(tmp_path):
    team, production = ML, "registry.corp.example/production/app"
    async with Kitchen(tmp_path, "own-keys", "registry.corp.example") as kitchen:
        for name, tag, voices in (
            (team, "good", ("build",)),
            (team, "released", ("release",)),
            (production, "good", ("build", "release")),
            (production, "alone", ("build",)),
        ):
            made = kitchen.puts(name, image(f"{name} {tag}"), tag=tag)
            for each in voices:
                kitchen.signs(name, made, by=each)

        assert await kitchen.admits(f"{team}:good")
        assert await kitchen.admits(f"{production}:good")
        assert "no signature by build" in await kitchen.refuses(f"{team}:released")
        assert "1 of the 2 distinct signers needed" in await kitchen.refuses(f"{production}:alone")


async def test_own_pki_believes_the_companys_certificates_while_they_last_or_by_their_timestamps(tmp_path):
    lived, stamped, notated = (f"registry.corp.example/{name}/app" for name in ("short-lived", "cosign", "notation"))
    async with Kitchen(tmp_path, "own-pki", "registry.corp.example") as kitchen:
        san = {"sans": (x509.RFC822Name("release@corp.example"),)}
        release = kitchen.employee(subject="O=Acme,CN=release", **san)
        ended = kitchen.employee(subject="O=Acme,CN=release", not_before=AT, not_after=AT + timedelta(days=1), **san)
        other = kitchen.employee(subject="O=Acme,CN=dev", sans=(x509.RFC822Name("dev@corp.example"),))
        for name, tag, by, is_stamped in (
            (lived, "good", release, False),
            (lived, "ended", ended, False),
            (lived, "other", other, False),
            (stamped, "good", ended, True),
            (stamped, "other", other, True),
        ):
            made = kitchen.puts(name, image(f"{name} {tag}"), tag=tag)
            kitchen.certifies(name, made, by=by, is_stamped=is_stamped)
        for tag, by in (("good", ended), ("other", other)):
            kitchen.notarises(notated, kitchen.puts(notated, image(f"notated {tag}"), tag=tag), by=by)

        for name in (lived, stamped, notated):
            assert await kitchen.admits(f"{name}:good")
            assert "no signature by" in await kitchen.refuses(f"{name}:other")
        assert "no signature by release" in await kitchen.refuses(f"{lived}:ended")


async def test_an_authority_that_names_another_host_for_its_crl_is_refused_with_what_to_add(tmp_path):
    name = "registry.corp.example/short-lived/app"
    async with Kitchen(tmp_path, "own-pki", "registry.corp.example") as kitchen:
        by = kitchen.employee(
            subject="O=Acme,CN=release",
            sans=(x509.RFC822Name("release@corp.example"),),
            crl=("http://crl.other.test/a.crl",),
        )
        kitchen.certifies(name, kitchen.puts(name, image()), by=by)

        assert "no signature by release" in await kitchen.refuses(f"{name}:v1")
        decision = kitchen.decided(image().digest)
        assert any("crl.other.test" in each["reason"] for each in decision["rejections"])


async def test_two_of_ours_must_countersign_what_its_publisher_does_not_sign(tmp_path):
    name, approvals = "docker.io/library/redis", "registry.corp.example/approvals"
    async with Kitchen(tmp_path, "countersigned", "docker.io", "registry.corp.example") as kitchen:
        for tag, voices in (
            ("7.4", ("reviewer-a", "reviewer-b")),
            ("7.5", ("reviewer-a",)),
            ("7.6", ("reviewer-a", "stranger")),
        ):
            made = kitchen.puts(name, image(tag), tag=tag)
            for each in voices:
                kitchen.signs(name, made, by=each, to=approvals)

        assert await kitchen.admits(f"{name}:7.4")
        for tag in ("7.5", "7.6"):
            assert "1 of the 2 distinct signers needed: no signature by reviewer-b" in await kitchen.refuses(
                f"{name}:{tag}"
            )


# What is in it.


async def test_an_sbom_with_a_banned_component_or_with_nothing_in_it_is_refused(tmp_path):
    banned = {"name": "xz-utils", "SPDXID": "SPDXRef-9", "downloadLocation": "NONE", "versionInfo": "5.6.1"}
    with_ban = changed(predicates.SPDX, "packages", [*predicates.SPDX["packages"], banned])
    licensed = changed(predicates.SPDX, "packages.0.licenseDeclared", "AGPL-3.0-only")
    shaded = changed(predicates.CYCLONEDX, "components.0.components.0.components.0", _log4j())
    async with Kitchen(tmp_path, "sbom-ban-list", "registry.corp.example") as kitchen:
        for tag, kind, predicate, by in (
            ("good", SPDX, predicates.SPDX, "build"),
            ("banned", SPDX, with_ban, "build"),
            ("licensed", SPDX, licensed, "build"),
            ("nested", "https://cyclonedx.org/bom", shaded, "build"),
            ("empty", SPDX, changed(predicates.SPDX, "packages", []), "build"),
            ("stranger", SPDX, predicates.SPDX, "stranger"),
        ):
            made = kitchen.puts(ML, image(tag), tag=tag)
            kitchen.signs(ML, made, by="build")
            kitchen.states(ML, made, kind, predicate, by=by)

        assert await kitchen.admits(f"{ML}:good")
        for tag in ("banned", "licensed", "nested"):
            assert "is not met" in await kitchen.refuses(f"{ML}:{tag}")
        assert "count is 0; the rule asks for >=1" in await kitchen.refuses(f"{ML}:empty")
        assert "no sbom by build" in await kitchen.refuses(f"{ML}:stranger")


def _log4j():
    return {"type": "library", "name": "log4j-core", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}


async def test_the_newest_scan_decides_and_what_does_not_apply_is_not_counted(tmp_path):
    found = predicates.scan(predicates.TRIVY)  # one critical finding, CVE-2026-0001
    clean, scanned = predicates.scan(CLEAN), NOW - timedelta(days=2)
    async with Kitchen(tmp_path, "vulnerability-gate", "registry.corp.example") as kitchen:
        for tag in ("clean", "critical", "excused", "old", "hidden"):
            kitchen.signs(ML, kitchen.puts(ML, image(tag), tag=tag), by="build")
        for tag, predicate, at in (
            ("clean", clean, scanned),
            ("critical", found, scanned),
            ("excused", found, scanned),
            ("old", clean, NOW - timedelta(days=8)),
            ("hidden", clean, scanned - timedelta(days=1)),
            ("hidden", found, scanned),
        ):
            kitchen.states(ML, image(tag), VULN, predicate, by="scanner", at=at)
        excuse = changed(predicates.VEX, "statements", [_excuse(image("excused").digest)])
        kitchen.states(ML, image("excused"), VEX, excuse, by="security")

        assert await kitchen.admits(f"{ML}:clean")
        decision = await kitchen.admits(f"{ML}:excused")
        assert any("CVE-2026-0001" in str(each.get("details")) for each in decision["checks"])
        for tag in ("critical", "hidden"):
            assert "critical is 1; the rule asks for 0" in await kitchen.refuses(f"{ML}:{tag}")
        assert "older than 7d" in await kitchen.refuses(f"{ML}:old")


def _excuse(digest):
    return {
        "vulnerability": {"name": "CVE-2026-0001"},
        "products": [{"@id": f"pkg:oci/trainer@{digest}".replace(":", "%3A").replace("pkg%3A", "pkg:")}],
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
    }


async def test_the_image_itself_is_young_runs_as_somebody_and_keeps_no_secret(tmp_path):
    async with Kitchen(tmp_path, "image-facts", "registry.corp.example") as kitchen:
        for tag, run in (
            ("good", {}),
            ("old", {"created": "2026-09-01T00:00:00Z"}),
            ("root", {"User": "0"}),
            ("nobody-named", {"User": None}),
            ("secret", {"Env": ["PATH=/bin", "AWS_SECRET_ACCESS_KEY=x"]}),
        ):
            kitchen.signs(ML, kitchen.puts(ML, image(tag, **run), tag=tag), by="build")

        assert await kitchen.admits(f"{ML}:good")
        assert "days old; the rule asks for 30 at most" in await kitchen.refuses(f"{ML}:old")
        for tag in ("root", "nobody-named"):
            assert "isRoot is true" in await kitchen.refuses(f"{ML}:{tag}")
        assert "is not met by the image" in await kitchen.refuses(f"{ML}:secret")


async def test_break_glass_waives_one_requirement_for_one_digest_until_its_day(tmp_path):
    found = predicates.scan(predicates.TRIVY)
    excepted, other = image("excepted"), image("other")
    async with Kitchen(tmp_path, "break-glass", "registry.corp.example") as kitchen:
        policy = (tmp_path / "policy.yaml").read_text()
        assert policy.count("sha256:77aa") == 1  # the placeholder, which a site replaces too
        kitchen.set_policy(policy.replace("sha256:" + "77aa" * 16, str(excepted.digest)))
        for tag, made in (("excepted", excepted), ("other", other)):
            kitchen.signs(ML, kitchen.puts(ML, made, tag=tag), by="build")
            kitchen.states(ML, made, VULN, found, by="scanner")

        decision = await kitchen.admits(f"{ML}:excepted")
        assert decision["expiresAt"].startswith("2026-12-01T00:00")
        assert "critical is 1" in await kitchen.refuses(f"{ML}:other")
        kitchen.clock.forward(days=22)
        assert "critical is 1" in await kitchen.refuses(f"{ML}:excepted")


# "I pull these nine images."

NINE = (
    "nvcr.io/nvidia/pytorch:25.10-py3",
    "nvcr.io/nvidia/gpu-operator:v26.3.1",
    "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.8.4",
    "registry.k8s.io/pause:3.10",
    "registry.k8s.io/coredns/coredns:v1.12.1",
    "cgr.dev/chainguard/prometheus:latest",
    "ghcr.io/acme/ml/trainer:v1.2.0",
    "mcr.microsoft.com/dotnet/runtime:10.0",
    "docker.io/library/busybox:1.36.1",
)
HOSTS = ("nvcr.io", "registry.k8s.io", "cgr.dev", "ghcr.io", "mcr.microsoft.com", "docker.io")
BUSYBOX = "sha256:73aaf090f3d85aa34ee199857f03fa3a95c8ede2ffd4cc2cdb5b94e566b11662"


def signed_by_its_publisher(kitchen, reference, made):
    name = reference.rpartition(":")[0]
    host = name.partition("/")[0]
    if host == "nvcr.io":
        kitchen.signs(name, made, by="nvidia")
    elif host == "registry.k8s.io":
        kitchen.signs(name, made, by=kitchen.workflow(KREL, GOOGLE))
    elif host == "cgr.dev":
        kitchen.signs(name, made, by=kitchen.workflow(CHAINGUARD))
    elif host == "ghcr.io":
        kitchen.signs(name, made, by=kitchen.workflow(RELEASE))
        kitchen.states(name, made, PROVENANCE, predicates.SLSA_V1, by=kitchen.workflow(RELEASE), form="bundle")
    elif host == "mcr.microsoft.com":
        kitchen.notarises(name, made, by=kitchen.employee(subject=MICROSOFT))


def reviewed(folder, digest):
    """busybox's real bytes are not here: the reviewed digest is that of the image that stands in for it."""
    policy = folder / "policy.yaml"
    assert policy.read_text().count(BUSYBOX) == 1
    policy.write_text(policy.read_text().replace(BUSYBOX, str(digest)))


@pytest.fixture
async def site(tmp_path):
    kitchen = Kitchen(tmp_path, "gpu-site", *HOSTS)
    reviewed(tmp_path, image(NINE[-1]).digest)
    async with kitchen:
        for reference in NINE:
            name, _, tag = reference.rpartition(":")
            made = kitchen.puts(name, image(reference), tag=tag)
            signed_by_its_publisher(kitchen, reference, made)
        yield kitchen


async def test_the_nine_images_of_a_gpu_site_are_let_through(site):
    for reference in NINE:
        assert await site.admits(reference)


async def test_the_nine_images_are_there_when_every_upstream_is_off(site):
    for reference in NINE:
        await site.admits(reference)
    for registry in site.others.values():
        await registry.stop()

    for reference in NINE:
        assert await site.admits(reference)


@pytest.mark.parametrize("reference", NINE)
async def test_none_of_the_nine_is_let_through_by_another_publishers_proof(reference, tmp_path):
    """Each name with an image that all the other publishers signed, and its own did not."""
    own = reference.partition("/")[0]
    kitchen = Kitchen(tmp_path, "gpu-site", *HOSTS)
    reviewed(tmp_path, image("another").digest)
    async with kitchen:
        name, _, tag = reference.rpartition(":")
        made = kitchen.puts(name, image("forged"), tag=tag)
        for voice in (
            *(["nvidia"] if own != "nvcr.io" else []),
            *([kitchen.workflow(KREL, GOOGLE)] if own != "registry.k8s.io" else []),
            *([kitchen.workflow(CHAINGUARD)] if own != "cgr.dev" else []),
            *([kitchen.workflow(RELEASE)] if own != "ghcr.io" else []),
            "stranger",
        ):
            kitchen.signs(name, made, by=voice)

        assert await kitchen.refuses(reference)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("nvcr.io/nvidia/pytorch:24.10-py3", "tag 24.10-py3 is not permitted"),
        ("nvcr.io/nvidia/tensorflow:25.10-tf2-py3", "no rule matches nvcr.io/nvidia/tensorflow"),
        ("docker.io/library/redis:7", "no rule matches docker.io/library/redis"),
        ("quay.io/prometheus/prometheus:v3", "quay.io"),
    ],
)
async def test_a_tenth_image_is_refused_before_any_upstream_is_asked(reference, says, site):
    for registry in site.others.values():
        registry.forget()

    assert says in await site.refuses(reference)
    assert [registry.requests for registry in site.others.values()] == [[]] * len(HOSTS)


async def test_our_own_image_needs_the_provenance_beside_the_signature(site):
    name = "ghcr.io/acme/ml/trainer"
    alone = site.puts(name, image("alone"), tag="v1.3.0")
    site.signs(name, alone, by=site.workflow(RELEASE))
    elsewhere = site.puts(name, image("elsewhere"), tag="v1.4.0")
    site.signs(name, elsewhere, by=site.workflow(RELEASE))
    built = changed(predicates.SLSA_V1, "runDetails.builder.id", "https://ci.evil.example")
    site.states(name, elsewhere, PROVENANCE, built, by=site.workflow(RELEASE), form="bundle")

    assert "no slsa-provenance by ml-release" in await site.refuses(f"{name}:v1.3.0")
    assert "builder is 'https://ci.evil.example'" in await site.refuses(f"{name}:v1.4.0")


async def test_t12_the_followed_tag_waits_three_days_and_never_goes_back(site):
    """cgr.dev/chainguard/prometheus follows `latest`, `after: 72h`, with `rollback: deny`."""
    name = "cgr.dev/chainguard/prometheus"
    pinned = image(f"{name}:latest")
    assert (await site.admits(f"{name}:latest"))["digest"] == str(pinned.digest)

    fresh = site.puts(name, image("fresh"), tag="latest")
    site.signs(name, fresh, by=site.workflow(CHAINGUARD), at=NOW)
    site.clock.forward(hours=71)
    assert (await site.admits(f"{name}:latest"))["digest"] == str(pinned.digest)
    site.clock.forward(hours=2)
    assert (await site.admits(f"{name}:latest"))["digest"] == str(fresh.digest)

    old = site.puts(name, image("old"), tag="latest")
    site.signs(name, old, by=site.workflow(CHAINGUARD), at=AT - timedelta(days=30))
    site.clock.forward(days=10)
    assert (await site.admits(f"{name}:latest"))["digest"] == str(fresh.digest)
