"""The second opinion on a bundle: what the Sigstore project's own client says of it, told apart from what it cannot say.

`wrong` is its word that signature, certificate, log or time do not hold; with the core's `right` that is a deny and an
alarm. `unsupported` is no opinion: its limits (evidence.md 0) must refuse no good image. An error that is not known
here, from the part that verifies, is `wrong`: a later version of the library may find what this one does not.

It sees bytes and a trust root, nothing of the policy; whose identity it is, and which image is meant, the core has
matched. Nothing is fetched: the library's network is in parts that are never called. It blocks for some milliseconds
(and half a second at first, for its imports), so it is called in a worker thread; it is safe in several.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.errors import PratiqueError
from proxy.oci.digest import Digest
from proxy.oci.strictjson import parse
from proxy.verify.material import TrustRoot

if TYPE_CHECKING:
    from sigstore.models import Bundle
    from sigstore.verify import Verifier

AGREES, WRONG, UNSUPPORTED = "agrees", "wrong", "unsupported"
_MAX_ROOTS = 8  # kept in the library's form; a site has two or three
_SHOWN = 200  # characters of the library's sentence
_READABLE_KEYS = frozenset(
    {
        "PKCS1_RSA_PKCS1V5",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        "PKIX_RSA_PKCS1V15_4096_SHA256",
        "PKIX_ECDSA_P256_SHA_256",
        "PKIX_ECDSA_P384_SHA_384",
        "PKIX_ECDSA_P521_SHA_512",
        "PKIX_ED25519",
    }
)
# Sentences of sigstore 4.5.1 that say "I cannot", by where they are raised. tests/unit/verify/test_crosscheck.py holds
# every form against them; one that is missing here shows as a false alarm, never as a hole.
_LIMITS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        # verifier.py: what it can take a time or an entry from
        r"no Timestamp Authorities have been provided",
        r"Invalid Timestamp Response$",  # certificates in the token that are not DER-sorted, as real ones are
        r"too many signed timestamp",
        r"duplicate timestamp found",
        r"Integrated time only supported for dsse/hashedrekord 0\.0\.1",
        r"Unsupported DSSE log entry type",
        r"Expected entry type hashedrekord",
        r"Unsupported hashedrekord version",
        # sct.py: one SCT, over SHA-256, by an issuer with an EC or RSA key
        r"failed to verify SCT on signing certificate: Expected one certificate timestamp, found ",
        r"failed to verify SCT on signing certificate: Found unexpected hash algorithm in SCT",
        r"failed to verify SCT on signing certificate: SCT verify: invalid issuer pubkey format",
        # cryptography's profile of the web's certificates, which a private CA need not follow. That of basic constraints
        # (.19) and key usage (.15) is no matter of taste.
        r"failed to build timestamp certificate chain: .*Forbidden (public key|signature) algorithm",
        r"failed to build timestamp certificate chain: .*invalid extension: (?!2\.5\.29\.1[59]:)[\d.]+: Certificate",
        r"failed to build timestamp certificate chain: .*EE subjectAltName MUST",
    )
)
_STRANGERS_TEXT = " (encountered processing "  # what follows shows the certificate, and so text of its own choice
# And what it says while it reads that is no limit: the proof or the time is not there.
_FAULTS = (
    re.compile(r"bundle must contain an inclusion promise or signed timestamp\(s\)$"),
    re.compile(r"failed to load bundle: .*logIndex \d+ must be less than treeSize", re.DOTALL),
)
_NEEDS_LOG_KEYS = ("failed to verify SCT", "invalid log entry")
_NEEDS_STAMPERS = "not enough sources of verified time"


@dataclass(frozen=True, slots=True)
class Opinion:
    """`word`: agrees | wrong | unsupported; `by` is the verifier that was asked, with its version.

    `reason` is the library's own text where it says `wrong`, a sentence of ours where it cannot tell: bounded, printable.
    """

    word: str
    reason: str = ""
    by: str = ""


class _MatchedElsewhere:
    """The library's policy on identities: the core matches them, by patterns that the library does not know."""

    def verify(self, cert: x509.Certificate) -> None:
        """Every identity passes."""


@dataclass(frozen=True, slots=True)
class _Library:
    """A trust root in the library's form. What of the root it cannot read, it passes over: then its `no` is no word."""

    verifier: "Verifier"
    by: str
    has_all_log_keys: bool
    has_all_stampers: bool


