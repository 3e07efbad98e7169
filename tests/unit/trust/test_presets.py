"""A preset is the key or the identity that its publisher published, and nothing else: files, hashes and notes agree."""

import dataclasses
from datetime import UTC, datetime
from importlib import resources

import pytest

from proxy.config.signers import signer_source
from proxy.errors import ConfigError
from proxy.policy.rules import SignerSpec
from proxy.trust.presets import PRESETS, preset
from proxy.trust.reading import Reader
from proxy.trust.settings import KeylessSource
from proxy.trust.shipped import SHIPPED
from proxy.trust.sources import load_signer

KEYS = resources.files("proxy.trust").joinpath("keys")
KEYED = [name for name, each in PRESETS.items() if each.is_key]
KEYLESS = [name for name, each in PRESETS.items() if not each.is_key]
GITHUB, GOOGLE = "https://token.actions.githubusercontent.com", "https://accounts.google.com"
UIDP = "720909c9f5279097d847ad02a2f24ba8f59de36a"
PARAMETERS = {"chainguard-custom": {"imageSyncer": f"{UIDP}/a1b2", "customImageBuilder": f"{UIDP}/c3d4"}}
SLSA = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"

# Who signs, as published; and somebody near, who is nobody.
IDENTITIES = {
    "kubernetes": (GOOGLE, "krel-trust@k8s-releng-prod.iam.gserviceaccount.com", "krel-staging@k8s-releng-prod.iam.x"),
    "distroless": (
        GOOGLE,
        "keyless@distroless.iam.gserviceaccount.com",
        "keyless@distroless.iam.gserviceaccount.com.evil",
    ),
    "chainguard": (
        GITHUB,
        "https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main",
        "https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main2",
    ),
    "chainguard-custom": (
        "https://issuer.enforce.dev",
        f"https://issuer.enforce.dev/{UIDP}/c3d4",
        f"https://issuer.enforce.dev/{UIDP}/e5f6",
    ),
    "flux": (
        GITHUB,
        "https://github.com/fluxcd/source-controller/.github/workflows/release.yml@refs/tags/v1.7.0",
        "https://github.com/fluxcd/a/b/.github/workflows/release.yml@refs/tags/v1.7.0",
    ),
    "cilium": (
        GITHUB,
        "https://github.com/cilium/cilium/.github/workflows/build-images-releases.yaml@refs/tags/v1.16.0",
        "https://github.com/cilium/cilium/.github/workflows/build-images-releases.yaml@refs/heads/main",
    ),
    "sidero": (
        GOOGLE,
        "releasemgr-svc@talos-production.iam.gserviceaccount.com",
        "releasemgr-svc@talos-staging.iam.gserviceaccount.com",
    ),
    "sigstore-cosign": (
        GOOGLE,
        "keyless@projectsigstore.iam.gserviceaccount.com",
        "xkeyless@projectsigstore.iam.gserviceaccount.com",
    ),
    "slsa-github-generator": (GITHUB, f"{SLSA}@refs/tags/v2.1.0", f"{SLSA}@refs/tags/v2.1.0-rc.1"),
    "nvidia-aicr": (
        GITHUB,
        "https://github.com/NVIDIA/aicr/.github/workflows/on-tag.yaml@refs/tags/v0.9.0",
        "https://github.com/evil/aicr/.github/workflows/on-tag.yaml@refs/tags/v0.9.0",
    ),
}


def keyless(name: str, **parameters: str) -> KeylessSource:
    made = signer_source(SignerSpec("alias", preset=name, parameters=parameters or PARAMETERS.get(name, {})), READER)
    assert isinstance(made, KeylessSource)
    return made


READER = Reader(resources.files("proxy.trust"))  # type: ignore[arg-type] # no preset reads a file of the operator's


@pytest.mark.parametrize("name", PRESETS)
def test_each_says_whose_it_is_where_it_is_from_and_of_when(name: str):
    found = preset(name)
    assert found.name == name
    assert found.title
    assert found.source
    assert datetime.strptime(found.date, "%Y-%m").replace(tzinfo=UTC) < datetime(2026, 12, 1, tzinfo=UTC)
    assert bool(found.file) != bool(found.issuer and found.subject), "by key or by identity"


