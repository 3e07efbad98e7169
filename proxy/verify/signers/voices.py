"""One neutral record of a signature, whatever form it came in, and the two answers there are: a Voice, or Silence."""

from dataclasses import dataclass, field
from datetime import datetime

from proxy.verify.evidence import CertificateFacts, LogProof
from proxy.verify.hashed import Message
from proxy.verify.witness.logentry import Entry


@dataclass(frozen=True, slots=True)
class Stamp:
    """One RFC 3161 token (DER TimeStampResp or bare TimeStampToken) and the messages any of which it may stamp."""

    token: bytes = field(repr=False)
    imprints: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and what came with it; nothing of it is believed.

    `message` is what the signature is over: the payload, or a DSSE envelope's PAE. `envelope` are the envelope's bytes
    as they came, where they came as bytes of their own. `certificates` are DER, leaf first; none of a bare key.
    `is_certified`: certificates came beside it, though they may not have been read.
    """

    message: Message = field(repr=False)
    signature: bytes = field(repr=False)
    payload: Message = field(repr=False)
    envelope: bytes | None = field(default=None, repr=False)
    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    entries: tuple[Entry, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    hint: str | None = None
    is_certified: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """`signer`, by the policy's name, made the signature. The fields are those of Evidence.

    `wanted` are URLs of CRLs and OCSP responders that should be asked before it is used.
    """

    signer: str
    identity: str
    proved_at: datetime | None = None
    valid_until: datetime | None = None
    rests_on: tuple[str, ...] = ()
    certificate: CertificateFacts | None = None
    log: LogProof | None = None
    warnings: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """It proves nothing, of `signer` alone or of all that were asked. `reason` is a sentence.

    `is_open`: somebody who could tell more was out of reach, so that it may prove something later.
    """

    signer: str | None
    reason: str
    wanted: tuple[str, ...] = ()
    is_open: bool = False
