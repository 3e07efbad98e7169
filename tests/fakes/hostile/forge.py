"""What a signer of the lab makes, by the lab's own keys, authorities and logs; each knob makes one thing of it hostile.

    forge = Forge("bundle", case_of("v3-keyless-rekor1-ref"))
    forge.make()                                  # honest: proved under the case's own `require`
    forge.make(logged={"payload": b"another"})    # the log's word for something else

With no knob turned it must be proved: tests/unit/verify/test_hostile.py holds that, so that a twin is refused for what was
changed and for nothing else. Forms are those of `FORMS`.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.verify.evidence import Found
from proxy.verify.witness.logentry import Entry
from tests.fakes import pki
from tests.fakes.lab import Case
from tests.fakes.layouts import LAB, read_layout
from tests.fakes.notary import Pen
from tests.fakes.pki import CtLog, Holder
from tests.fakes.tlogs import FakeLog, body_of
from tests.fakes.tsas import FakeAuthority

FORMS = ("sig", "oci11", "own-pki", "sig-keyless", "att", "bundle-key", "bundle", "jws", "cose")
PRIVATE = LAB / "trust" / "private" / "pki"
AT = datetime(2026, 11, 21, 10, tzinfo=UTC)  # when all of it is signed: within every window of the lab
OIDC, OIDC_CI = "http://127.0.0.1:8300", "http://127.0.0.1:8300/ci"
SLSA = "https://slsa.dev/provenance/v1"
SIGN = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO = "application/vnd.in-toto+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_OLD = "dev.sigstore.cosign/"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PREDICATE = {
    "buildDefinition": {"buildType": "https://acme.test/build/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://acme.test/builder"}},
}


@functools.cache
def private(name: str) -> Any:
    """A private key of the lab."""
    raw = (PRIVATE / f"{name}.key").read_bytes()
    return load_pem_private_key(raw, b"lab" if b"ENCRYPTED" in raw else None)


@functools.cache
def holder(chain: str, *keys: str) -> Holder:
    """A chain of the lab, leaf first, with the private keys of as many of it as are named."""
    certificates = x509.load_pem_x509_certificates((PRIVATE / chain).read_bytes())
    above: Holder | None = None
    for number, certificate in reversed(list(enumerate(certificates))):
        above = Holder(certificate, private(keys[number]) if number < len(keys) else None, above)
    assert above is not None
    return above


def fulcio() -> Holder:
    """The lab's issuing authority; its issuer is the root."""
    return holder("fulcio_a.chain.pem", "fulcio_a_int", "fulcio_a_root")


def company() -> Holder:
    """The authority that issues the lab's Notation certificates (store `n_p256`); its issuer is the root."""
    issuer = holder("n_p256.crt", "n_p256", "n_p256_int", "n_p256_root").issuer
    assert issuer is not None
    return issuer


def stampers(which: str = "tsa_a") -> FakeAuthority:
    chain = holder(f"{which}.chain.pem", f"{which}_leaf")
    return FakeAuthority(chain.private, chain.chain)


def rekor1(**fields: Any) -> FakeLog:
    return FakeLog(**{"host": "127.0.0.1", "tree": "8346154173254079031", "private": private("rekor1")} | fields)


def rekor2(**fields: Any) -> FakeLog:
    return FakeLog(**{"host": "log2a.lab", "private": private("rekor2_a")} | fields)


def citizen(*sans: x509.GeneralName, issuer: Holder | None = None, oidc: str = OIDC, **knobs: Any) -> Holder:
    """A keyless signer, certified by the lab's Fulcio and seen by its CT log; knobs are those of `pki.issue`."""
    honest = {
        "subject": "",
        "private": ec.generate_private_key(ec.SECP256R1()),
        "purposes": [pki.CODE],
        "extra": pki.issued_by(oidc),
        "ct_logs": (CtLog(private("ct"), at=AT),),
        "not_before": AT - timedelta(minutes=1),
        "not_after": AT + timedelta(minutes=9),
        "hash_with": hashes.SHA384(),
    }
    return pki.issue(issuer=issuer or fulcio(), sans=sans or (x509.RFC822Name("builder@acme.test"),), **honest | knobs)


def workflow(**knobs: Any) -> Holder:
    """The lab's CI."""
    uri = "https://git.acme.test/acme/images/.github/workflows/release.yml@refs/tags/v1.0.0"
    return citizen(*knobs.pop("sans", (x509.UniformResourceIdentifier(uri),)), **{"oidc": OIDC_CI} | knobs)


