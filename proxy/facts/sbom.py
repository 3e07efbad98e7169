"""SPDX 2.2 and 2.3, CycloneDX 1.4 to 1.7, as JSON. Law: a document without a list of components is no SBOM, not an empty one.

`components.exists(…)` over nothing is always false, so whatever may hide components is Unreadable: another version, a
missing list, text or XML instead of JSON. A list that is there and empty is a fact: `count` is 0.
https://spdx.github.io/spdx-spec/v2.3/, https://cyclonedx.org/docs/1.7/json/.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

from proxy.facts.kinds import Unreadable
from proxy.facts.shapes import (
    list_of,
    moment_of,
    object_of,
    optional_list,
    optional_object,
    shown,
    stamp,
    text_of,
    texts_of,
)

SPDX_VERSIONS = ("SPDX-2.2", "SPDX-2.3")
CYCLONEDX_VERSIONS = ("1.4", "1.5", "1.6", "1.7")

_NOTHING = (None, "", "NOASSERTION", "NONE")
_KINDS_OF_SUPPLIER = ("Organization:", "Person:")
_Told: TypeAlias = tuple[Any, Any, Any, Any, list[Any]]  # name, version, purl, supplier, licences: not looked at yet


def read_sbom(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """An SBOM of either format as facts, and when it says it was made; raise Unreadable, which names its version."""
    document = object_of(_unwrapped(predicate), what="SBOM")
    if "spdxVersion" in document and "bomFormat" in document:
        raise Unreadable("the SBOM could be read both as SPDX and as CycloneDX")
    if "spdxVersion" in document:
        return _read_spdx(document)
    if "bomFormat" in document:
        return _read_cyclonedx(document)
    if "@graph" in document or "@context" in document:
        raise Unreadable(
            f"the SBOM is SPDX 3 ({shown(document.get('@context'))}), which is not read; attach SPDX 2.3 or CycloneDX 1.7 JSON"
        )
    raise Unreadable("the SBOM is neither SPDX 2 nor CycloneDX: it has neither spdxVersion nor bomFormat")


def _unwrapped(predicate: Any) -> Any:
    """The document; cosign 1 put it under `Data`, and SPDX's text form and XML as a text, which no version reads."""
    if isinstance(predicate, dict) and "Data" in predicate and predicate.keys() <= {"Data", "Timestamp"}:
        predicate = predicate["Data"]
    if isinstance(predicate, str):
        raise Unreadable("the SBOM is a text, not a JSON object; attach it as SPDX or CycloneDX JSON")
    return predicate


def _read_spdx(document: dict[str, Any]) -> tuple[dict[str, Any], datetime | None]:
    version = document["spdxVersion"]
    if version not in SPDX_VERSIONS:
        raise Unreadable(f"the SBOM is of version {shown(version)}, which is not read; attach SPDX-2.2 or SPDX-2.3")
    information = optional_object(document.get("creationInfo"), what="SBOM's creationInfo")
    creators = texts_of(information.get("creators"), what="SBOM's creators")
    created = moment_of(information.get("created"), what="SBOM's creation time")
    packages = list_of(document.get("packages"), what="SBOM's list of packages")
    components = _components(packages, _from_package)
    values = {
        "format": "spdx",
        "version": version.removeprefix("SPDX-"),
        "name": text_of(document.get("name"), what="SBOM's name"),
        "createdAt": stamp(created),
        "tools": [text.removeprefix("Tool:").strip() for text in creators if text.startswith("Tool:")],
        "components": components,
        "count": len(components),
    }
    return values, created


def _components(listed: Iterable[Any], reader: Callable[[Any], _Told]) -> list[dict[str, Any]]:
    """Each entry as `reader` has it. A large image has twenty thousand: readers check as they go, and tell no more."""
    components: list[dict[str, Any]] = []
    try:
        for entry in listed:
            name, version, purl, supplier, licences = reader(entry)
            if not type(name) is type(version) is type(purl) is type(supplier) is str:
                raise TypeError  # noqa: TRY301  # a call for each of twenty thousand takes milliseconds
            for text in licences:
                if type(text) is not str:
                    raise TypeError  # noqa: TRY301  # as above
            components.append(
                {"name": name, "version": version, "purl": purl, "licences": licences, "supplier": supplier}
            )
    except (AttributeError, TypeError, KeyError):
        raise Unreadable(
            f"component {len(components)} of the SBOM has no name, or something in it is of the wrong type"
        ) from None
    return components


