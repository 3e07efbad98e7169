"""The cosign command that asks the same question without us: whoever doubts a Decision can run it."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from proxy.config.layout import Config
from proxy.oci.digest import Digest
from proxy.oci.reference import Repository
from proxy.policy.requirements import AtLeast, SignatureRequirement
from proxy.policy.rules import Policy, Rule, SignerSpec


def cosign_lines(config: Config, policy: Policy, rule: Rule, *, repository: Repository, digest: Digest) -> list[str]:
    """One line for each signature that the rule asks for, ready to paste; none where it asks for none."""
    image, insecure = _image(config, repository, digest)
    lines = []
    for wanted in _signatures(rule):
        signer = policy.signers[wanted.signer]
        parts = ["cosign", "verify", "--key", _key(config, signer), "--insecure-ignore-tlog=true", *insecure]
        if signer.hash:
            parts += ["--signature-digest-algorithm", signer.hash]
        for claim, value in sorted(wanted.claims.items()):
            parts += ["-a", f"{claim}={value}"]
        lines.append(shlex.join([*parts, image]))
    return list(dict.fromkeys(lines))


def _signatures(rule: Rule) -> Iterator[SignatureRequirement]:
    for requirement in rule.require.of:
        leaves = requirement.of if isinstance(requirement, AtLeast) else (requirement,)
        yield from (leaf for leaf in leaves if isinstance(leaf, SignatureRequirement))


def _key(config: Config, signer: SignerSpec) -> str:
    if signer.key is not None:
        return str(config.policy.parent / signer.key)
    from importlib import resources

    from proxy.trust.presets import preset

    return str(Path(str(resources.files("proxy.trust").joinpath("keys", preset(signer.preset or "").file))))


def _image(config: Config, repository: Repository, digest: Digest) -> tuple[str, list[str]]:
    """Where cosign finds it: under the upstream's own address, where the operator gave it one."""
    url = config.upstreams[repository.upstream].url
    if url is None:
        return f"{repository}@{digest}", []
    parts = urlsplit(url)
    insecure = ["--allow-http-registry"] if parts.scheme == "http" else []
    return f"{parts.netloc}/{repository.name}@{digest}", insecure
