"""A document without a list of components is no SBOM, not an empty one; and no other version is guessed at."""

import copy

import pytest

from proxy.facts import Unreadable, read
from proxy.facts.sbom import CYCLONEDX_VERSIONS, SPDX_VERSIONS
from tests.fakes.predicates import CYCLONEDX, SPDX

SPDX_TYPE, CYCLONEDX_TYPE = "https://spdx.dev/Document", "https://cyclonedx.org/bom"


def changed(document, **changes):
    twin = {**copy.deepcopy(document), **changes}
    return {name: value for name, value in twin.items() if value is not ...}


def test_spdx_is_read():
    values = read(SPDX_TYPE, SPDX).values
    assert (values["format"], values["version"], values["name"]) == ("spdx", "2.3", "trainer")
    assert values["createdAt"] == "2026-11-01T00:00:00Z"
    assert values["tools"] == ["syft-1.30.0"]
    assert values["count"] == 2
    assert values["components"] == [
        {
            "name": "musl",
            "version": "1.2.5-r0",
            "purl": "pkg:apk/alpine/musl@1.2.5-r0",
            "licences": ["MIT"],
            "supplier": "Timo (timo@acme.test)",
        },
        {"name": "config-only", "version": "", "purl": "", "licences": [], "supplier": ""},
    ]


def test_cyclonedx_is_read_with_what_is_nested():
    values = read(CYCLONEDX_TYPE, CYCLONEDX).values
    assert (values["format"], values["version"], values["name"]) == ("cyclonedx", "1.6", "trainer")
    assert values["tools"] == ["trivy-0.66.0"]
    assert [each["name"] for each in values["components"]] == ["log4j-core", "shaded", "deep", "left-pad", "beneath"]
    assert values["count"] == 5
    assert values["components"][0] == {
        "name": "log4j-core",
        "version": "2.25.0",
        "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.25.0",
        "licences": ["Apache-2.0", "Acme EULA"],
        "supplier": "Apache",
    }
    assert values["components"][3]["licences"] == ["MIT OR WTFPL"]
    assert values["components"][3]["supplier"] == "npm"


def test_a_component_is_found_however_deep_it_is_nested():
    hidden = {"name": "banned"}
    for number in range(5000):
        hidden = {"name": f"level {number}", "components": [{"name": "beside"}, hidden]}
    names = [
        each["name"] for each in read(CYCLONEDX_TYPE, changed(CYCLONEDX, components=[hidden])).values["components"]
    ]
    assert "banned" in names
    assert names.count("beside") == 5000


@pytest.mark.parametrize(
    "tools",
    [
        [{"vendor": "aqua", "name": "trivy", "version": "0.66.0"}],
        {"components": [{"name": "trivy", "version": "0.66.0"}]},
        {"services": [{"name": "trivy", "version": "0.66.0"}]},
    ],
)
def test_tools_are_read_as_each_version_writes_them(tools):
    assert read(CYCLONEDX_TYPE, changed(CYCLONEDX, metadata={"tools": tools})).values["tools"] == ["trivy-0.66.0"]


@pytest.mark.parametrize("version", SPDX_VERSIONS)
def test_each_version_of_spdx_that_is_named_is_read(version):
    assert read(SPDX_TYPE, changed(SPDX, spdxVersion=version)).values["version"] == version[5:]


