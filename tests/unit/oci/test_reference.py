"""Names and tags by the distribution-spec's grammar, and the tags that lead to evidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import DigestInvalid, NameInvalid
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag, ImageName, Repository, Tag, parse_reference

HEX = "ab" * 32
DIGEST = Digest("sha256", HEX)


@pytest.mark.parametrize("name", ["x", "nvidia/cuda", "a/b/c", "a.b_c__d---e", "nvcr.example_5000/x", "0"])
def test_names_of_the_grammar_pass(name):
    assert str(Repository("nvcr.io", name)) == f"nvcr.io/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a/../b",
        "..",
        "a/./b",
        "a b",
        "a\n",
        "a:b",
        "a@b",
        "_a",
        "a___b",
        "a" * 256,
        "é",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(NameInvalid):
        Repository("nvcr.io", name)


@pytest.mark.parametrize("host", ["nvcr.io", "localhost:5000", "127.0.0.1", "[::1]:5000", "REG.example"])
def test_hosts_pass(host):
    assert Repository(host, "x").upstream == host


@pytest.mark.parametrize(
    "host", ["", "a/b", "a b", "-a", "a:", "a:port", "user@host", "http://a", "a\n", "a:1\r\nX: y"]
)
def test_what_is_no_host_is_refused(host):
    with pytest.raises(NameInvalid):
        Repository(host, "x")


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "a" * 129, "a\n", "é"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(NameInvalid):
        Tag(tag)


def test_a_reference_is_a_digest_where_there_is_a_colon():
    assert parse_reference(f"sha256:{HEX}") == DIGEST
    assert parse_reference("24.10-py3") == Tag("24.10-py3")
    with pytest.raises(DigestInvalid):
        parse_reference("md5:abc")


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
def test_evidence_tags_name_their_subject_and_are_written_back(suffix):
    tag = Tag(f"sha256-{HEX}{suffix}")
    found = EvidenceTag.parse(tag)
    assert found == EvidenceTag(DIGEST, suffix)
    assert found.tag == tag


@pytest.mark.parametrize(
    "text", [f"sha256-{HEX}.exe", f"sha256-{HEX}.sig.sig", f"sha256-{HEX[1:]}", "sha256-x.sig", f"x-sha256-{HEX}"]
)
def test_t60_other_tags_are_ordinary(text):
    assert EvidenceTag.parse(Tag(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("docker.io/nginx", "docker.io/library/nginx:latest"),
        ("localhost/x:1", "localhost/x:1"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("nvcr.io/nvidia/cuda:12", "nvcr.io/nvidia/cuda:12"),
        (f"nvcr.io/x:12@sha256:{HEX}", f"nvcr.io/x@sha256:{HEX}"),
    ],
)
def test_image_names_are_read_as_people_write_them(text, expected):
    assert str(ImageName.parse(text)) == expected


@given(st.text(alphabet=st.sampled_from("ab:/@.-_A sha256\n"), max_size=60) | st.text(max_size=60))
def test_no_text_leads_to_another_error(text):
    for parse in (ImageName.parse, parse_reference, lambda text: Repository(text, text), Tag):
        try:
            parse(text)
        except (NameInvalid, DigestInvalid):
            continue


@given(st.text(alphabet="ab0._-/", min_size=1, max_size=30))
def test_a_name_that_passes_has_no_dotted_or_empty_part(name):
    try:
        Repository("x", name)
    except NameInvalid:
        return
    assert all(part not in ("", ".", "..") for part in name.split("/"))
