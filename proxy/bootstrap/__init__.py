"""The composition root: the one place that names a backend. It builds, starts, reloads and stops; it decides nothing."""

from proxy.bootstrap.assembly import Pipeline, build_pipeline, passing_pipeline
from proxy.bootstrap.directory import is_running, opened_state
from proxy.bootstrap.keeping import Keeping, Tags, keeping_of
from proxy.bootstrap.running import Proxy

__all__ = [
    "Keeping",
    "Pipeline",
    "Proxy",
    "Tags",
    "build_pipeline",
    "is_running",
    "keeping_of",
    "opened_state",
    "passing_pipeline",
]
