"""What nothing proves is no time; what one thing proves is not lost among what proves nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.verify.evidence import NotProved
from proxy.verify.material import TrustRoot
from proxy.verify.signers.moments import MAX_ENTRIES, MAX_STAMPS, Moments, prove_moments, require_bounds
from proxy.verify.signers.voices import Signed, Stamp
from proxy.verify.witness.logentry import Entry
from tests.fakes.layouts import needs_vectors
from tests.fakes.vectors import beside, said_beside, scene_named

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
EMPTY = TrustRoot("corp", b"")


def entry(index: int) -> Entry:
    return Entry(b"0" * 32, index, b"{}", None, None, None, "hashedrekord", "0.0.1")


def signed(entries: int = 0, stamps: int = 0) -> Signed:
    return Signed(
        b"m",
        b"s",
        b"m",
        entries=tuple(entry(number) for number in range(entries)),
        stamps=tuple(Stamp(b"%d" % number, (b"s",)) for number in range(stamps)),
    )


def test_the_earliest_time_is_the_signatures_and_windows_are_held_against_both_ends():
    later = NOON + timedelta(hours=1)
    moments = Moments((later, NOON, NOON + timedelta(minutes=1)))
    assert moments.proved_at == NOON
    assert moments.extremes == (NOON, later)
    assert Moments((NOON, NOON)).extremes == (NOON,)
    assert (Moments().proved_at, Moments().extremes) == (None, ())


def test_t51_as_many_as_are_read_pass_and_one_more_is_refused():
    require_bounds(signed(MAX_ENTRIES, MAX_STAMPS))
    for many in (signed(entries=33), signed(stamps=33)):
        with pytest.raises(NotProved, match="over 32 log entries or 32 timestamps"):
            require_bounds(many)


def test_t51_duplicates_are_refused():
    for twice in (
        Signed(b"m", b"s", b"m", entries=(entry(1), entry(1))),
        Signed(b"m", b"s", b"m", stamps=(Stamp(b"t", (b"s",)), Stamp(b"t", (b"other",)))),
    ):
        with pytest.raises(NotProved, match="twice"):
            require_bounds(twice)


def prove(what: Signed, *, root: TrustRoot = EMPTY, needs_log: bool = False, needs_timestamp: bool = False) -> Moments:
    return prove_moments(
        what,
        root=root,
        key_der=b"",
        certificate_der=None,
        needs_log=needs_log,
        needs_timestamp=needs_timestamp,
        otherwise=None,
    )


def test_t23_a_root_that_lists_nothing_proves_nothing():
    """Whatever stands there."""
    moments = prove(signed(entries=2, stamps=2))
    assert (moments.times, moments.log) == ((), None)
    with pytest.raises(NotProved, match="no log entry, and trust root corp requires one"):
        prove(signed(entries=2), needs_log=True)
    with pytest.raises(NotProved, match="no timestamp, and trust root corp requires one"):
        prove(signed(stamps=2), needs_timestamp=True)


@needs_vectors
def test_log_and_timestamp_are_both_proved_where_the_root_lists_both():
    scene = scene_named("v2-keyless-tsa-and-rekor1")
    (honest,) = scene.prove().evidence
    assert sum(item.startswith(("log:", "ca:")) for item in honest.rests_on) == 4  # authority, CT log, TSA, log
    assert honest.proved_at <= honest.log.integrated_at


@needs_vectors
@pytest.mark.parametrize("stamp", [None, "foreign"])
def test_a_stamp_that_proves_nothing_beside_a_log_entry_is_not_missed(stamp):
    """The log is what this root requires; its SET proves the time."""
    scene = scene_named("v2-keyless-tsa-and-rekor1")
    foreign = said_beside(scene_named("v2-key-tsa").founds[0], "rfc3161timestamp") if stamp else None
    (proof,) = scene.prove(beside(scene.founds[0], rfc3161timestamp=foreign)).evidence
    assert proof.proved_at == proof.log.integrated_at


@needs_vectors
def test_t20_a_log_entry_is_not_looked_at_where_only_a_timestamp_is_asked_for():
    scene = scene_named("v2-key-tsa", root="trust/roots/full.json")
    foreign = said_beside(scene_named("v2-key-rekor1").founds[0], "bundle")
    (proof,) = scene.prove(beside(scene.founds[0], bundle=foreign)).evidence
    assert (proof.log, proof) == (None, scene.prove().evidence[0])
