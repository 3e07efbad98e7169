import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.observe.redaction import CUT, escape, redact, redact_value

JWT = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi_123", "abc.def"),
        ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpw"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("Proxy-Authorization: Negotiate YIIabc", "YIIabc"),
        ("Cookie: session=s3cr3t; other=1", "s3cr3t"),
        ("X-Registry-Auth: eyJ1c2VybmFtZSI6ImEifQ", "eyJ1c2V"),
        ("sent bearer AbCd1234 upstream", "AbCd1234"),
        ("sent Basic YTpi", "YTpi"),
        (f"the answer was {JWT}", "c2lnbmF0dXJl"),
        (f'{{"token":"{JWT}"}}', "eyJzdWIi"),
        ('{"access_token": "opaque-1234", "expires_in": 300}', "opaque-1234"),
        ("{'password': 'hunter2 and more'}", "hunter2"),
        ("grant_type=password&username=bob&password=hunter2&scope=x", "hunter2"),
        ("refresh_token=rt-1234", "rt-1234"),
        ("client_secret=s3cr3t", "s3cr3t"),
        ("password: hunter2", "hunter2"),
        ("api_key = 'k-1234'", "k-1234"),
        ("https://bob:hunter2@registry.example/v2/", "hunter2"),
        ("https://bob:p@ss@registry.example/v2/", "p@ss"),
        ("redis://:hunter2@cache:6379", "hunter2"),
        ("https://blobs.example/x?X-Amz-Credential=AKIA1&X-Amz-Signature=dead", "dead"),
        ("https://blobs.example/x?se=2026&sv=1&sig=b64%3D", "b64"),
        ("/v2/x/blobs/y?token=t-1234", "t-1234"),
        ("https://blobs.example/x?anything=opaque-1234", "opaque-1234"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE+/\nDEK-Info: x\nabc=\n-----END EC PRIVATE KEY-----", "MHcCAQEE"),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "MHcCAQEE"),
        (f"sha256:{'0' * 64}\npassword=hunter2", "hunter2"),
    ],
)
def test_secrets_are_cut(text, secret):
    assert secret in text
    found = redact(text)
    assert secret not in found
    assert CUT in found


@pytest.mark.parametrize(
    "text",
    [
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
        "the upstream offers only basic authentication; name a user",
        "no signature by nvidia (0 found)",
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "https://registry.example:5000/v2/x/manifests/24.10-py3",
        "nvcr.io/nvidia/tokenizer:24.10",
        "add it to signers; signature: nvidia",
        "r-7f3k2c",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    assert redact(text) == text


def test_what_was_cut_can_still_be_told():
    assert redact("https://bob:hunter2@r.example/x?sig=1") == f"https://{CUT}@r.example/x?{CUT}"


def test_a_client_cannot_forge_a_line():
    found = redact('x"\n{"event":"answered","status":200}\r\x1b[2J\u2028\u202e\x85')
    assert "\n" not in found
    assert found.isprintable()
    assert found.startswith('x"\\x0a{')
    assert found.endswith("\\x0d\\x1b[2J\\u2028\\u202e\\x85")


@given(st.text(st.characters()))
def test_what_is_escaped_is_one_printable_line_of_utf8(text):
    found = escape(text)
    assert len(found.splitlines()) <= 1
    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in found)
    found.encode()


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_becomes_plain_json(value):
    json.dumps(redact_value(value))


def test_fields_that_hold_secrets_are_cut_whole_at_any_depth():
    value = {"upstream": {"password": "hunter2", "Authorization": ["a"], "apiKey": {"x": "y"}, "tokens": 3}}
    assert redact_value(value) == {"upstream": {"password": CUT, "Authorization": CUT, "apiKey": CUT, "tokens": 3}}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "http://",
        "://",
        "a-",
        "token",
        "password ",
        "bearer ",
        "'token",
        "basic aaaa",
        "-----BEGIN A PRIVATE KEY-----",
        "eyJaaaaa",
        "=",
        "cookie ",
    ],
)
def test_time_is_linear_in_what_a_stranger_sent(piece):
    assert redact(piece * 50_000) is not None
