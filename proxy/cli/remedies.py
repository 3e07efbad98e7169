"""What a Rejection means, and who can do what about it: for a person who knows neither logs nor certificates. Pure.

Law: every sentence that a proof may end with is of exactly one kind here: the first whose words stand in it.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """`word` tells kinds apart. `means` is one or two sentences without a technical term, `act` what can be done."""

    word: str
    means: str
    act: str


def remedy_of(reason: str) -> Remedy:
    """The remedy for a Rejection's reason; a sentence that is not known is taken for something broken."""
    return next((remedy for words, remedy in _KINDS if words.search(reason)), _BROKEN)


def is_known(reason: str) -> bool:
    """Whether some kind but the last names it."""
    return any(words.search(reason) for words, _ in _KINDS)


def _kind(word: str, words: str, means: str, act: str) -> tuple[re.Pattern[str], Remedy]:
    return re.compile(words), Remedy(word, means, act)


_SIGN_AGAIN = "Have it signed again by the tool's own defaults; if the publisher made it so, tell them."
_BROKEN = Remedy("broken", "It is broken, or was made by hand: two programs could read it in two ways.", _SIGN_AGAIN)

# The first that fits: what names a person or a decision before what is merely broken.
_KINDS = (
    _kind(
        "verifiers-disagree",
        r"verifiers disagree",
        "Two independent programs checked it, one says it is right and one that it is wrong. That must never happen.",
        "Make no exception. Send its case file with a bug report: pratique verify --record ID",
    ),
    _kind(
        "revoked",
        r"\brevoked: |key is revoked|was revoked by",
        "Whoever signed it may not speak any more: the key or the certificate was withdrawn.",
        "Ask the publisher for a version that was signed since; do not use this one.",
    ),
    _kind(
        "revocation-unknown",
        r"whether it is revoked is unknown",
        "Nobody could tell whether the certificate was withdrawn, and the policy wants to know.",
        "Under trustRoots name the host of the list under `hosts`, give it as a file under `crls`, or set `revocation: log`.",
    ),
    _kind(
        "old-trust",
        r"must not be used: ",
        "The list of whom to trust is older than the policy permits, so nothing is believed by it.",
        "Run `pratique trust refresh`; without a network, bring a newer list and name it under trustRoots.",
    ),
    _kind(
        "no-trust",
        r"is not loaded; see|no signer was given|no signer that was asked has",
        "The policy says nothing by which something of this kind could be believed.",
        "See `pratique trust show`, and whether the signer names the right trustRoot or x509 store.",
    ),
    _kind(
        "other-signer",
        r"^signed, but by |^signed by .* but its certificate says",
        "It is signed, and rightly, but by somebody else than the policy names.",
        "Do you trust whoever that is? Add them under signers, as written there. Else ask the publisher who should sign.",
    ),
    _kind(
        "key-time",
        r"its key (was|is) valid",
        "It is signed by the right key, but outside the time in which the policy lets that key speak.",
        "Ask for a version that was signed within it; if the key is still the publisher's, change validFrom or validUntil.",
    ),
    _kind(
        "unsigned",
        r"has no annotation .* it is not signed|has no signature; it proves|signature is empty; it proves|"
        r"holds no signature and no attestation",
        "It has the form of a signature and holds none.",
        _SIGN_AGAIN,
    ),
    _kind(
        "unsigned-statement",
        r"it is a statement without a signature",
        "Anybody can write such a statement. It counts only if whoever is trusted signed the image that lists it.",
        "Ask the publisher to sign the image, or the statement; or name who signed it as the requirement's `by`.",
    ),
    _kind(
        "other-image",
        r"^it speaks of |^it is a signature of |refers to another image|names no subject|signs the media type|"
        r"signs another size|spoke?n? of another",
        "It is about another image, and was copied here.",
        "Was this image built again since it was signed? Then the new one must be signed; else somebody mixed two up.",
    ),
    _kind(
        "other-key",
        r"made by another key than|signed by a certificate's key, not by|it carries no certificate; it is signed by",
        "It is signed by another key than the policy has, or what was signed was changed since.",
        "Compare the key that the policy names with the one that the publisher shows today; keys are replaced at times.",
    ),
    _kind(
        "changed",
        r"not made by the key of|was changed since|was changed after|is not over this certificate|were changed since",
        "What was signed was changed afterwards, or belongs to another signature.",
        "Take it from where the publisher keeps it; if it is the same there, ask them to sign again. Do not use it as it is.",
    ),
    _kind(
        "not-logged",
        r"carries no log entry|must hold an inclusion (promise|proof)|carries neither a signed entry timestamp",
        "It was not entered in the public record of signatures, which whoever signs so is asked to do.",
        "Have it signed with the record on, which is the tools' default; a key of your own may have `log: none`.",
    ),
    _kind(
        "other-record",
        r"the trust root does not list|was shown to no CT log that|has no certificate authority that issued|"
        r"trusted only within|was not trusted at the time|log's key was not valid|gives no baseUrl|"
        r"checkpoint is (of another log|not signed by the log)|neither it nor the trust root holds",
        "It was certified or recorded by an organisation that the policy's trustRoot does not know, or not at that time.",
        "Is trustRoot the publisher's (`sigstore`, `github` or their own)? It is? Then ours is old: `pratique trust refresh`.",
    ),
    _kind(
        "not-listed",
        r"carries no promise of a CT log",
        "Its certificate was not entered in the public list of certificates, which whoever issues such ones is asked to do.",
        "Ask who runs that certificate authority; if they keep no such list, their trust root should name none.",
    ),
    _kind(
        "no-time",
        r"^nothing proves when|carries no timestamp|requires one$|no timestamp that the store trusts|"
        r"but no time that this could be of|vouches for its time only",
        "Nothing proves when it was signed, and that must be known: a certificate holds for minutes, and a key may be lost.",
        "Have it signed with a timestamp or the public record on; with an authority of your own, name its `timestamps`.",
    ),
    _kind(
        "expired",
        r"certificate is valid from|certificate ended at|signature expired at|expires before it was made|chain was another one",
        "The certificate or the signature had run out, or did not hold yet, at the time that is proved.",
        "Ask the publisher to sign again; with a timestamp, a signature outlives its certificate.",
    ),
    _kind(
        "bad-time",
        r"[Tt]imestamp|which is yet to come",
        "The proof of when it was signed is not this signature's, or is broken.",
        _SIGN_AGAIN,
    ),
    _kind(
        "bad-record",
        r"log entry|checkpoint|inclusion proof|CT log|kindVersion|number of at most 63 bits|64 hexadecimal",
        "The proof that it stands in the public record is of another signature, or is broken.",
        "That is how a forged one looks. Compare it with the publisher's own copy; is that so too, ask them to sign again.",
    ),
    _kind(
        "not-read",
        r"not known|not understood|no evidence that is read|is not read\b|not a Sigstore bundle v|is none of Notation's|"
        r"plugin, which|not a simple-signing|not a Notation (signature|payload)|not an in-toto|not verified here|"
        r"no Sigstore bundles|another format than x509|none of (an email|EC P-256)|is by .* not by|"
        r"not one that Notation signs with|algorithm (that Notation|other than)|not x509",
        "It has a form that this version does not read.",
        "Update Pratique, or ask the publisher for the default form of cosign 2.6, cosign 3 or notation.",
    ),
    _kind(
        "too-much",
        r"\bover \d|\bat most\b|more than the limit|larger than evidence|than the limit|nested deeper|which no .* writes|"
        r"which no key's signature is|over \d+ .* came with it",
        "There is more of it than any tool writes; what is beyond the limit is not read.",
        "Remove what is not evidence of this image, or ask the publisher to; see who could put it there.",
    ),
    _kind(
        "twice",
        r"\btwice\b|two different|several attributes",
        "It says one thing twice, so that two programs could read it in two ways.",
        _SIGN_AGAIN,
    ),
    _kind(
        "bad-certificate",
        r"certificate|distinguished name|authority that issued|issuer \(OID|extension",
        "The certificate is none by which images may be signed, or is incomplete.",
        "Ask who issued it for one for code signing; the certificates above it belong beside the signature.",
    ),
    _kind(
        "bytes-needed",
        r"not at hand|only the \w+ is known",
        "It signs the file's bytes, and only the digest was given.",
        "Name the file itself: --artifact FILE",
    ),
)
