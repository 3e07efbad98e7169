"""The lab's cases: images that real tools signed, what each asks for, and the policy.yaml that an operator would write of it.

policy_of(case)                          the policy under which the case must be admitted
policy_of(twin.case)                     one under which it must not: `twins(case)` have another signer of the same kind
serve(case, registry)                    the image where a registry that behaves as the case's `api` has it
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tests.fakes.layouts import LAB, Layout, read_layout
from tests.fakes.registry import FakeRegistry

Case: TypeAlias = dict[str, Any]
Asked: TypeAlias = dict[str, Any]  # one alternative of a case's `require`

# Keys that signed too, beside the one that a case requires.
_SIGNED_TOO = {
    "v2-multi-signer": {"other", "p384"},
    "v2-multi-signer-both-required": {"other", "p256"},
    "v2-oci11-two-signers": {"other"},
    "v3-two-signers": {"other"},
}
# Roots that have one part of somebody else: whoever rests on that part is refused under them.
_STRANGE_ROOTS = {
    "rekor1.json": ("fulcio_b", "ct_b", "rekor_b", "log_closed", "ct_closed", "ca_closed"),
    "rekor2.json": ("fulcio_b", "ct_b", "rekor_b", "tsa_b", "log2_closed", "ca_closed"),
    "tsaonly.json": ("tsaonly_b", "tsa_closed", "fulcio_b"),
    "full.json": ("fulcio_b", "ct_b", "rekor_b", "ca_closed"),
}
# A bare key's signature rests on a log or on a timestamp, never on a CA or its log.
_STRANGE_TO_KEYS = {
    "rekor1.json": ("rekor_b", "log_closed"),
    "rekor2.json": ("rekor_b", "log2_closed"),
    "tsaonly.json": ("tsaonly_b", "tsa_closed"),
}


def every_case() -> list[Case]:
    """All 80, whatever proves them."""
    return json.loads((LAB / "cases.json").read_text()) if LAB.is_dir() else []


def case_of(name: str) -> Case:
    (case,) = (each for each in every_case() if each["name"] == name)
    return case


def serve(case: Case, registry: FakeRegistry) -> Layout:
    """Put a case's image and evidence where a registry that behaves as its `api` says has them."""
    layout = read_layout(LAB / case["folder"])
    layout.put_in(registry, case["repo"])
    if case["api"] != "referrers":
        registry.knobs.lacks_api.add(case["repo"])
    return layout


def predicate_types(case: Case) -> set[str]:
    """Of all attestations that came with the image, whatever `require` asks for, as their own statements say."""
    layout = read_layout(LAB / case["folder"])
    found = set()
    for raw in layout.blobs.values():
        document = json.loads(raw) if raw[:1] == b"{" else {}
        envelope = document.get("dsseEnvelope", document)
        if "payloadType" in envelope:
            found.add(json.loads(base64.b64decode(envelope["payload"]))["predicateType"])
    return found


# What a case asks for, as the policy says it.


def policy_of(*cases: Case) -> str:
    """policy.yaml with a rule for each of these, and the signers and trust roots that they name."""
    written = _Written({}, {})
    rules = [_rule(case, written) for case in cases]
    document = {"version": 1, "trustRoots": written.roots, "signers": written.signers, "images": rules}
    return yaml.safe_dump({word: value for word, value in document.items() if value})


@dataclass
class _Written:
    """What the rules need beside themselves. Equal entries are one."""

    roots: dict[str, Any]
    signers: dict[str, Any]

    def root(self, entry: dict[str, Any], name: str) -> str:
        return _named(self.roots, name, entry)

    def signer(self, asked: Asked) -> str:
        return _named(self.signers, *_SIGNERS[_kind(asked)](asked, self))


def _named(entries: dict[str, Any], name: str, entry: Any) -> str:
    known = next((other for other, held in entries.items() if held == entry), None)
    name = known or (name if name not in entries else f"{name}-{len(entries)}")
    entries[name] = entry
    return name


def _kind(asked: Asked) -> str:
    (kind,) = _SIGNERS.keys() & asked.keys()
    return kind


def _rule(case: Case, written: _Written) -> dict[str, Any]:
    wanted = case["require"]
    require = _all(wanted.get("signature", {}), {}, written, "signature")
    for number, each in enumerate(wanted.get("attestations", [])):
        if "predicate_type" in each:
            speaks = {"attestation": each["predicate_type"], **({"where": each["where"]} if "where" in each else {})}
            require += _all(each, speaks, written, f"attestation{number}")
        else:
            require += _all(each, {}, written, f"signature{number}")
    port = "5003" if case["api"] == "referrers" else "5001"
    where = case.get("laid_at", case["repo"])
    return {
        "match": f"reg.test/{where}",
        "require": require,
        "signedAs": [case.get("signed_as", f"127.0.0.1:{port}/{case['repo']}")],
    }


