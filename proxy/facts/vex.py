"""OpenVEX: what a publisher says of a vulnerability in a product. Law: a statement speaks of this image only, or of nothing.

A statement without products speaks of the attestation's subject; one that names products speaks of those alone, by a
digest or, without any, by the repository (OpenVEX ATTESTING.md, "Handling Product/Subject Granularity"). Its time is
its own, else its document's; the latest wins. https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from proxy.facts.kinds import Unreadable
from proxy.facts.shapes import (
    list_of,
    moment_of,
    object_of,
    optional_list,
    optional_object,
    required_text,
    shown,
    stamp,
    text_of,
    texts_of,
)

_STATUSES = {
    "not_affected": "notAffected",
    "affected": "affected",
    "fixed": "fixed",
    "under_investigation": "underInvestigation",
}
_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)
_DIGEST = re.compile(r"[@=](sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})(?=$|[?#&])")
_HASHES = {"sha-256": "sha256", "sha256": "sha256", "sha-512": "sha512", "sha512": "sha512"}


def read_vex(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """An OpenVEX document as facts, and when it was issued; raise Unreadable."""
    document = object_of(predicate, what="VEX document")
    issued = moment_of(document.get("timestamp"), what="VEX document's timestamp")
    if issued is None:
        raise Unreadable("the VEX document tells no timestamp, so that its statements cannot be ordered")
    author = text_of(document.get("author"), what="VEX document's author")
    named = text_of(document.get("@id"), what="VEX document's @id")
    listed = list_of(document.get("statements"), what="VEX document's list of statements")
    statements = [_statement(each, issued) | {"document": named, "author": author} for each in listed]
    updated = moment_of(document.get("last_updated"), what="VEX document's last_updated")
    values: dict[str, Any] = {
        "author": author,
        "document": named,
        "timestamp": stamp(updated or issued),
        "statements": statements,
        "count": len(statements),
    }
    for status, name in _STATUSES.items():
        values[name] = [each["vulnerability"] for each in statements if each["status"] == status]
    return values, updated or issued


def takes_out(statement: Mapping[str, Any]) -> bool:
    """Whether its finding need not be counted: `fixed`, or `not_affected` with the reason that the spec demands."""
    if statement["status"] == "not_affected":
        return statement["justification"] in _JUSTIFICATIONS or bool(statement["impact"])
    return bool(statement["status"] == "fixed")


def deciding_statement(
    finding: Mapping[str, Any],
    statements: Iterable[Mapping[str, Any]],
    *,
    digests: Collection[str],
    repository: str,
) -> Mapping[str, Any] | None:
    """The latest of the statements that speak of this finding in this image; of one time, one that leaves it in."""
    about = [each for each in statements if _speaks_of(each, finding, digests, repository)]
    # RFC 3339 in UTC, but with and without a fraction: compared as times.
    return max(about, key=lambda each: (datetime.fromisoformat(each["timestamp"]), not takes_out(each)), default=None)


def _statement(value: Any, issued: datetime) -> dict[str, Any]:
    entry = object_of(value, what="VEX statement")
    told = entry.get("vulnerability")
    # Until v0.2.0 vulnerabilities and products were bare texts.
    vulnerability = {"name": told} if isinstance(told, str) else object_of(told, what="VEX statement's vulnerability")
    status = required_text(entry.get("status"), what="VEX statement's status")
    if status not in _STATUSES:
        raise Unreadable(f"a VEX statement's status is {shown(status)}, which is none of {', '.join(_STATUSES)}")
    name = vulnerability.get("name") or vulnerability.get("@id")
    return {
        "vulnerability": required_text(name, what="VEX statement's vulnerability name"),
        "aliases": texts_of(vulnerability.get("aliases"), what="VEX statement's aliases"),
        "status": status,
        "products": [_product(each) for each in optional_list(entry.get("products"), what="VEX statement's products")],
        "justification": text_of(entry.get("justification"), what="VEX statement's justification"),
        "impact": text_of(entry.get("impact_statement"), what="VEX statement's impact_statement"),
        "timestamp": stamp(moment_of(entry.get("timestamp"), what="VEX statement's timestamp") or issued),
    }


def _product(value: Any) -> dict[str, Any]:
    product = {"@id": value} if isinstance(value, str) else object_of(value, what="VEX statement's product")
    ids = _ids(product)
    hashes = optional_object(product.get("hashes"), what="VEX product's hashes")
    digests = [f"{_HASHES[name]}:{text}" for name, text in hashes.items() if name in _HASHES]
    digests += [found[1] for text in ids for found in _DIGEST.finditer(unquote(text))]
    below = optional_list(product.get("subcomponents"), what="VEX product's subcomponents")
    subcomponents = [_ids({"@id": each} if isinstance(each, str) else each) for each in below]
    return {"ids": ids, "digests": digests, "subcomponents": subcomponents}


def _ids(value: Any) -> list[str]:
    component = object_of(value, what="VEX component")
    identifiers = optional_object(component.get("identifiers"), what="VEX component's identifiers")
    told = [component.get("@id"), identifiers.get("purl")]
    return list(dict.fromkeys(text for each in told if (text := text_of(each, what="VEX component's identifier"))))


def _speaks_of(
    statement: Mapping[str, Any], finding: Mapping[str, Any], digests: Collection[str], repository: str
) -> bool:
    products = statement["products"]
    return not products or any(
        _is_image(product, digests, repository) and _names_package(product["subcomponents"], finding)
        for product in products
    )


def _is_image(product: Mapping[str, Any], digests: Collection[str], repository: str) -> bool:
    if product["digests"]:
        return any(digest in digests for digest in product["digests"])
    return bool(repository) and any(_is_repository(text, repository) for text in product["ids"])


def _is_repository(text: str, repository: str) -> bool:
    """Whether a package URL without a version or tag names this repository: all its images are meant (purl-spec, oci)."""
    kind, version, qualifiers = _parts(text)
    where = qualifiers.get("repository_url", "")
    if not kind.startswith("pkg:oci/") or version or "tag" in qualifiers or not where:
        return False
    return repository in (where, f"{where}/{kind.removeprefix('pkg:oci/')}")


def _names_package(subcomponents: Sequence[Sequence[str]], finding: Mapping[str, Any]) -> bool:
    """Whether one of the subcomponents is the finding's package; without any the whole product is meant."""
    return not subcomponents or any(_is_package(text, finding) for ids in subcomponents for text in ids)


def _is_package(text: str, finding: Mapping[str, Any]) -> bool:
    if not finding["purl"] or not text.startswith("pkg:"):
        return False
    kind, version, qualifiers = _parts(text)
    found, installed, told = _parts(finding["purl"])
    return kind == found and version in ("", installed) and qualifiers.items() <= told.items()


def _parts(purl: str) -> tuple[str, str, dict[str, str]]:
    """`pkg:type/namespace/name`, version and qualifiers of a package URL."""
    whole, _, query = purl.partition("#")[0].partition("?")
    head, mark, version = whole.rpartition("@")
    # An `@` before the last slash is a namespace's own: pkg:npm/@scope/name.
    if not mark or "/" in version:
        head, version = whole, ""
    return unquote(head), unquote(version), dict(parse_qsl(query))
