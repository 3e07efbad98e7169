"""Where a build's source was: repository, ref, commit, workflow. Law: two that differ are none, and no form is guessed at.

External parameters have a shape of the build type's own; those in use are read: GitHub's `workflow`, Tekton's and
Google's `buildConfigSource`, BuildKit's `configSource`, GitLab's and the container-based build's `source`.
"""

import re
from dataclasses import dataclass
from typing import Any

from proxy.facts.shapes import at

# Schemes that prove the host. What came over http or git stays as written, so that it equals no policy's `source`.
_SOURCE = re.compile(
    r"(?:(?:git\+)?(?:https|ssh)://)?(?:[^/@:\s]+@)?([A-Za-z0-9.-]+(?::[0-9]{1,5})?)/([^@#?\s]+)(?:@([^#?\s]+))?(?:#([^\s]*))?"
)
_SCP = re.compile(r"[\w.-]+@([A-Za-z0-9.-]+):(?!/)([^@#?\s:]+)")


@dataclass(frozen=True, slots=True)
class Origin:
    uri: str | None = None
    source: str | None = None
    ref: str | None = None
    workflow: str | None = None
    commit: str | None = None


def normalised(uri: str | None) -> tuple[str | None, str | None]:
    """`(host/path, ref)` of a source: `git+https://github.com/acme/ml.git@refs/tags/v1` → `github.com/acme/ml`.

    Of a form that is not known, or whose scheme does not prove the host, the first is the text itself.
    """
    if uri is None:
        return None, None
    copied = _SCP.fullmatch(uri)
    if copied:
        return f"{copied[1].lower()}/{_repository(copied[2])}", None
    found = _SOURCE.fullmatch(uri)
    if not found or ".." in found[2].split("/"):
        return uri, None
    fragment = (found[4] or "").partition(":")[0]  # BuildKit: #ref:folder
    return f"{found[1].lower()}/{_repository(found[2])}", found[3] or fragment or None


def _repository(path: str) -> str:
    return path.rstrip("/").removesuffix(".git")


def origin_of(parameters: dict[str, Any], materials: list[dict[str, Any]]) -> Origin:
    origins = [
        _located(parameters.get("workflow"), "repository"),
        _located(parameters.get("buildConfigSource"), "repository"),
        _located(parameters.get("configSource"), "uri"),
        _located(_as_source(parameters), "uri"),
    ]
    told = [origin for origin in origins if origin.uri is not None]
    if len({origin.source for origin in told}) != 1:
        return Origin()
    first = told[0]
    refs = {origin.ref for origin in told if origin.ref is not None}
    commits = {origin.commit for origin in told if origin.commit is not None} or _commits_of(first, refs, materials)
    return Origin(
        first.uri,
        first.source,
        refs.pop() if len(refs) == 1 else None,
        next((origin.workflow for origin in told if origin.workflow is not None), None),
        commits.pop() if len(commits) == 1 else None,
    )


def _as_source(parameters: dict[str, Any]) -> Any:
    given = parameters.get("source")
    return {"uri": given, "path": parameters.get("entryPoint")} if isinstance(given, str) else given


def _located(value: Any, name: str) -> Origin:
    """What an external parameter says; of another shape than the known one it says nothing."""
    uri = at(value, name)
    if not isinstance(uri, str) or not uri:
        return Origin()
    source, ref = normalised(uri)
    told, path, digest = at(value, "ref"), at(value, "path"), at(value, "digest")
    return Origin(
        uri,
        source,
        told if isinstance(told, str) and told else ref,
        path if isinstance(path, str) and path else None,
        commit_of(digest) if isinstance(digest, dict) else None,
    )


def _commits_of(origin: Origin, refs: set[str], materials: list[dict[str, Any]]) -> set[str]:
    """The commits that the resolved dependencies give for the source."""
    found = set()
    for material in materials:
        source, ref = normalised(material["uri"])
        commit = commit_of(material["digest"])
        if commit is not None and source == origin.source and (ref is None or not refs or ref in refs):
            found.add(commit)
    return found


def commit_of(digests: dict[str, Any]) -> str | None:
    for algorithm in ("gitCommit", "sha1", "sha256"):
        told = digests.get(algorithm)
        if isinstance(told, str) and told:
            return told.lower()
    return None
