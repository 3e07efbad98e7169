"""The edge of this room: what aiohttp and the system raise becomes an UpstreamError. A signed URL never becomes a message."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from yarl import URL

from proxy.errors import UpstreamRefused, UpstreamTimeout, UpstreamUnavailable
from proxy.upstream.exchange.answers import PATIENCE


@contextmanager
def translated(upstream: str, url: URL) -> Iterator[None]:
    """Raise UpstreamRefused, UpstreamTimeout or UpstreamUnavailable for whatever the transport raises within."""
    where = upstream if not url.host else f"{upstream} ({url.host})"
    try:
        yield
    except (aiohttp.ClientConnectorCertificateError, ssl.SSLError, aiohttp.ClientSSLError) as error:
        raise UpstreamRefused(
            f"{where} cannot be trusted over TLS; see upstreams.{upstream}.ca", detail=_told(error)
        ) from error
    except TimeoutError as error:
        raise UpstreamTimeout(f"{where} did not answer in time", detail=_told(error), retry_after=PATIENCE) from error
    except aiohttp.ClientHttpProxyError as error:
        raise UpstreamUnavailable(
            f"the egress proxy of {upstream} refused the connection; see upstreams.{upstream}.proxy",
            detail=_told(error),
            retry_after=PATIENCE,
        ) from error
    except ConnectionError as error:  # before what is no HTTP: to the standard library a connection that ends is both
        raise _broken(where, error) from error
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL, http.client.HTTPException, ValueError) as error:
        raise UpstreamRefused(
            f"{where} answered what is not HTTP as registries speak it", detail=_told(error)
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _broken(where, error) from error


def _broken(where: str, error: BaseException) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"{where} cannot be reached, or broke off", detail=_told(error), retry_after=PATIENCE)


def _told(error: BaseException) -> str:
    """For the log: the kind of failure and its number, not its text, which may hold a signed URL."""
    number = getattr(error, "errno", None) or getattr(error, "status", None)
    return type(error).__name__ + (f" {number}" if number else "")
