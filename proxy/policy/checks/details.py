"""What proved a Check, as `pratique verify` shows it. Law: only what was proved; a stranger's text is printable and bounded."""

from collections.abc import Iterator, Mapping

from proxy.verify.evidence import CertificateFacts, Evidence, LogProof

_LONGEST = 300  # characters; the longest identities are a few hundred


def details_of(evidence: Evidence) -> Mapping[str, str]:
    """Names in camelCase to texts; what the evidence does not have is left out. Times are RFC 3339 in UTC."""
    told = {
        "signer": evidence.signer,
        "identity": evidence.identity,
        "form": evidence.form,
        "place": evidence.place,
        "subject": str(evidence.subject),
        "manifest": str(evidence.sources[0]) if evidence.sources else "",
        "predicateType": evidence.predicate_type,
        "provedAt": evidence.proved_at.isoformat() if evidence.proved_at else "",
        "validUntil": evidence.valid_until.isoformat() if evidence.valid_until else "",
        "opinions": ", ".join(evidence.opinions),
        **dict(_of_certificate(evidence.certificate) if evidence.certificate else ()),
        **dict(_of_log(evidence.log) if evidence.log else ()),
    }
    return {name: shown(text) for name, text in told.items() if text}


def shown(text: object) -> str:
    """Printable, on one line, and of bounded length."""
    line = " ".join(str(text).split())
    return "".join(each if each.isprintable() else "?" for each in line)[:_LONGEST]


def _of_certificate(facts: CertificateFacts) -> Iterator[tuple[str, str]]:
    yield "issuer", facts.issuer
    yield "san", facts.san
    yield "sanType", facts.san_type
    yield "certificateSubject", facts.subject
    yield "certificateSha256", facts.sha256
    yield "certificateAuthority", facts.authority
    yield "certificateNotBefore", facts.not_before.isoformat()
    yield "certificateNotAfter", facts.not_after.isoformat()
    yield from sorted((f"extension.{name}", text) for name, text in facts.extensions.items())


def _of_log(proof: LogProof) -> Iterator[tuple[str, str]]:
    yield "log", proof.host or proof.log
    yield "logIndex", str(proof.index)
    yield "logEntry", proof.kind
    yield "logIntegratedAt", proof.integrated_at.isoformat() if proof.integrated_at else ""
