"""What the drill's clients make of an answer."""

import json

import pytest

from proxy.demo.client import Got, _proved, _said, _skopeo_said, _spoilt
from proxy.oci.digest import Digest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            'time="x" level=fatal msg="initializing source docker://h/r:1: reading manifest 1 in h/r: denied: h/r:1: no [r-1]"',
            "h/r:1: no [r-1]",
        ),
        ('level=fatal msg="a: received unexpected HTTP status: 503 UNAVAILABLE it is down"', "it is down"),
        ('level=fatal msg="copying: reading blob: unexpected EOF"', "unexpected EOF"),
        ("", "it said nothing"),
    ],
)
def test_of_what_skopeo_says_the_registrys_own_words_are_kept(line, words):
    assert _skopeo_said(line) == words


def test_a_refusals_message_is_told_else_the_reason_phrase():
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no"}]}).encode()
    assert _said(Got(403, "DENIED", body, is_whole=True)) == "no"
    assert _said(Got(502, "Bad Gateway", b"<html>", is_whole=True)) == "Bad Gateway"


def test_an_image_on_disk_is_proved_file_by_file_and_what_is_wrong_is_counted(tmp_path):
    good, bad = Digest.of(b"good"), Digest.of(b"other")
    (tmp_path / "version").write_bytes(b"Directory Transport Version: 1.1\n")
    (tmp_path / good.hex).write_bytes(b"good")
    (tmp_path / bad.hex).write_bytes(b"12345")
    assert _spoilt(tmp_path) == 5
    manifest = {"config": {"digest": str(good)}, "layers": [{"digest": str(bad)}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert _proved(tmp_path) is None
    (tmp_path / bad.hex).write_bytes(b"other")
    assert _proved(tmp_path) == Digest.of(json.dumps(manifest).encode())
