"""A TUF repository in memory, signed by keys of its own, and with a knob for everything that a hostile one could do.

    tuf = FakeTuf({"trusted_root.json": raw})
    refresh(tuf.source("corp"), folder=folder, fetch=tuf.fetch)
    tuf.targets["trusted_root.json"] = other
    tuf.publish()                                    # the next version of targets, snapshot and timestamp
    tuf.rotate(is_proper=True)                       # new root keys, signed by the old ones too
    tuf.served["timestamp.json"] = old               # any document can be another, or b"" * 10**9, or absent (None)

`async with tuf.listening() as url` serves the same on loopback.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from aiohttp import web
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from proxy.trust.settings import TufSource

URL = "https://tuf.test"
TARGET = "trusted_root.json"
_ROLES = ("root", "timestamp", "snapshot", "targets")
_LONG = timedelta(days=365)


class FakeTuf:
    """`served` wins over what was published: bytes, or None for what is not there. `asked` are the paths in order.

    `leads`: where a path redirects to, over HTTP.
    """

    def __init__(
        self, targets: Mapping[str, bytes], *, root_keys: int = 1, root_threshold: int = 1, has_snapshots: bool = True
    ) -> None:
        self.targets = dict(targets)
        self.keys = {role: [CryptoSigner.generate_ecdsa()] for role in _ROLES}
        self.keys["root"] = [CryptoSigner.generate_ecdsa() for _ in range(root_keys)]
        self.expires = dict.fromkeys(_ROLES, datetime.now(UTC).replace(microsecond=0) + _LONG)
        self.versions = dict.fromkeys(_ROLES, 0)
        self.published: dict[str, bytes] = {}
        self.served: dict[str, bytes | None] = {}
        self.leads: dict[str, str] = {}
        self.asked: list[str] = []
        self.delegated: dict[str, Mapping[str, bytes]] = {}
        self._consistent = has_snapshots
        self._threshold = root_threshold
        self._publish_root(self.keys["root"])
        self.publish()

    @property
    def root(self) -> bytes:
        """The first root, as it is given to an operator by hand."""
        return self.published["1.root.json"]

    def source(self, name: str = "corp", *, url: str = URL, target: str = TARGET) -> TufSource:
        return TufSource(name, url, self.root, target)

    # What a good repository does.

    def publish(self) -> None:
        """New targets, snapshot and timestamp, each the next version."""
        delegations = self._delegations()
        listed = {name: TargetFile.from_data(name, raw, ["sha256"]) for name, raw in self.targets.items()}
        targets = Targets(self._next("targets"), expires=self.expires["targets"], targets=listed)
        targets.delegations = delegations
        raw = self._signed("targets", targets)
        named = {"targets.json": MetaFile(self.versions["targets"])}
        named |= {f"{role}.json": MetaFile(1) for role in self.delegated}
        snapshot = self._signed(
            "snapshot", Snapshot(self._next("snapshot"), expires=self.expires["snapshot"], meta=named)
        )
        self._put("targets", raw)
        self._put("snapshot", snapshot)
        self.stamp()
        for name, content in self.targets.items():
            self._put_target(name, content)

    def stamp(self) -> None:
        """A new timestamp over the snapshot that there is."""
        meta = MetaFile(self.versions["snapshot"])
        timestamp = Timestamp(self._next("timestamp"), expires=self.expires["timestamp"], snapshot_meta=meta)
        self.published["timestamp.json"] = self._signed("timestamp", timestamp)

    def rotate(self, *, roles: Iterable[str] = _ROLES, is_proper: bool = True) -> None:
        """New keys for these roles in the next root, which the old root keys sign too if it is `is_proper`."""
        before = self.keys["root"]
        for role in roles:
            self.keys[role] = [CryptoSigner.generate_ecdsa() for _ in self.keys[role]]
        signers = {each.public_key.keyid: each for each in (*(before if is_proper else ()), *self.keys["root"])}
        self._publish_root(list(signers.values()))
        self.publish()

    def delegate(self, role: str, targets: Mapping[str, bytes]) -> None:
        """A delegated role of any name, which has these targets."""
        self.delegated[role] = targets
        self.publish()

    # How it is asked.

    def fetch(self, url: str, limit: int) -> bytes | None:
        """As `trust.refresh` wants it: whoever was handed in counts the bytes."""
        assert url.startswith(f"{URL}/"), f"{url} is not the operator's repository"
        return self.answer(url.removeprefix(f"{URL}/"))

    def answer(self, path: str) -> bytes | None:
        self.asked.append(path)
        return self.served.get(path, self.published.get(path))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Serve it on loopback; yield its base URL."""

        async def handle(request: web.Request) -> web.Response:
            path = unquote(urlsplit(request.raw_path).path).lstrip("/")
            if path in self.leads:
                return web.Response(status=302, headers={"Location": self.leads[path]})
            raw = self.answer(path)
            return web.Response(status=404) if raw is None else web.Response(body=raw)

        app = web.Application()
        app.router.add_get("/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined] # asyncio.Server has it
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()

    # How it lies.

    def keep(self) -> dict[str, bytes]:
        """What is published now, to be played back later."""
        return dict(self.published)

    def replay(self, before: Mapping[str, bytes], *names: str) -> None:
        """Serve these documents as they were then."""
        self.served |= {name: before[name] for name in names}

    def forge(self, role: str, signers: Iterable[CryptoSigner]) -> None:
        """The role's newest metadata, signed by others."""
        names = [self._name(role), f"{role}.json"]
        metadata = Metadata.from_bytes(self.published[names[0] if names[0] in self.published else names[1]])
        metadata.signatures.clear()
        for signer in signers:
            metadata.sign(signer, append=True)
        self.served |= dict.fromkeys(names, metadata.to_bytes())

    # How it is made.

    def _publish_root(self, signers: Iterable[CryptoSigner]) -> None:
        root = Root(self._next("root"), expires=self.expires["root"], consistent_snapshot=self._consistent)
        for role in _ROLES:
            for signer in self.keys[role]:
                root.add_key(signer.public_key, role)
        root.roles["root"].threshold = self._threshold
        metadata = Metadata(root)
        for signer in signers:
            metadata.sign(signer, append=True)
        self.published[f"{self.versions['root']}.root.json"] = metadata.to_bytes()

    def _delegations(self) -> Delegations | None:
        if not self.delegated:
            return None
        signer = self.keys["targets"][0]
        roles = {}
        for name, targets in self.delegated.items():
            roles[name] = DelegatedRole(name, [signer.public_key.keyid], 1, terminating=False, paths=["*"])
            listed = {each: TargetFile.from_data(each, raw, ["sha256"]) for each, raw in targets.items()}
            inner = Targets(1, expires=self.expires["targets"], targets=listed)
            raw = self._signed("targets", inner)
            self.published |= dict.fromkeys((f"{name}.json", f"1.{name}.json"), raw)
            for each, content in targets.items():
                self._put_target(each, content)
        return Delegations({signer.public_key.keyid: signer.public_key}, roles=roles)

    def _next(self, role: str) -> int:
        self.versions[role] += 1
        return self.versions[role]

    def _signed(self, role: str, signed: Timestamp | Snapshot | Targets) -> bytes:
        metadata = Metadata(signed)
        for signer in self.keys[role]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def _name(self, role: str) -> str:
        return f"{self.versions[role]}.{role}.json" if self._consistent else f"{role}.json"

    def _put(self, role: str, raw: bytes) -> None:
        self.published[self._name(role)] = raw

    def _put_target(self, name: str, raw: bytes) -> None:
        prefix = f"{hashlib.sha256(raw).hexdigest()}." if self._consistent else ""
        folder, slash, file = name.rpartition("/")
        self.published[f"targets/{folder}{slash}{prefix}{file}"] = raw
