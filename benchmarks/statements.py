"""A house whose images carry attestations by a key, and a large SBOM: what `judging.py` measures."""

import base64
import contextlib
import json
import pathlib
import random
from collections.abc import AsyncIterator

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from proxy.demo.images import Image, make_image
from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import Repository
from proxy.pipeline.court.standing import Standing
from proxy.policy.hearing import Brief, Seen
from proxy.verify.evidence import Found, Target
from tests.fakes.house import House

STATEMENT = "application/vnd.in-toto+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
PACKAGES = 18_230  # 10.0 MB of SPDX


class AttestedHouse(House):
    """Signed and attested by team.pub."""

    def envelope(self, subject: Digest, predicate_type: str, predicate: object) -> bytes:
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "app", "digest": {"sha256": subject.hex}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
        payload = json.dumps(statement).encode()
        signature = _sign(self.private, _pae(payload))
        return json.dumps(
            {
                "payloadType": STATEMENT,
                "payload": base64.b64encode(payload).decode(),
                "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
            }
        ).encode()

    async def put_attested(self, name: str, *, count: int) -> str:
        """An image with that many attestations, each a referrer of its own."""
        repository = f"acme/{name}"
        image: Image = make_image(name)
        self.upstream.put_image(repository, image, tag="v1")
        for number in range(count):
            raw = self.envelope(image.digest, "https://acme.test/scan/v1", {"number": number})
            empty = b"{}"
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": STATEMENT,
                "config": _descriptor("application/vnd.oci.empty.v1+json", empty),
                "layers": [_descriptor(DSSE, raw)],
                "subject": {"mediaType": image.media_type, "digest": str(image.digest), "size": len(image.manifest)},
            }
            for blob in (raw, empty):
                self.upstream.put_blob(repository, blob)
            self.upstream.put_manifest(repository, json.dumps(manifest).encode(), str(manifest["mediaType"]))
        return repository


def _descriptor(media_type: str, raw: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw)}


def _pae(payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(STATEMENT), STATEMENT.encode(), len(payload), payload)


def _sign(private, message: bytes) -> bytes:
    return private.sign(message, ec.ECDSA(SHA256()))


EIGHT = {
    "version": 1,
    "signers": {"team": {"key": "team.pub", "log": "none"}},
    "images": [
        {"match": "reg.test/acme/**", "require": [{"attestation": "https://acme.test/scan/v1", "by": "team"}]},
    ],
}


def sbom_policy() -> str:
    condition = '!components.exists(c, c.name == "banned-package")'
    asked = {"attestation": "sbom", "by": "team", "where": {"count": ">=1"}, "condition": condition}
    return yaml.safe_dump({**EIGHT, "images": [{"match": "reg.test/acme/**", "require": [asked]}]})


@contextlib.asynccontextmanager
async def attested_house(folder: pathlib.Path, policy: str | None = None) -> AsyncIterator[AttestedHouse]:
    async with AttestedHouse(folder, policy=policy or yaml.safe_dump(EIGHT)) as house:
        house.upstream.knobs.has_referrers_api = True
        yield house


async def large_sbom(house: AttestedHouse) -> tuple[Brief, Standing]:
    """The hearing of an image with a 10 MB SPDX document in a DSSE envelope."""
    image = make_image("large")
    raw = house.envelope(image.digest, "https://spdx.dev/Document", _spdx())
    target = Target(Repository("reg.test", "acme/large"), image.digest, image.media_type, len(image.manifest))
    found = Found("referrers", Digest.of(b"manifest"), Digest.of(raw), DSSE, {}, raw)
    manifest = parse_manifest(image.manifest, digest=image.digest, content_type=image.media_type)
    brief = Brief("reg.test/acme/**", manifest, Seen(target, (found,), gathered=True), house.clock.now())
    return brief, house.proxy.pipeline.regime.current


def _spdx() -> dict[str, object]:
    dice = random.Random(1)  # noqa: S311 the same document in every run
    packages = [
        {
            "SPDXID": f"SPDXRef-Package-{number}",
            "name": f"package-{number}",
            "versionInfo": f"1.{number % 50}.{number % 7}",
            "supplier": "Organization: Acme",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "MIT",
            "licenseDeclared": "MIT",
            "copyrightText": "Copyright 2026 Acme and others",
            "externalRefs": [
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": f"pkg:deb/debian/package-{number}@1.{number % 50}",
                }
            ],
            "checksums": [{"algorithm": "SHA256", "checksumValue": f"{dice.getrandbits(256):064x}"}],
        }
        for number in range(PACKAGES)
    ]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "large",
        "documentNamespace": "https://acme.test/large",
        "creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Tool: lab"]},
        "packages": packages,
    }