def _all(wanted: dict[str, Any], speaks: dict[str, Any], written: _Written, name: str) -> list[dict[str, Any]]:
    """A requirement for each of `all_of`, and one for `any_of`."""
    require = [_one(each, speaks, written) for each in wanted.get("all_of", [])]
    anyone = [_one(each, speaks, written) for each in wanted.get("any_of", [])]
    require += [{"atLeast": 1, "of": anyone}] if len(anyone) > 1 else anyone
    return [each | {"name": f"{name}-{number}"} for number, each in enumerate(require)]


def _one(asked: Asked, speaks: dict[str, Any], written: _Written) -> dict[str, Any]:
    claims = asked.get("annotations") or asked.get("notation", {}).get("user_metadata")
    said = {"claims": claims} if claims else {}
    signer = written.signer(asked)
    return speaks | {"by": signer} if speaks else {"signature": signer} | said


def _key(asked: Asked, written: _Written) -> tuple[str, dict[str, Any]]:
    entry = {"key": str(LAB / asked["key"]), "log": asked["log"]}
    entry |= {word: asked[word] for word in ("hash", "timestamp") if word in asked}
    entry |= {"validUntil": asked["valid_until"]} if "valid_until" in asked else {}
    if "trusted_root" in asked:
        entry["trustRoot"] = _sigstore(asked, written)
    return Path(asked["key"]).stem, entry


def _keyless(asked: Asked, written: _Written) -> tuple[str, dict[str, Any]]:
    identity = asked["keyless"]
    entry = {"issuer": identity["issuer"], "trustRoot": _sigstore(asked, written)}
    names = {"identity": "subject", "identity_regex": "subjectRegex"}
    entry |= {name: identity[word] for word, name in names.items() if word in identity}
    if "extensions" in identity:
        entry["extensions"] = {_camel(word): value for word, value in identity["extensions"].items()}
    return "identity", entry


def _notation(asked: Asked, written: _Written) -> tuple[str, dict[str, Any]]:
    said = asked["notation"]
    return "vendor", {
        "x509": _store(asked, written, timestamps=said.get("timestamp")),
        "subject": said["trusted_identity"].removeprefix("x509.subject:").strip(),
    }


def _own_pki(asked: Asked, written: _Written) -> tuple[str, dict[str, Any]]:
    entry = {"x509": _store(asked, written, timestamps=asked.get("timestamps")), "san": asked["own_pki"]["identity"]}
    entry |= {word: asked[word] for word in ("log", "timestamp") if word in asked}
    return "company", entry | ({"trustRoot": _sigstore(asked, written)} if "trusted_root" in asked else {})


_SIGNERS: dict[str, Callable[[Asked, _Written], tuple[str, dict[str, Any]]]] = {
    "key": _key,
    "keyless": _keyless,
    "notation": _notation,
    "own_pki": _own_pki,
}


