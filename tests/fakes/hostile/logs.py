"""Logs and timestamps that speak of something else, or of nothing that is trusted (T20, T31, T32, T33, T51)."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.hostile.forge import AT, Forge, citizen, employee, private, rekor1, rekor2, spki, stampers
from tests.fakes.hostile.twins import ENVELOPED, KEYLESS, LOGGED, NOTATION, STAMPED, each_asked, hostile, under

_ANOTHER = b'{"critical":"of another signing"}'
_ALL = {"message": _ANOTHER, "payload": _ANOTHER, "envelope": _ANOTHER}
_NO_TIME = "nothing proves when it was"
_NOT_THE_LOGS = "signed entry timestamp is not the log's"
_NOT_THE_SIGNERS = "was not signed by the certificate that it names"


@hostile("T20", *LOGGED, says="log entry")
def an_entry_of_another_signature(forge: Forge):
    return [forge.make(logged={"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"})]


@hostile("T20", *LOGGED, says="log entry")
def an_entry_of_another_payload(forge: Forge):
    return [forge.make(logged=_ALL)]


@hostile("T20", *LOGGED, says="log entry")
def an_entry_of_another_signer(forge: Forge):
    if forge.form in KEYLESS:
        return [forge.make(logged={"key": citizen().der})]
    return [forge.make(logged={"key": spki(private("k_other"))})]


@hostile("T20", *LOGGED, says="log entry")
def an_entry_that_is_whole_and_anothers(forge: Forge):
    """As cosign once accepted: a valid entry of somebody else's signing (CVE-2022-23649)."""
    stranger = citizen()
    said = {
        "signature": stranger.private.sign(_ANOTHER, ec.ECDSA(hashes.SHA256())),
        "key": stranger.der,
        "is_certificate": True,
    }
    return [forge.make(logged=_ALL | said)]


@hostile("T20", *LOGGED, says="is of kind alpine")
def an_entry_of_an_unknown_kind(forge: Forge):
    def alpine(body: bytes) -> bytes:
        return json.dumps(json.loads(body) | {"kind": "alpine"}).encode()

    return [forge.make(body=alpine)]


@hostile("T20", *LOGGED, says="carries no log entry")
def no_entry_where_the_root_lists_a_log(forge: Forge):
    return [forge.make(log=None)]


@hostile("T20", *LOGGED, says="does not list")
def an_entry_of_a_log_that_is_not_in_the_root(forge: Forge):
    other = rekor2(private=private("rekor2_b")) if forge.root == "rekor2" else rekor1(private=private("rekor1_b"))
    return [forge.make(log=other)]


@hostile(
    "T20", *LOGGED, says=dict.fromkeys(LOGGED, _NOT_THE_LOGS) | {"bundle-key": "checkpoint is not signed by the log"}
)
def an_entry_by_another_log_under_our_logs_id(forge: Forge):
    """Signed by a key that nobody lists, and named after the one that is."""
    ours = rekor2() if forge.root == "rekor2" else rekor1()
    theirs = rekor2(private=private("rekor2_b")) if forge.root == "rekor2" else rekor1(private=private("rekor1_b"))

    def renamed(entries: list[Any]) -> list[Any]:
        for each in entries:
            if "Payload" in each:
                each["Payload"]["logID"] = ours.id.hex()
            else:
                each["logId"]["keyId"] = base64.b64encode(ours.id).decode()
        return entries

    return [forge.make(log=theirs, entries=renamed)]


# Of each kind that there is, an entry that is right but for what it was over.
KINDS = {
    "sig": ("hashedrekord 0.0.1", "rekord 0.0.1"),
    "sig-keyless": ("hashedrekord 0.0.1", "rekord 0.0.1"),
    "att": ("dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2", "hashedrekord 0.0.1"),
    "bundle-key": ("hashedrekord 0.0.2", "dsse 0.0.2"),
    "bundle": ("dsse 0.0.1", "hashedrekord 0.0.1"),
}
for _form, _kinds in KINDS.items():
    for _kind in _kinds:

        @hostile("T20", _form, says="log entry", name=f"another signing's {_kind}")
        def an_entry_of_this_kind_over_another_payload(forge: Forge, kind: str = _kind):
            return [forge.make(kind=kind, logged=_ALL)]


