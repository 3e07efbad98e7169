"""A token server whose tokens a real docker-registry checks: JWTs signed by a key that the registry trusts.

    with TokenServer(folder, users={"vendor": "secret"}) as tokens:
        … docker-registry with `auth: tokens.auth` …
        assert tokens.asked == [("GET", "vendor", ["repository:acme/app:pull"])]

Distribution's specification (docs/spec/auth/jwt): `access` lists what the bearer may do, `x5c` carries the certificate.
Who names nobody, or a wrong password, gets no token; `is_post_only` answers GET with 405.
"""

import base64
import datetime as dt
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

_SERVICE, _ISSUER = "lab", "lab issuer"


class TokenServer:
    """`asked` holds for each request its method, the name that came with a right password or "", and the scopes."""

    def __init__(self, folder: Path, *, users: dict[str, str], seconds: int = 300, is_post_only: bool = False) -> None:
        self.users = users
        self.seconds = seconds
        self.is_post_only = is_post_only
        self.asked: list[tuple[str, str, list[str]]] = []
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate(self._key)
        self._bundle = folder / "tokens.pem"
        self._bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    @property
    def auth(self) -> str:
        """What goes into docker-registry's configuration."""
        return (
            f"auth: {{ token: {{ realm: '{self.url}', service: {_SERVICE}, issuer: '{_ISSUER}', "
            f"rootcertbundle: {self._bundle} }} }}\n"
        )

    def __enter__(self) -> Self:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scheme, _, value = self.headers.get("Authorization", "").partition(" ")
                name, _, password = base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("",) * 3
                self._answer(name, password, parse_qs(urlsplit(self.path).query), is_refused=outer.is_post_only)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._answer(form.get("username", [""])[0], form.get("password", [""])[0], form, is_refused=False)

            def _answer(self, name: str, password: str, asked: dict[str, list[str]], *, is_refused: bool) -> None:
                is_known = bool(name) and outer.users.get(name) == password
                scopes = [scope for each in asked.get("scope", []) for scope in each.split()]
                outer.asked.append((self.command, name if is_known else "", scopes))
                status = 405 if is_refused else 200 if is_known else 401
                body: dict[str, Any] = {}
                if status == 200:
                    token = outer.token(*scopes, subject=name)
                    body = {"token": token, "access_token": token, "expires_in": outer.seconds}
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, *scopes: str, subject: str = "pusher") -> str:
        """A JWT that permits these scopes, each `repository:<name>:<action>,…`."""
        now = int(time.time())
        access = [dict(zip(("type", "name", "actions"), scope.split(":"), strict=True)) for scope in scopes]
        claims = {
            "iss": _ISSUER,
            "sub": subject,
            "aud": _SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + self.seconds,
            "jti": f"{subject}-{len(self.asked)}",
            "access": [{**each, "actions": each["actions"].split(",")} for each in access],
        }
        chain = [base64.b64encode(self._certificate.public_bytes(Encoding.DER)).decode()]
        head = {"typ": "JWT", "alg": "ES256", "x5c": chain}
        signed = ".".join(_part(json.dumps(each).encode()) for each in (head, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_part(r.to_bytes(32) + s.to_bytes(32))}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
