"""All lab images behind one proxy, pulled while their registry answered, which is gone since: what tools then verify.

behind.ref(case)                 how a tool calls the image behind the proxy
behind.refused[case["name"]]     the status of the same image under a rule that asks for another signer
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from proxy.oci.digest import Digest
from proxy.oci.manifest import parse_manifest
from proxy.oci.reference import EvidenceTag
from tests.e2e.proxies import Proxy
from tests.e2e.quirky import QuirkyRegistry
from tests.fakes.lab import Case, case_of, every_case, policy_of, serve, twins

# Nothing of these is asked of the network: cosign asks the public log when an entry is missing.
OFFLINE = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "COSIGN_PASSWORD": "lab", "COSIGN_YES": "true"}


class LabBehind:
    """Enter it: the images are pulled, the registry is stopped, and the proxy was restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused: dict[str, int] = {}
        self.served: dict[str, int] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._fill()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _fill(self) -> None:
        registry = self._stack.enter_context(QuirkyRegistry())
        strangers = [_stranger(case) for case in every_case()]
        for case in (*every_case(), *strangers):
            serve(case | {"repo": case.get("laid_at", case["repo"])}, registry.fake)
        policy = policy_of(*every_case(), *strangers)
        self.proxy = Proxy(self.folder, {"reg.test": f"url: '{registry.url}'"}, policy=policy)
        self._stack.enter_context(self.proxy)
        for case, stranger in zip(every_case(), strangers, strict=True):
            self.served[case["name"]] = self._pull(case["repo"], case["tag"])
            self.refused[case["name"]] = self._get(f"{stranger['laid_at']}/manifests/{case['tag']}")[0]
        registry.stop()
        self.proxy.restart()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ref(self, case: Case) -> str:
        return f"{self.proxy.host}/reg.test/{case['repo']}@{case['digest']}"

    def listed(self, case: Case, artifact_type: str = "") -> list[dict]:
        """What the proxy's referrers API answers, by plain HTTP."""
        wanted = f"&artifactType={artifact_type}" if artifact_type else ""
        status, _, _, body = self.proxy.get(f"/v2/{case['repo']}/referrers/{case['digest']}?ns=reg.test{wanted}")
        assert status == 200, body
        return json.loads(body)["manifests"]

    def has_tag(self, case: Case, suffix: str) -> bool:
        tag = EvidenceTag(Digest.parse(case["digest"]), suffix).tag.name
        return self._get(f"{case['repo']}/manifests/{tag}")[0] == 200

    def _pull(self, repo: str, reference: object) -> int:
        """The image with all below it, as a node takes it."""
        status, kind, body = self._get(f"{repo}/manifests/{reference}")
        if status == 200:
            document = parse_manifest(body, digest=Digest.of(body), content_type=kind)
            for child in document.children:
                assert self._pull(repo, child.digest) == 200
            for blob in document.blobs:
                assert self._get(f"{repo}/blobs/{blob.digest}")[0] == 200
        return status

    def _get(self, path: str) -> tuple[int, str, bytes]:
        status, _, headers, body = self.proxy.get(f"/v2/{path}?ns=reg.test")
        return status, headers["Content-Type"] or "", body


def _stranger(case: Case) -> Case:
    """The same image at another name, where a rule asks for somebody who did not sign it."""
    return next(iter(twins(case))).case | {"laid_at": f"strangers/{case['name']}"}


def cases_for(tool: str) -> Iterator[Case]:
    """Those that this tool was found to agree with when the lab was made."""
    yield from (case for case in every_case() if tool in case["checked_by"])


def named(*names: str) -> list[Case]:
    return [case_of(name) for name in names] if every_case() else []