def employee(**knobs: Any) -> Holder:
    """Who signs for the company, by its subject and by its address; good for years."""
    honest = {
        "private": ec.generate_private_key(ec.SECP256R1()),
        "purposes": [pki.CODE],
        "sans": (x509.RFC822Name("signer@acme.test"),),
        "not_before": AT,
        "not_after": AT + timedelta(days=3000),
    }
    subject = knobs.pop("subject", "C=US,ST=WA,O=acme.test,CN=release-signer")
    return pki.issue(subject, **{"issuer": company()} | honest | knobs)


@dataclass
class Wishes:
    """Each default is what an honest signer of the form does. None or () takes away what would be there."""

    by: Any = None  # a private key, or a Holder whose certificate goes with it
    subject: Digest | None = None
    payload: bytes | None = None  # all of it
    says: Mapping[str, Any] = field(default_factory=dict)  # members of the payload that are others
    predicate_type: str | None = None
    payload_type: str = IN_TOTO
    anew: Callable[[bytes], bytes] | None = None  # what stands there after another was signed
    signature: bytes | None = None
    signatures: int | None = None
    certificates: Sequence[bytes] | None = None  # leaf first
    log: FakeLog | str | None = "own"
    kind: str | None = None
    logged: Mapping[str, Any] = field(default_factory=dict)  # fields of what the log has seen, of another signing
    body: Callable[[bytes], bytes] | None = None  # the entry's body, before the log signs it
    entries: Callable[[list[Any]], list[Any]] = lambda entries: entries  # as they are written down
    is_promised: bool = True
    at: datetime = AT
    stamps: Callable[[bytes], Sequence[bytes]] | None = None
    document: Callable[[dict[str, Any]], Any] | None = None  # the envelope or bundle, before it is written down