def _sigstore(asked: Asked, written: _Written) -> str:
    file = LAB / asked["trusted_root"]
    entry = {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return written.root(entry, file.stem.replace("_", "-"))


def _store(asked: Asked, written: _Written, *, timestamps: str | None = None) -> str:
    """The certificates name neither a CRL nor an OCSP responder, so `enforce`, the default, has nothing to ask."""
    (anchor,) = asked["x509"]
    entry: dict[str, Any] = {"certificates": str(LAB / anchor)} | (
        {"timestamps": str(LAB / timestamps)} if timestamps else {}
    )
    entry |= {"crls": asked["crls"]} if "crls" in asked else {}
    return written.root(entry, Path(anchor).name.partition(".")[0].replace("_", "-"))


def _camel(word: str) -> str:
    first, *others = word.split("_")
    return first + "".join(each.capitalize() for each in others)


# The same with another signer of its kind: each must be refused.


@dataclass(frozen=True)
class Twin:
    name: str
    case: Case


def twins(case: Case) -> Iterator[Twin]:
    """The case with one thing changed in whom it asks for; none of them did what is then asked."""
    for number, asked in enumerate(_alternatives(case)):
        for name, change in _changes(case, asked):
            other = deepcopy(case)
            change(_alternatives(other)[number])
            yield Twin(f"{number}: {name}", other)
    for number, each in enumerate(case["require"].get("attestations", [])):
        for wrong in ("https://slsa.dev/provenance/v99", "https://acme.test/sign/v1", each["predicate_type"] + "/"):
            other = deepcopy(case)
            other["require"]["attestations"][number]["predicate_type"] = wrong
            yield Twin(f"attestation {number}: {wrong}", other)


def _alternatives(case: Case) -> list[Asked]:
    wanted = [case["require"].get("signature", {}), *case["require"].get("attestations", [])]
    return [asked for each in wanted for way in ("any_of", "all_of") for asked in each.get(way, [])]


Change: TypeAlias = Callable[[Asked], None]


def _changes(case: Case, asked: Asked) -> Iterator[tuple[str, Change]]:
    yield from {"key": _of_key, "keyless": _of_keyless, "notation": _of_notation, "own_pki": _of_pki}[_kind(asked)](
        case, asked
    )
    if "annotations" in asked:
        yield "another claim", _set(("annotations", "build"), "4712")


def _of_key(case: Case, asked: Asked) -> Iterator[tuple[str, Change]]:
    others = {"other", "p384", "rsa2048"} - {Path(asked["key"]).stem} - _SIGNED_TOO.get(case["name"], set())
    for other in sorted(others):
        yield f"the key {other}", _set(("key",), f"trust/keys/{other}.pub")
    if "hash" in asked:
        yield "another hash", _set(("hash",), "sha384" if asked["hash"] == "sha512" else "sha512")
    yield from _of_roots(asked, _STRANGE_TO_KEYS)
    if "trusted_root" not in asked:
        yield (
            "a log that it is not in",
            lambda each: each.update(log="required", trusted_root="trust/roots/rekor_b.json"),
        )
        yield (
            "a timestamp of others",
            lambda each: each.update(timestamp="required", trusted_root="trust/roots/tsaonly_b.json"),
        )


def _of_keyless(_: Case, asked: Asked) -> Iterator[tuple[str, Change]]:
    identity = asked["keyless"]
    for wrong in ("mallory@acme.test", identity.get("identity", "x") + "x", "x" + identity.get("identity", "x")):
        yield f"the identity {wrong}", lambda each, wrong=wrong: _identity(each, wrong)
    for wrong in ("https://accounts.google.com", identity["issuer"] + "/", "http://127.0.0.1:8300/other"):
        yield f"the issuer {wrong}", _set(("keyless", "issuer"), wrong)
    if "identity_regex" in identity:
        # Anchored at both ends (T28): a part of the identity is not the identity.
        yield "half a pattern", _set(("keyless", "identity_regex"), r"https://git\.acme\.test/acme/[^/]+")
    for word in identity.get("extensions", {}):
        yield f"another {word}", _set(("keyless", "extensions", word), "elsewhere")
    if "extensions" not in identity:
        yield "an extension", _set(("keyless", "extensions"), {"runner_environment": "my-laptop"})
    yield from _of_roots(asked, _STRANGE_ROOTS)


def _identity(asked: Asked, wrong: str) -> None:
    asked["keyless"].pop("identity_regex", None)
    asked["keyless"]["identity"] = wrong


def _of_roots(asked: Asked, strange: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, Change]]:
    for root in strange.get(Path(asked.get("trusted_root", "none")).name, ()):
        yield f"the root {root}", _set(("trusted_root",), f"trust/roots/{root}.json")


def _of_notation(_: Case, asked: Asked) -> Iterator[tuple[str, Change]]:
    for wrong in ("C=US, ST=WA, O=acme.test, CN=dev-signer", "C=US, ST=WA, O=acme.test, CN=release", "CN=acme.test"):
        yield f"the subject {wrong}", _set(("notation", "trusted_identity"), f"x509.subject: {wrong}")
    # Two sets of certificates have one subject: who signs under the other root is somebody else all the same.
    for store in sorted({"n_p256", "n_rsa3072", "pki"} - {Path(asked["x509"][0]).name.partition(".")[0]}):
        yield f"the store {store}", _set(("x509",), [f"trust/x509/{store}.root.pem"])
    yield "a claim", _set(("notation", "user_metadata"), {"build": "4712"})
    if "timestamp" in asked["notation"]:
        yield "the timestamps of others", _set(("notation", "timestamp"), "trust/x509/fulcio_a.root.pem")


def _of_pki(_: Case, __: Asked) -> Iterator[tuple[str, Change]]:
    for wrong in ("mallory@acme.test", "signer@acme.test.evil.test", "xsigner@acme.test"):
        yield f"the name {wrong}", _set(("own_pki", "identity"), wrong)
    for store in ("n_p256", "fulcio_a"):
        yield f"the store {store}", _set(("x509",), [f"trust/x509/{store}.root.pem"])


def _set(path: tuple[str, ...], value: Any) -> Change:
    def change(asked: Asked) -> None:
        *above, last = path
        for word in above:
            asked = asked[word]
        asked[last] = value

    return change
