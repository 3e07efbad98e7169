"""Notation (Notary Project): one signature of an image's descriptor by a certificate, in JWS or COSE (evidence.md 1.9)."""

from proxy.verify.notation.proof import COSE, JWS, prove, prove_with_wanted

__all__ = ["COSE", "JWS", "prove", "prove_with_wanted"]
