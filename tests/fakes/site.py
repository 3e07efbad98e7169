"""A site whose images are attested by many: real files, a real proxy, a clock that stands, and what was decided.

    async with Site(tmp_path, "require: [{ attestation: sbom, by: scanner }]") as site:
        app = site.publish(image())                                   # at acme/app:v1
        site.attest(app, SBOM, predicates.SPDX, by="scanner")         # in `.att`; form="bundle" makes a referrer
        decision = await site.admitted("v1")                          # or: message = await site.refused("v1")

Signers that every policy here has: `team` and `other` are bare keys; `scanner` and `security` keys whose signatures are
timestamped; `ci` and `lab` are workflows of GitHub and GitLab with certificates and log entries; `stranger` may sign
like them all and is in no policy. What is signed at no other time was signed at `signing.AT`, nine days before now.
"""

import gzip
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from proxy.demo.images import Blob, Image, make_index, new_key, signature_manifest
from proxy.oci import mediatype
from proxy.oci.descriptor import Platform
from proxy.oci.digest import Digest
from proxy.oci.reference import EvidenceTag
from tests.fakes.clock import HandClock
from tests.fakes.gathering import evidence
from tests.fakes.house import UPSTREAM, Got, House
from tests.fakes.registry import FakeRegistry
from tests.fakes.signing import AT, GITHUB, GITLAB, Key, Sigstore, Workflow

APP = "acme/app"
NOW = AT + timedelta(days=9)
SIGN = "https://sigstore.dev/cosign/sign/v1"
_WORKFLOW = "https://github.com/acme/ml/.github/workflows/release.yml@refs/tags/v1.2.0"
_PIPELINE = "https://gitlab.com/acme/ml//.gitlab-ci.yml@refs/tags/v1.2.0"


_SIGNERS = f"""\
  team: {{ key: team.pub, log: none }}
  other: {{ key: other.pub, log: none }}
  scanner: {{ key: scanner.pub, log: none, timestamp: required, trustRoot: stamped }}
  security: {{ key: security.pub, log: none, timestamp: required, trustRoot: stamped }}
  ci: {{ github: acme/ml, workflow: release.yml, ref: 'refs/tags/v*', trustRoot: logged }}
  lab: {{ issuer: '{GITLAB}', subject: 'https://gitlab.com/acme/ml//.gitlab-ci.yml@refs/tags/*', trustRoot: logged }}
"""