# Keys outside their windows. Each root has one part that was closed before anything was signed.
_CLOSED = {
    "sig": ("log_closed",),
    "sig-keyless": ("ca_closed", "log_closed", "ct_closed"),
    "att": ("ca_closed", "log_closed", "ct_closed"),
    "bundle-key": ("log2_closed",),
    "bundle": ("ca_closed", "log_closed", "ct_closed"),
}
_CLOSED_SAYS = {
    "ca_closed": "certificate authority was trusted only within",
    "ct_closed": "CT log that the certificate was shown to was not trusted",
    "log_closed": "log's key was not valid",
    "log2_closed": "log's key was not valid",
}
for _form, _roots in _CLOSED.items():
    for _root in _roots:

        @hostile("T31", _form, says=_CLOSED_SAYS[_root], ask=under(_root), name=f"under {_root}")
        def a_signature_after_a_window_closed(forge: Forge):
            return [forge.make()]


for _form, _case in STAMPED.items():
    if _form in KEYLESS:

        @hostile(
            "T31", _form, says="was trusted only within", case=_case, ask=under("tsa_closed"), name="under tsa_closed"
        )
        def a_stamp_after_the_window_closed(forge: Forge):
            return [forge.make()]


@hostile(
    "T31",
    "sig",
    "oci11",
    says="its key was valid until",
    ask=each_asked(lambda asked: asked.update(valid_until=(AT - timedelta(hours=1)).isoformat())),
)
def a_signature_by_a_retired_key(forge: Forge):
    return [forge.make()]


@hostile(
    "T31",
    "own-pki",
    *NOTATION,
    says={
        "own-pki": "the signing certificate is valid from",
        "jws": "its certificate ended",
        "cose": "its certificate ended",
    },
)
def a_certificate_that_has_ended_and_no_proved_time(forge: Forge):
    return [forge.make(by=employee(not_after=AT + timedelta(minutes=1)))]


@hostile("T32", "sig", "sig-keyless", "att", says=_NOT_THE_LOGS)
def an_integrated_time_that_was_altered(forge: Forge):
    def later(entries: list[Any]) -> list[Any]:
        for each in entries:
            each["Payload"]["integratedTime"] += 1
        return entries

    return [forge.make(entries=later)]


@hostile("T32", "sig", "sig-keyless", "att", says="SignedEntryTimestamp is not text")
def a_promise_that_was_taken_away(forge: Forge):
    def unsigned(entries: list[Any]) -> list[Any]:
        return [{"Payload": each["Payload"]} for each in entries]

    return [forge.make(entries=unsigned)]


@hostile("T32", "bundle", says=_NOT_THE_LOGS)
def an_integrated_time_that_was_altered_in_a_bundle(forge: Forge):
    def later(entries: list[Any]) -> list[Any]:
        return [each | {"integratedTime": str(int(each["integratedTime"]) + 1)} for each in entries]

    return [forge.make(entries=later)]


@hostile("T32", "bundle", says=_NO_TIME)
def a_time_that_nobody_promised_in_a_bundle(forge: Forge):
    def unsigned(entries: list[Any]) -> list[Any]:
        for each in entries:
            del each["inclusionPromise"]
        return entries

    return [forge.make(entries=unsigned)]


@hostile("T32", "bundle", says=_NO_TIME, case="v3-keyless-rekor2-ref")
def an_inclusion_proof_alone(forge: Forge):
    return [forge.make(stamps=lambda _: ())]


# Timestamps.


