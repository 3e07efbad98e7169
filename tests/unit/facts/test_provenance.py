"""Who built it, from what: both versions of SLSA come to the same facts."""

import base64
import copy
from dataclasses import replace

import pytest

from proxy.facts import Facts, Unreadable, level, read
from proxy.oci.digest import Digest
from proxy.oci.strictjson import parse
from proxy.policy.match import TextPattern
from tests.fakes.layouts import VECTORS, needs_vectors
from tests.fakes.predicates import SLSA_V02, SLSA_V1

V02, V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"


def test_v02_is_read():
    values = read(V02, SLSA_V02).values
    assert values == {
        "builder": "https://ci.acme.test/builder@v2",
        "buildType": "https://ci.acme.test/build@v1",
        "source": "github.com/acme/ml",
        "sourceUri": "git+https://github.com/acme/ml.git@refs/tags/v1.2.0",
        "ref": "refs/tags/v1.2.0",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "workflow": ".github/workflows/release.yml",
        "externalParameters": {"target": "trainer"},
        "hermetic": True,
        "reproducible": True,
        "materials": [{"uri": "pkg:docker/debian@12", "digest": {"sha256": "cd" * 32}}],
        "materialsComplete": True,
        "invocation": "4711-1",
        "startedAt": "2026-11-01T10:00:00Z",
        "finishedAt": "2026-11-01T10:05:00.123456Z",
        "predicate": SLSA_V02,
    }


def test_v1_is_read():
    values = read(V1, SLSA_V1).values
    assert values["builder"] == "https://github.com/actions/runner/github-hosted"
    assert values["buildType"] == "https://actions.github.io/buildtypes/workflow/v1"
    assert (values["source"], values["ref"], values["commit"]) == ("github.com/acme/ml", "refs/tags/v1.2.0", "01" * 20)
    assert values["workflow"] == ".github/workflows/release.yml"
    assert values["externalParameters"].keys() == {"workflow"}
    assert (values["hermetic"], values["reproducible"], values["materialsComplete"]) == (False, False, False)
    assert [each["uri"] for each in values["materials"]][1] == "pkg:docker/debian@12"
    assert values["invocation"] == "https://github.com/acme/ml/actions/runs/1/attempts/1"


def test_buildkits_hints_are_read_in_v1():
    twin = copy.deepcopy(SLSA_V1)
    twin["runDetails"]["metadata"] |= {
        "buildkit_hermetic": True,
        "buildkit_reproducible": True,
        "buildkit_completeness": {"request": True, "resolvedDependencies": True},
    }
    values = read(V1, twin).values
    assert values["hermetic"] is values["reproducible"] is values["materialsComplete"] is True


def without(document, *path):
    twin = copy.deepcopy(document)
    holder = twin
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return twin


@pytest.mark.parametrize(
    ("kind", "predicate", "path", "reason"),
    [
        (V02, SLSA_V02, ("builder",), "builder is missing"),
        (V02, SLSA_V02, ("buildType",), "buildType is missing"),
        (V1, SLSA_V1, ("buildDefinition",), "buildDefinition is missing"),
        (V1, SLSA_V1, ("buildDefinition", "buildType"), "buildType is missing"),
        (V1, SLSA_V1, ("runDetails",), "runDetails is missing"),
        (V1, SLSA_V1, ("runDetails", "builder"), "builder is missing"),
    ],
)
def test_t22_provenance_without_what_it_is_for_is_unreadable(kind, predicate, path, reason):
    with pytest.raises(Unreadable, match=reason):
        read(kind, without(predicate, *path))


@pytest.mark.parametrize(("kind", "predicate"), [(V02, SLSA_V1), (V1, SLSA_V02)])
def test_t22_one_version_under_the_others_type_is_unreadable(kind, predicate):
    with pytest.raises(Unreadable):
        read(kind, predicate)


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        (("invocation",), ("source", "sourceUri", "ref", "commit", "workflow")),
        (("invocation", "configSource", "uri"), ("source", "sourceUri", "ref")),
        (("invocation", "configSource", "digest"), ("commit",)),
        (("metadata",), ("invocation", "startedAt", "finishedAt")),
    ],
)
def test_what_the_builder_does_not_say_is_none(path, facts):
    values = read(V02, without(SLSA_V02, *path)).values
    assert [values[name] for name in facts] == [None] * len(facts)


