import os

import pytest

from proxy.errors import UpstreamRefused
from proxy.upstream.login.credentials import Credential, Credentials, matches
from proxy.upstream.settings import CredentialSettings


@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    [
        (None, "a/b", True),
        ("vendor/**", "vendor/a/b", True),
        ("vendor/**", "vendor", False),
        ("vendor/**", "vendors/a", False),
        ("vendor/**", "x/vendor/a", False),
        ("vendor/*", "vendor/a", True),
        ("vendor/*", "vendor/a/b", False),
        ("**/app", "a/b/app", True),
        ("a.b/*", "axb/c", False),
        ("vendor/app", "vendor/app", True),
        ("vendor/app", "vendor/app\n", False),
    ],
)
def test_t28_patterns_are_anchored_and_one_star_does_not_cross_a_slash(pattern, name, is_meant):
    assert matches(pattern, name) is is_meant


def test_a_credential_never_shows_its_password():
    credential = Credential("vendor", "hunter2")
    assert "hunter2" not in repr(credential)
    assert credential.basic == "Basic dmVuZG9yOmh1bnRlcjI="


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("one\n")
    return path


def test_the_first_that_matches_is_used_and_none_is_anonymous(secret):
    entries = [
        CredentialSettings(match="vendor/open/**", anonymous=True),
        CredentialSettings(match="vendor/**", username="vendor", password_file=secret),
    ]
    credentials = Credentials("x", entries)
    assert credentials.of("vendor/app") == Credential("vendor", "one")
    assert credentials.of("vendor/open/app") is None
    assert credentials.of("other/app") is None


def test_a_password_is_read_again_when_its_file_changes(secret):
    credentials = Credentials("x", [CredentialSettings(username="u", password_file=secret)])
    assert credentials.of("a").password == "one"
    other = secret.with_name("other")
    other.write_text("two")
    other.replace(secret)
    assert credentials.of("a").password == "two"


def test_a_password_changed_in_place_within_the_clocks_grain_is_read_when_refused(secret):
    credentials = Credentials("x", [CredentialSettings(username="u", password_file=secret)])
    assert credentials.of("a").password == "one"
    before = secret.stat()
    secret.write_text("two\n")
    os.utime(secret, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert credentials.of("a").password == "one"
    assert credentials.of("a", again=True).password == "two"


def test_a_secret_that_is_gone_for_a_moment_still_stands(secret):
    credentials = Credentials("x", [CredentialSettings(username="u", password_file=secret)])
    assert credentials.of("a").password == "one"
    secret.unlink()
    assert credentials.of("a", again=True).password == "one"


@pytest.mark.parametrize("raw", [b"", b"\n", b"a\nb", b"\xff", b"x" * 70_000, None])
def test_a_file_without_a_password_is_refused_without_showing_it(tmp_path, raw):
    path = tmp_path / "secret"
    if raw is not None:
        path.write_bytes(raw)
    credentials = Credentials("nvcr.io", [CredentialSettings(username="u", password_file=path)])
    with pytest.raises(UpstreamRefused, match=r"passwordFile of upstreams\.nvcr\.io\.credentials"):
        credentials.of("a")
