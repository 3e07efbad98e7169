"""One record of a signature, whatever its form: who made it, else one sentence that an operator can act on."""

import pytest

from proxy.errors import ManifestInvalid
from proxy.oci.digest import Digest
from proxy.verify.evidence import NotProved, Proved
from proxy.verify.formats.simplesigning import read_signature
from proxy.verify.material import TrustMaterial
from proxy.verify.signers import signed as engine
from proxy.verify.signers.voices import Signed, Silence, Voice


def signed_by(lab, *, by: str = "team", **fields) -> Signed:
    found = lab.found(by=by)
    return Signed(found.payload, read_signature(found.annotations), found.payload, **fields)


def said(lab, signed, *signers, **fields):
    return engine.prove_signed(
        signed, signers=signers, material=TrustMaterial(signers={}), now=lab.now, revocation={}, **fields
    )


def test_each_signer_who_made_it_has_a_voice(lab):
    spki = lab.signer().spki
    assert said(lab, signed_by(lab), lab.signer(), lab.signer("other")) == (
        Voice("team", f"key:{spki}", rests_on=(f"key:{spki}",)),
    )


def test_where_nobody_did_there_is_silence(lab):
    (silence,) = said(lab, signed_by(lab, by="stranger"), lab.signer(), lab.signer("other"))
    assert silence == Silence(None, "it was made by another key than team, other, or its payload was changed")
    assert said(lab, signed_by(lab)) == (Silence(None, "no signer was given to check it with"),)


def test_what_came_with_it_is_attached_for_nobody_but_who_needs_it(lab):
    attached = []

    def attach(signed):
        attached.append(signed)
        raise NotProved("it is malformed")

    assert said(lab, signed_by(lab), lab.signer(), attach=attach)[0].signer == "team"
    assert attached == []
    needy = lab.signer(needs_log=True, root="corp")
    assert said(lab, signed_by(lab), needy, attach=attach) == (Silence(None, "it is malformed"),)
    assert len(attached) == 1
    # Whose key did not make it needs nothing read either.
    assert "another key" in said(lab, signed_by(lab, by="stranger"), needy, attach=attach)[0].reason
    assert len(attached) == 1


def test_a_voice_makes_evidence_that_says_all_it_knows(lab):
    found = lab.found()
    voice = Voice("team", "key:1", proved_at=lab.now, valid_until=lab.now, rests_on=("key:1",), warnings=("w",))
    evidence = engine.evidence_of(
        voice, found, kind="signature", form="bundle", subject=lab.subject, predicate_type="t"
    )
    assert (evidence.proved_at, evidence.valid_until, evidence.warnings) == (lab.now, lab.now, ("w",))
    assert (evidence.names, evidence.claims, evidence.predicate_type) == (None, {}, "t")
    assert evidence.sources == (found.manifest, found.blob)


def test_many_silences_are_one_rejection_of_bounded_length(lab):
    silences = [Silence(f"s{number}", f"reason {number}", (f"http://crl/{number}",)) for number in range(9)]
    proved = engine.testify(lab.found(), [*silences, silences[0]], lambda voice: pytest.fail(f"{voice} spoke"))
    (rejection,) = proved.rejections
    assert rejection.reason == "reason 0; reason 1; reason 2; reason 3"
    assert rejection.signer is None
    assert proved.wanted == tuple(f"http://crl/{number}" for number in range(9))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotProved("ours"), "ours"),
        (ManifestInvalid("of the spec"), "of the spec"),
        (RuntimeError("a secret"), "it could not be read (RuntimeError); sign the image again"),
        (RecursionError(), "it could not be read (RecursionError); sign the image again"),
    ],
)
def test_t35_whatever_is_raised_is_a_rejection(lab, error, reason):
    def fail() -> Proved:
        raise error

    (rejection,) = engine.guarded(lab.found(), fail).rejections
    assert (rejection.reason, rejection.source) == (reason, Digest.of(b"the signature manifest"))