@dataclass(frozen=True)
class Forge:
    """Of one lab case's image, in one form."""

    form: str
    case: Case

    @property
    def subject(self) -> Digest:
        return Digest.parse(self.case["digest"])

    @property
    def root(self) -> str:
        return Path(self.case["trust"]["trusted_root"] or "none").stem

    def make(self, **wishes: Any) -> Found:
        """One piece of evidence. Wishes: see `Wishes`; of `jws` and `cose` those of `Pen`."""
        if self.form in ("jws", "cose"):
            return self._notation(wishes)
        asked = Wishes(**wishes)
        asked = replace(asked, by=asked.by or self.signer())
        return (
            self._simple(asked) if self.form in ("sig", "oci11", "own-pki", "sig-keyless") else self._enveloped(asked)
        )

    def signer(self) -> Any:
        """Who the case asks for."""
        if self.form in ("sig", "oci11", "bundle-key"):
            return private("k_p256")
        if self.form == "own-pki":
            return employee()
        (asked,) = (each for each in self._asked() if "keyless" in each)
        return workflow() if asked["keyless"]["issuer"] == OIDC_CI else citizen()

    def _asked(self) -> list[dict[str, Any]]:
        wanted = self.case["require"]
        lists = [wanted["signature"]] if "signature" in wanted else wanted["attestations"]
        return [each for one in lists for each in (*one.get("any_of", ()), *one.get("all_of", ()))]

    # Simple signing.

    def _simple(self, asked: Wishes) -> Found:
        payload = asked.payload if asked.payload is not None else self._claim(asked)
        signature = _signed(asked, payload)
        raw = asked.anew(payload) if asked.anew else payload
        said = {_SIGNATURE: base64.b64encode(signature).decode()} if signature else {}
        said |= self._beside(asked, Deed(asked, signature, payload, payload, b""))
        place = self.subject.dashed + ".sig" if self.form != "oci11" else "referrers"
        return _found(place, mediatype.SIMPLE_SIGNING, raw, said)

    def _claim(self, asked: Wishes) -> bytes:
        port = "5003" if self.case["api"] == "referrers" else "5001"
        honest = {
            "critical": {
                "identity": {"docker-reference": f"127.0.0.1:{port}/{self.case['repo']}"},
                "image": {"docker-manifest-digest": str(asked.subject or self.subject)},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
        return json.dumps(honest | dict(asked.says), separators=(",", ":")).encode()

    # Envelopes.

    def _enveloped(self, asked: Wishes) -> Found:
        payload = asked.payload if asked.payload is not None else self._statement(asked)
        kind = asked.payload_type
        pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
        signature = _signed(asked, pae)
        stands = asked.anew(payload) if asked.anew else payload
        one = {"sig": base64.b64encode(signature).decode()}
        count = 1 if asked.signatures is None else asked.signatures
        envelope: Any = {
            "payloadType": kind,
            "payload": base64.b64encode(stands).decode(),
            "signatures": [one] * count,
        }
        deed = Deed(asked, signature, pae, payload, json.dumps(envelope).encode(), self.form != "att")
        if self.form == "att":
            written = asked.document(envelope) if asked.document else envelope
            said = {_SIGNATURE: "", "predicateType": SLSA} | self._beside(asked, deed)
            return _found(self.subject.dashed + ".att", mediatype.DSSE, _written(written), said)
        bundle = {"mediaType": _BUNDLE, "verificationMaterial": self._material(asked, deed), "dsseEnvelope": envelope}
        written = asked.document(bundle) if asked.document else bundle
        return _found("referrers", _BUNDLE, _written(written), {})

    def _statement(self, asked: Wishes) -> bytes:
        predicate_type = asked.predicate_type or (SLSA if self.form == "att" else SIGN)
        subject = asked.subject or self.subject
        honest = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {subject.algorithm: subject.hex}}],
            "predicateType": predicate_type,
            "predicate": _PREDICATE if predicate_type == SLSA else {},
        }
        return json.dumps(
            {name: value for name, value in (honest | dict(asked.says)).items() if value is not ...}
        ).encode()

    # What goes with a signature.

    def _beside(self, asked: Wishes, deed: "Deed") -> dict[str, str]:
        said = {}
        chain = deed.certificates
        if chain:
            pems = [_pem(each) for each in chain]
            said[f"{_OLD}certificate"] = pems[0]
            said |= {f"{_OLD}chain": "".join(pems[1:])} if pems[1:] else {}
        for entry in asked.entries([deed.annotation(each) for each in self._entries(asked, deed)]):
            said[f"{_OLD}bundle"] = json.dumps(entry)
        for token in self._tokens(asked, deed):
            said[f"{_OLD}rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": base64.b64encode(token).decode()})
        return said

    def _material(self, asked: Wishes, deed: "Deed") -> dict[str, Any]:
        chain = [{"rawBytes": base64.b64encode(each).decode()} for each in deed.certificates]
        by = asked.by.private if isinstance(asked.by, Holder) else asked.by
        found: dict[str, Any] = {"publicKey": {"hint": base64.b64encode(hashlib.sha256(spki(by)).digest()).decode()}}
        if len(chain) == 1:
            found = {"certificate": chain[0]}
        elif chain:
            found = {"x509CertificateChain": {"certificates": chain}}
        entries = asked.entries([deed.item(each) for each in self._entries(asked, deed)])
        found |= {"tlogEntries": entries} if entries else {}
        tokens = [{"signedTimestamp": base64.b64encode(each).decode()} for each in self._tokens(asked, deed)]
        return found | ({"timestampVerificationData": {"rfc3161Timestamps": tokens}} if tokens else {})

    def _entries(self, asked: Wishes, deed: "Deed") -> list[Entry]:
        log = (
            asked.log
            if asked.log != "own"
            else {"rekor1": rekor1(), "full": rekor1(), "rekor2": rekor2()}.get(self.root)
        )
        if not isinstance(log, FakeLog):
            return []
        is_v2 = not log.tree
        kind = asked.kind or (
            "hashedrekord 0.0.2" if is_v2 else "dsse 0.0.1" if deed.envelope else "hashedrekord 0.0.1"
        )
        # A log's body is canonical (RFC 8785), and cosign hashes it as such.
        body = _canonical(body_of(kind, **deed.logged | dict(asked.logged)))
        entry = log.entry(asked.body(body) if asked.body else body, index=3)
        if not is_v2 and asked.is_promised:
            entry = log.promised(entry, at=asked.at)
        return [log.included(entry) if self.form.startswith("bundle") else entry]

    def _tokens(self, asked: Wishes, deed: "Deed") -> Sequence[bytes]:
        is_needed = self.root in ("rekor2", "tsaonly")
        if asked.stamps is None and not is_needed:
            return ()
        imprint = deed.envelope if self.form == "att" else deed.signature
        if asked.stamps is None:
            return (stampers().stamp(imprint, at=asked.at),)
        return asked.stamps(imprint)

    # Notation.

    def _notation(self, wishes: Mapping[str, Any]) -> Found:
        raw_image, media_type = read_layout(LAB / self.case["folder"]).manifests[self.subject]
        honest: dict[str, Any] = {
            "by": holder("n_p256.crt", "n_p256"),
            "artifact": {"digest": str(self.subject), "mediaType": media_type, "size": len(raw_image)},
        }
        if "timestamp" in self.case["name"]:
            honest |= {"stamper": stampers(), "stamped_at": AT}
        wishes = dict(wishes)
        change = wishes.pop("document", None)
        wishes["artifact"] = honest["artifact"] | wishes.get("artifact", {})
        # Signed when the certificate was good already: the lab's begin on the day it was made.
        wishes["protected"] = {"io.cncf.notary.signingTime": AT} | wishes.get("protected", {})
        raw = Pen(form=self.form, **honest | wishes).write()
        kind = {"jws": mediatype.JOSE, "cose": mediatype.COSE}[self.form]
        return _found("referrers", kind, change(raw) if change else raw, {})


