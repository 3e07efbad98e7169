"""How much the content store may hold, and when it makes room: between the two water marks, as shares of `maxBytes`."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from proxy.settings import Settings, Size, Span


class ScrubSettings(Settings):
    """Everything is hashed again once in `every`, at `rate` bytes a second at most; 0: not at all."""

    rate: Size = 20 * 1024 * 1024  # a terabyte in fifteen hours, at 2.5 percent of a core
    every: Span = Field(default=timedelta(days=7), gt=timedelta(0))


class ContentSettings(Settings):
    """`max_bytes` None is no budget of our own: the disk is the limit."""

    max_bytes: Size | None = Field(default=None, gt=0)
    high_water: float = Field(default=0.9, gt=0, le=1)
    low_water: float = Field(default=0.8, gt=0, le=1)
    scrub: ScrubSettings = ScrubSettings()

    @model_validator(mode="after")
    def _require_order(self) -> Self:
        if self.low_water >= self.high_water:
            raise ValueError("lowWater must be below highWater, such as 0.8 and 0.9")
        return self
