"""A Brief as plain values and back: what a Decision was made of, so that it can be made again on any machine."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from proxy.oci.descriptor import Descriptor, Platform
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.policy.decision import Decision
from proxy.policy.evaluate import BaseImage, Child
from proxy.policy.hearing import Brief, Seen
from proxy.verify.evidence import Found, Rejection, Target


def to_record(brief: Brief) -> dict[str, Any]:
    """Plain values for JSON; `from_record` is its inverse."""
    return {
        "rule": brief.rule,
        "isBase": brief.is_base,
        "anyName": brief.any_name,
        "now": brief.now.isoformat(),
        "manifest": _text(brief.manifest.raw),
        "own": _seen_record(brief.own),
        "config": _text(brief.config_raw),
        "platform": _parts(brief.platform),
        "index": _seen_record(brief.index) if brief.index else None,
        "children": None if brief.children is None else [_child_record(each) for each in brief.children],
        "bases": None if brief.bases is None else [_base_record(each) for each in brief.bases],
        "revocation": {key: _text(raw) for key, raw in sorted(brief.revocation.items())},
        "wasAdmitted": brief.was_admitted,
    }


def from_record(record: Mapping[str, Any]) -> Brief:
    """Raise ValueError, KeyError, TypeError or a RequestError where it is not what `to_record` gave."""
    own = _seen(record["own"])
    raw = b64decode(record["manifest"], validate=True)
    return Brief(
        rule=str(record["rule"]),
        manifest=parse_manifest(raw, digest=own.target.digest, content_type=own.target.media_type),
        own=own,
        now=datetime.fromisoformat(record["now"]),
        config_raw=_raw(record["config"]),
        platform=Platform(*record["platform"]) if record["platform"] else None,
        index=_seen(record["index"]) if record["index"] else None,
        children=None if record["children"] is None else tuple(_child(each) for each in record["children"]),
        bases=None if record["bases"] is None else tuple(_base(each) for each in record["bases"]),
        revocation={key: b64decode(text, validate=True) for key, text in dict(record["revocation"]).items()},
        was_admitted=bool(record["wasAdmitted"]),
        is_base=bool(record["isBase"]),
        any_name=bool(record["anyName"]),
    )


def _seen_record(seen: Seen) -> dict[str, Any]:
    target = seen.target
    return {
        "upstream": target.repository.upstream,
        "repository": target.repository.name,
        "digest": str(target.digest),
        "mediaType": target.media_type,
        "size": target.size,
        "found": [_found_record(each) for each in seen.founds],
        "rejections": [
            [each.place, _name(each.source), each.reason, each.signer, each.is_alarm] for each in seen.rejections
        ],
        "gaps": list(seen.gaps),
        "gathered": seen.gathered,
        "raw": _text(seen.raw),
    }


def _seen(record: Mapping[str, Any]) -> Seen:
    return Seen(
        target=Target(
            Repository(record["upstream"], record["repository"]),
            Digest.parse(str(record["digest"])),
            str(record["mediaType"]),
            int(record["size"]),
        ),
        founds=tuple(_found(each) for each in record["found"]),
        rejections=tuple(
            Rejection(place, Digest.parse(str(source)) if source else None, reason, signer, is_alarm)
            for place, source, reason, signer, is_alarm in record["rejections"]
        ),
        gaps=tuple(record["gaps"]),
        gathered=bool(record["gathered"]),
        raw=_raw(record["raw"]),
    )


def _found_record(found: Found) -> dict[str, Any]:
    return {
        "place": found.place,
        "manifest": str(found.manifest),
        "blob": str(found.blob),
        "mediaType": found.media_type,
        "annotations": dict(found.annotations),
        "payload": _text(found.payload),
        "subject": _name(found.subject),
        "carriers": [str(each) for each in found.carriers],
    }


def _found(record: Mapping[str, Any]) -> Found:
    return Found(
        place=str(record["place"]),
        manifest=Digest.parse(str(record["manifest"])),
        blob=Digest.parse(str(record["blob"])),
        media_type=str(record["mediaType"]),
        annotations=dict(record["annotations"]),
        payload=b64decode(record["payload"], validate=True),
        subject=Digest.parse(str(record["subject"])) if record["subject"] else None,
        carriers=tuple(Digest.parse(str(each)) for each in record["carriers"]),
    )


def _child_record(child: Child) -> list[Any]:
    descriptor = child.descriptor
    decision = child.decision.to_record() if child.decision else None
    where = _parts(descriptor.platform)
    return [descriptor.media_type, str(descriptor.digest), descriptor.size, where, decision, child.fault]


def _child(record: list[Any]) -> Child:
    media_type, digest, size, where, decision, fault = record
    descriptor = Descriptor(media_type, Digest.parse(str(digest)), size, Platform(*where) if where else None)
    return Child(descriptor, Decision.from_record(decision) if decision else None, fault)


def _base_record(base: BaseImage) -> list[Any]:
    decision = base.decision.to_record() if base.decision else None
    return [base.reference, _name(base.digest), list(base.diff_ids), decision, base.fault, base.is_out_of_reach]


def _base(record: list[Any]) -> BaseImage:
    reference, digest, diff_ids, decision, fault, is_out_of_reach = record
    return BaseImage(
        reference,
        Digest.parse(str(digest)) if digest else None,
        tuple(diff_ids),
        Decision.from_record(decision) if decision else None,
        fault,
        is_out_of_reach,
    )


def _parts(platform: Platform | None) -> list[str] | None:
    """As they came: a platform that names no architecture has no spelling that `Platform.parse` reads."""
    return [platform.os, platform.architecture, platform.variant] if platform else None


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


def _raw(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text, validate=True)


def _name(digest: Digest | None) -> str | None:
    return str(digest) if digest else None