@dataclass(frozen=True)
class Deed:
    """What was signed, and by whom."""

    asked: Wishes
    signature: bytes
    message: bytes
    payload: bytes
    envelope: bytes
    is_bundle: bool = False

    @property
    def certificates(self) -> Sequence[bytes]:
        if self.asked.certificates is not None:
            return self.asked.certificates
        by = self.asked.by
        if not isinstance(by, Holder):
            return ()
        # As cosign writes them: a company's chain, and Fulcio's in legacy annotations; a bundle has the leaf alone.
        between = [] if self.is_bundle else [each.public_bytes(Encoding.DER) for each in by.chain[1:]]
        return (by.der, *between)

    @property
    def logged(self) -> dict[str, Any]:
        by = self.asked.by
        is_certificate = isinstance(by, Holder)
        key = by.der if isinstance(by, Holder) else spki(by)
        return {
            "signature": self.signature,
            "message": self.message,
            "payload": self.payload,
            "envelope": self.envelope,
            "key": key,
            "is_certificate": is_certificate,
        }

    def annotation(self, entry: Entry) -> dict[str, Any]:
        """As cosign writes `dev.sigstore.cosign/bundle`."""
        payload = {
            "body": base64.b64encode(entry.body).decode(),
            "integratedTime": entry.integrated_time,
            "logIndex": entry.index,
            "logID": entry.log_id.hex(),
        }
        promise = base64.b64encode(entry.promise).decode() if entry.promise else None
        return {"SignedEntryTimestamp": promise, "Payload": payload}

    def item(self, entry: Entry) -> dict[str, Any]:
        """As a bundle's `tlogEntries` has it."""
        item: dict[str, Any] = {
            "logIndex": str(entry.index),
            "logId": {"keyId": base64.b64encode(entry.log_id).decode()},
            "kindVersion": {"kind": entry.kind, "version": entry.version},
            "canonicalizedBody": base64.b64encode(entry.body).decode(),
        }
        if entry.integrated_time:
            item["integratedTime"] = str(entry.integrated_time)
        if entry.promise:
            item["inclusionPromise"] = {"signedEntryTimestamp": base64.b64encode(entry.promise).decode()}
        if entry.proof:
            item["inclusionProof"] = {
                "logIndex": str(entry.proof.log_index),
                "rootHash": base64.b64encode(entry.proof.root_hash).decode(),
                "treeSize": str(entry.proof.tree_size),
                "hashes": [base64.b64encode(each).decode() for each in entry.proof.hashes],
                "checkpoint": {"envelope": entry.proof.checkpoint},
            }
        return item


def spki(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _canonical(raw: bytes) -> bytes:
    return json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()


def _signed(asked: Wishes, message: bytes) -> bytes:
    if asked.signature is not None:
        return asked.signature
    key = asked.by.private if isinstance(asked.by, Holder) else asked.by
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def _found(place: str, media_type: str, raw: bytes, annotations: Mapping[str, str]) -> Found:
    return Found(
        place, Digest.of(b"its manifest is written when it is laid"), Digest.of(raw), media_type, annotations, raw
    )


def _written(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def _pem(der: bytes) -> str:
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
    except ValueError:
        body = base64.encodebytes(der).decode()
        return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