class Site(House):
    """`rule` is what stands under `match: reg.test/acme/**`; `signers`, `roots`, `images` and `rest` are lines of policy.yaml."""

    def __init__(
        self,
        folder: Path,
        rule: str,
        *,
        signers: str = "",
        roots: str = "",
        images: str = "",
        rest: str = "",
        others: tuple[str, ...] = (),
    ) -> None:
        super().__init__(folder)
        self.clock = HandClock(NOW)
        self.others = {name: FakeRegistry() for name in others}
        self.sigstore = Sigstore()
        self.voices = self._voices()
        self._files()
        self._parts = {"signers": signers, "roots": roots, "images": images, "rest": rest}
        self.write(rule)

    def _voices(self) -> dict[str, Any]:
        stamper = self.sigstore.stamper
        return {
            "team": Key(self.private),
            "other": Key(self.stranger),
            "stranger": Key(new_key("stranger")[0]),
            "scanner": Key(new_key("scanner")[0], stamper),
            "security": Key(new_key("security")[0], stamper),
            "ci": Workflow(self.sigstore, _WORKFLOW, GITHUB),
            "lab": Workflow(self.sigstore, _PIPELINE, GITLAB),
        }

    def _files(self) -> None:
        for name in ("scanner", "security"):
            (self.folder / f"{name}.pub").write_bytes(new_key(name)[1])
        for name, raw in (("logged", self.sigstore.logged), ("stamped", self.sigstore.stamped)):
            (self.folder / f"{name}.json").write_bytes(raw)
        stamps = self.sigstore.stamper.chain[-1].public_bytes(Encoding.PEM)
        (self.folder / "stamps.pem").write_bytes(stamps)

    def write(self, rule: str, **changes: str) -> None:
        """policy.yaml with this rule; a running proxy is told by `change`.

        `changes` stay until they are given again; `whole_roots`, `whole_signers` and `whole_images` stand alone, for once.
        """
        kept = {word: text for word, text in self._parts.items() if not word.startswith("whole_")}
        parts = self._parts = kept | changes
        (self.folder / "policy.yaml").write_text(
            "version: 1\n"
            + _whole("trustRoots", parts.get("whole_roots"), self._roots() + _under(parts["roots"]))
            + _whole("signers", parts.get("whole_signers"), _SIGNERS + _under(parts["signers"]))
            + _whole("images", parts.get("whole_images"), self._images(rule))
            + _under(parts["rest"], 0)
        )

    def _images(self, rule: str) -> str:
        return f"  - match: reg.test/acme/**\n{_under(rule, 4)}{_under(self._parts['images'])}"

    def _roots(self) -> str:
        names = ("logged", "stamped")
        return "".join(f"  {name}: {{ file: {name}.json, sha256: {self.sha256(name)} }}\n" for name in names)

    def sha256(self, name: str) -> str:
        """Of a trust root's file."""
        return hashlib.sha256((self.folder / f"{name}.json").read_bytes()).hexdigest()

    def change(self, rule: str, **parts: str) -> None:
        """Another policy under the running proxy, as `write` has it."""
        self.write(rule, **parts)
        self.clock.forward(seconds=1)  # what was denied before a change is judged anew
        self.proxy.reload()

    def mistaken(self, rule: str, **parts: str) -> str:
        """All problems of a policy that the running proxy is offered, and does not take."""
        self.change(rule, **parts)
        return [event for event in self.events if getattr(event, "outcome", "") == "kept"][-1].message

    # What publishers do.

    def publish(self, made: Image, *, name: str = APP, tag: str | None = "v1", at: FakeRegistry | None = None) -> Image:
        (at or self.upstream).put_image(name, made, tag=tag)
        return made

    def attest(
        self,
        subject: Image,
        predicate_type: str,
        predicate: Any,
        /,
        *,
        by: Any,
        form: str = "att",
        at: Any = AT,
        about: Digest | None = None,
        name: str = APP,
        to: FakeRegistry | None = None,
        **changes: Any,
    ) -> None:
        """A statement of `subject`, or of `about` in its place. `by`: a voice or its name; `changes` are the statement's."""
        payload = statement(about or subject.digest, predicate_type, predicate, **changes)
        voice = self.voices[by] if isinstance(by, str) else by
        if form == "att":
            self.put_layer(subject, voice.layer(payload, at=at), name=name, to=to)
        else:
            self.put_bundle(subject, voice.bundle(payload, at=at), name=name, to=to)

    def put_layer(
        self, subject: Image, layer: Blob, *, suffix: str = ".att", name: str = APP, to: FakeRegistry | None = None
    ) -> None:
        """Beside those that are at the tag already."""
        registry, tag = to or self.upstream, EvidenceTag(subject.digest, suffix).tag.name
        repo = registry.repos.get(name)
        layers = []
        if repo and tag in repo.tags:
            document = json.loads(repo.manifests[repo.tags[tag]][0])
            layers = [
                Blob(repo.blobs[Digest.parse(each["digest"])], each["mediaType"], each.get("annotations", {}))
                for each in document["layers"]
            ]
        registry.put_image(name, signature_manifest(name, layers=[*layers, layer]), tag=tag)

    def put_bundle(self, subject: Image, bundle: Any, *, name: str = APP, to: FakeRegistry | None = None) -> None:
        layer = Blob(json.dumps(bundle).encode(), mediatype.SIGSTORE_BUNDLE)
        made = evidence(layer, subject=subject, artifact_type=mediatype.SIGSTORE_BUNDLE)
        (to or self.upstream).put_image(name, made)

    def signed(
        self,
        subject: Image,
        *,
        by: Any = "team",
        at: Any = AT,
        names: str | None = None,
        claims: dict[str, str] | None = None,
        name: str = APP,
        to: FakeRegistry | None = None,
    ) -> None:
        """cosign's legacy signature, for its own name unless `names` says another."""
        payload = simple_payload(subject.digest, names or f"{UPSTREAM}/{name}", claims)
        voice = self.voices[by] if isinstance(by, str) else by
        self.put_layer(subject, voice.simple(payload, at=at), suffix=".sig", name=name, to=to)

    # What clients see, and what was decided.

    async def admitted(self, reference: object = "v1", *, name: str = APP) -> dict[str, Any]:
        """The Decision under which it is served, as plain values."""
        got = await self.manifest(name, reference)
        assert got.status == 200, (got, got.body)
        return self.decision(Digest.of(got.body))

    async def refused(self, reference: object = "v1", *, name: str = APP, status: int = 403) -> str:
        """The whole sentence that the client is told."""
        got = await self.manifest(name, reference)
        assert got.status == status, (got, got.body)
        return told(got)

    def decision(self, digest: Digest) -> dict[str, Any]:
        """The last one about this digest."""
        records = [event.record for event in self.events if getattr(event, "record", None)]
        return [record for record in records if record.get("digest") == str(digest) and "verdict" in record][-1]


