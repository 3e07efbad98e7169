"""The lab's cases as policies: images that real cosign signed by a key, and what each asks for."""

import json
from typing import Any

import yaml

from tests.fakes.layouts import LAB

# Cases that `other.pub` signed too, beside the key that the case requires.
SIGNED_BY_OTHER = {"v2-multi-signer", "v2-multi-signer-both-required", "v2-oci11-two-signers"}
OTHER = {"key": "trust/keys/other.pub", "log": "none"}


def lab_cases() -> list[dict[str, Any]]:
    """Signatures by a key. What a case asks for beyond the key (a log, a time, attestations) is not looked at here."""
    if not LAB.is_dir():
        return []
    listed = json.loads((LAB / "cases.json").read_text())
    return [case for case in listed if case["name"].startswith(("v2-", "mixed-")) and keys_of(case)]


def keys_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The keys that a case requires, all of them; none where it asks for anything but keys."""
    wanted = case["require"].get("signature", {})
    asked = wanted.get("any_of", []) + wanted.get("all_of", [])
    return asked if all("key" in each for each in asked) else []


def rule_of(case: dict[str, Any], *keys: dict[str, Any]) -> dict[str, Any]:
    """Every one of these keys must have signed, for the name that the payload carries."""
    require = []
    for number, each in enumerate(keys):
        asked = {"signature": _signer(each), "name": f"signature{number}"}
        require.append(asked | ({"claims": each["annotations"]} if "annotations" in each else {}))
    port = "5003" if case["api"] == "referrers" else "5001"
    return {"match": f"reg.test/{case['repo']}", "require": require, "signedAs": [f"127.0.0.1:{port}/{case['repo']}"]}


def policy_of(*rules: dict[str, Any], keys: list[dict[str, Any]]) -> str:
    """policy.yaml of these rules, with a signer for each of the keys."""
    signers = {}
    for each in keys:
        more = {"hash": each["hash"]} if "hash" in each else {}
        signers[_signer(each)] = {"key": str(LAB / each["key"]), "log": "none", **more}
    return yaml.safe_dump({"version": 1, "signers": signers, "images": list(rules)})


def _signer(key: dict[str, Any]) -> str:
    name = key["key"].rpartition("/")[2].removesuffix(".pub")
    return f"{name}-{key['hash']}" if "hash" in key else name
