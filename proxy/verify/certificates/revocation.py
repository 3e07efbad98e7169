"""Whether an authority took a certificate back, as far as the operator wants it asked (`enforce`, `log`, `skip`).

Notation's order (trust store and trust policy specification, "Certificate Revocation Evaluation"): OCSP first, a CRL
where that gives no answer; a certificate that names neither cannot be revoked. Nothing is fetched here, and nothing is
ever wanted from a host that the operator did not name (T58). A CRL that the operator gave comes before both. Narrower
than Notation: what is revoked is refused under `log` too, and an OCSP answer's invalidity date is not read.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from cryptography import x509

from proxy.verify.certificates import crl, ocsp
from proxy.verify.certificates.told import Told
from proxy.verify.encoding import shown
from proxy.verify.evidence import NotProved
from proxy.verify.material import X509Store

_OCSP = "ocsp:"
_MAX_URLS = 3  # of each kind, of one certificate; real ones have one or two
_MAX_URL = 2048


@dataclass(frozen=True, slots=True)
class Revocation:
    """`wanted` are keys of answers that could still tell; `warnings` are what could not be told, under `log`.

    `until` (aware UTC) is when the first of the answers that were used ends; None where none was.
    """

    wanted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A proved chain, leaf first and root last. `at` (aware UTC) is the time that a timestamp proved for what it signed."""

    chain: Sequence[x509.Certificate]
    at: datetime | None = None


