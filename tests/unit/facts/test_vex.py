"""A statement speaks of this image only, or of nothing; the latest wins; and only a reason takes a finding out."""

import copy

import pytest

from proxy.facts import Unreadable, read
from proxy.facts.vex import deciding_statement, takes_out
from tests.fakes.predicates import IMAGE, VEX

HEX = IMAGE.partition(":")[2]
OTHER = "sha256:" + "00" * 32
REPOSITORY = "ghcr.io/acme/ml/trainer"
FINDING = {"id": "CVE-2026-0001", "aliases": [], "purl": "pkg:deb/debian/libssl3@3.0.1?arch=amd64&distro=debian-12"}


def document(*statements, **changes):
    return {**copy.deepcopy(VEX), "statements": list(statements), **changes}


def made(**changes):
    return {"vulnerability": {"name": "CVE-2026-0001"}, "status": "fixed", **changes}


def told(*statements, **changes):
    return read("https://openvex.dev/ns", document(*statements, **changes)).values["statements"]


def decides(*statements, digests=(IMAGE,), repository="", finding=FINDING):
    return deciding_statement(finding, told(*statements), digests=digests, repository=repository)


def test_a_document_is_read():
    values = read("https://openvex.dev/ns", VEX).values
    assert (values["author"], values["document"], values["count"]) == ("Acme Security", "https://acme.test/vex/1", 2)
    assert (values["notAffected"], values["fixed"]) == (["CVE-2026-0001"], ["CVE-2026-0003"])
    assert (values["affected"], values["underInvestigation"]) == ([], [])
    first, second = values["statements"]
    assert first["products"] == [
        {
            "ids": [f"pkg:oci/trainer@sha256%3A{HEX}"],
            "digests": [IMAGE],
            "subcomponents": [["pkg:deb/debian/libssl3@3.0.1"]],
        }
    ]
    assert first["timestamp"] == "2026-11-01T00:00:00Z"
    assert second["timestamp"] == "2026-11-01T23:00:00Z"


def test_the_forms_of_the_first_version_are_read():
    (statement,) = told({"vulnerability": "CVE-2026-0001", "products": [f"pkg:oci/trainer@{IMAGE}"], "status": "fixed"})
    assert statement["vulnerability"] == "CVE-2026-0001"
    assert statement["products"][0]["digests"] == [IMAGE]


@pytest.mark.parametrize(
    "wrong",
    [
        document(timestamp=None),
        document(timestamp="yesterday"),
        document(statements=None),
        document(statements={}),
        document(None),
        document(made(status=None)),
        document(made(status="harmless")),
        document(made(status="FIXED")),
        document(made(vulnerability=None)),
        document(made(vulnerability={})),
        document(made(products={})),
        document(made(products=[None])),
        document(made(timestamp="soon")),
    ],
)
def test_t22_a_document_of_another_shape_is_unreadable(wrong):
    with pytest.raises(Unreadable):
        read("https://openvex.dev/ns", wrong)


@pytest.mark.parametrize(
    "product",
    [
        f"pkg:oci/trainer@{IMAGE}",
        {"@id": f"pkg:oci/trainer@sha256%3A{HEX}?repository_url=ghcr.io%2Facme"},
        {"@id": f"pkg:docker/acme/trainer?digest={IMAGE}&platform=linux%2Famd64"},
        {"@id": f"{REPOSITORY}@{IMAGE}"},
        {"@id": "https://acme.test/trainer", "identifiers": {"purl": f"pkg:oci/trainer@{IMAGE}"}},
        {"@id": "https://acme.test/trainer", "hashes": {"sha-256": HEX}},
        {"@id": f"pkg:oci/trainer@{OTHER}", "hashes": {"sha-256": HEX}},
    ],
)
def test_a_statement_about_this_digest_decides(product):
    assert decides(made(products=[product])) is not None
    assert decides(made(products=["pkg:oci/other@1", product])) is not None


def test_a_statement_without_products_speaks_of_what_was_attested():
    assert decides(made()) is not None
    assert decides(made(products=[])) is not None
    assert decides(made(), digests=()) is not None


@pytest.mark.parametrize(
    "product",
    [
        f"pkg:oci/trainer@{OTHER}",
        "pkg:oci/trainer",
        "pkg:oci/trainer?repository_url=ghcr.io/acme/ml",
        "pkg:deb/debian/libssl3@3.0.1",
        "pkg:deb/debian/libssl3@3.0.1?arch=amd64",
        f"pkg:oci/trainer@{IMAGE}0",
        f"pkg:oci/trainer@x{IMAGE}",
        f"https://acme.test/{HEX}",
        {"hashes": {"md5": HEX}},
        {"hashes": {"sha-256": "00" * 32}},
        {"identifiers": {"cpe23": "cpe:2.3:a:acme:trainer:*"}},
        {},
    ],
)
def test_t37_a_statement_about_something_else_decides_nothing(product):
    assert decides(made(products=[product])) is None