def second_opinion(bundle: bytes, *, root: TrustRoot, digest: Digest, artifact: bytes | None = None) -> Opinion:
    """What the library says of a Sigstore bundle (JSON) under `root`. Raises nothing.

    `digest` (SHA-256), or the bytes themselves in `artifact`, are what a bundle with a message signature must be over.
    In a DSSE bundle the library verifies the envelope; that its statement is about the image is the core's to see.
    """
    library = _library(root.raw)
    if isinstance(library, str):
        return Opinion(UNSUPPORTED, library)
    from sigstore.errors import VerificationError
    from sigstore.models import Bundle

    try:
        read = Bundle.from_json(bundle)
        limit = _limit(read)
    except VerificationError as error:
        return _of(error, library)
    except Exception as error:  # noqa: BLE001 whatever it cannot read, it has no opinion on
        if any(fault.match(str(error)) for fault in _FAULTS):
            return Opinion(WRONG, _told(error), library.by)
        return Opinion(UNSUPPORTED, _sentence("it does not read this bundle", error), library.by)
    if limit:
        return Opinion(UNSUPPORTED, limit, library.by)
    return _asked(read, library, digest=digest, artifact=artifact)


def prepare(root: TrustRoot) -> None:
    """Load the library and read the root, so that the first opinion under it waits for neither. Raises nothing."""
    _library(root.raw)


def _asked(bundle: "Bundle", library: _Library, *, digest: Digest, artifact: bytes | None) -> Opinion:
    try:
        if bundle._dsse_envelope is not None:  # noqa: SLF001 the library has no public question for it
            library.verifier.verify_dsse(bundle, _MatchedElsewhere())
        elif artifact is None and digest.algorithm != "sha256":
            return Opinion(UNSUPPORTED, f"it does not verify signatures over {digest.algorithm}", library.by)
        else:
            library.verifier.verify_artifact(_hashed(digest, artifact), bundle, _MatchedElsewhere())
    except Exception as error:  # noqa: BLE001 each kind is told apart
        return _of(error, library)
    return Opinion(AGREES, by=library.by)


def _of(error: Exception, library: _Library) -> Opinion:
    """Whether an error of the verifying part says that the bundle is wrong, or that the library cannot tell."""
    from sigstore.errors import Error, VerificationError

    text = " ".join(str(part) for part in error.args).partition(_STRANGERS_TEXT)[0]
    if isinstance(error, VerificationError):
        is_limit = any(limit.match(text) for limit in _LIMITS) or _rests_on_unread(text, library)
    else:
        # What fails to parse there is the certificate, the entry or the checkpoint. The library's other errors, and
        # Python's own, are of its making.
        is_limit = isinstance(error, Error) or not isinstance(
            error, ValueError | x509.ExtensionNotFound | InvalidSignature
        )
    if is_limit:
        return Opinion(UNSUPPORTED, _sentence("it cannot tell", error), library.by)
    return Opinion(WRONG, _told(error), library.by)


def _rests_on_unread(text: str, library: _Library) -> bool:
    if text.startswith(_NEEDS_LOG_KEYS):
        return not library.has_all_log_keys
    return text.startswith(_NEEDS_STAMPERS) and not library.has_all_stampers


def _limit(bundle: "Bundle") -> str:
    """Why the library cannot verify by the bundle's certificate, "" if it can: it takes every key for P-256's."""
    key = bundle.signing_certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return ""
    return "it verifies signatures of EC P-256 certificates alone"


def _hashed(digest: Digest, artifact: bytes | None) -> Any:
    if artifact is not None:
        return artifact
    from sigstore.hashes import Hashed
    from sigstore_models.common.v1 import HashAlgorithm

    return Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(digest.hex))


@functools.lru_cache(maxsize=_MAX_ROOTS)
def _library(raw: bytes) -> _Library | str:
    """The trust root of these bytes as the library reads it, or the sentence that says why it does not."""
    import sigstore
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.trustroot.v1 import TrustedRoot as Parsed

    try:
        listed = parse(raw, what="trust root")
        # Its constructor also makes a client for the first log, which opens no connection before it is used.
        verifier = Verifier(trusted_root=TrustedRoot(Parsed.from_json(raw)))
        return _Library(verifier, f"sigstore {sigstore.__version__}", _has_all_keys(listed), _has_all_stampers(listed))
    except Exception as error:  # noqa: BLE001 whatever it cannot read, it has no opinion under
        return _sentence("it does not read this trust root", error)


def _has_all_keys(listed: Mapping[str, Any]) -> bool:
    logs = [*listed.get("tlogs", ()), *listed.get("ctlogs", ())]
    return all(log.get("publicKey", {}).get("keyDetails") in _READABLE_KEYS for log in logs)


def _has_all_stampers(listed: Mapping[str, Any]) -> bool:
    """The library passes over a timestamp authority whose chain is not there from its leaf to its root."""
    authorities = listed.get("timestampAuthorities", ())
    return all(len(each.get("certChain", {}).get("certificates", ())) > 1 for each in authorities)


def _sentence(what: str, error: Exception) -> str:
    return f"{what}: {_told(error)}"


def _told(error: Exception) -> str:
    text = error.message if isinstance(error, PratiqueError) else " ".join(str(part) for part in error.args)
    return ascii(text or type(error).__name__)[1:-1][:_SHOWN]
