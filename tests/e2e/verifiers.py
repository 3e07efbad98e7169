"""What cosign and notation are to be asked of a lab case, as somebody who knows the tools would type it.

    for asked in questions(case, tool="cosign3"): run(binary, *asked.right(ref)); run(binary, *asked.wrong(ref))

Each question is about one signer; `wrong` asks for another of the same kind, and the tool must refuse.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.lab import Case
from tests.fakes.layouts import LAB

PKI = LAB / "trust" / "private" / "pki"
_TYPES = {
    "https://slsa.dev/provenance/v0.2": "slsaprovenance",
    "https://slsa.dev/provenance/v1": "slsaprovenance1",
    "https://spdx.dev/Document": "spdxjson",
    "https://cyclonedx.org/bom": "cyclonedx",
    "https://cosign.sigstore.dev/attestation/vuln/v1": "vuln",
    "https://openvex.dev/ns": "openvex",
    "https://cosign.sigstore.dev/attestation/v1": "custom",
}

_HASHES = {"p384": "sha384", "p521": "sha512"}


@dataclass(frozen=True)
class Question:
    """`right` and `wrong` are arguments before the reference; `env` goes with both."""

    name: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def questions(case: Case, *, tool: str) -> Iterator[Question]:
    """cosign's, about each signer and predicate that the case requires; none where this tool was not found to agree."""
    if tool not in case["checked_by"]:
        return
    wanted = case["require"]
    lists = [("verify", (), wanted["signature"])] if "signature" in wanted else []
    for each in wanted.get("attestations", []):
        kind = _TYPES.get(each["predicate_type"], each["predicate_type"])
        lists.append(("verify-attestation", ("--type", kind), each))
    for verb, kind, one in lists:
        for number, asked in enumerate((*one.get("any_of", ()), *one.get("all_of", ()))):
            yield _question(case, verb, kind, asked, tool, f"{verb}-{'-'.join(kind[1:])}{number}")


def _question(case: Case, verb: str, kind: tuple[str, ...], asked: dict[str, Any], tool: str, name: str) -> Question:
    how, env = _how(case, asked, tool)
    right, wrong = _who(asked)
    common = (verb, *kind, *how)
    return Question(name, (*common, *right), (*common, *wrong), env)


def _who(asked: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "key" in asked:
        other = "rsa2048" if "p256" in asked["key"] or "other" in asked["key"] else "p256"
        claims = tuple(f"--annotations={key}={value}" for key, value in asked.get("annotations", {}).items())
        right, wrong = f"--key={LAB / asked['key']}", f"--key={LAB}/trust/keys/{other}.pub"
        return (right, *claims), (wrong, *claims)
    if "own_pki" in asked:
        who = asked["own_pki"]["identity"]
        issuer = "--certificate-oidc-issuer-regexp=.*"
        return (f"--certificate-identity={who}", issuer), ("--certificate-identity=mallory@acme.test", issuer)
    identity = asked["keyless"]
    issuer = f"--certificate-oidc-issuer={identity['issuer']}"
    wrong = ("--certificate-identity=mallory@acme.test", issuer)
    if "identity_regex" in identity:
        return (f"--certificate-identity-regexp=^{identity['identity_regex']}$", issuer), wrong
    return (f"--certificate-identity={identity['identity']}", issuer), wrong


def _how(case: Case, asked: dict[str, Any], tool: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Where trust is from, and what the tool must be told of logs and timestamps."""
    is_bundle = case["name"].startswith(("v3-", "mixed-"))
    file = asked.get("trusted_root", "trust/roots/full.json" if is_bundle else "")
    root = Path(file).stem if "trusted_root" in asked else ""
    is_logged = asked.get("log") == "required" or ("keyless" in asked and root != "tsaonly")
    how = ["--allow-http-registry"]
    env: dict[str, str] = {}
    if file and (is_bundle or tool == "cosign3"):
        how.append(f"--trusted-root={LAB / file}")
    elif root:
        env = {
            "SIGSTORE_ROOT_FILE": str(PKI / "fulcio_a.root.pem"),
            "SIGSTORE_REKOR_PUBLIC_KEY": str(PKI / "rekor1.pub"),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(PKI / "ct.pub"),
        }
    if not is_logged:
        how.append("--insecure-ignore-tlog")
    if root == "tsaonly":
        how += ["--use-signed-timestamps", "--insecure-ignore-sct"]
        if tool == "cosign2" and not is_bundle:
            how.append(f"--timestamp-certificate-chain={PKI / 'tsa_a.chain.pem'}")
    if root == "rekor2" or (root == "full" and is_bundle):
        how.append("--use-signed-timestamps")
    if "own_pki" in asked:
        how += ["--insecure-ignore-sct", f"--ca-roots={LAB / asked['x509'][0]}"]
        chain = "pki.chain.pem" if "pki.root" in asked["x509"][0] else "n_p256.crt"
        how += [f"--ca-intermediates={PKI / chain}"]
    if "oci11" in case["name"]:
        how.append("--experimental-oci11")
        env |= {"COSIGN_EXPERIMENTAL": "1"}
    curve = Path(asked.get("key", "")).stem
    if curve in _HASHES:  # it signs with the curve's own hash, and verifies with SHA-256 unless it is told
        how.append(f"--signature-digest-algorithm={_HASHES[curve]}")
    return tuple(how), env


def notation_config(case: Case, folder: Path, *, scope: str, identity: str | None = None) -> dict[str, str]:
    """A trust policy and store for this case, in a folder of its own. Return the environment that notation reads it by.

    `scope` is the repository, as notation is to call it.
    """
    (asked,) = case["require"]["signature"]["any_of"]
    home = folder / "notation"
    stores = {"ca:lab": asked["x509"][0]}
    if "timestamp" in asked["notation"]:
        stores["tsa:lab"] = asked["notation"]["timestamp"]
    for store, certificate in stores.items():
        kind, _, name = store.partition(":")
        place = home / "truststore" / "x509" / kind / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "root.pem").write_bytes((LAB / certificate).read_bytes())
    policy = {
        "name": "lab",
        "registryScopes": [scope],
        "signatureVerification": {"level": "strict"},
        "trustStores": list(stores),
        "trustedIdentities": [identity or asked["notation"]["trusted_identity"].replace("subject: ", "subject:")],
    }
    (home / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [policy]}))
    return {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
