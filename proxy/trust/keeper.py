"""Makes one TrustMaterial of all sources, whole or not at all. `pipeline.standing` holds the current one."""

from collections.abc import Mapping, Sequence

from proxy.errors import ConfigError
from proxy.trust.settings import KeySource
from proxy.trust.sources import load_signer
from proxy.verify.material import KeySigner, TrustMaterial


def build(sources: Sequence[KeySource], *, revoked: Mapping[str, str]) -> TrustMaterial:
    """Load every key. `revoked` maps SPKI SHA-256 to the reason: such a signer is left out, so it proves nothing.

    Raise ConfigError with every problem at once.
    """
    signers: dict[str, KeySigner] = {}
    problems: list[str] = []
    for source in sources:
        try:
            signer = load_signer(source)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if signer.name in signers:
            problems.append(f"signer {signer.name} stands twice; keep one of them")
        signers[signer.name] = signer
    if problems:
        raise ConfigError("; ".join(problems), problems=problems)
    return TrustMaterial({name: each for name, each in signers.items() if each.spki not in revoked}, dict(revoked))
