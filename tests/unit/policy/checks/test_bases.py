from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.oci.descriptor import Descriptor
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.checks.bases import BaseImage
from proxy.policy.evaluate import Wanted, evaluate
from proxy.policy.requirements import All, SignatureRequirement
from proxy.policy.rules import Base
from tests.unit.policy.cases import (
    IMAGE,
    NOW,
    case,
    child_of,
    config,
    index,
    listed,
    manifest,
    proof,
    requiring,
    simple,
    statement,
)

ONE, TWO, THREE = (str(Digest.of(text)) for text in (b"one", b"two", b"three"))
CUDA = Repository("nvcr.io", "nvidia/cuda")
CUDA_DIGEST = Digest.of(b"cuda")
NAME = f"{CUDA}@{CUDA_DIGEST}"
POLICY = requiring(SignatureRequirement("signature", "team"), base=Base())
OWN = config(diff_ids=[ONE, TWO, THREE])


def decided(*evidence, **more):
    """What was decided of the base, under a rule of its own."""
    policy = simple(match="nvcr.io/**", **more)
    return evaluate(case(policy, *evidence, repository=CUDA, digest=CUDA_DIGEST))


def signed(**more):
    return proof(subject=CUDA_DIGEST, names=(str(CUDA),), **more)


def base(*diff_ids, decision=None, fault=None, name=NAME, **more):
    return BaseImage(name, CUDA_DIGEST, diff_ids, decision or decided(signed()), fault, **more)


def judged(bases=None, *, policy=POLICY, config_raw=OWN, evidence=(), **more):
    return evaluate(case(policy, proof(), *evidence, config_raw=config_raw, bases=bases, **more))


def annotated(name="nvcr.io/nvidia/cuda:12", digest=CUDA_DIGEST):
    notes = {"org.opencontainers.image.base.name": name, "org.opencontainers.image.base.digest": str(digest)}
    return replace(manifest(), annotations=notes)


def provenance(*materials, of="https://slsa.dev/provenance/v0.2", **more):
    listed_ones = [{"uri": uri, "digest": digest} for uri, digest in materials]
    predicate = {"builder": {"id": "b"}, "buildType": "t", "materials": listed_ones}
    return statement(predicate, "team", of=of, **more)


def test_a_base_whose_layers_are_the_first_of_the_image_and_that_is_admitted_counts_and_is_shown():
    decision = judged((base(ONE, TWO),))
    assert decision.is_allow
    assert decision.bases == (NAME,)
    assert decision.summary == f"signature by team, base {NAME}"
    assert [check.word for check in decision.checks[-1].checks] == ["base"]


@pytest.mark.parametrize(
    "diff_ids",
    [(), (TWO,), (ONE, THREE), (TWO, ONE), (ONE, TWO, THREE), (ONE, TWO, THREE, ONE), (ONE.upper(),)],
    ids=["none", "a later one", "a gap", "turned", "the image itself", "longer", "another spelling"],
)
def test_what_is_no_proper_prefix_is_no_base_whatever_names_it(diff_ids):
    decision = judged((base(*diff_ids),), document=annotated())
    assert decision.verdict == "deny"
    assert decision.summary == f"base {NAME} is none: its layers are not the first of the image's own"
    assert decision.bases == ()


def test_a_proved_base_that_is_refused_refuses_the_image():
    decision = judged((base(ONE, decision=decided()),))
    assert decision.verdict == "deny"
    assert decision.summary == f"base {NAME}: no signature by team (0 found)"


def test_what_warn_serves_is_no_admitted_base():
    warned = decided(more="mode: warn")
    assert warned.is_allow
    assert judged((base(ONE, decision=warned),)).verdict == "deny"


def test_the_longest_proved_base_decides_so_that_a_good_one_below_hides_no_bad_one():
    below, bad = base(ONE), base(ONE, TWO, decision=decided(), name="evil.example/x@sha256:1")
    for order in ((below, bad), (bad, below)):
        decision = judged(order)
        assert decision.verdict == "deny"
        assert "evil.example" in decision.summary
    assert judged((base(ONE, decision=decided(), name="b"), base(ONE, TWO))).is_allow


def test_one_good_candidate_among_a_hundred_that_are_none_passes_and_none_at_all_fails():
    bad = tuple(base(THREE, name=f"x{number}") for number in range(50)) + (base(fault="gone", name="y"),) * 50
    assert judged((*bad, base(ONE))).is_allow
    assert judged((base(ONE), *bad)).is_allow
    assert judged(bad).verdict == "deny"
    assert judged(()).verdict == "deny"


def test_a_candidate_that_could_not_be_looked_at_proves_nothing_and_one_out_of_reach_leaves_it_open():
    gone = replace(base(ONE, fault="no rule matches it"), decision=None)
    assert judged((gone,)).summary == f"base {NAME} could not be looked at: no rule matches it"
    assert judged((replace(gone, fault=None),)).verdict == "deny"
    assert judged((replace(gone, is_out_of_reach=True),)).verdict == "inconclusive"
    open_one = evaluate(case(simple(match="nvcr.io/**"), repository=CUDA, digest=CUDA_DIGEST, gaps=("out of reach",)))
    assert judged((base(ONE, decision=open_one),)).verdict == "inconclusive"


