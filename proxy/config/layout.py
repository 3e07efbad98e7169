"""pratique.yaml as a whole: each room's settings under its word. `Config` is that, resolved: absolute paths, warnings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proxy.content.settings import ContentSettings
from proxy.settings import Settings
from proxy.state.settings import StateSettings
from proxy.upstream.settings import UpstreamSettings
from proxy.web.settings import ClientsSettings, ListenSettings


def _bare_means_defaults(value: Any) -> Any:
    """`docker.io:` with nothing behind it is YAML's null; `docker.io: {}` is what it means."""
    if isinstance(value, Mapping):
        return {name: {} if settings is None else settings for name, settings in value.items()}
    return value


class LimitsSettings(Settings):
    """Deadlines in whole seconds, and how many may be connected."""

    # containerd 2.3 gives up on response headers after 30 s (clients.md 1.7).
    request_seconds: int = Field(
        default=20, ge=1, le=28, description="From a request's head to the answer's; then 503, and the work goes on."
    )
    gather_seconds: int = Field(default=120, ge=1, le=3600, description="How long one judgement may go on at all.")
    stall_seconds: int = Field(default=60, ge=1, le=3600, description="Without a byte from the upstream.")
    drain_seconds: int = Field(default=60, ge=0, le=3600, description="What running bodies get at a shutdown.")
    connections: int = Field(
        default=4096, ge=8, le=1_000_000, description="Clients' connections at a time; one more is told to ask again."
    )
    # Behind a load balancer all clients are one: half of all is room for it, and for others beside it.
    connections_per_client: int = Field(default=2048, ge=1, description="Of these, from one address.")


class ConfigFile(Settings):
    """Where things are: what the proxy listens on, which registries it asks, where it keeps bytes and state."""

    listen: ListenSettings = Field(default=ListenSettings(), description="Addresses and certificates.")
    data: Path = Field(
        default=Path("data"), description="Folder of content/, state.db and audit/; relative to this file."
    )
    policy: Path = Field(description="The policy file; relative to this file.")
    lock: Path = Field(default=Path("pins.lock.yaml"), description="The lock file of pins; it need not be there.")
    upstreams: Annotated[Mapping[str, UpstreamSettings], BeforeValidator(_bare_means_defaults)] = Field(
        min_length=1, description="A closed world: registries by the host that images name. Any other is refused."
    )
    default_upstream: str | None = Field(
        default=None, description="For requests with neither ns nor prefix; one of `upstreams`."
    )
    content: ContentSettings = Field(
        default=ContentSettings(),
        description="The store of bytes: how much it may hold, and when what is old goes.",
    )
    state: StateSettings = Field(default=StateSettings(), description="The store of pins, Decisions and parentage.")
    clients: ClientsSettings = Field(default=ClientsSettings(), description="Who may ask.")
    limits: LimitsSettings = Field(default=LimitsSettings(), description="Deadlines.")


class Config(ConfigFile):
    """A ConfigFile that was found right. Every path is absolute. `warnings` are whole sentences with file and line."""

    file: Path
    warnings: tuple[str, ...] = ()

    @property
    def content_folder(self) -> Path:
        return self.data / "content"

    @property
    def audit_folder(self) -> Path:
        return self.data / "audit"

    @property
    def cases_folder(self) -> Path:
        return self.data / "cases"

    @property
    def run_folder(self) -> Path:
        """What processes that run now agree on: locks, and nothing that is missed after a start."""
        return self.data / "run"

    @property
    def trust_folder(self) -> Path:
        return self.data / "trust"

    @property
    def state_file(self) -> Path:
        """Where the state's own path is relative, `data` is its folder."""
        return self.data / self.state.path
