"""SLSA provenance v0.2 and v1: who built it, from what. Law: what the builder does not say stays None, never a guess.

Only the builder is believed, and only since its signature was proved: `source` means nothing without `by` and `builder`.
https://slsa.dev/spec/v0.2/provenance, https://slsa.dev/spec/v1.0/provenance.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from proxy.facts.kinds import Facts
from proxy.facts.origin import Origin, commit_of, normalised, origin_of
from proxy.facts.shapes import (
    at,
    digests_of,
    flag_of,
    moment_of,
    object_of,
    optional_list,
    optional_object,
    required_text,
    stamp,
    text_of,
)

_BUILDKIT = "https://mobyproject.org/buildkit@v1#"


class Pattern(Protocol):
    """What a builder must be, over its whole id: `builder@evil` is not `builder` (T37)."""

    def matches(self, name: str) -> bool: ...


def read_v02(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """SLSA v0.2 as facts, and when the build ended; raise Unreadable."""
    document = object_of(predicate, what="provenance")
    invocation = optional_object(document.get("invocation"), what="provenance's invocation")
    given = optional_object(invocation.get("configSource"), what="provenance's configSource")
    metadata = optional_object(document.get("metadata"), what="provenance's metadata")
    completeness = optional_object(metadata.get("completeness"), what="provenance's completeness")
    uri = text_of(given.get("uri"), what="provenance's configSource.uri")
    source, ref = normalised(uri)
    origin = Origin(
        uri,
        source,
        ref,
        text_of(given.get("entryPoint"), what="provenance's entryPoint"),
        commit_of(digests_of(given.get("digest"), what="provenance's configSource.digest")),
    )
    parameters = optional_object(invocation.get("parameters"), what="provenance's parameters")
    hermetic = flag_of(metadata.get(f"{_BUILDKIT}hermetic"), what="provenance's hermetic")
    return _facts(
        document.get("builder"),
        document.get("buildType"),
        origin,
        parameters,
        materials=_materials(document.get("materials"), what="provenance's materials"),
        hermetic=hermetic,
        reproducible=flag_of(metadata.get("reproducible"), what="provenance's reproducible"),
        complete=flag_of(completeness.get("materials"), what="provenance's completeness.materials"),
        invocation=metadata.get("buildInvocationId") or metadata.get("buildInvocationID"),
        times=(metadata.get("buildStartedOn"), metadata.get("buildFinishedOn")),
    )


def read_v1(predicate: Any) -> tuple[dict[str, Any], datetime | None]:
    """SLSA v1 as facts, and when the build ended; raise Unreadable."""
    document = object_of(predicate, what="provenance")
    definition = object_of(document.get("buildDefinition"), what="provenance's buildDefinition")
    details = object_of(document.get("runDetails"), what="provenance's runDetails")
    metadata = optional_object(details.get("metadata"), what="provenance's metadata")
    parameters = optional_object(definition.get("externalParameters"), what="provenance's externalParameters")
    materials = _materials(definition.get("resolvedDependencies"), what="provenance's resolvedDependencies")
    complete = at(metadata, "buildkit_completeness", "resolvedDependencies")
    return _facts(
        details.get("builder"),
        definition.get("buildType"),
        origin_of(parameters, materials),
        parameters,
        materials=materials,
        hermetic=flag_of(metadata.get("buildkit_hermetic"), what="provenance's hermetic"),
        reproducible=flag_of(metadata.get("buildkit_reproducible"), what="provenance's reproducible"),
        complete=flag_of(complete, what="provenance's completeness"),
        # The specification writes invocationId; the first GitHub actions wrote invocationID.
        invocation=metadata.get("invocationId") or metadata.get("invocationID"),
        times=(metadata.get("startedOn"), metadata.get("finishedOn")),
    )


def level(facts: Facts, levels: Iterable[tuple[Pattern, int]]) -> int:
    """The SLSA build level that the policy gives to the builder: that of the first pattern that matches, else 0.

    No predicate can tell its own level: the builder's keeper promises it, and the policy says whom it believes.
    """
    builder = facts.values.get("builder")
    if facts.alias != "slsa-provenance" or not isinstance(builder, str):
        return 0
    return next((number for pattern, number in levels if pattern.matches(builder)), 0)


def _materials(value: Any, *, what: str) -> list[dict[str, Any]]:
    materials = []
    for each in optional_list(value, what=what):
        entry = object_of(each, what=f"entry of the {what}")
        uri = text_of(entry.get("uri"), what=f"uri in the {what}")
        materials.append({"uri": uri or "", "digest": digests_of(entry.get("digest"), what=f"digest in the {what}")})
    return materials


def _facts(
    builder: Any,
    build_type: Any,
    origin: Origin,
    parameters: dict[str, Any],
    *,
    materials: list[dict[str, Any]],
    hermetic: bool,
    reproducible: bool,
    complete: bool,
    invocation: Any,
    times: tuple[Any, Any],
) -> tuple[dict[str, Any], datetime | None]:
    by = object_of(builder, what="provenance's builder")
    started = moment_of(times[0], what="provenance's start of the build")
    finished = moment_of(times[1], what="provenance's end of the build")
    values = {
        "builder": text_of(by.get("id"), what="provenance's builder.id"),  # BuildKit leaves it empty outside of CI
        "buildType": required_text(build_type, what="provenance's buildType"),
        "source": origin.source,
        "sourceUri": origin.uri,
        "ref": origin.ref,
        "commit": origin.commit,
        "workflow": origin.workflow,
        "externalParameters": parameters,
        "hermetic": hermetic,
        "reproducible": reproducible,
        "materials": materials,
        "materialsComplete": complete,
        "invocation": text_of(invocation, what="provenance's invocation id"),
        "startedAt": stamp(started),
        "finishedAt": stamp(finished),
    }
    return values, finished or started