def _with_stamp(forge: Forge, stamp: Callable[[bytes], bytes]):
    """The evidence with the token that `stamp` makes of what the honest one would be over."""
    if forge.form in NOTATION:
        return [forge.make(stamper=_Stamper(stamp))]
    return [forge.make(stamps=lambda imprint: [stamp(imprint)])]


class _Stamper:
    """What a Pen asks for a token."""

    def __init__(self, stamp: Callable[..., bytes]) -> None:
        self._stamp = stamp

    def stamp(self, message: bytes, **how: Any) -> bytes:
        return self._stamp(message, is_bare=True)


@hostile("T33", *STAMPED, says="stamps something else", case=STAMPED)
def a_stamp_of_another_signature(forge: Forge):
    return _with_stamp(forge, lambda _, **how: stampers().stamp(b"another signature", at=AT, **how))


@hostile("T33", *STAMPED, says=_NOT_THE_SIGNERS, case=STAMPED)
def a_stamp_that_was_changed(forge: Forge):
    def changed(imprint: bytes, **how: Any) -> bytes:
        raw = bytearray(stampers().stamp(imprint, at=AT, **how))
        raw[-1] ^= 1
        return bytes(raw)

    return _with_stamp(forge, changed)


@hostile("T33", *STAMPED, says="no certificate authority that issued", case=STAMPED)
def a_stamp_of_an_authority_that_is_not_trusted(forge: Forge):
    return _with_stamp(forge, lambda imprint, **how: stampers("tsa_b").stamp(imprint, at=AT, **how))


@hostile("T33", *STAMPED, says="no certificate authority that issued", case=STAMPED)
def a_strangers_stamp_with_a_trusted_authoritys_certificates_in_it(forge: Forge):
    def injected(imprint: bytes, **how: Any) -> bytes:
        stranger, trusted = stampers("tsa_b"), stampers()
        return stranger.stamp(imprint, at=AT, certificates=(*trusted.chain, *stranger.chain), **how)

    return _with_stamp(forge, injected)


@hostile("T33", *STAMPED, says=_NOT_THE_SIGNERS, case=STAMPED)
def a_stamp_that_names_the_trusted_signer_and_is_by_another_key(forge: Forge):
    return _with_stamp(forge, lambda imprint, **how: stampers().stamp(imprint, at=AT, key=private("tsa_b_leaf"), **how))


@hostile("T33", "sig", *KEYLESS, says="carries no timestamp", case=STAMPED)
def no_stamp_where_the_root_lists_only_those(forge: Forge):
    return [forge.make(stamps=lambda _: ())]


# More than anybody writes.


@hostile("T51", "bundle-key", "bundle", says="not a list of at most 32")
def thirty_three_entries(forge: Forge):
    def many(entries: list[Any]) -> list[Any]:
        return [entries[0] | {"logIndex": str(number)} for number in range(33)]

    return [forge.make(entries=many)]


@hostile("T51", "bundle-key", "bundle", says="twice")
def an_entry_that_is_there_twice(forge: Forge):
    return [forge.make(entries=lambda entries: entries * 2)]


@hostile("T51", "bundle", says="not a list of at most 32", case="v3-keyless-tsaonly-ref")
def thirty_three_stamps(forge: Forge):
    return [forge.make(stamps=lambda imprint: [stampers().stamp(imprint + b"%d" % n, at=AT) for n in range(33)])]


@hostile("T51", "bundle", says="twice", case="v3-keyless-tsaonly-ref")
def a_stamp_that_is_there_twice(forge: Forge):
    return [forge.make(stamps=lambda imprint: [stampers().stamp(imprint, at=AT)] * 2)]


@hostile("T51", *ENVELOPED, says="1024")
def a_thousand_and_more_subjects(forge: Forge):
    subjects = [{"digest": {"sha256": f"{number:064x}"}} for number in range(1025)]
    return [forge.make(says={"subject": [{"digest": {"sha256": forge.subject.hex}}, *subjects]})]
