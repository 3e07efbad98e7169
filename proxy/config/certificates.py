"""Whether the certificates and keys that the settings name are such, and belong together: said at load, not at a pull."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from proxy.config.layout import ConfigFile
from proxy.settings import spell
from proxy.yamlfile import Document
from proxy.yamlfile import Path as At


def wrong_certificates(settings: ConfigFile, document: Document) -> Iterator[str]:
    """Yield one sentence for each; files that cannot be read at all are another check's."""
    for at, certificate, key in _pairs(settings):
        problem = _pair_problem(certificate, key)
        if problem:
            yield f"{document.where(at)}: {spell(at)}: {problem}"
    for name, upstream in settings.upstreams.items():
        at = ("upstreams", name, "ca")
        problem = _authority_problem(upstream.ca) if upstream.ca else None
        if problem:
            yield f"{document.where(at)}: {spell(at)}: {problem}"


def _pairs(settings: ConfigFile) -> Iterator[tuple[At, Path, Path]]:
    listen = settings.listen
    if listen.registry.tls:
        yield ("listen", "registry", "tls"), listen.registry.tls.certificate, listen.registry.tls.key
    for index, mirror in enumerate(listen.mirrors):
        if mirror.tls:
            yield ("listen", "mirrors", index, "tls"), mirror.tls.certificate, mirror.tls.key
    for name, upstream in settings.upstreams.items():
        if upstream.client_certificate and upstream.client_key:
            yield ("upstreams", name, "clientCertificate"), upstream.client_certificate, upstream.client_key


def _pair_problem(certificate: Path, key: Path) -> str | None:
    try:
        # An empty password: OpenSSL would ask the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        return f"{certificate} and {key} are not a PEM certificate and its own unencrypted key; correct one of them"
    except OSError:
        return None
    return None


def _authority_problem(file: Path) -> str | None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return f"{file} holds no PEM certificate; name the file of the CA that signed the upstream's certificate"
    except OSError:
        return None
    return None
