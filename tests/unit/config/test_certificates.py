"""A certificate that would fail at the first pull fails at load."""

HEAD = "policy: p\nupstreams:\n  nvcr.io: {}\n"
TLS = "listen: { registry: { address: '127.0.0.1:5000', tls: { certificate: a.crt, key: %s } } }\n"


def test_a_key_that_is_another_certificates_is_refused(site):
    site.write_certificate("a")
    site.write_certificate("b")

    (problem,) = site.problems(HEAD + TLS % "b.key")

    assert problem == (
        "pratique.yaml:4: listen.registry.tls: a.crt and b.key are not a PEM certificate and its own unencrypted key; "
        "correct one of them"
    )


def test_a_certificate_with_its_key_is_taken(site):
    site.write_certificate("a")

    assert site.load(HEAD + TLS % "a.key")


def test_missing_files_are_said_once_each(site):
    problems = site.problems(HEAD + TLS % "a.key")

    assert [problem.partition(": ")[2].partition(": ")[0] for problem in problems] == [
        "listen.registry.tls.certificate",
        "listen.registry.tls.key",
    ]


def test_a_ca_that_is_none_is_refused(site):
    site.write("ca.pem", "not a certificate")

    (problem,) = site.problems("policy: p\nupstreams:\n  a.b: { ca: ca.pem }\n")

    assert problem.startswith("pratique.yaml:3: upstreams.a.b.ca: ca.pem holds no PEM certificate")


def test_a_ca_and_a_client_certificate_are_taken(site):
    site.write_certificate("a")
    text = "policy: p\nupstreams:\n  a.b: { ca: a.crt, clientCertificate: a.crt, clientKey: a.key }\n"

    assert site.load(text).upstreams["a.b"].ca == site.folder / "a.crt"


def test_a_client_certificate_with_a_foreign_key_is_refused(site):
    site.write_certificate("a")
    site.write_certificate("b")

    (problem,) = site.problems(
        "policy: p\nlisten:\n  mirrors: []\nupstreams:\n  a.b: { clientCertificate: a.crt, clientKey: b.key }\n"
    )

    assert problem.startswith("pratique.yaml:5: upstreams.a.b.clientCertificate:")


def test_a_mirrors_certificate_is_looked_at_too(site):
    site.write("a.crt", "x")
    site.write("a.key", "x")
    text = HEAD + (
        "listen:\n  mirrors:\n"
        "    - { address: '127.0.0.1:5002', upstream: nvcr.io, tls: { certificate: a.crt, key: a.key } }\n"
    )

    (problem,) = site.problems(text)

    assert problem.startswith("pratique.yaml:6: listen.mirrors[0].tls:")
