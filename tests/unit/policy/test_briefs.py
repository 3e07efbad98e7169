"""A Brief as plain values and back: nothing of it is lost, whatever it holds."""

import json
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.images import make_image
from proxy.errors import PratiqueError
from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.policy.briefs import from_record, to_record
from proxy.policy.decision import Check, Decision, Verdict
from proxy.policy.evaluate import BaseImage, Child
from proxy.policy.hearing import Brief, Seen
from proxy.verify.evidence import Found, Rejection, Target

NOW = datetime(2026, 11, 10, 12, 0, 0, 7, tzinfo=UTC)
REPOSITORY = Repository("reg.test", "acme/app")
A, B = Digest.of(b"a"), Digest.of(b"b", "sha512")
IMAGE = make_image("app")


def decision() -> Decision:
    """With every field set."""
    inner = Check("team", "signature", passed=True, summary="é", details={"signer": "team"})
    check = Check("two", "at-least", False, "no", True, True, (A,), ("key:1",), (inner,), True, {"a": "b"})
    return Decision(
        key="k",
        verdict=Verdict.ALLOW,
        repository=REPOSITORY,
        digest=A,
        rule="reg.test/**",
        mode="warn",
        summary="s",
        reason="allowed",
        checks=(check,),
        rejections=(Rejection("x", A, "no", "team", is_alarm=True),),
        evidence=(A, B),
        identities=("key:1",),
        made_at=NOW,
        expires_at=NOW + timedelta(days=1),
        is_warned=True,
        exceptions=("INC-1",),
        proved_at=NOW,
        rests_on=("key:1",),
        opinions=("pratique",),
        bases=("a@b",),
        warnings=("w",),
        alarms=("a",),
        grace_from=NOW,
        index=B,
    )


def seen(name: str, raw: bytes | None) -> Seen:
    found = Found("x.sig", A, B, "text/plain", {"a": "é", "b": ""}, b"\x00\xff", subject=A, carriers=(A, B))
    rejections = (Rejection("x", None, "no"), Rejection("y", B, "no", "team", is_alarm=True))
    target = Target(Repository("reg.test", name), IMAGE.digest, IMAGE.media_type, IMAGE.size)
    return Seen(target, (found, replace(found, subject=None, carriers=())), rejections, ("a gap",), True, raw)


def whole() -> Brief:
    """With every field set, and each in a way that is not its default."""
    descriptor = Descriptor(IMAGE.media_type, A, 7, Platform("linux", "arm64", "v8"))
    return Brief(
        rule="reg.test/**",
        manifest=parse_manifest(IMAGE.manifest, digest=IMAGE.digest, content_type=IMAGE.media_type),
        own=seen("acme/app", None),
        now=NOW,
        config_raw=b"{}",
        platform=Platform("linux", "", ""),
        index=seen("acme/index", b"raw"),
        children=(Child(descriptor, decision()), Child(replace(descriptor, platform=None), None, "late")),
        bases=(
            BaseImage("a/b@c", A, ("d",), decision()),
            BaseImage("a/b@c", None, (), None, "gone", is_out_of_reach=True),
        ),
        revocation={"https://crl.test/x": b"\x30", "ocsp:https://ocsp.test#07": b""},
        was_admitted=True,
        is_base=True,
        any_name=True,
    )


def again(brief: Brief) -> Brief:
    return from_record(json.loads(json.dumps(to_record(brief))))


def test_everything_comes_back():
    assert again(whole()) == whole()


def test_what_was_not_asked_for_is_told_from_what_is_empty():
    bare = Brief(rule="r", manifest=whole().manifest, own=replace(whole().own, gathered=False), now=NOW)
    assert again(bare) == bare
    nothing = replace(
        bare, config_raw=b"", children=(), bases=(), own=replace(bare.own, founds=(), rejections=(), gaps=())
    )
    assert again(nothing) == nothing
    assert again(nothing) != bare


def test_each_field_of_what_is_recorded_is_set_in_this_test():
    """Whoever gives one of these a field must record it too, or a replay would judge something else."""
    brief = whole()
    held = (
        brief,
        brief.own,
        brief.index,
        brief.own.founds[0],
        *(brief.children or ()),
        *(brief.bases or ()),
        decision(),
    )
    for value in held:
        assert is_dataclass(value)
        for each in fields(value):
            if each.default is not MISSING and isinstance(value, Brief | Found | Decision):
                assert getattr(value, each.name) != each.default, (type(value).__name__, each.name)
    assert {each.name for each in fields(Seen)} == {"target", "founds", "rejections", "gaps", "gathered", "raw"}
    assert {each.name for each in fields(Target)} == {"repository", "digest", "media_type", "size"}
    assert {each.name for each in fields(Rejection)} == {"place", "source", "reason", "signer", "is_alarm"}
    assert {each.name for each in fields(Child)} == {"descriptor", "decision", "fault"}
    assert {each.name for each in fields(BaseImage)} == {
        "reference",
        "digest",
        "diff_ids",
        "decision",
        "fault",
        "is_out_of_reach",
    }


def test_the_manifest_is_held_against_its_digest():
    record = to_record(whole())
    record["manifest"] = "e30="
    with pytest.raises(PratiqueError):
        from_record(record)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=10,
)


@given(path=st.lists(st.integers(0, 20), min_size=1, max_size=6), value=PLAIN)
def test_t55_whatever_stands_anywhere_in_it_is_read_or_refused(path, value):
    """No exception but those that its docstring names."""
    record = json.loads(json.dumps(to_record(whole())))
    here: Any = record
    for at in path:
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        if not keys:
            break
        last, holder = keys[at % len(keys)], here
        here = here[last]
    holder[last] = value
    try:
        assert isinstance(from_record(record), Brief)
    except (ValueError, LookupError, TypeError, AttributeError, PratiqueError):
        return