def levels(*written):
    return [(TextPattern.glob(text), number) for text, number in written]


def built_by(builder) -> Facts:
    facts = read(V1, SLSA_V1)
    return replace(facts, values={**facts.values, "builder": builder})


def test_the_level_is_what_the_policy_says_of_the_builder():
    stated = levels(("https://github.com/actions/runner/github-hosted", 2), ("https://ci.acme.test/**", 3))
    assert level(read(V1, SLSA_V1), stated) == 2
    assert level(read(V02, SLSA_V02), stated) == 3
    assert level(built_by("https://elsewhere.test/b"), stated) == 0
    assert level(read(V1, SLSA_V1), []) == 0


def test_the_first_pattern_that_matches_gives_the_level():
    stated = levels(("https://github.com/actions/runner/*", 1), ("https://github.com/actions/runner/github-hosted", 2))
    assert level(read(V1, SLSA_V1), stated) == 1


@pytest.mark.parametrize(
    "builder",
    [
        "https://github.com/actions/runner/github-hosted@evil",
        "https://github.com/actions/runner/github-hosted/",
        "https://github.com/actions/runner/github-hosted\n",
        "x https://github.com/actions/runner/github-hosted",
        "https://github.com/actions/runner/GitHub-hosted",
        None,
        "",
    ],
)
def test_t37_a_builder_that_only_begins_like_another_has_no_level(builder):
    assert level(built_by(builder), levels(("https://github.com/actions/runner/github-hosted", 2))) == 0


def test_nothing_but_provenance_has_a_level():
    assert level(Facts("sbom", "x", {"builder": "b"}), levels(("b", 3))) == 0
    assert level(Facts(None, "x", {"predicate": {}}), levels(("b", 3))) == 0


def attested(version: str) -> dict:
    """The statement that slsa-github-generator signed for a real image."""
    digests = {
        "v1.4.0": "784c5bd14237b9a979fd0251f01dcc7956f06da243ca1e9c52470c410e53c654",
        "v2.1.0": "e163b472f2e5d66e5a2a45e26e020c51a0d2da7dc8b567b31fc2ebfd33dbc33a",
    }
    raw = (VECTORS / "oci-slsa-att" / version / "blobs" / "sha256" / digests[version]).read_bytes()
    assert Digest.of(raw).hex == digests[version]
    return parse(base64.b64decode(parse(raw)["payload"]))


@needs_vectors
@pytest.mark.parametrize(
    ("version", "commit"),
    [("v1.4.0", "904e2c3e02725e314cf6cf141c4700081298dcbd"), ("v2.1.0", "4d329c75e7ec1725f7c9ce917a8799d408d06be3")],
)
def test_a_real_builders_provenance_is_read(version, commit):
    statement = attested(version)
    values = read(statement["predicateType"], statement["predicate"]).values
    generator = (
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
    )
    assert values["builder"] == f"{generator}@refs/tags/{version}"
    assert (values["source"], values["ref"]) == ("github.com/slsa-framework/example-package", "refs/heads/main")
    assert values["commit"] == commit
    assert values["workflow"] == ".github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml"


@needs_vectors
def test_buildkits_provenance_of_a_real_image_is_read():
    place = VECTORS / "oci-slsa-att" / "v2.1.0" / "blobs" / "sha256"
    raw = (place / "8d63b5e440cc7cfa68622b4a3cae2dbe215f8f8dcc9f2fa4ffd3078d40d61a84").read_bytes()
    values = read(V02, parse(raw)["predicate"]).values
    assert values["builder"] is None
    assert values["source"] == "github.com/slsa-framework/example-package"
    assert values["ref"] == values["commit"] == "4d329c75e7ec1725f7c9ce917a8799d408d06be3"
    assert values["materialsComplete"] is True
    assert [each["uri"].partition("@")[0] for each in values["materials"]][:2] == [
        "pkg:docker/golang",
        "pkg:docker/gcr.io/distroless/static?digest=sha256:3f2b64ef97bd285e36132c684e6b2ae8f2723293d09aae046196cca64251acac&platform=linux%2Famd64",
    ]