def _from_package(package: Any) -> _Told:
    told = package.get
    purl = ""
    for each in told("externalRefs") or ():
        if each.get("referenceType") == "purl":  # SPDX 2.3, 7.21; the first one
            purl = each["referenceLocator"]
            break
    supplier = told("supplier") or ""
    if supplier in _NOTHING:
        supplier = ""
    elif supplier.startswith(_KINDS_OF_SUPPLIER):
        supplier = supplier.partition(":")[2].strip()
    concluded, declared = told("licenseConcluded"), told("licenseDeclared")
    licences = [] if concluded in _NOTHING else [concluded]
    if declared != concluded and declared not in _NOTHING:
        licences.append(declared)
    return package["name"], told("versionInfo") or "", purl, supplier, licences


def _read_cyclonedx(document: dict[str, Any]) -> tuple[dict[str, Any], datetime | None]:
    version = document.get("specVersion")
    if document["bomFormat"] != "CycloneDX" or version not in CYCLONEDX_VERSIONS:
        raise Unreadable(
            f"the SBOM is {shown(document['bomFormat'])} {shown(version)}, which is not read; attach CycloneDX 1.4 to 1.7"
        )
    metadata = optional_object(document.get("metadata"), what="SBOM's metadata")
    created = moment_of(metadata.get("timestamp"), what="SBOM's timestamp")
    described = optional_object(metadata.get("component"), what="SBOM's metadata.component")
    listed = list_of(document.get("components"), what="SBOM's list of components")
    # What is described is the image itself; what it holds may stand beneath it as well as in the list.
    held = [*listed, *_nested(described, 0)]
    components = _components(_flat(held), _from_component)
    values = {
        "format": "cyclonedx",
        "version": version,
        "name": text_of(described.get("name"), what="SBOM's name"),
        "createdAt": stamp(created),
        "tools": list(_tools(metadata.get("tools"))),
        "components": components,
        "count": len(components),
    }
    return values, created


def _flat(components: list[Any]) -> Iterator[Any]:
    """Components and those within them, without a recursion that could be driven to its end."""
    waiting = [iter(components)]
    while waiting:
        for each in waiting[-1]:
            yield each
            if isinstance(each, dict) and "components" in each:
                waiting.append(iter(_nested(each, len(waiting))))
                break
        else:
            waiting.pop()


def _nested(component: dict[str, Any], depth: int) -> list[Any]:
    nested = component.get("components")
    if nested is None:
        return []
    return list_of(nested, what=f"list of components at level {depth} of the SBOM")


def _from_component(component: Any) -> _Told:
    supplier = component.get("supplier")
    told = component.get("publisher") if supplier is None else supplier.get("name")
    licences = []
    for each in component.get("licenses") or ():
        # Licences and expressions may stand side by side since 1.7.
        licence = each.get("license")
        text = each.get("expression") if licence is None else licence.get("id") or licence.get("name")
        if text not in _NOTHING:
            licences.append(text)
    return component["name"], component.get("version") or "", component.get("purl") or "", told or "", licences


def _tools(value: Any) -> Iterator[str]:
    """`name-version` of each tool: a list until 1.4, an object with components and services since 1.5."""
    listed = [value] if not isinstance(value, dict) else [value.get("components"), value.get("services")]
    for each in chain.from_iterable(optional_list(some, what="SBOM's tools") for some in listed):
        tool = object_of(each, what="SBOM's tool")
        name = text_of(tool.get("name"), what="name of the SBOM's tool")
        version = text_of(tool.get("version"), what="version of the SBOM's tool")
        if name:
            yield f"{name}-{version}" if version else name
