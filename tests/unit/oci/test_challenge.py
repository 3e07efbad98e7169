"""WWW-Authenticate as real registries write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.oci.challenge import Challenge, parse


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:library/x:pull",
                    },
                )
            ],
        ),
        (
            # NGC: no service, the scope within the realm (MESOS-9968).
            'Bearer realm="https://nvcr.io/proxy_auth?scope=repository:nvidia/tensorflow:pull,push"',
            [("bearer", {"realm": "https://nvcr.io/proxy_auth?scope=repository:nvidia/tensorflow:pull,push"})],
        ),
        ("Basic", [("basic", {})]),
        ('BASIC Realm="a \\"b\\" c"', [("basic", {"realm": 'a "b" c'})]),
        (
            "Bearer realm=https://x/token , error=invalid_token",
            [("bearer", {"realm": "https://x/token", "error": "invalid_token"})],
        ),
        ('Bearer realm="a", Basic realm="b"', [("bearer", {"realm": "a"}), ("basic", {"realm": "b"})]),
        ('Basic, Bearer realm="a"', [("basic", {}), ("bearer", {"realm": "a"})]),
        ('Bearer realm = "a" , , service="b"', [("bearer", {"realm": "a", "service": "b"})]),
        ('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})]),
        ('Bearer realm="a\r\nX: y",service="s"', [("bearer", {"service": "s"})]),
        ('Bearer realm="a', [("bearer", {})]),
        ('Bearer realm=,service="s"', [("bearer", {"service": "s"})]),
        ("Negotiate abc==", [("negotiate", {"abc": "="})]),
        ('realm="a"', []),
        ("", []),
        ('"', []),
        ("x" * 9000, []),
    ],
)
def test_challenges_are_read(header, expected):
    assert parse(header) == tuple(Challenge(scheme, parameters) for scheme, parameters in expected)


def test_a_flood_of_challenges_is_cut():
    assert len(parse("Basic," * 1000)) == 16


@given(st.text(max_size=80) | st.text(alphabet='Bearer ="\\,a\n', max_size=60))
def test_t55_no_header_leads_to_an_error(header):
    for challenge in parse(header):
        assert challenge.scheme == challenge.scheme.lower()
        assert all(value.isprintable() for value in challenge.parameters.values())
