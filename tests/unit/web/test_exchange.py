"""What the event at the end of a request says."""

import pytest

from proxy.errors import ManifestUnknown, Unverified, UpstreamUnavailable
from proxy.events import Client
from proxy.oci import route
from proxy.oci.reference import Repository
from proxy.web.exchange import Exchange
from proxy.web.outlet import Departure

DIGEST = "sha256:" + "a" * 64


class Request:
    method = "GET"


def exchange(target, query=""):
    return Exchange(Request(), "id", Client("192.0.2.1"), route.parse("GET", target, query))


@pytest.mark.parametrize(
    ("target", "query", "kind", "reference"),
    [
        ("/v2/a/b/manifests/1", "", "manifest", "a/b:1"),
        ("/v2/a/b/manifests/1", "ns=nvcr.io", "manifest", "nvcr.io/a/b:1"),
        (f"/v2/a/b/blobs/{DIGEST}", "", "blob", f"a/b@{DIGEST}"),
        (f"/v2/a/b/referrers/{DIGEST}", "", "referrers", f"a/b@{DIGEST}"),
        ("/v2/a/b/tags/list", "", "tags", "a/b"),
        ("/v2/", "", "ping", ""),
    ],
)
def test_what_was_asked_stands_as_the_client_wrote_it(target, query, kind, reference):
    event = exchange(target, query).ended(seconds=1.0)
    assert (event.kind, event.reference, event.repository) == (kind, reference, None)


def test_with_a_repository_the_reference_stands_alone():
    known = exchange("/v2/a/b/manifests/1")
    known.repository = Repository("docker.io", "a/b")
    assert known.ended(seconds=0).reference == "1"


def test_a_refusal_keeps_its_id_and_message():
    refused = exchange("/v2/a/b/manifests/1")
    refused.fail(Unverified("no signature", refusal="r-222222"))
    event = refused.ended(seconds=0)
    assert (event.outcome, event.refusal, event.message) == ("denied", "r-222222", "no signature")


def test_t57_outcomes_are_bounded_words():
    absent = exchange("/v2/a/b/manifests/1")
    absent.fail(ManifestUnknown("a/b:1 is not there"))
    assert absent.ended(seconds=0).outcome == "absent"


@pytest.mark.parametrize(
    ("departure", "outcome"),
    [
        (Departure(7), "hit"),
        (Departure(7, "left"), "client"),
        (Departure(7, "stalled"), "client"),
        (Departure(7, "cut", UpstreamUnavailable("x")), "upstream"),
    ],
)
def test_how_a_body_ended_is_told(departure, outcome):
    sent = exchange(f"/v2/a/b/blobs/{DIGEST}")
    sent.outcome = "hit"
    sent.note(departure)
    event = sent.ended(seconds=0)
    assert (event.outcome, event.body_bytes) == (outcome, 7)
