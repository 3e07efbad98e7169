"""A leaf is believed only through a whole chain that is valid at the proved time, up to a root that was given (T21, T31).

RFC 5280 6.1, narrowed: a path is at most 10 long, every certificate in it (the root too) must be valid at `at`, and
whatever would have to be understood and is not (name constraints, policies that are required) is refused. Where several
lead up, as with cross-signed authorities, one that holds suffices, in whatever order they came.
"""

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from proxy.verify.certificates.certificate import MAX_CERTIFICATES, key_of
from proxy.verify.certificates.distinguished import issuer_text
from proxy.verify.certificates.purpose import require_authority, require_leaf, use_of
from proxy.verify.evidence import NotProved
from proxy.verify.material import Authority

_HASHES = frozenset({"sha256", "sha384", "sha512"})
_MAX_STEPS = 64  # upwards, in all: certificates of one name and key could sign each other in every order (T53)


class _NotIssued(NotProved):
    """No certificate here issued the leaf: the least telling of reasons."""


def find(
    leaf: x509.Certificate,
    *,
    intermediates: Sequence[x509.Certificate],
    authorities: Sequence[Authority],
    at: datetime,
    eku: str = "codeSigning",
) -> tuple[tuple[x509.Certificate, ...], Authority]:
    """The chain from the leaf to the root of the Authority that issued it, and that Authority; else NotProved.

    `at` is the proved time (aware UTC): the Authority's window and every certificate must cover it. An Authority that
    lists intermediates is taken at its word: only those are used; `intermediates`, which come with the evidence, serve
    one that lists a root alone. `eku`: codeSigning | timeStamping; for the latter an Authority may list its very leaf.
    """
    reasons: list[NotProved] = []
    for authority in sorted(authorities, key=lambda each: not _looks_issued(leaf, each.chain)):
        try:
            return _under(leaf, intermediates, authority, at, eku), authority
        except NotProved as error:
            reasons.append(error)
    told = [error for error in reasons if not isinstance(error, _NotIssued)]
    raise told[0] if told else _unknown(leaf, "the trust root")


def find_anchor(
    leaf: x509.Certificate,
    *,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    at: datetime,
    eku: str = "codeSigning",
) -> tuple[x509.Certificate, ...]:
    """The chain from the leaf to one of `anchors` at `at` (aware UTC); else NotProved.

    The leaf itself may be an anchor (Notation's self-signed signing certificates): then it is the whole chain. As RFC
    5280 has it, a code signer without an extended key usage may sign code; one with it must be told so.
    """
    try:
        paths = _paths(leaf, intermediates, anchors, at)
        return _first_sound(paths, at, eku, is_purpose_needed=eku != "codeSigning")
    except _NotIssued:
        raise _unknown(leaf, "the trust store") from None


def _under(
    leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], authority: Authority, at: datetime, eku: str
) -> tuple[x509.Certificate, ...]:
    *listed, root = authority.chain
    pinned = authority.chain[0] if not use_of(authority.chain[0]).is_authority else None
    if pinned is not None and (eku != "timeStamping" or leaf != pinned):
        raise _NotIssued("the trust root lists another certificate")
    paths = _paths(leaf, listed or intermediates, (root,), at)
    first = next(paths, None)
    if first is None:
        raise _NotIssued("no certificate here issued it")
    if not authority.window.covers(at):
        raise NotProved(
            f"the certificate authority was trusted only within {authority.window}, and the time is {at.isoformat()}"
        )
    return _first_sound(itertools.chain((first,), paths), at, eku, is_purpose_needed=True)


def _first_sound(
    paths: Iterable[tuple[x509.Certificate, ...]], at: datetime, eku: str, *, is_purpose_needed: bool
) -> tuple[x509.Certificate, ...]:
    """The first path that holds; else why the first of all does not."""
    fault: NotProved | None = None
    for path in paths:
        try:
            _require(path, at, eku, is_purpose_needed=is_purpose_needed)
        except NotProved as error:
            fault = fault or error
        else:
            return path
    raise fault or _NotIssued("no certificate here issued it")


def _paths(
    leaf: x509.Certificate, pool: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime
) -> Iterator[tuple[x509.Certificate, ...]]:
    """Every way up to an anchor without a way back, what is valid at `at` and shortest first, within 64 steps (T53)."""
    if len(pool) > MAX_CERTIFICATES:
        raise NotProved(f"it brings {len(pool)} intermediate certificates; at most {MAX_CERTIFICATES} are read")
    if leaf in anchors:
        yield (leaf,)
    waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    for _ in range(_MAX_STEPS):
        if not waiting:
            return
        path = waiting.pop(0)
        yield from ((*path, anchor) for anchor in _issuers(anchors, path[-1], at) if anchor not in path)
        if len(path) < MAX_CERTIFICATES - 1:
            waiting += [(*path, step) for step in _issuers(pool, path[-1], at) if step not in path]


def _issuers(candidates: Sequence[x509.Certificate], child: x509.Certificate, at: datetime) -> list[x509.Certificate]:
    """Who issued `child`: of several certificates of one key, such as renewed ones, first those that are valid at `at`."""
    issuers = [each for each in candidates if _issued(child, each)]
    return sorted(issuers, key=lambda each: not _is_valid(each, at))


@functools.lru_cache(maxsize=1024)
def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key are those that signed `child`, with a hash that still holds.

    Kept: a signature over P-384 costs more than all the rest, and the same authorities sign again and again.
    """
    try:
        key_of(issuer)  # before the signature: a forger's key must not choose how long we compute
        child.verify_directly_issued_by(issuer)
        algorithm = child.signature_hash_algorithm
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return algorithm is None or algorithm.name in _HASHES


def _require(path: Sequence[x509.Certificate], at: datetime, eku: str, *, is_purpose_needed: bool) -> None:
    require_leaf(use_of(path[0]), eku, is_purpose_needed=is_purpose_needed)
    for below, authority in enumerate(path[1:]):
        require_authority(use_of(authority), eku, below=below)
    for each in path:
        key_of(each)
        if not _is_valid(each, at):
            place = "the signing" if each is path[0] else "an issuing"
            raise NotProved(
                f"{place} certificate is valid from {each.not_valid_before_utc.isoformat()} to"
                f" {each.not_valid_after_utc.isoformat()}, and the time is {at.isoformat()}"
            )


def _looks_issued(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    """A hint that saves work: whether the chain's first key has the id that the leaf names."""
    try:
        named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        return named == chain[0].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return False


def _is_valid(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _unknown(leaf: x509.Certificate, where: str) -> NotProved:
    return NotProved(
        f"{where} has no certificate authority that issued the certificate (its issuer: {issuer_text(leaf)})"
    )
