"""What the image is, by its proved manifest and config (image-spec config.md). Law: whom it runs as is the worst reading.

Whoever made the image wrote all of this; it is proved to be what they wrote, not that it is so. Values of environment
variables are left out, since facts are shown and recorded. What an Index has no word for is None.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from proxy.errors import ManifestInvalid
from proxy.facts.kinds import Unreadable
from proxy.facts.shapes import moment_of, object_of, optional_object, stamp, text_of, texts_of
from proxy.oci.config import MAX_CONFIG
from proxy.oci.descriptor import Platform
from proxy.oci.document import read_platform
from proxy.oci.manifest import Index, Manifest
from proxy.oci.strictjson import as_object, parse

_CONFIG_FIELDS = frozenset({"created", "architecture", "os", "variant", "config", "rootfs", "history", "author"})
_RUN_FIELDS = frozenset(
    {"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "Healthcheck"}
)
_RUN_FACTS = (
    "user",
    "isRoot",
    "labels",
    "entrypoint",
    "cmd",
    "environment",
    "exposedPorts",
    "volumes",
    "workingDir",
)
# containerd and runc read a user as a number first, with a sign or zeros before it.
_ROOT = re.compile(r"root|[+-]?0+")


def image_facts(manifest: Manifest | Index, config_raw: bytes | None, *, now: datetime) -> Mapping[str, Any]:
    """The facts of `FIELDS["image"]`; raise Unreadable. `config_raw` is None for an Index and where it was not read.

    What stands in the config is None without one; so it is for artifacts, whose config is no JSON object.
    """
    config = _parsed(config_raw)
    created = None if config is None else moment_of(config.get("created"), what="image config's created")
    run = dict.fromkeys(_RUN_FACTS) if config is None else _run_facts(config.get("config"))
    return {
        "mediaType": manifest.media_type,
        "isIndex": manifest.is_index,
        "size": None if isinstance(manifest, Index) else sum(blob.size for blob in manifest.blobs),
        "layers": None if isinstance(manifest, Index) else len(manifest.layers),
        "platforms": [str(each) for each in _platforms(manifest, config)],
        "annotations": dict(manifest.annotations),
        "created": stamp(created),
        # A time to come is a wrong one, and an image's age by it is not known.
        "age": int((now - created).total_seconds()) if created is not None and created <= now else None,
        **run,
        "config": None if config is None else run,
    }


def _parsed(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None or not raw.lstrip(b" \t\r\n\xef\xbb\xbf").startswith(b"{"):
        return None
    if len(raw) > MAX_CONFIG:
        raise Unreadable(f"the image config is larger than {MAX_CONFIG} bytes")
    try:
        return as_object(parse(raw, what="image config"), what="image config", names=_CONFIG_FIELDS)
    except ManifestInvalid as error:
        raise Unreadable(error.message) from None


def _platforms(manifest: Manifest | Index, config: dict[str, Any] | None) -> list[Platform]:
    if isinstance(manifest, Index):
        found = [child.platform for child in manifest.manifests]
    else:
        try:
            found = [read_platform(config, what="image config")]
        except ManifestInvalid as error:
            raise Unreadable(error.message) from None
    return [each for each in dict.fromkeys(found) if each is not None and not each.is_unknown]


def _run_facts(value: Any) -> dict[str, Any]:
    try:
        run = as_object({} if value is None else value, what="config of the image config", names=_RUN_FIELDS)
    except ManifestInvalid as error:
        raise Unreadable(error.message) from None
    user = text_of(run.get("User"), what="image's User") or ""
    return {
        "user": user,
        "isRoot": _is_root(user),
        "labels": _labels(run.get("Labels")),
        "entrypoint": texts_of(run.get("Entrypoint"), what="image's Entrypoint"),
        "cmd": texts_of(run.get("Cmd"), what="image's Cmd"),
        "environment": [text.partition("=")[0] for text in texts_of(run.get("Env"), what="image's Env")],
        "exposedPorts": sorted(optional_object(run.get("ExposedPorts"), what="image's ExposedPorts")),
        "volumes": sorted(optional_object(run.get("Volumes"), what="image's Volumes")),
        "workingDir": text_of(run.get("WorkingDir"), what="image's WorkingDir") or "",
    }


def _is_root(user: str) -> bool:
    """No user at all is root. Another name for the id 0 in the image's passwd file cannot be seen from here."""
    name = user.partition(":")[0].strip()
    return not name or _ROOT.fullmatch(name) is not None


def _labels(value: Any) -> dict[str, str]:
    labels = {} if value is None else object_of(value, what="image's Labels")
    if not all(isinstance(text, str) for text in labels.values()):
        raise Unreadable("the image's Labels are not all texts")
    return labels
