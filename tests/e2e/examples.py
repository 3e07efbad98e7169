"""The examples in deploy/, as a test runs them: the same text with this machine's address and paths."""

from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_PROXY = "pratique.internal:5000"  # how deploy/ calls the proxy
_CA = "/etc/pratique/ca.pem"


def example(path: str, *, proxy: str, ca: Path | None = None) -> str:
    """The file's text with the address replaced; it must have named one."""
    text = (DEPLOY / path).read_text(encoding="utf-8")
    assert _PROXY in text, f"{path} no longer names {_PROXY}"
    assert _CA in text or ca is None, f"{path} no longer names {_CA}"
    return text.replace(_PROXY, proxy).replace(_CA, str(ca))


def home_with(drop_in: Path | None, folder: Path) -> dict[str, str]:
    """HOME for containers/image, with this registries.conf drop-in where a user's stand, or with none."""
    home = folder / (drop_in.stem if drop_in else "bare") / "home"
    conf = home / ".config" / "containers" / "registries.conf.d"
    conf.mkdir(parents=True, exist_ok=True)
    if drop_in:
        (conf / "50-pratique.conf").write_bytes(drop_in.read_bytes())
    return {"HOME": str(home)}
