from dataclasses import replace

from proxy.policy.checks.details import details_of, shown
from proxy.verify.evidence import CertificateFacts, LogProof
from tests.unit.policy.cases import IMAGE, NOW, proof


def test_what_proved_it_is_told_by_names_and_what_is_not_there_is_left_out():
    told = details_of(proof())
    assert told == {
        "signer": "team",
        "identity": "key:team",
        "form": "simple-signing",
        "place": "tag",
        "subject": str(IMAGE),
        "manifest": str(proof().sources[0]),
    }


def test_certificates_logs_and_times_are_told():
    certificate = CertificateFacts("O=acme", "ab", "cd", NOW, NOW, "a@b", "email", "https://i", {"runId": "7"})
    evidence = replace(
        proof(until=NOW),
        certificate=certificate,
        log=LogProof("ab" * 32, "", 9, "intoto 0.0.2"),
        proved_at=NOW,
        predicate_type="https://x/v1",
        opinions=("pratique", "sigstore-python"),
    )
    told = details_of(evidence)
    assert told["provedAt"] == told["validUntil"] == "2026-11-10T12:00:00+00:00"
    assert (told["san"], told["sanType"], told["issuer"], told["extension.runId"]) == ("a@b", "email", "https://i", "7")
    assert (told["certificateSubject"], told["certificateSha256"], told["certificateAuthority"]) == (
        "O=acme",
        "ab",
        "cd",
    )
    assert (told["log"], told["logIndex"], told["logEntry"]) == ("ab" * 32, "9", "intoto 0.0.2")
    assert "logIntegratedAt" not in told
    assert told["opinions"] == "pratique, sigstore-python"


def test_strangers_texts_are_printable_on_one_line_and_bounded():
    evidence = replace(proof(), identity="key:\x1b[31m\n" + "x" * 9999)
    assert details_of(evidence)["identity"].isprintable()
    assert len(details_of(evidence)["identity"]) == 300
    assert shown("a\nb\u202ec") == "a b?c"
