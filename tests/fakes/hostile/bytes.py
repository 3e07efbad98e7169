"""Bytes that are not what was signed, are no evidence at all, or are far too many (T36, T41, T50, T55)."""

import base64
import json
from dataclasses import replace
from typing import Any

import cbor2

from proxy.oci.digest import Digest
from proxy.verify.evidence import Found
from tests.fakes.hostile.forge import FORMS, Forge
from tests.fakes.hostile.twins import ENVELOPED, SIMPLE, hostile

_READ = dict.fromkeys(FORMS, "is not JSON")
_EMPTY = {
    **dict.fromkeys(SIMPLE, "critical is not a JSON object"),
    "att": "has no payloadType",
    **dict.fromkeys(("bundle-key", "bundle"), "not a Sigstore bundle"),
    "jws": "does not hold exactly",
    "cose": "ends before it is complete",
}


def _instead(found: Found, raw: bytes, media_type: str | None = None) -> Found:
    return replace(found, payload=raw, blob=Digest.of(raw), media_type=media_type or found.media_type)


def _anew(raw: bytes) -> bytes:
    """The same JSON values in other bytes."""
    return json.dumps(json.loads(raw), indent=1).encode()


@hostile("T36", *SIMPLE, *ENVELOPED, says="payload was changed")
def a_payload_written_anew_after_it_was_signed(forge: Forge):
    return [forge.make(anew=_anew)]


@hostile("T36", "jws", says="it was changed since")
def a_jws_payload_written_anew(forge: Forge):
    def change(raw: bytes) -> bytes:
        document = json.loads(raw)
        payload = _anew(base64.urlsafe_b64decode(document["payload"] + "=="))
        document["payload"] = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
        return json.dumps(document).encode()

    return [forge.make(document=change)]


@hostile("T36", "cose", says="it was changed since")
def a_cose_payload_written_anew(forge: Forge):
    def change(raw: bytes) -> bytes:
        protected, beside, payload, signature = cbor2.loads(raw).value
        return cbor2.dumps(cbor2.CBORTag(18, [protected, beside, _anew(payload), signature]))

    return [forge.make(document=change)]


@hostile("T36", "jws", says="is none of Notation's")
def a_jws_whose_payload_is_not_encoded(forge: Forge):
    return [forge.make(protected={"b64": False, "crit": ["io.cncf.notary.signingScheme", "b64"]})]


@hostile("T36", "jws", says="does not hold exactly")
def a_jws_with_two_signatures(forge: Forge):
    def change(raw: bytes) -> bytes:
        document = json.loads(raw)
        one = {name: document.pop(name) for name in ("protected", "header", "signature")}
        return json.dumps(document | {"signatures": [one, one]}).encode()

    return [forge.make(document=change)]


@hostile("T36", "jws", "cose", says="its certificate's key makes ES256")
def an_algorithm_that_is_not_the_keys(forge: Forge):
    return [forge.make(algorithm="ES384")]


@hostile("T36", "jws", "cose", says="is not understood here")
def a_critical_header_that_nobody_knows(forge: Forge):
    """notation itself lets it pass where no plugin is named; the specification does not."""
    return [forge.make(protected={"crit": ["io.cncf.notary.signingScheme", "acme.test"], "acme.test": "x"})]


@hostile("T41", says=_READ | {"cose": "has bytes after its end"})
def junk_under_the_right_type(forge: Forge):
    return [_instead(forge.make(), b"junk of a scanner")]


@hostile("T41", says=_EMPTY)
def an_empty_object_under_the_right_type(forge: Forge):
    return [_instead(forge.make(), b"{}")]


@hostile("T41", says="read here")
def good_evidence_under_a_type_that_is_none(forge: Forge):
    found = forge.make()
    return [_instead(found, found.payload, "application/octet-stream")]


@hostile("T50", says=_READ | {"cose": "has bytes after its end"})
def a_flood_and_nothing_good_in_it(forge: Forge):
    found = forge.make()
    return [_instead(found, found.payload[:-1] + b"%d" % number) for number in range(100)]


@hostile("T55", says=_READ | {"cose": "ends before it is complete"})
def evidence_that_was_cut_in_half(forge: Forge):
    found = forge.make()
    return [_instead(found, found.payload[: len(found.payload) // 2])]


@hostile("T55", says=dict.fromkeys(FORMS, "is not UTF-8") | {"cose": "CBOR that no Notation signature has"})
def evidence_with_bytes_of_no_alphabet(forge: Forge):
    found = forge.make()
    half = len(found.payload) // 2
    return [_instead(found, found.payload[:half] + b"\xff\x00\xfe" + found.payload[half:])]


@hostile(
    "T55",
    "sig",
    "sig-keyless",
    "att",
    says={"sig": "is not base64", "sig-keyless": "is not base64", "att": "PEM certificates"},
)
def annotations_that_are_junk(forge: Forge):
    found = forge.make()
    junk: dict[str, Any] = {name: "\x00junk{" for name in found.annotations if "predicateType" not in name}
    return [replace(found, annotations=junk, payload=found.payload + b" ", blob=Digest.of(found.payload + b" "))]


@hostile("T06", *SIMPLE, says="twice; parsers would disagree")
def a_signed_key_that_is_there_twice(forge: Forge):
    right = forge.make().payload
    return [forge.make(payload=right[:-1] + b',"critical":{}}')]


@hostile("T06", "att", "jws", *ENVELOPED[1:], "cose", says="twice; parsers would disagree")
def a_key_that_is_there_twice(forge: Forge):
    found = forge.make()
    if forge.form == "cose":
        return [_instead(found, b"\xa2\x01\x02\x01\x03" + found.payload)]
    key = b"mediaType" if "bundle" in forge.form else b"payload"
    return [_instead(found, b'{"%s":"x",' % key + found.payload.lstrip()[1:])]