@pytest.mark.parametrize("version", CYCLONEDX_VERSIONS)
def test_each_version_of_cyclonedx_that_is_named_is_read(version):
    assert read(CYCLONEDX_TYPE, changed(CYCLONEDX, specVersion=version)).values["version"] == version


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (changed(SPDX, spdxVersion="SPDX-2.1"), "SPDX-2.1"),
        (changed(SPDX, spdxVersion="SPDX-3.0"), "SPDX-3.0"),
        (changed(SPDX, spdxVersion=2.3), "float"),
        ({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}, "spdx.org/rdf/3.0.1"),
        (changed(CYCLONEDX, specVersion="1.3"), "1.3"),
        (changed(CYCLONEDX, specVersion="2.0"), "2.0"),
        (changed(CYCLONEDX, bomFormat="Other"), "Other"),
    ],
)
def test_another_version_is_unreadable_and_named(document, named):
    for kind in (SPDX_TYPE, CYCLONEDX_TYPE, "https://spdx.dev/Document/v3"):
        with pytest.raises(Unreadable) as caught:
            read(kind, document)
        assert named in str(caught.value)
        assert "attach" in str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        changed(SPDX, packages=...),
        changed(SPDX, packages=None),
        changed(SPDX, packages={}),
        changed(CYCLONEDX, components=...),
        changed(CYCLONEDX, components=None),
        changed(CYCLONEDX, components="none"),
        changed(CYCLONEDX, components=[{"name": "a", "components": {"name": "hidden"}}]),
        changed(SPDX, bomFormat="CycloneDX", specVersion="1.6", components=[]),
    ],
)
def test_t23_a_document_that_may_hide_components_is_unreadable(document):
    with pytest.raises(Unreadable):
        read(SPDX_TYPE, document)


@pytest.mark.parametrize("document", [changed(SPDX, packages=[]), changed(CYCLONEDX, components=[], metadata={})])
def test_t23_a_list_with_nothing_in_it_counts_nothing(document):
    assert read(SPDX_TYPE, document).values["count"] == 0


@pytest.mark.parametrize("text", ["SPDXVersion: SPDX-2.3\n", "<bom/>"])
def test_text_and_xml_are_unreadable_and_the_sentence_says_what_to_attach(text):
    for predicate in (text, {"Data": text, "Timestamp": "2026-11-01T00:00:00Z"}):
        with pytest.raises(Unreadable, match="is a text"):
            read(SPDX_TYPE, predicate)


def test_the_wrapping_of_cosign_1_is_undone():
    assert read(SPDX_TYPE, {"Data": SPDX, "Timestamp": "x"}).values["count"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        None,
        "musl",
        [],
        {},
        {"name": None},
        {"name": 5},
        {"name": "a", "versionInfo": 5},
        {"name": "a", "externalRefs": 5},
        {"name": "a", "externalRefs": ["purl"]},
        {"name": "a", "externalRefs": [{"referenceType": "purl"}]},
        {"name": "a", "externalRefs": [{"referenceType": "purl", "referenceLocator": ["x"]}]},
        {"name": "a", "licenseDeclared": ["MIT"]},
        {"name": "a", "supplier": ["Acme"]},
    ],
)
def test_t22_a_package_of_another_shape_is_unreadable_and_numbered(wrong):
    with pytest.raises(Unreadable, match="component 2 of the SBOM"):
        read(SPDX_TYPE, changed(SPDX, packages=[*SPDX["packages"], wrong]))


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        None,
        {"version": "1"},
        {"name": "a", "version": 1},
        {"name": "a", "purl": ["x"]},
        {"name": "a", "supplier": "Acme"},
        {"name": "a", "licenses": "MIT"},
        {"name": "a", "licenses": ["MIT"]},
        {"name": "a", "licenses": [{"license": "MIT"}]},
        {"name": "a", "licenses": [{"license": {"id": ["MIT"]}}]},
    ],
)
def test_t22_a_component_of_another_shape_is_unreadable_and_numbered(wrong):
    with pytest.raises(Unreadable, match="component 1 of the SBOM"):
        read(CYCLONEDX_TYPE, changed(CYCLONEDX, components=[{"name": "good"}, wrong]))


def test_a_large_sbom_is_read_whole():
    package = SPDX["packages"][0]
    many = [{**package, "name": f"package {number}"} for number in range(20_000)]
    values = read(SPDX_TYPE, changed(SPDX, packages=many)).values
    assert values["count"] == 20_000
    assert values["components"][-1]["name"] == "package 19999"
