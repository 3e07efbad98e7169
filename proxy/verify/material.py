"""TrustMaterial: a frozen snapshot of whom to believe, with fingerprints. `trust` makes it; `verify` reads it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256


class Pattern(Protocol):
    """What a text must be, anchored and in linear time; `policy.match` makes them, since RE2 lives there."""

    @property
    def text(self) -> str: ...

    def matches(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Window:
    """From inclusive, until inclusive (protobuf-specs TimeRange); no end means that it is open. Aware UTC."""

    start: datetime
    end: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment and (self.end is None or moment <= self.end)

    def __str__(self) -> str:
        return f"{self.start.isoformat()}/{self.end.isoformat() if self.end else ''}"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, Fulcio's or a timestamp authority's: `chain` as the root file has it, the root last."""

    chain: tuple[x509.Certificate, ...] = field(repr=False)
    window: Window
    uri: str = ""

    @property
    def item(self) -> str:
        return f"ca:{_sha256(b''.join(_fingerprint(each) for each in self.chain))}:{self.window}"


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency or CT log's key. `id` is the log id (32 bytes), `host` that of its baseUrl, "" where it has none."""

    id: bytes
    key: PublicKeyTypes = field(repr=False, compare=False)
    window: Window
    host: str = ""

    @property
    def item(self) -> str:
        return f"log:{self.id.hex()}:{self.window}"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """One Sigstore trusted root. `raw` are the bytes it was read from; who believes them says so elsewhere.

    What it lists is what it requires (evidence.md 0): logs → an entry; no log but TSAs → a timestamp; CT logs → an SCT.
    """

    name: str
    raw: bytes = field(repr=False)
    authorities: tuple[Authority, ...] = ()
    logs: tuple[Log, ...] = ()
    ct_logs: tuple[Log, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()

    @property
    def sha256(self) -> str:
        return _sha256(self.raw)

    @property
    def items(self) -> frozenset[str]:
        listed: Sequence[Authority | Log] = (
            *self.authorities,
            *self.logs,
            *self.ct_logs,
            *self.timestamp_authorities,
        )
        return frozenset(each.item for each in listed)

    def resting_on(self, items: Iterable[str]) -> tuple[str, ...]:
        """What a proof rests on that used these: each as this root lists it, and what the root requires beside them.

        Another root may list the same, and list it still when this one does no more.
        """
        lists = (("log", self.logs), ("ct", self.ct_logs), ("tsa", self.timestamp_authorities))
        requires = ",".join(word for word, listed in lists if listed)
        return (f"root:{self.name}:{requires}", *(f"{item}@{self.name}" for item in items))


@dataclass(frozen=True, slots=True)
class X509Store:
    """Trust anchors of Notation and of a company's own PKI, and how revocation is asked (`enforce`, `log`, `skip`).

    `hosts` are those from which CRLs and OCSP answers may be fetched; `crls` are DER bytes that the operator gave.
    """

    name: str
    roots: tuple[x509.Certificate, ...] = field(repr=False)
    timestamp_roots: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    revocation: str = "enforce"
    hosts: frozenset[str] = frozenset()
    crls: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def items(self) -> frozenset[str]:
        """One for each anchor; how revocation is asked belongs to each, since a changed mode changes what it proves."""
        asked = _sha256(repr((self.revocation, sorted(self.hosts))).encode() + b"".join(map(_hash, self.crls)))[:16]
        anchors = (*self.roots, *self.timestamp_roots)
        return frozenset(f"anchor:{_fingerprint(each).hex()}:{asked}@{self.name}" for each in anchors)

    def item(self, anchor: x509.Certificate) -> str:
        """The item of one of its anchors."""
        return next(item for item in self.items if item.startswith(f"anchor:{_fingerprint(anchor).hex()}:"))


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer who speaks by a bare key. `spki` is the SHA-256 of its SubjectPublicKeyInfo in hex.

    `hash` is set only where a publisher departs from the key's own default. `signed_as` are the names that a preset
    says the payload may carry. Times are aware UTC; without a proved time the window is compared with now. `needs_log`
    and `needs_timestamp` name what must be proved under `root`; without them neither is looked at.
    """

    name: str
    key: PublicKeyTypes = field(repr=False, compare=False)
    spki: str
    hash: str | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    signed_as: tuple[str, ...] = ()
    needs_log: bool = False
    needs_timestamp: bool = False
    root: str | None = None

    @property
    def item(self) -> str:
        return f"key:{self.spki}"

    @property
    def fingerprint(self) -> str:
        window = (self.valid_from, self.valid_until)
        times = [moment and moment.isoformat() for moment in window]
        asked = (self.needs_log, self.needs_timestamp, self.root)
        return _sha256(repr((self.name, self.spki, self.hash, times, self.signed_as, asked)).encode())


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """An identity that a Sigstore CA certified: `issuer` exactly, `subject` over the whole SAN, each extension too."""

    name: str
    root: str
    issuer: str
    subject: Pattern
    extensions: Mapping[str, Pattern] = field(default_factory=dict, hash=False)
    signed_as: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        asked = sorted((name, pattern.text) for name, pattern in self.extensions.items())
        return _sha256(repr((self.name, self.root, self.issuer, self.subject.text, asked, self.signed_as)).encode())


@dataclass(frozen=True, slots=True)
class X509Signer:
    """A certificate under a trust store: by a subset of its subject (`(attribute, value)`), by its SAN, or by both.

    `needs_log`: an entry in a log of the trust root `root` must hold that very certificate. `needs_timestamp`: the
    store's timestamp anchors must prove when it was made; without it they may, and its chain must be valid now otherwise.
    """

    name: str
    store: str
    subject: tuple[tuple[str, str], ...] = ()
    san: Pattern | None = None
    needs_log: bool = False
    needs_timestamp: bool = False
    root: str | None = None

    @property
    def fingerprint(self) -> str:
        san = self.san.text if self.san else None
        asked = (self.needs_log, self.needs_timestamp, self.root)
        return _sha256(repr((self.name, self.store, sorted(self.subject), san, asked)).encode())


Signer: TypeAlias = KeySigner | KeylessSigner | X509Signer


@dataclass(frozen=True, slots=True)
class RevokedIdentity:
    issuer: str
    subject: Pattern
    reason: str


@dataclass(frozen=True, slots=True)
class TrustMaterial:
    """Signers by the policy's name, without revoked ones, and what stands behind them.

    `revoked` maps the SPKI of a revoked key to the reason. `stale` maps a trust root that must not be used, since it
    was not refreshed for longer than the operator allows, to a sentence.
    """

    signers: Mapping[str, Signer]
    revoked: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, TrustRoot] = field(default_factory=dict)
    stores: Mapping[str, X509Store] = field(default_factory=dict)
    revoked_identities: tuple[RevokedIdentity, ...] = ()
    stale: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, names: frozenset[str]) -> str:
        """What changes exactly when one of these signers is another, or revoked. What stands behind them is `items`."""
        parts = [self.signers[name].fingerprint if name in self.signers else f"absent {name}" for name in sorted(names)]
        parts += [f"revoked {each.issuer} {each.subject.text}" for each in self.revoked_identities]
        # A revoked key may be anybody's in a chain: what was proved before it was revoked is proved again (T62).
        parts += [f"revoked {spki}" for spki in sorted(self.revoked)]
        return _sha256("\n".join(parts).encode())

    @property
    def items(self) -> frozenset[str]:
        """All that a proof may rest on; a Decision whose items are not all here any more is made again."""
        roots = [root.resting_on(root.items) for name, root in self.roots.items() if name not in self.stale]
        keys = {signer.item for signer in self.signers.values() if isinstance(signer, KeySigner)}
        return frozenset().union(*roots, *(store.items for store in self.stores.values()), keys)


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return certificate.fingerprint(SHA256())


def _hash(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
