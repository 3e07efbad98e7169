"""One upstream as the operator writes it. Well-known names know their address and realms; any other is https://<name>.

A word that this version cannot honour is an error, never ignored (T27).
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from proxy.settings import Settings

_HOST = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](?::[0-9]{1,5})?")
_PATTERN = re.compile(r"[a-z0-9._*/-]+")


@dataclass(frozen=True, slots=True)
class WellKnown:
    """Where a public registry answers, and the token servers that may have its credentials.

    `counts_manifest_gets`: a GET of a manifest counts against a quota and a HEAD does not (Docker Hub's pull limit).
    """

    url: str
    realms: tuple[str, ...] = ()
    counts_manifest_gets: bool = False


# The realms are those that each registry names in its challenge (evidence.md 4 for nvcr.io).
WELL_KNOWN = {
    "docker.io": WellKnown(
        "https://registry-1.docker.io", ("https://auth.docker.io/token",), counts_manifest_gets=True
    ),
    "nvcr.io": WellKnown("https://nvcr.io", ("https://nvcr.io/proxy_auth",)),
    "ghcr.io": WellKnown("https://ghcr.io", ("https://ghcr.io/token",)),
    "quay.io": WellKnown("https://quay.io", ("https://quay.io/v2/auth",)),
    "gcr.io": WellKnown("https://gcr.io", ("https://gcr.io/v2/token",)),
    "registry.k8s.io": WellKnown("https://registry.k8s.io"),
    "public.ecr.aws": WellKnown("https://public.ecr.aws", ("https://public.ecr.aws/token/",)),
    "mcr.microsoft.com": WellKnown("https://mcr.microsoft.com"),
    "cgr.dev": WellKnown("https://cgr.dev", ("https://cgr.dev/token",)),
    "registry.gitlab.com": WellKnown("https://registry.gitlab.com", ("https://gitlab.com/jwt/auth",)),
}


def _url(text: str, *, may_have_path: bool) -> str:
    try:
        parts = urlsplit(text)
        port_is_good = parts.port != 0
    except ValueError:
        raise ValueError(f"{text!r} is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
        raise ValueError(f"{text!r} is not a URL; write https://host[:port]")
    if parts.username or parts.password:
        raise ValueError("a URL must not hold a user or password; use credentials with passwordFile")
    if parts.query or parts.fragment or (not may_have_path and parts.path not in ("", "/")):
        raise ValueError(f"write {text!r} without {'query' if may_have_path else 'path or query'}")
    return text if may_have_path else text.rstrip("/")


def _base(text: str) -> str:
    return _url(text, may_have_path=False)


def _realm(text: str) -> str:
    return _url(text, may_have_path=True)


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f"{text!r} is not a host; write blobs.corp.example, or with a port blobs.corp.example:8443")
    return text.lower()


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is not a pattern of repositories within this upstream; write one such as vendor/**")
    return text


def _listed(value: Any) -> Any:
    """One entry may stand without its list."""
    return [value] if isinstance(value, dict | CredentialSettings) else value


class CredentialSettings(Settings):
    """`{ anonymous: true }` or `{ username, passwordFile }`, for all repositories or for those that `match`."""

    match: Annotated[str, AfterValidator(_pattern)] | None = None
    anonymous: bool | None = None
    username: Annotated[str, Field(min_length=1)] | None = None
    password_file: Path | None = None
    docker_config: str | None = None
    helper: str | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.docker_config is not None or self.helper is not None:
            word = "helper" if self.helper is not None else "dockerConfig"
            raise ValueError(f"`{word}` is not supported by this version; use username and passwordFile")
        if self.username and ":" in self.username:
            raise ValueError("a username must not hold a colon (RFC 7617)")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and passwordFile go together")
        if (self.anonymous is True) == (self.username is not None):
            raise ValueError("write either anonymous: true, or username and passwordFile")
        return self


_ONE = CredentialSettings.model_json_schema()
_CREDENTIALS_SCHEMA = {"oneOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}


class UpstreamSettings(Settings):
    """One entry under `upstreams`; its name is the host that images name."""

    url: Annotated[str, AfterValidator(_base)] | None = None
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    proxy: Annotated[str, AfterValidator(_base)] | None = None
    realms: tuple[Annotated[str, AfterValidator(_realm)], ...] = ()
    redirects: tuple[Annotated[str, AfterValidator(_host)], ...] = ()
    credentials: Annotated[
        tuple[CredentialSettings, ...], BeforeValidator(_listed), WithJsonSchema(_CREDENTIALS_SCHEMA)
    ] = ()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("clientCertificate and clientKey go together")
        for entry in self.credentials[:-1]:
            if entry.match is None:
                raise ValueError("credentials: an entry without match stands for every repository; put it last")
        return self

    def base_url(self, name: str) -> str:
        """`scheme://host[:port]` of the upstream that is called `name`."""
        known = WELL_KNOWN.get(name)
        return self.url or (known.url if known else f"https://{name}")

    def all_realms(self, name: str) -> tuple[str, ...]:
        """The token servers that may have this upstream's credentials; a well-known one's hold for its own URL only."""
        known = WELL_KNOWN.get(name)
        return (*self.realms, *(known.realms if known and self.url in (None, known.url) else ()))

    def counts_manifest_gets(self, name: str) -> bool:
        """Whether a GET of a manifest uses up a quota there; a mirror of a well-known registry is taken to count too."""
        known = WELL_KNOWN.get(name)
        return known is not None and known.counts_manifest_gets

    @property
    def has_credentials(self) -> bool:
        return any(entry.username for entry in self.credentials)

    def clear_text_urls(self, name: str) -> Iterator[str]:
        """Yield the URLs by which credentials would leave this machine in the clear."""
        if self.has_credentials:
            for url in (self.base_url(name), *self.all_realms(name)):
                parts = urlsplit(url)
                if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
                    yield url


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
