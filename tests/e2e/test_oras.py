"""oras on the lab's images behind the proxy, whose upstream is gone: it discovers what we list, by type, and fetches no more."""

import json

import pytest

from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag
from tests.e2e.lab import OFFLINE
from tests.e2e.processes import run
from tests.e2e.tools import require_tool
from tests.fakes.lab import every_case
from tests.fakes.layouts import needs_vectors

pytestmark = [pytest.mark.e2e, needs_vectors]
every = pytest.mark.parametrize("case", every_case(), ids=lambda case: case["name"])
DISCOVER = ("discover", "--plain-http", "--format", "json")


@pytest.fixture
def oras(tmp_path):
    binary = require_tool("oras")
    return lambda *arguments: run(binary, *arguments, env={"HOME": str(tmp_path), **OFFLINE})


def discovered(said: str) -> set[str]:
    document = json.loads(said)
    return {each["digest"] for each in document.get("referrers") or document.get("manifests") or ()}


@every
def test_oras_discovers_what_the_proxy_lists_by_the_api_and_by_the_fallback_tag(behind, oras, case):
    listed = {each["digest"] for each in behind.listed(case)}
    ways = ("v1.1-referrers-api", "v1.1-referrers-tag") if listed else ("v1.1-referrers-api",)
    for way in ways:
        said = oras(*DISCOVER, "--distribution-spec", way, behind.ref(case)).fine().out
        assert discovered(said) == listed, way


@every
def test_oras_discovers_by_artifact_type(behind, oras, case):
    kinds: dict[str, set[str]] = {}
    for each in behind.listed(case):
        kinds.setdefault(each["artifactType"], set()).add(each["digest"])
    for kind, digests in kinds.items():
        assert discovered(oras(*DISCOVER, "--artifact-type", kind, behind.ref(case)).fine().out) == digests
    none = oras(*DISCOVER, "--artifact-type", "application/vnd.acme.none", behind.ref(case)).fine().out
    assert discovered(none) == set()


@every
def test_t60_oras_fetches_evidence_whole_and_nothing_beside_it(behind, oras, tmp_path, case):
    repo = behind.ref(case).partition("@")[0]
    for number, each in enumerate(behind.listed(case)):
        fetched = oras("manifest", "fetch", "--plain-http", f"{repo}@{each['digest']}").fine().out
        assert Digest.of(fetched.encode()) == Digest.parse(each["digest"])
        layer = json.loads(fetched)["layers"][0]
        target = tmp_path / f"layer-{number}"
        oras("blob", "fetch", "--plain-http", "--output", str(target), f"{repo}@{layer['digest']}").fine()
        assert Digest.of(target.read_bytes()) == Digest.parse(layer["digest"])


def test_t60_evidence_names_of_what_is_not_admitted_lead_to_nothing(behind):
    """By plain HTTP, since oras asks again and again where an upstream is gone."""
    case = every_case()[0]
    for reference in (EvidenceTag(Digest.of(b"nobody's image"), ".sig").tag.name, str(Digest.of(b"nothing"))):
        status, *_ = behind.proxy.get(f"/v2/{case['repo']}/manifests/{reference}?ns=reg.test")
        assert status in {403, 404, 502, 503, 504}, reference
