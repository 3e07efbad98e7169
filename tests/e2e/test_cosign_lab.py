"""cosign 2 and cosign 3 on the lab's images behind the proxy, whose upstream is gone: the verdict is ours.

Each signer and predicate that a case requires is one question, asked rightly and of somebody else.
"""

import re

import pytest

from tests.e2e.lab import OFFLINE, cases_for, named
from tests.e2e.processes import run
from tests.e2e.tools import require_tool
from tests.e2e.verifiers import questions
from tests.fakes.lab import every_case
from tests.fakes.layouts import needs_vectors

pytestmark = [pytest.mark.e2e, needs_vectors]
ASKED = [
    pytest.param(tool, case, asked, id=f"{tool}-{case['name']}-{asked.name}")
    for tool in ("cosign2", "cosign3")
    for case in cases_for(tool)
    for asked in questions(case, tool=tool)
]


def test_every_lab_image_was_served_and_under_another_signer_refused(behind):
    """Our own verdict, with the registry as each case's `api` says; what follows is the tools'."""
    assert set(behind.served.values()) == {200}
    assert set(behind.refused.values()) == {403}
    assert len(behind.served) == len(behind.refused) == len(every_case())


@pytest.mark.parametrize(("tool", "case", "asked"), ASKED)
def test_cosign_agrees_with_us_behind_the_proxy_and_without_the_upstream(behind, tmp_path, tool, case, asked):
    binary = require_tool(tool)
    env = {"HOME": str(tmp_path), **OFFLINE, **asked.env}
    said = run(binary, *asked.right, behind.ref(case), env=env).fine().said
    assert case["digest"].removeprefix("sha256:")[:12] in said or "The following checks were performed" in said
    refused = run(binary, *asked.wrong, behind.ref(case), env=env)
    assert refused.status != 0, refused.said
    # Its last word; before it, cosign 2 says that it could not reach the public trust root.
    assert "connection refused" not in refused.said.strip().splitlines()[-1], "it was refused for the wrong reason"


# What `cosign tree` shows of an image whose evidence lies in each place.
TREES = {
    "v2-key-p256": ("Signatures", 1),
    "v2-multi-signer": ("Signatures", 1),
    "v2-att-slsa1": ("Attestations", 1),
    "v2-sig-and-atts": ("Signatures", 1),
    "v2-keyless-ci-index": ("Signatures", 1),
}
BUNDLES = ("v3-key-nolog-ref", "v3-key-nolog-fb", "v3-keyless-rekor2-ref", "v3-attest-fallback")


@pytest.mark.parametrize("tool", ["cosign2", "cosign3"])
@pytest.mark.parametrize("case", named(*TREES), ids=lambda case: case["name"])
def test_cosign_tree_shows_what_lies_at_the_evidence_tags(behind, tmp_path, tool, case):
    said = run(require_tool(tool), "tree", behind.ref(case), env={"HOME": str(tmp_path), **OFFLINE}).fine().said
    word, count = TREES[case["name"]]
    assert word in said
    assert len(re.findall(r"sha256-[0-9a-f]{64}\.(?:sig|att)", said)) >= count


@pytest.mark.parametrize("case", named(*BUNDLES, "notation-p256-jws"), ids=lambda case: case["name"])
def test_cosign_tree_shows_the_referrers_that_the_proxy_lists(behind, tmp_path, case):
    """By the API, also where the upstream knew fallback tags alone."""
    asked = ("tree", "--experimental-oci11", behind.ref(case))
    env = {"HOME": str(tmp_path), "COSIGN_EXPERIMENTAL": "1", **OFFLINE}
    said = run(require_tool("cosign3"), *asked, env=env).fine().said
    listed = {each["digest"] for each in behind.listed(case)}
    assert listed
    assert listed <= set(re.findall(r"sha256:[0-9a-f]{64}", said))


@pytest.mark.parametrize("case", every_case(), ids=lambda case: case["name"])
def test_evidence_tags_answer_behind_the_proxy_as_the_tools_ask_for_them(behind, case):
    """`.sig` and `.att` where the publisher has them, and the fallback tag wherever something refers to the image."""
    is_legacy = case["name"].startswith("v2-") and "oci11" not in case["name"]
    listed = behind.listed(case)
    assert behind.has_tag(case, "") == bool(listed)
    assert bool(listed) == (not is_legacy and not case["name"].startswith("mixed-"))
    signed = "signature" in case["require"]
    if is_legacy:
        assert behind.has_tag(case, ".sig") == signed
        assert behind.has_tag(case, ".att") == ("attestations" in case["require"])
