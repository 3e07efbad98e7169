import json
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import events
from proxy.observe.auditline import KINDS, parse_line, plain_fields, write_line
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository

DIGEST = Digest.of(b"x")
REPOSITORY = Repository("nvcr.io", "nvidia/x")


def test_the_kinds_are_events():
    assert set(KINDS) <= set(get_args(events.Event))


def test_a_refusal_is_flat_camel_case():
    event = events.Refused(
        "r-1", events.Client("10.0.0.1", "node-7"), "nvcr.io/nvidia/x:1", "pin", "no", {"madeAt": "now"}
    )
    assert plain_fields(event) == {
        "refusal": "r-1",
        "client": {"address": "10.0.0.1", "name": "node-7"},
        "asked": "nvcr.io/nvidia/x:1",
        "reason": "pin",
        "message": "no",
        "record": {"madeAt": "now"},
    }


def test_a_repository_is_two_fields_and_a_digest_its_text():
    assert plain_fields(events.PinMoved(REPOSITORY, "24.10", None, DIGEST, "first", "node-7")) == {
        "upstream": "nvcr.io",
        "repository": "nvidia/x",
        "tag": "24.10",
        "old": None,
        "new": str(DIGEST),
        "cause": "first",
        "by": "node-7",
    }


def test_drift_says_its_kind_and_why():
    event = events.DriftSeen(REPOSITORY, "24.10", DIGEST, Digest.of(b"y"), "regression", "fewer signers than the pin")
    assert plain_fields(event) == {
        "upstream": "nvcr.io",
        "repository": "nvidia/x",
        "tag": "24.10",
        "pinned": str(DIGEST),
        "offered": str(Digest.of(b"y")),
        "drift": "regression",
        "message": "fewer signers than the pin",
    }


def test_no_field_of_an_event_takes_the_place_of_the_lines_own():
    for kept in KINDS:
        made = [field.name for field in fields(kept)]
        event = kept(**{name: "x" if name != "repository" else REPOSITORY for name in made})
        assert plain_fields(event).keys().isdisjoint({"seq", "at", "kind"}), kept


def test_a_refresh_says_its_root_outcome_and_why():
    event = events.TrustRefreshed("corp", "failed", "its metadata has expired")
    assert plain_fields(event) == {
        "root": "corp",
        "outcome": "failed",
        "message": "its metadata has expired",
        "isRepeated": False,
    }


def test_a_line_is_compact_with_a_head_in_order():
    line = write_line(7, 1_700_000_000.25, "refused", {"message": "ä"})
    assert line == '{"seq":7,"at":"2023-11-14T22:13:20.250000Z","kind":"refused","message":"ä"}\n'.encode()


def test_secrets_of_texts_are_cut_and_names_are_kept():
    leaky = "https://bob:hunter2@r.example"
    event = events.Judged(REPOSITORY, DIGEST, "deny", leaky, 0.1, {"checks": [{"summary": leaky}]})
    assert "hunter2" not in json.dumps(plain_fields(event))
    tag = "eyJabcdefgh.x"
    assert plain_fields(events.PinMoved(REPOSITORY, tag, None, DIGEST, "first", leaky))["tag"] == tag


PLAIN = st.recursive(
    st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.integers(1), st.dictionaries(st.sampled_from(["message", "record", "x"]), PLAIN))
def test_what_was_written_is_parsed_again(seq, record):
    line = write_line(seq, 1.5, "judged", record)
    assert line.count(b"\n") == 1
    assert parse_line(line) == {"seq": seq, "at": "1970-01-01T00:00:01.500000Z", "kind": "judged", **record}


@given(st.binary())
def test_t55_no_bytes_crash_the_reader(raw):
    with pytest.raises(ValueError):
        parse_line(raw)


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b"[]", b"{}", b'{"seq":true,"at":"","kind":""}', b'{"seq":1,"at":1,"kind":""}']
)
def test_t55_what_is_no_record_is_a_value_error(raw):
    with pytest.raises(ValueError):
        parse_line(raw)
