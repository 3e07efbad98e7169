"""A recipe of config/cookbook at work: its files as they stand, a real proxy, and registries by the names it pulls from.

    async with Kitchen(tmp_path, "ngc", "nvcr.io") as kitchen:
        app = kitchen.puts("nvcr.io/nvidia/pytorch", image(), tag="24.10-py3")
        kitchen.signs("nvcr.io/nvidia/pytorch", app, by="nvidia")
        await kitchen.admits("nvcr.io/nvidia/pytorch:24.10-py3")

What nobody but the publisher can sign for is replaced: the roots `sigstore` and `github` by a Sigstore in memory, which
the proxy holds as if TUF had refreshed them; key files, certificates and the keys of presets by ones that are made here.
Nothing else of a recipe is touched.
"""

import base64
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from proxy.config.signers import plan_of
from proxy.demo.images import Blob, Image, new_key
from proxy.oci import mediatype
from proxy.oci.digest import Digest
from proxy.trust.held import HeldRoots
from proxy.trust.reading import Reader
from tests.fakes import notary, pki
from tests.fakes.gathering import evidence
from tests.fakes.notary import Pen
from tests.fakes.registry import FakeRegistry
from tests.fakes.signing import AT, GITHUB, Key, Workflow, b64
from tests.fakes.site import Site, simple_payload, statement, told

COOKBOOK = Path(__file__).parents[2] / "config" / "cookbook"
RECIPES = tuple(sorted(folder.name for folder in COOKBOOK.iterdir() if folder.is_dir()))
# Presets whose private key is their publisher's: the same signer, with a key of ours.
_KEYS = {"nvidia-ngc": "nvidia", "docker-hardened-images": "docker"}
_NOTARY = "application/vnd.cncf.notary.signature"
MICROSOFT = "C=US,ST=Washington,L=Redmond,O=Microsoft Corporation,CN=Microsoft SCD Products RSA Signing"


