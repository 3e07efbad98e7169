"""The command that asks the same question by notation, and the trust store and trust policy that it must find first.

Notation's flags name nobody: whom it trusts stands in its own files (Notary Project, trust-store-trust-policy.md).
"""

import json
import shlex

from proxy.config.layout import Config
from proxy.config.policy import LoadedPolicy
from proxy.policy.requirements import AttestationRequirement, SignatureRequirement
from proxy.policy.rules import TrustRootSpec
from proxy.verify.material import X509Signer

_REVOCATION = {"enforce": {}, "log": {"revocation": "log"}, "skip": {"revocation": "skip"}}


def notation_commands(
    config: Config,
    loaded: LoadedPolicy,
    signer: X509Signer,
    leaf: SignatureRequirement | AttestationRequirement,
    *,
    image: str,
    is_insecure: bool,
) -> tuple[list[str], list[str]]:
    """The lines in the order in which they are run, and what they do not ask."""
    spec = loaded.policy.trust_roots[signer.store]
    lines = [
        shlex.join(
            ["notation", "cert", "add", "--type", "ca", "--store", signer.store, _file(config, spec.certificates)]
        )
    ]
    if spec.timestamps:
        added = ["notation", "cert", "add", "--type", "tsa", "--store", signer.store, _file(config, spec.timestamps)]
        lines.append(shlex.join(added))
    document = trust_policy(signer, spec, scope=image.partition("@")[0])
    lines.append(f"notation policy import <(echo {shlex.quote(json.dumps(document))})")
    claims = sorted(leaf.claims.items()) if isinstance(leaf, SignatureRequirement) else []
    asked = [part for name, value in claims for part in ("--user-metadata", f"{name}={value}")]
    insecure = ["--insecure-registry"] if is_insecure else []
    lines.append(shlex.join(["notation", "verify", *asked, *insecure, image]))
    hints = ["`notation cert add` and `notation policy import` change notation's own files; look at them first"]
    if signer.san is not None:
        hints.append(
            f"notation cannot ask for the certificate's alternative name; {signer.name}'s must be {signer.san.text}"
        )
    if spec.crls:
        hints.append("notation fetches CRLs itself; those that the policy names as files are not its")
    return lines, hints


def trust_policy(signer: X509Signer, spec: TrustRootSpec, *, scope: str) -> dict[str, object]:
    """A trust policy document that trusts exactly this signer, for this repository."""
    stores = [f"ca:{signer.store}"]
    verification: dict[str, object] = {"level": "strict"}
    if _REVOCATION[spec.revocation]:
        verification["override"] = _REVOCATION[spec.revocation]
    if spec.timestamps:
        stores.append(f"tsa:{signer.store}")
        verification["verifyTimestamp"] = "afterCertExpiry"
    subject = ", ".join(f"{name}={_escaped(value)}" for name, value in signer.subject)
    statement = {
        "name": "pratique",
        "registryScopes": [scope],
        "signatureVerification": verification,
        "trustStores": stores,
        "trustedIdentities": [f"x509.subject: {subject}" if subject else "*"],
    }
    return {"version": "1.0", "trustPolicies": [statement]}


def _escaped(value: str) -> str:
    """As RFC 4514 writes what a distinguished name must not hold bare."""
    escaped = "".join(f"\\{each}" if each in '\\,+"<>;=' else each for each in value)
    return f"\\{escaped}" if escaped.startswith(("#", " ")) else escaped


def _file(config: Config, name: str | None) -> str:
    return str(config.policy.parent / (name or ""))