def told(got: Got) -> str:
    return json.loads(got.body)["errors"][0]["message"]


def check(decision: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in decision["checks"] if each["name"] == name]
    return found


def _under(text: str, depth: int = 2) -> str:
    return "".join(f"{' ' * depth}{line}\n" for line in text.splitlines())


def _whole(word: str, given: str | None, lines: str) -> str:
    return f"{word}: {given}\n" if given else f"{word}:\n{lines}"


def statement(about: Digest, predicate_type: str, predicate: Any, /, **changes: Any) -> bytes:
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "x", "digest": {about.algorithm: about.hex}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return json.dumps(document | changes).encode()


def simple_payload(subject: Digest, names: str, claims: dict[str, str] | None = None) -> bytes:
    critical = {
        "identity": {"docker-reference": names},
        "image": {"docker-manifest-digest": str(subject)},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": claims}).encode()


def image(
    label: str = "app",
    *,
    layers: tuple[str, ...] = ("base", "app"),
    platform: str = "linux/amd64",
    created: str | None = "2026-11-01T00:00:00Z",
    annotations: dict[str, str] | None = None,
    **run: Any,
) -> Image:
    """Each layer holds its own text; `run` is what the config says of running it, as Docker spells it (`User`, `Env`)."""
    os, _, architecture = platform.partition("/")
    texts = [layer.encode() for layer in layers]
    settings = {"User": "1000", "Env": ["PATH=/usr/bin"], "Labels": {"title": label}} | run
    config = {
        "architecture": architecture,
        "os": os,
        **({"created": created} if created else {}),
        "config": {word: value for word, value in settings.items() if value is not None},
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(text)) for text in texts]},
    }
    blobs = [gzip.compress(text, mtime=0) for text in texts]
    raw = json.dumps(config).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": _descriptor(raw, mediatype.OCI_CONFIG),
        "layers": [_descriptor(blob, mediatype.OCI_LAYER) for blob in blobs],
        **({"annotations": annotations} if annotations else {}),
    }
    manifest = json.dumps(document).encode()
    held = {Digest.of(each): each for each in (raw, *blobs)}
    parts = Platform(os, architecture)
    return Image(label, manifest, Digest.of(manifest), mediatype.OCI_MANIFEST, held, platform=parts)


def index(*images: Image, attached: tuple[tuple[Image, bytes], ...] = ()) -> Image:
    """An Index; `attached` are bare statements that BuildKit puts beside the platform that they are about."""
    whole = make_index(images)
    document = json.loads(whole.manifest)
    manifests = []
    for about, raw in attached:
        manifest = signature_manifest("x", layers=[Blob(raw, mediatype.IN_TOTO, {"in-toto.io/predicate-type": "x"})])
        manifests.append(manifest)
        document["manifests"].append(
            {
                "mediaType": manifest.media_type,
                "digest": str(manifest.digest),
                "size": manifest.size,
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": str(about.digest),
                },
            }
        )
    raw = json.dumps(document).encode()
    return replace(whole, manifest=raw, digest=Digest.of(raw), children=(*images, *manifests))


def _descriptor(raw: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(raw)), "size": len(raw)}


def spoiled(predicate: Any, *path: Any, to: Any = None) -> Any:
    """The same with what stands at `path` replaced, or taken away where nothing is given for it."""
    made = json.loads(json.dumps(predicate))
    *above, last = path
    here = made
    for step in above:
        here = here[step]
    if to is None:
        del here[last]
    else:
        here[last] = to
    return made