def test_the_decision_ends_with_the_base_and_rests_on_what_the_base_rests_on():
    until = NOW + timedelta(hours=1)
    of_base = replace(decided(signed(until=until)), rests_on=("key:1",), warnings=("w",))
    decision = judged((base(ONE, decision=of_base),))
    assert decision.expires_at == until
    assert decision.rests_on == ("key:1",)
    assert decision.warnings == ("w",)
    assert decision.identities == ("key:team",)
    assert not set(of_base.evidence) & set(decision.evidence)


def test_candidates_are_what_annotations_and_proved_provenance_name():
    assert judged(None, config_raw=None) == Wanted("config")
    assert judged(document=annotated()) == Wanted("bases", (NAME,))
    other = "b" * 64
    uris = [
        (f"pkg:docker/nvcr.io/nvidia/cuda@12.2?digest={CUDA_DIGEST}&platform=linux%2Famd64", {}),
        ("pkg:docker/alpine@3.17?platform=linux%2Famd64", {"sha256": other}),
        (f"pkg:oci/cuda@sha256%3A{other}?repository_url=nvcr.io/nvidia/cuda", {}),
        ("docker://quay.io/acme/app", {"sha256": other}),
        ("git+https://github.com/acme/ml", {"sha1": "a" * 40}),
        ("pkg:docker/nodigest@1", {}),
        ("pkg:docker/UPPER", {"sha256": other}),
        ("pkg:docker/short", {"sha256": "abc"}),
    ]
    wanted = judged(evidence=[provenance(*uris)])
    assert wanted == Wanted(
        "bases",
        (
            NAME,
            f"docker.io/library/alpine@sha256:{other}",
            f"nvcr.io/nvidia/cuda@sha256:{other}",
            f"quay.io/acme/app@sha256:{other}",
        ),
    )


def test_no_more_than_a_few_candidates_are_looked_at_and_the_annotated_one_first():
    many = [(f"pkg:docker/x{number}", {"sha256": "c" * 64}) for number in range(50)]
    wanted = judged(document=annotated(), evidence=[provenance(*many)])
    assert len(wanted.names) == 8
    assert wanted.names[0] == NAME


@pytest.mark.parametrize(
    "evidence",
    [
        (),
        (provenance(),),
        (replace(provenance(("pkg:docker/a", {"sha256": "c" * 64})), kind="signature"),),
        (provenance(("pkg:docker/a", {"sha256": "c" * 64}), subject=CUDA_DIGEST),),
        (replace(provenance(("pkg:docker/a", {"sha256": "c" * 64})), predicate_type="https://spdx.dev/Document"),),
        (replace(provenance(("pkg:docker/a", {"sha256": "c" * 64})), predicate=[]),),
    ],
    ids=["nothing", "no materials", "a signature", "another image", "another type", "unread"],
)
def test_t23_where_nothing_names_a_base_there_is_none(evidence):
    decision = judged(evidence=evidence)
    assert decision.summary == "neither proved provenance nor annotations name a base image by its digest"
    assert judged(evidence=evidence, gaps=("out of reach",)).verdict == "inconclusive"


def test_provenance_is_looked_for_before_it_is_said_that_nothing_names_a_base():
    from proxy.policy.requirements import DigestRequirement

    policy = requiring(DigestRequirement("digest", frozenset({IMAGE})), base=Base())
    assert evaluate(case(policy, config_raw=OWN, gathered=False)) == Wanted("signatures")


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"null", b'{"rootfs":{"diff_ids":[]}}', b'{"rootfs":{"diff_ids":["x"]}}', b"["]
)
def test_an_image_whose_config_lists_no_layers_stands_on_no_base(raw):
    assert judged((base(ONE),), config_raw=raw).summary.startswith("the image's config lists no layers")


def test_what_is_no_image_stands_on_no_base_and_no_config_is_wanted():
    chart = replace(manifest(), config=Descriptor("application/vnd.cncf.helm.config.v1+json", Digest.of(b"c"), 6))
    assert judged(None, config_raw=None, document=chart).summary.startswith("the image's config lists no layers")


def test_at_an_index_a_child_that_stands_on_a_base_passes_it():
    child = listed("child")
    document = index(manifests=(child,))
    more = {"under": document.digest, "above": [proof()], "config_raw": OWN}
    good = child_of(POLICY, child, bases=(base(ONE),), **more)
    bad = child_of(POLICY, child, bases=(base(THREE),), **more)
    assert judged(None, config_raw=None, document=document, platform=None) == Wanted("children")
    assert judged(None, document=document, platform=None, children=(good,)).is_allow
    assert judged(None, document=document, platform=None, children=(bad,)).verdict == "deny"
    assert judged(None, document=document, platform=None, children=()).verdict == "deny"


def test_a_base_alone_is_no_requirement_and_an_exception_may_waive_it():
    nothing = replace(POLICY, rules=(replace(POLICY.rules[0], require=All(())),))
    assert judged((base(ONE),), policy=nothing).verdict == "deny"
    after = (
        "exceptions:\n"
        f"  - {{ match: ghcr.io/acme/app, digest: '{IMAGE}', waive: [signature], reason: r, by: me, until: 2026-11-20 }}\n"
    )
    written = simple(after=after)
    grant = replace(written.exceptions[0], waive=frozenset({"base"}))
    policy = replace(written, rules=(replace(written.rules[0], base=Base()),), exceptions=(grant,))
    decision = judged((base(ONE, decision=decided()),), policy=policy)
    assert decision.is_allow
    assert decision.bases == ()
    assert decision.checks[-2].is_waived