class Kitchen(Site):
    """Voices by name: one for each key file of the recipe and each preset by key, and `stranger`. Others: `workflow`."""

    def __init__(self, folder: Path, recipe: str, *hosts: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, "require: [{ signature: team }]", others=hosts)
        shutil.copytree(COOKBOOK / recipe, folder, dirs_exist_ok=True)
        self.company = notary.company()
        self.stampers = notary.stampers()[0]
        self._own_keys()
        self._own_roots()
        self._own_certificates()

    def _own_keys(self) -> None:
        policy = self.folder / "policy.yaml"
        text = policy.read_text()
        names = [path.stem for path in self.folder.glob("keys/*.pub")]
        for preset, name in _KEYS.items():
            if f"preset: {preset} " in text:
                text = text.replace(f"preset: {preset} ", f"key: keys/{name}.pub, log: none ")
                names.append(name)
        if "redhat-release3.pub" in text:
            (self.folder / "redhat-release3.pub").write_bytes(new_key("redhat")[1])
            self.voices["redhat"] = Key(new_key("redhat")[0])
        policy.write_text(text)
        (self.folder / "keys").mkdir(exist_ok=True)
        for name in names:
            private, public = new_key(name)
            (self.folder / "keys" / f"{name}.pub").write_bytes(public)
            self.voices[name] = Key(private, self.sigstore.stamper if name == "scanner" else None)

    def _own_roots(self) -> None:
        """Both shipped roots, as if they had just been refreshed: nobody asks their repositories again today."""
        logged, stamped = json.loads(self.sigstore.logged), json.loads(self.sigstore.stamped)
        public = json.dumps(stamped | logged).encode()
        for name, raw in (("sigstore", public), ("github", self.sigstore.stamped)):
            plan = plan_of(name, None, Reader(self.folder))
            assert plan is not None
            HeldRoots(self.folder / "data" / "trust").write(plan.source, raw, at=self.clock.now())

    def _own_certificates(self) -> None:
        root = self.company.chain[-1].public_bytes(Encoding.PEM)
        stamps = self.stampers.chain[-1].public_bytes(Encoding.PEM)
        for name in ("corp-ca.pem", "microsoft-supply-chain.pem"):
            (self.folder / name).write_bytes(root)
        for name in ("corp-tsa.pem", "microsoft-timestamps.pem"):
            (self.folder / name).write_bytes(stamps)

    # Who signs.

    def workflow(self, san: str, issuer: str = GITHUB, **extensions: str) -> Workflow:
        """Somebody with a certificate of `sigstore`'s; extensions as `n12="…"`, by the last number of their OID."""
        return Workflow(self.sigstore, san, issuer, {int(name[1:]): text for name, text in extensions.items()})

    def employee(self, *, subject: str, **knobs: Any) -> pki.Holder:
        """A signing certificate under the company's CA."""
        issuer = self.company.issuer
        assert issuer is not None
        return issuer.issue(subject, **({"private": pki.key(), "purposes": [pki.CODE]} | knobs))

    # What publishers do. A name is host/repository.

    def puts(self, name: str, made: Image, *, tag: str | None = "v1") -> Image:
        registry, repository = self._at(name)
        return self.publish(made, name=repository, tag=tag, at=registry)

    def signs(
        self, name: str, subject: Image, *, by: Any, names: str | None = None, to: str | None = None, at: datetime = AT
    ) -> None:
        """cosign's `.sig`, in `to` where that is another repository."""
        registry, repository = self._at(to or name)
        self.signed(subject, by=by, names=names or name, name=repository, to=registry, at=at)

    def states(self, name: str, subject: Image, kind: str, predicate: Any, *, by: Any, **more: Any) -> None:
        registry, repository = self._at(name)
        self.attest(subject, kind, predicate, by=by, name=repository, to=registry, **more)

    def attests_at_github(self, source: str, subject: Image, kind: str, predicate: Any, *, by: Workflow) -> None:
        """As for a private repository: no log, a timestamp, kept by the API alone."""
        made = by.bundle(statement(subject.digest, kind, predicate))
        token = self.sigstore.stamper.stamp(base64.b64decode(made["dsseEnvelope"]["signatures"][0]["sig"]), at=AT)
        made["verificationMaterial"] |= {
            "tlogEntries": [],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]},
        }
        self.others["api.github.com"].put_attestation(source, subject.digest, made)

    def notarises(self, name: str, subject: Image, *, by: pki.Holder, is_stamped: bool = True) -> None:
        """A Notation signature as a referrer."""
        registry, repository = self._at(name)
        about = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": subject.size}
        pen = Pen(by, artifact=about, stamper=self.stampers if is_stamped else None, stamped_at=AT)
        layer = Blob(pen.write(), mediatype.JOSE)
        registry.put_image(repository, evidence(layer, subject=subject, artifact_type=_NOTARY))

    def certifies(self, name: str, subject: Image, *, by: pki.Holder, is_stamped: bool = False) -> None:
        """cosign's `.sig` by a certificate under the company's CA, with its chain beside it."""
        registry, repository = self._at(name)
        layer = Key(by.private, self.stampers if is_stamped else None).simple(simple_payload(subject.digest, name))
        leaf, *chain = (each.public_bytes(Encoding.PEM).decode() for each in by.chain)
        beside = {"dev.sigstore.cosign/certificate": leaf, "dev.sigstore.cosign/chain": "".join(chain)}
        layer = Blob(layer.raw, layer.media_type, {**layer.annotations, **beside})
        self.put_layer(subject, layer, suffix=".sig", name=repository, to=registry)

    # What a node gets.

    async def admits(self, reference: str) -> dict[str, Any]:
        """The last Decision about it, none where it stands under its Index alone; the bytes are those of its digest."""
        host, name, tag = _parts(reference)
        got = await self.get(f"/v2/{name}/manifests/{tag}?ns={host}")
        assert got.status == 200, (reference, got, got.body)
        digest = str(Digest.of(got.body))
        assert got.headers["Docker-Content-Digest"] == digest
        return self.decided(digest)

    async def refuses(self, reference: str, status: int = 403) -> str:
        """The whole sentence that the client is told."""
        host, name, tag = _parts(reference)
        got = await self.get(f"/v2/{name}/manifests/{tag}?ns={host}")
        assert got.status == status, (reference, got, got.body)
        return told(got)

    def decided(self, digest: object) -> dict[str, Any]:
        records = [getattr(event, "record", None) or {} for event in self.events]
        about = [each for each in records if "verdict" in each and each["digest"] == str(digest)]
        return about[-1] if about else {}

    def _at(self, name: str) -> tuple[FakeRegistry, str]:
        host, _, repository = name.partition("/")
        return self.others[host], repository


def _parts(reference: str) -> tuple[str, str, str]:
    """Host, repository, and tag or digest."""
    host, _, rest = reference.partition("/")
    name, mark, last = rest.partition("@") if "@" in rest else rest.rpartition(":")
    assert mark, f"{reference} names neither a tag nor a digest"
    return host, name, last