@pytest.mark.parametrize(
    "product",
    [
        "pkg:oci/trainer?repository_url=ghcr.io/acme/ml/trainer",
        "pkg:oci/trainer?repository_url=ghcr.io%2Facme%2Fml%2Ftrainer",
        "pkg:oci/trainer?repository_url=ghcr.io/acme/ml",
        "pkg:oci/trainer?arch=amd64&repository_url=ghcr.io/acme/ml/trainer",
    ],
)
def test_a_product_without_a_version_is_every_image_of_its_repository(product):
    assert decides(made(products=[product]), repository=REPOSITORY) is not None
    assert decides(made(products=[product]), repository="ghcr.io/acme/ml/other") is None
    assert decides(made(products=[product])) is None


@pytest.mark.parametrize(
    "product",
    [
        "pkg:oci/trainer",
        "pkg:oci/trainer?tag=v1&repository_url=ghcr.io/acme/ml/trainer",
        f"pkg:oci/trainer@{OTHER}?repository_url=ghcr.io/acme/ml/trainer",
        "pkg:oci/trainer@1?repository_url=ghcr.io/acme/ml/trainer",
        "pkg:generic/trainer?repository_url=ghcr.io/acme/ml/trainer",
        "pkg:oci/trainer?repository_url=ghcr.io/acme",
        "ghcr.io/acme/ml/trainer",
    ],
)
def test_t37_a_product_that_is_another_version_or_none_is_not_the_repository(product):
    assert decides(made(products=[product]), repository=REPOSITORY) is None


@pytest.mark.parametrize(
    ("subcomponent", "is_meant"),
    [
        ("pkg:deb/debian/libssl3@3.0.1", True),
        ("pkg:deb/debian/libssl3", True),
        ("pkg:deb/debian/libssl3@3.0.1?arch=amd64", True),
        ({"@id": "x", "identifiers": {"purl": "pkg:deb/debian/libssl3@3.0.1"}}, True),
        ("pkg:deb/debian/libssl3@3.0.1?arch=arm64", False),
        ("pkg:deb/debian/libssl3@3.0.2", False),
        ("pkg:deb/debian/libssl", False),
        ("pkg:deb/ubuntu/libssl3@3.0.1", False),
        ("libssl3", False),
        ({}, False),
    ],
)
def test_a_statement_about_a_part_speaks_of_findings_in_that_part_alone(subcomponent, is_meant):
    found = decides(made(products=[{"hashes": {"sha-256": HEX}, "subcomponents": [subcomponent]}]))
    assert (found is not None) == is_meant


def test_a_finding_that_names_no_package_is_in_no_part():
    product = {"hashes": {"sha-256": HEX}, "subcomponents": ["pkg:deb/debian/libssl3"]}
    assert decides(made(products=[product]), finding={**FINDING, "purl": ""}) is None


def test_a_scoped_name_is_no_version():
    product = {"hashes": {"sha-256": HEX}, "subcomponents": ["pkg:npm/@acme/ui"]}
    assert decides(made(products=[product]), finding={**FINDING, "purl": "pkg:npm/%40acme/ui@1.0.0"}) is not None
    assert decides(made(products=[product]), finding={**FINDING, "purl": "pkg:npm/%40evil/ui@1.0.0"}) is None


def test_the_latest_statement_decides_in_any_order():
    early = made(status="under_investigation", timestamp="2026-10-01T00:00:00Z")
    late = made(status="fixed", timestamp="2026-11-01T00:00:00.5Z")
    later = made(status="affected", timestamp="2026-11-01T00:00:00.75Z")
    for order in ((early, late), (late, early)):
        assert decides(*order)["status"] == "fixed"
    for order in ((later, early, late), (late, later, early)):
        assert decides(*order)["status"] == "affected"


def test_a_statement_without_a_time_has_its_documents():
    older = made(status="fixed", timestamp="2026-10-31T23:59:59Z")
    assert decides(older, made(status="affected"))["status"] == "affected"


def test_of_two_at_one_time_the_one_that_leaves_it_in_decides():
    for order in ((made(), made(status="affected")), (made(status="affected"), made())):
        assert decides(*order)["status"] == "affected"


@pytest.mark.parametrize(
    ("statement", "is_out"),
    [
        (made(status="fixed"), True),
        (made(status="not_affected", justification="component_not_present"), True),
        (made(status="not_affected", impact_statement="compiled out"), True),
        (made(status="not_affected"), False),
        (made(status="not_affected", justification="because"), False),
        (made(status="not_affected", justification="", impact_statement=""), False),
        (made(status="affected"), False),
        (made(status="under_investigation", justification="component_not_present"), False),
    ],
)
def test_t23_only_fixed_or_a_reason_takes_a_finding_out(statement, is_out):
    assert takes_out(told(statement)[0]) is is_out
