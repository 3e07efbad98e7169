"""What is shipped is what was taken from its publisher: dated, hashed, and a beginning for a refresh."""

import dataclasses
import hashlib
from datetime import UTC, datetime
from importlib import resources

import pytest
from tuf.api.metadata import Metadata, Root

from proxy.errors import ConfigError
from proxy.policy.rules import SHIPPED_ROOTS
from proxy.trust import horizon
from proxy.trust.shipped import SHIPPED, ShippedRoot, read_shipped
from proxy.verify.trustedroot import parse
from tests.fakes.layouts import VECTORS, needs_vectors

ROOTS = resources.files("proxy.trust").joinpath("roots")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
every = pytest.mark.parametrize("shipped", SHIPPED.values(), ids=lambda shipped: shipped.name)


def test_the_policy_knows_the_same_names():
    assert set(SHIPPED) == set(SHIPPED_ROOTS) == {"sigstore", "github"}


@every
def test_each_file_is_the_one_whose_hash_and_date_are_written_down(shipped: ShippedRoot):
    files = {shipped.file: shipped.sha256, shipped.tuf_root: shipped.tuf_root_sha256}
    note = ROOTS.joinpath("README.md").read_text()
    for file, sha256 in files.items():
        assert hashlib.sha256(ROOTS.joinpath(file).read_bytes()).hexdigest() == sha256
        cells = [cell.strip(" `") for cell in next(row for row in note.splitlines() if f"`{file}`" in row).split("|")]
        assert cells[-2] == sha256
        assert cells[-3] == shipped.date


def test_nothing_is_shipped_that_nothing_names():
    named = {name for each in SHIPPED.values() for name in (each.file, each.tuf_root)}
    assert {each.name for each in ROOTS.iterdir()} == {*named, "README.md"}


@every
def test_a_shipped_root_is_read_and_not_dated_ahead_of_what_it_lists(shipped: ShippedRoot):
    root = parse(shipped.name, shipped.held().raw)
    assert root.authorities
    assert all(item.start <= shipped.since.replace(month=12) for item in horizon.root_items(root))
    assert shipped.held().origin == "shipped"


@every
def test_the_air_gapped_can_verify_new_signatures_with_it_for_a_while(shipped: ShippedRoot):
    end = horizon.of_root(parse(shipped.name, shipped.held().raw), NOW).end
    assert end is None or end > NOW


@every
def test_its_tuf_root_is_one_that_its_own_keys_signed(shipped: ShippedRoot):
    metadata = Metadata[Root].from_bytes(read_shipped(shipped.tuf_root, shipped.tuf_root_sha256))
    metadata.signed.verify_delegate("root", metadata.signed_bytes, metadata.signatures)
    assert metadata.signed.roles["root"].threshold >= 3
    assert shipped.tuf.startswith("https://")


@needs_vectors
def test_they_are_those_of_the_vectors():
    assert SHIPPED["sigstore"].held().raw == (VECTORS / "roots" / "sigstore-prod.json").read_bytes()
    assert SHIPPED["github"].held().raw == (VECTORS / "roots" / "github.json").read_bytes()


def test_a_month_counts_from_its_first_day():
    assert SHIPPED["sigstore"].since == datetime(2026, 8, 21, tzinfo=UTC)
    assert SHIPPED["github"].since == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize("change", [{"file": "github.json"}, {"file": "gone.json"}, {"sha256": "0" * 64}])
def test_a_shipped_file_that_was_changed_is_not_trusted(change):
    with pytest.raises(ConfigError, match="is not the one that was shipped; install the program again"):
        dataclasses.replace(SHIPPED["sigstore"], **change).held()