class Unasked(NotProved):
    """Under `enforce`: not proved yet. With the answers to `wanted` it might be; without them it is a refusal."""

    def __init__(self, reason: str, wanted: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.wanted = wanted


class Unknown(NotProved):
    """Under `enforce`: nobody who was asked could tell now. The certificate may be good: ask again later."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """Of one certificate: not revoked where `wanted` and `doubt` are empty, and that until `until`.

    `is_open`: another answer to what was asked could end the doubt; without it only the operator can.
    """

    wanted: tuple[str, ...] = ()
    doubt: str = ""
    is_open: bool = False
    until: datetime | None = None


def urls(chain: Sequence[x509.Certificate]) -> tuple[str, ...]:
    """All keys under which answers about `chain` (leaf first, root last) could be given, whatever their host."""
    found: list[str] = []
    for certificate, issuer in itertools.pairwise(chain):
        found += [*_ocsp_keys(certificate, issuer), *_crl_keys(certificate)]
    return tuple(dict.fromkeys(found))


def ocsp_request(key: str) -> tuple[str, bytes]:
    """The URL and the body (DER, `application/ocsp-request`) to POST for a wanted `ocsp:…` key; else ValueError."""
    url, mark, question = key.removeprefix(_OCSP).rpartition("#")
    if not (key.startswith(_OCSP) and mark):
        raise ValueError(f"{shown(key)} does not ask for an OCSP answer")
    return url, ocsp.request(question)


def ends(key: str, raw: bytes) -> datetime | None:
    """When the answer to a wanted key ends by its own word, unproved; None for what is no answer to it."""
    return ocsp.ends(raw) if key.startswith(_OCSP) else crl.ends(raw)


def check(*paths: Path, store: X509Store, now: datetime, answers: Mapping[str, bytes]) -> Revocation:
    """Raise NotProved if a certificate of these proved chains is revoked, or under `enforce` unknown.

    `answers` maps what was wanted to what was answered (DER), b"" where nobody answered: a key that is missing was not
    asked yet. Under `enforce` that is `Unasked`, which carries the keys of all chains at once, or `Unknown` where all
    were asked; under `log` the keys are in the Revocation. `now` is aware UTC.
    """
    if store.revocation == "skip":
        return Revocation()
    cases = [
        _Case(each, issuer, store, now, path.at, answers)
        for path in paths
        for each, issuer in itertools.pairwise(path.chain)
    ]
    standings = [case.standing() for case in cases]
    wanted = tuple(dict.fromkeys(key for each in standings for key in each.wanted))
    doubts = tuple(dict.fromkeys(each.doubt for each in standings if each.doubt))
    if store.revocation == "enforce":
        _require_known(standings, wanted)
    return Revocation(wanted, doubts, min((each.until for each in standings if each.until), default=None))


def _require_known(standings: Sequence[_Standing], wanted: tuple[str, ...]) -> None:
    silent = [each for each in standings if each.doubt and not each.wanted]
    for each in silent:
        if not each.is_open:  # then no answer to the others would help
            raise NotProved(f"whether it is revoked is unknown: {each.doubt}")
    if wanted:
        raise Unasked("whether its certificates are revoked was not asked yet", wanted)
    if silent:
        raise Unknown(f"whether it is revoked is unknown: {silent[0].doubt}")


@dataclass(frozen=True, slots=True)
class _Case:
    """One certificate of the chain, who issued it, and what is known."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    store: X509Store
    now: datetime
    at: datetime | None
    answers: Mapping[str, bytes]

    def standing(self) -> _Standing:
        """By what the operator gave, else by OCSP, else by CRL: the first that knows. What is revoked raises NotProved."""
        given = [self._read_crl(raw) for raw in self.store.crls if crl.is_by(raw, self.issuer)]
        if any(told.is_good for told in given):
            return _good(given)
        doubts = [told.doubt for told in given]
        is_open = False
        sources = (
            (_ocsp_keys(self.certificate, self.issuer), self._read_ocsp),
            (_crl_keys(self.certificate), self._read_crl),
        )
        for keys, read in sources:
            answered = [self._told(key, read) for key in keys if key in self.answers]
            if any(told.is_good for told in answered):
                return _good(answered)
            unasked = [key for key in keys if key not in self.answers]
            wanted = tuple(key for key in unasked if _is_permitted(key, self.store))
            if wanted:
                return _Standing(wanted, f"{_place(wanted[0])} was not asked")
            doubts += [*(told.doubt for told in answered), *map(_why_not_asked, unasked)]
            is_open = is_open or bool(answered)
        return _Standing(doubt="; ".join(dict.fromkeys(doubts)) or _why_unnamed(self.certificate), is_open=is_open)

    def _told(self, key: str, read: Callable[[bytes], Told]) -> Told:
        raw = self.answers[key]
        return read(raw) if raw else Told(f"{_place(key)} did not answer")

    def _read_ocsp(self, raw: bytes) -> Told:
        return ocsp.tell(raw, certificate=self.certificate, issuer=self.issuer, now=self.now)

    def _read_crl(self, raw: bytes) -> Told:
        return crl.tell(raw, certificate=self.certificate, issuer=self.issuer, now=self.now, at=self.at)


def _good(answers: Iterable[Told]) -> _Standing:
    """Not revoked, as long as the last of those says that proved it."""
    return _Standing(until=max(told.until for told in answers if told.is_good and told.until is not None))


def _ocsp_keys(certificate: x509.Certificate, issuer: x509.Certificate) -> tuple[str, ...]:
    found = ocsp.responder_urls(certificate)[:_MAX_URLS]
    question = ocsp.question(certificate, issuer) if found else ""
    return tuple(f"{_OCSP}{url}#{question}" for url in found)


def _crl_keys(certificate: x509.Certificate) -> tuple[str, ...]:
    return crl.distribution_urls(certificate)[:_MAX_URLS]


def _why_unnamed(certificate: x509.Certificate) -> str:
    """Empty for a certificate that names nowhere to ask: it cannot be revoked."""
    if _crl_keys(certificate) or ocsp.responder_urls(certificate) or not crl.is_listed_somewhere(certificate):
        return ""
    return "a certificate names its CRL in a way that is not understood here; give the CRL as a file"


def _is_permitted(key: str, store: X509Store) -> bool:
    """T58: over HTTP, to a host that the operator named, by name alone or with its port."""
    parts = _parts(key)
    if parts is None or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return False
    return bool({parts.hostname, parts.netloc.lower()} & {host.lower() for host in store.hosts})


def _why_not_asked(key: str) -> str:
    parts = _parts(key)
    if parts is None or parts.scheme not in ("http", "https"):
        return f"{_place(key)} is not asked, since it is no HTTP address; give the CRL as a file"
    return f"{_place(key)} is not among the store's hosts; add it there to have it asked"


def _place(key: str) -> str:
    parts = _parts(key)
    return shown(parts.hostname if parts and parts.hostname else key)


def _parts(key: str) -> SplitResult | None:
    """Of the key's URL; None where it is none that a responder has."""
    url = key.removeprefix(_OCSP).rpartition("#")[0] if key.startswith(_OCSP) else key
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # it is parsed late, and may be none
    except ValueError:
        return None
    return parts
