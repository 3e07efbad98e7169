"""TLS to one upstream: the public authorities and the operator's `ca`; our certificate is shown to the upstream alone."""

import ssl
from functools import cache

from proxy.errors import ConfigError
from proxy.upstream.settings import UpstreamSettings


class Tls:
    """Two contexts: for the upstream's own origin, and for its token servers and redirects. Files are read here, once."""

    def __init__(self, upstream: str, settings: UpstreamSettings) -> None:
        """Raise ConfigError where a file that the settings name is of no use."""
        self._others = _public()
        if settings.ca:
            self._others = ssl.create_default_context()
            try:
                self._others.load_verify_locations(settings.ca)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"upstreams.{upstream}.ca: {settings.ca} holds no PEM certificates") from error
        self._own = self._others
        if settings.client_certificate and settings.client_key:
            self._own = ssl.create_default_context()
            try:
                if settings.ca:
                    self._own.load_verify_locations(settings.ca)
                self._own.load_cert_chain(settings.client_certificate, settings.client_key)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"upstreams.{upstream}: clientCertificate and clientKey are no pair of PEM files"
                ) from error

    def context(self, *, is_own: bool) -> ssl.SSLContext:
        return self._own if is_own else self._others


@cache
def _public() -> ssl.SSLContext:
    # Reading the system's authorities costs some ten milliseconds: once for all upstreams.
    return ssl.create_default_context()