@pytest.mark.parametrize("name", KEYED)
def test_a_shipped_key_is_the_one_whose_hashes_are_written_down(name: str):
    found = preset(name)
    signer = load_signer(found.source_for("alias"))
    assert (signer.name, signer.spki) == ("alias", found.spki)
    note = KEYS.joinpath("README.md").read_text()
    row = next(line for line in note.splitlines() if f"`{found.file}`" in line)
    assert found.sha256 in row
    assert found.spki in row


def test_every_shipped_key_belongs_to_a_preset():
    files = {each.name for each in KEYS.iterdir() if each.name.endswith(".pub")}
    assert files == {each.file for each in PRESETS.values() if each.is_key}


def test_the_ngc_key_is_nvidias():
    assert preset("nvidia-ngc").spki == "bc37f80d78c8e82fa6d313a1af457943f32ea9f15a2dd634e20992339a2fbe23"
    assert preset("nvidia-ngc").registries == ("nvcr.io/nvidia/**", "nvcr.io/nim/**")


def test_t31_the_key_that_distroless_retired_proves_nothing_any_more():
    signer = load_signer(preset("distroless-key").source_for("old"))
    assert signer.valid_until == datetime(2023, 10, 1, tzinfo=UTC)


def test_every_identity_has_an_example_here():
    assert set(KEYLESS) == set(IDENTITIES)


@pytest.mark.parametrize("name", KEYLESS)
def test_t28_a_preset_by_identity_is_its_publisher_and_nobody_near(name: str):
    issuer, subject, near = IDENTITIES[name]
    made = keyless(name)
    assert (made.name, made.root, made.issuer) == ("alias", "sigstore", issuer)
    assert made.root in SHIPPED
    assert made.subject.matches(subject)
    for other in (near, f"{subject}\n", f" {subject}", f"x{subject}", subject.replace(".", "x", 1), ""):
        assert not made.subject.matches(other), other


def test_old_names_of_kubernetes_images_count_for_it():
    assert "europe-west1-docker.pkg.dev/k8s-artifacts-prod/**" in keyless("kubernetes").signed_as


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "needs the parameter 'imageSyncer'; write it under `parameters`"),
        ({"imageSyncer": "a"}, "needs the parameter 'customImageBuilder'"),
        ({"imageSyncer": "", "customImageBuilder": "b"}, "needs the parameter 'imageSyncer'"),
        (
            {"imageSyncer": "a", "customImageBuilder": "b", "org": "c"},
            "has no parameter 'org'; it has imageSyncer, customImageBuilder",
        ),
        ({"imageSyncer": ".*", "customImageBuilder": "b"}, "holds more than letters, digits"),
        ({"imageSyncer": "a|b", "customImageBuilder": "b"}, "holds more than letters, digits"),
        ({"imageSyncer": "a)|(.", "customImageBuilder": "b"}, "holds more than letters, digits"),
    ],
)
def test_t27_a_parameter_that_is_missing_unknown_or_no_name_is_refused(given, said: str):
    with pytest.raises(ConfigError, match=said):
        preset("chainguard-custom").subject_for(given)


def test_t28_a_parameter_means_itself_and_is_no_pattern():
    made = keyless("chainguard-custom", imageSyncer="a.b", customImageBuilder="c")
    assert made.subject.matches("https://issuer.enforce.dev/a.b")
    assert not made.subject.matches("https://issuer.enforce.dev/axb")


def test_t27_a_preset_without_parameters_takes_none():
    for name in ("kubernetes", "nvidia-ngc"):
        with pytest.raises(ConfigError, match="parameter"):
            signer_source(SignerSpec("alias", preset=name, parameters={"org": "x"}), READER)


def test_an_unknown_preset_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        preset("ngc")
    assert caught.value.message == f"preset 'ngc' is not known; write one of {', '.join(sorted(PRESETS))}"


@pytest.mark.parametrize("file", ["distroless-key.pub", "gone.pub"])
def test_a_shipped_file_that_was_changed_or_is_gone_is_not_trusted(file: str):
    with pytest.raises(ConfigError, match="install the program again"):
        dataclasses.replace(preset("nvidia-ngc"), file=file).source_for("nvidia")
