"""The composition root: the one place that names a backend. It builds, starts, reloads and stops; it decides nothing."""

from proxy.bootstrap.assembly import Pipeline, build_pipeline, passing_pipeline
from proxy.bootstrap.directory import opened_state
from proxy.bootstrap.running import Proxy

__all__ = ["Pipeline", "Proxy", "build_pipeline", "opened_state", "passing_pipeline"]
