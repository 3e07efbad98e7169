"""An error becomes a status, a reason phrase that every containerd prints, and one JSON error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import errors as tree
from proxy.web import errors

REFUSAL = "r-7f3k2c"


def test_the_reason_phrase_says_what_why_and_the_id():
    error = tree.Unverified("nvcr.io/nvidia/x:24.10: no signature by nvidia (0 found)", refusal=REFUSAL)
    response = errors.respond(error, headers={})
    assert response.status == 403
    assert response.reason == "DENIED nvcr.io/nvidia/x:24.10: no signature by nvidia (0 found) [r-7f3k2c]"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (f"nvcr.io/nvidia/x@sha256:{'ab' * 32}", "nvcr.io/nvidia/x@sha256:abababababab"),
        (f"nvcr.io/nvidia/x@sha512:{'ab' * 64}", "nvcr.io/nvidia/x@sha512:abababababab"),
        (f"registry.example:5000/{'deep/' * 20}image:v1.2.3", "...deep/deep/deep/deep/deep/image:v1.2.3"),
    ],
    ids=["sha256", "sha512", "a long name"],
)
def test_a_long_reference_leaves_room_for_why(asked, shown):
    """The client knows what it asked for; why is known only here. The body has the reference whole."""
    error = tree.Unverified(f"{asked}: no signature by nvidia (0 found)", refusal=REFUSAL)
    response = errors.respond(error, headers={})
    assert response.reason == f"DENIED {shown}: no signature by nvidia (0 found) [r-7f3k2c]"
    assert asked in json.loads(response.body)["errors"][0]["message"]


def test_the_body_has_one_error_with_the_whole_message_and_the_id():
    message = "ghcr.io/x/y:1: " + "long " * 60
    response = errors.respond(tree.NotAllowed(message, detail="rule 3", refusal=REFUSAL), headers={})
    assert json.loads(response.body) == {
        "errors": [{"code": "DENIED", "message": f"{message.strip()} [{REFUSAL}]", "detail": "rule 3"}]
    }
    assert response.headers["Content-Type"] == "application/json"


def test_what_an_upstream_said_tells_a_client_no_secret():
    """An upstream may repeat what we sent it, and the body's detail carries its words to every client."""
    said = "nvcr.io answered 401: no entry for Authorization: Basic JG9hdXRodG9rZW46c2VjcmV0"
    response = errors.respond(tree.UpstreamRefused("nvcr.io refuses our credentials", detail=said), headers={})
    assert b"JG9hdXRodG9rZW4" not in response.body
    assert b"nvcr.io answered 401" in response.body


@given(st.text(max_size=400), st.one_of(st.none(), st.just(REFUSAL)))
def test_a_reason_phrase_is_short_printable_ascii_and_keeps_its_id(message, refusal):
    phrase = errors.reason_phrase("DENIED", message, refusal)
    assert len(phrase) <= 100
    assert phrase.isascii()
    assert phrase.isprintable()
    assert phrase.startswith("DENIED")
    if refusal:
        assert phrase.endswith(f"[{refusal}]")


@given(st.text(max_size=400))
def test_a_message_cannot_break_out_of_its_line(message):
    response = errors.respond(tree.NotAllowed(message), headers={})
    assert "\n" not in json.loads(response.body)["errors"][0]["message"]


@pytest.mark.parametrize(
    ("error", "status", "code", "outcome"),
    [
        (tree.NameInvalid("x"), 400, "NAME_INVALID", "client"),
        (tree.DigestInvalid("x"), 400, "DIGEST_INVALID", "client"),
        (tree.ManifestUnknown("x"), 404, "MANIFEST_UNKNOWN", "absent"),
        (tree.BlobUnknown("x"), 404, "BLOB_UNKNOWN", "absent"),
        (tree.Unsupported("x"), 405, "UNSUPPORTED", "client"),
        (tree.RangeInvalid("x", size=7), 416, "SIZE_INVALID", "client"),
        (tree.Revoked("x"), 403, "DENIED", "denied"),
        (tree.Inconclusive("x"), 503, "UNAVAILABLE", "inconclusive"),
        (tree.UpstreamRefused("x"), 502, "UNAVAILABLE", "upstream"),
        (tree.UpstreamThrottled("x"), 503, "UNAVAILABLE", "upstream"),
        (tree.UpstreamTimeout("x"), 504, "UNAVAILABLE", "upstream"),
        (tree.ContentMismatch("x"), 502, "UNAVAILABLE", "upstream"),
        (tree.StorageError("x"), 503, "UNAVAILABLE", "storage"),
        (tree.PratiqueError("x"), 500, "UNKNOWN", "other"),
    ],
)
def test_each_kind_of_error_has_its_status_code_and_outcome(error, status, code, outcome):
    response = errors.respond(error, headers={})
    assert response.status == status
    assert json.loads(response.body)["errors"][0]["code"] == code
    assert response.reason == f"{code} x"
    assert errors.outcome_of(error) == outcome


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (tree.Inconclusive("x", retry_after=9), "9"),
        (tree.StorageError("x"), "5"),
        (tree.UpstreamTimeout("x"), "5"),
        (tree.UpstreamThrottled("x", retry_after=0), "0"),
        (tree.ContentMismatch("x"), None),
        (tree.NotAllowed("x"), None),
    ],
)
def test_t59_what_passes_says_when_to_come_again(error, seconds):
    assert errors.respond(error, headers={}).headers.get("Retry-After") == seconds


def test_a_range_beyond_the_end_tells_the_size():
    assert errors.respond(tree.RangeInvalid("x", size=7), headers={}).headers["Content-Range"] == "bytes */7"


def test_a_write_is_told_what_is_allowed():
    assert errors.respond(tree.Unsupported("x"), headers={}).headers["Allow"] == "GET, HEAD"


def test_no_error_of_the_data_routes_is_a_challenge_or_a_redirect():
    kinds = [kind for kind in vars(tree).values() if isinstance(kind, type) and issubclass(kind, tree.PratiqueError)]
    statuses = {kind.status for kind in kinds if kind is not tree.Unauthorized}
    assert statuses == {400, 403, 404, 405, 416, 500, 502, 503, 504}
