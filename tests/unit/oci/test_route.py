"""Paths and queries: five requests and no other (clients.md 7 and 8; promise 8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import DigestInvalid, NameInvalid, NameUnknown, RequestError, Unsupported
from proxy.oci.digest import Digest
from proxy.oci.reference import Tag
from proxy.oci.route import GetBlob, GetManifest, ListReferrers, ListTags, Ping, parse

DIGEST = Digest("sha256", "ab" * 32)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v2/", "", Ping()),
        ("/v2", "x=y", Ping()),
        ("/v2/x/manifests/latest", "", GetManifest("x", None, Tag("latest"), is_head=False)),
        (
            "/v2/a/b/c/manifests/24.10-py3",
            "ns=nvcr.io",
            GetManifest("a/b/c", "nvcr.io", Tag("24.10-py3"), is_head=False),
        ),
        (f"/v2/x/manifests/{DIGEST}", "", GetManifest("x", None, DIGEST, is_head=False)),
        (f"/v2/x/manifests/sha256%3A{DIGEST.hex}", "", GetManifest("x", None, DIGEST, is_head=False)),
        (f"/v2/x/blobs/{DIGEST}", "ns=nvcr.example%3A5000", GetBlob("x", "nvcr.example:5000", DIGEST, is_head=False)),
        (f"/v2/nvcr.example_5000/x/blobs/{DIGEST}", "", GetBlob("nvcr.example_5000/x", None, DIGEST, is_head=False)),
        (f"/v2/x/referrers/{DIGEST}", "", ListReferrers("x", None, DIGEST, None)),
        (f"/v2/x/referrers/{DIGEST}", "artifactType=a%2Fb%2Bjson", ListReferrers("x", None, DIGEST, "a/b+json")),
        (f"/v2/x/referrers/{DIGEST}", "artifactType=a/b+json", ListReferrers("x", None, DIGEST, "a/b+json")),
        (f"/v2/x/referrers/{DIGEST}", "artifactType=", ListReferrers("x", None, DIGEST, None)),
        ("/v2/x/tags/list", "", ListTags("x", None, None, None)),
        ("/v2/x/tags/list", "n=0&last=", ListTags("x", None, 0, None)),
        ("/v2/x/tags/list", "n=10&last=v1&ns=ghcr.io", ListTags("x", "ghcr.io", 10, "v1")),
        ("/v2/manifests/manifests/manifests", "", GetManifest("manifests", None, Tag("manifests"), is_head=False)),
        ("/v2/x/manifests/tags/list", "", ListTags("x/manifests", None)),
        ("/v2/x/blobs/uploads/manifests/v1", "", GetManifest("x/blobs/uploads", None, Tag("v1"), is_head=False)),
        (
            f"/v2/x/manifests/sha256-{DIGEST.hex}.sig",
            "",
            GetManifest("x", None, Tag(f"sha256-{DIGEST.hex}.sig"), is_head=False),
        ),
    ],
)
def test_clients_7_each_path_has_one_reading(path, query, expected):
    assert parse("GET", path, query) == expected


def test_clients_8_head_is_kept_for_manifests_and_blobs():
    assert parse("HEAD", "/v2/x/manifests/v1", "").is_head
    assert parse("HEAD", f"/v2/x/blobs/{DIGEST}", "").is_head
    assert parse("HEAD", "/v2/x/tags/list", "") == ListTags("x", None)
    assert parse("HEAD", "/v2/", "") == Ping()


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE", "OPTIONS", "get", "", "CONNECT"])
@pytest.mark.parametrize(
    "path", ["/v2/", "/v2/x/manifests/v1", "/v2/x/blobs/uploads/", f"/v2/x/blobs/{DIGEST}", "/", "/v2/../x"]
)
def test_promise_8_there_is_no_write_route(method, path):
    with pytest.raises(Unsupported) as caught:
        parse(method, path, "")
    assert caught.value.status == 405


@pytest.mark.parametrize(
    "path", ["/v2/_catalog", "/v2/x/blobs/uploads/", "/v2/x/blobs/uploads", "/v2/x/blobs/uploads/some-id"]
)
def test_clients_8_neither_the_catalog_nor_uploads_can_be_read(path):
    with pytest.raises(Unsupported):
        parse("GET", path, "n=1000000")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1/",
        "/v3/x/manifests/y",
        "v2/",
        "/v22/",
        "/metrics",
        "/v2/x",
        "/v2/x/y/z",
        "/v2/x/tags/x",
        "/v2/tags/list",
        "/v2/manifests/x",
        "/v2/x/_oci/ext",
    ],
)
def test_what_is_no_route_is_unknown(path):
    with pytest.raises(NameUnknown) as caught:
        parse("GET", path, "")
    assert caught.value.status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/v2//manifests/x",
        "/v2/a//b/manifests/x",
        "/v2/a/../b/manifests/x",
        "/v2/a/./b/manifests/x",
        "/v2/%2e%2e/b/manifests/x",
        "/v2/a%2fb/manifests/x",
        "/v2/a%2Fb/manifests/x",
        "/v2/a%5cb/manifests/x",
        "/v2/a%00/manifests/x",
        "/v2/a%0a/manifests/x",
        "/v2/a%7f/manifests/x",
        "/v2/a%/manifests/x",
        "/v2/a%zz/manifests/x",
        "/v2/a%252e/manifests/x",
        "/v2/%c3%a9/manifests/x",
        "/v2/\N{LATIN SMALL LETTER E WITH ACUTE}/manifests/x",
        "/v2/a b/manifests/x",
        "/v2/a\0/manifests/x",
        "/v2/A/manifests/x",
        "/v2/host:5000/x/manifests/y",
        "/v2/x/manifests/y/",
        "/v2/x/manifests/.y",
        "/v2/x/manifests/" + "y" * 129,
        "/v2/" + "a" * 256 + "/manifests/x",
        "/v2/" + "a/" * 3000 + "manifests/x",
    ],
)
def test_t39_a_name_is_of_the_grammar_or_is_refused(path):
    with pytest.raises(NameInvalid) as caught:
        parse("GET", path, "")
    assert caught.value.status == 400


@pytest.mark.parametrize("reference", ["sha256:abc", "sha256:" + "AB" * 32, "md5:00", "sha256:..%2e"])
@pytest.mark.parametrize("word", ["manifests", "blobs", "referrers"])
def test_t07_a_bad_digest_is_refused_in_every_route(word, reference):
    with pytest.raises(DigestInvalid):
        parse("GET", f"/v2/x/{word}/{reference}", "")


@pytest.mark.parametrize("word", ["blobs", "referrers"])
def test_a_tag_is_no_digest(word):
    with pytest.raises(DigestInvalid):
        parse("GET", f"/v2/x/{word}/latest", "")


@pytest.mark.parametrize(
    "query",
    [
        "ns=a.io&ns=a.io",
        "ns=a.io&ns=b.io",
        "ns=",
        "ns",
        "ns=a/b",
        "ns=http://a",
        "ns=a%00",
        "ns=user@a",
        "ns=a%0d%0aX:y",
    ],
)
def test_clients_7_an_ns_is_one_host_or_is_refused(query):
    with pytest.raises(NameInvalid):
        parse("GET", "/v2/x/manifests/v1", query)


@pytest.mark.parametrize(
    "query",
    [
        "n=-1",
        "n=",
        "n=ten",
        "n=1.5",
        "n=9999999999",
        "n=%D9%A1",
        "n=1&n=2",
        "last=..%2f",
        "last=a%0d",
        "last=a&last=b",
        "&".join(["x=1"] * 17),
        "x=%ff",
    ],
)
def test_clients_8_paging_is_bounded(query):
    with pytest.raises(RequestError) as caught:
        parse("GET", "/v2/x/tags/list", query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "query", ["artifactType=" + "a" * 256, "artifactType=a%0ab", "artifactType=a&artifactType=b", "artifactType=%C3%A9"]
)
def test_an_artifact_type_is_one_media_type(query):
    with pytest.raises(RequestError):
        parse("GET", f"/v2/x/referrers/{DIGEST}", query)


PATHS = st.lists(
    st.sampled_from(
        [
            "v2",
            "x",
            "manifests",
            "blobs",
            "tags",
            "list",
            "referrers",
            "..",
            "",
            "%2e",
            "%00",
            str(DIGEST),
            "_catalog",
            "uploads",
        ]
    ),
    max_size=7,
).map(lambda parts: "/" + "/".join(parts))


@given(
    st.sampled_from(["GET", "HEAD", "PUT"]) | st.text(max_size=4),
    PATHS | st.text(max_size=40),
    st.text(max_size=40) | st.text(alphabet="ns=&%0a+last;", max_size=30),
)
def test_t55_no_request_leads_to_another_error(method, path, query):
    try:
        found = parse(method, path, query)
    except RequestError as error:
        assert error.status in (400, 404, 405)  # noqa: PT017 - both ends of a fuzz are facts
        return
    assert method in ("GET", "HEAD")
    if not isinstance(found, Ping):
        assert all(part not in ("", ".", "..") for part in found.name.split("/"))
