"""`state:` in pratique.yaml: where small mutable facts are kept."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema, field_validator

from proxy.settings import Settings

_SQLITE = "sqlite:"


def _unsupported(_: Any) -> None:
    raise ValueError("not supported by this version; remove it")


Unsupported = Annotated[None, BeforeValidator(_unsupported), WithJsonSchema({"not": {}})]


class StateSettings(Settings):
    """`url`: `sqlite:<file>`, relative to `data`."""

    url: str = "sqlite:state.db"
    password_file: Unsupported = None
    key_file: Unsupported = None

    @field_validator("url")
    @classmethod
    def _names_a_file(cls, url: str) -> str:
        if url.startswith(("redis:", "rediss:")):
            raise ValueError("Redis is not supported by this version; write sqlite:state.db")
        name = url.removeprefix(_SQLITE)
        # `//`, `:memory:` and `?` are other programs' ways to say something else than a file's name.
        if not url.startswith(_SQLITE) or not name or name.startswith(("//", ":")) or name.endswith("/") or "?" in name:
            raise ValueError("write sqlite: and the name of a file, such as sqlite:state.db")
        return url

    @property
    def path(self) -> Path:
        """The database's file as written; where it is relative, `data` is its folder."""
        return Path(self.url.removeprefix(_SQLITE))
