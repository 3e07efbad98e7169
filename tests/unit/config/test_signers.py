"""A trust root is the bytes that the operator saw, or that were fetched from where and under whom the policy says."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from proxy.config.signers import plan_of, root_of, trust_root
from proxy.errors import ConfigError
from proxy.policy.rules import SignerSpec, TrustRootSpec
from proxy.trust.reading import Reader
from proxy.trust.settings import HeldRoot
from proxy.trust.shipped import SHIPPED
from tests.fakes.clock import START
from tests.fakes.signing import Sigstore
from tests.fakes.tufs import TARGET, FakeTuf

ONE, TWO = Sigstore("one").logged, Sigstore("two").logged
BY_TUF = TrustRootSpec("corp", tuf="https://tuf.corp.example", root="root.json", max_age=timedelta(days=30))
BY_FILE = TrustRootSpec("corp", file="corp.json", sha256=hashlib.sha256(ONE).hexdigest())


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "root.json").write_bytes(FakeTuf({TARGET: ONE}).root)
    (tmp_path / "corp.json").write_bytes(ONE)
    return Reader(tmp_path)


def held(reader: Reader, spec: TrustRootSpec | None = BY_TUF, name: str = "corp", **changes: object) -> HeldRoot:
    """As the proxy keeps it that fetched it under this spec."""
    plan = plan_of(name, spec, reader)
    assert plan is not None
    return replace(HeldRoot(TWO, "tuf", START, plan.source.id), **changes)


def rooted(reader: Reader, spec: TrustRootSpec | None, found: HeldRoot | None = None, name: str = "corp"):
    return trust_root(name, spec, reader, {name: found} if found else {}, START + timedelta(days=1))


def test_a_file_is_believed_only_with_the_hash_that_was_written_down(reader: Reader):
    assert rooted(reader, BY_FILE).root.raw == ONE
    with pytest.raises(ConfigError, match=r"trustRoots\.corp: the file's SHA-256 is [0-9a-f]{64}; compare it"):
        rooted(reader, replace(BY_FILE, sha256="0" * 64))


def test_a_file_is_never_replaced_by_what_was_fetched_under_its_name_before(reader: Reader):
    assert rooted(reader, BY_FILE, held(reader)).root.raw == ONE


def test_what_was_fetched_under_this_policy_is_believed(reader: Reader):
    found = rooted(reader, BY_TUF, held(reader))
    assert (found.root.raw, found.why) == (TWO, "")


def test_what_was_fetched_elsewhere_or_under_another_first_root_is_as_if_it_were_not_there(reader: Reader):
    kept = held(reader)
    moved = rooted(reader, replace(BY_TUF, tuf="https://other.example"), kept)
    assert (moved.root, moved.held) == (None, None)
    assert "never fetched" in moved.why
    (reader.folder / "root.json").write_bytes(FakeTuf({TARGET: ONE}).root)
    assert rooted(reader, BY_TUF, kept).root is None


def test_a_record_is_judged_by_what_it_holds(reader: Reader):
    """A replay has the bytes that were believed then, and asks nobody whose word they were."""
    assert rooted(reader, BY_TUF, held(reader, source="")).root.raw == TWO
    shipped = rooted(reader, None, HeldRoot(TWO, "tuf", START), "sigstore")
    assert shipped.root.raw == TWO


def test_past_its_max_age_it_is_held_and_not_used(reader: Reader):
    found = trust_root("corp", BY_TUF, reader, {"corp": held(reader)}, START + timedelta(days=31))
    assert found.root is None
    assert found.held is not None
    assert "longer than its maxAge" in found.why


def test_a_shipped_root_stands_until_a_refresh_of_it_is_held(reader: Reader):
    assert rooted(reader, None, name="sigstore").root.raw == SHIPPED["sigstore"].held().raw
    kept = held(reader, None, "sigstore")
    assert rooted(reader, None, kept, "sigstore").root.raw == TWO
    assert rooted(reader, None, replace(kept, source="of another"), "sigstore").root.raw != TWO


def test_a_root_that_nobody_described_is_an_error(reader: Reader):
    with pytest.raises(ConfigError, match="there is no trust root 'corp'; add it under trustRoots"):
        rooted(reader, None)


def test_shipped_roots_are_refreshed_daily_from_where_they_are_published(reader: Reader):
    plan = plan_of("sigstore", None, reader)
    assert plan is not None
    assert (plan.source.url, plan.every, plan.max_age) == (
        "https://tuf-repo-cdn.sigstore.dev",
        timedelta(hours=24),
        None,
    )
    assert plan_of("corp", BY_FILE, reader) is None
    assert plan_of("corp", None, reader) is None


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"signed": {"_type": "timestamp"}}', b"[]", b"<html>"])
def test_a_file_that_is_no_tuf_root_is_said_at_the_load(reader: Reader, raw: bytes):
    (reader.folder / "root.json").write_bytes(raw)
    with pytest.raises(ConfigError, match=r"trustRoots\.corp\.root: the file is no TUF root; name the root\.json"):
        plan_of("corp", BY_TUF, reader)


@pytest.mark.parametrize(
    ("spec", "root"),
    [
        (SignerSpec("a", key="k"), None),
        (SignerSpec("a", key="k", log="required", trust_root="corp"), "corp"),
        (SignerSpec("a", preset="nvidia-ngc"), None),
        (SignerSpec("a", preset="kubernetes"), "sigstore"),
        (SignerSpec("a", issuer="i"), "sigstore"),
        (SignerSpec("a", issuer="i", trust_root="github"), "github"),
        (SignerSpec("a", x509="vendors"), None),
    ],
)
def test_which_root_a_signer_stands_under(spec: SignerSpec, root: str | None):
    assert root_of(spec) == root
