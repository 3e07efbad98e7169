"""Until when a new signature can be verified without a network: the soonest end of what a root needs."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from proxy.trust import horizon
from proxy.trust.settings import HeldRoot
from proxy.trust.shipped import SHIPPED
from proxy.verify.material import Authority, Log, TrustRoot, Window, X509Store
from proxy.verify.trustedroot import parse
from tests.fakes import pki
from tests.fakes.pki import DAY, NOW

CA = pki.root("O=Acme,CN=ca", not_before=NOW - 50 * DAY, not_after=NOW + 400 * DAY)
STAMPS = pki.root("O=Acme,CN=stamps", not_before=NOW - 50 * DAY, not_after=NOW + 300 * DAY)


def authority(start: int = -50, end: int | None = None, *, holder: pki.Holder = CA) -> Authority:
    return Authority(holder.chain, window(start, end), "https://ca.test")


def log(start: int = -50, end: int | None = None, *, which: str = "log") -> Log:
    return Log(which.encode().ljust(32), pki.key(which=which).public_key(), window(start, end), f"{which}.test")


def window(start: int, end: int | None) -> Window:
    return Window(NOW + start * DAY, None if end is None else NOW + end * DAY)


def root(**lists: object) -> TrustRoot:
    return TrustRoot("corp", b"", **({"authorities": (authority(),)} | lists))  # type: ignore[arg-type]


def days(found: horizon.Horizon) -> float | None:
    return None if found.end is None else (found.end - NOW) / DAY


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({}, 400),  # its certificate ends, though the window is open
        ({"authorities": (authority(end=30),)}, 30),
        ({"authorities": (authority(end=30), authority(20, 90))}, 90),  # rotated in time
        ({"authorities": (authority(end=30), authority(40, 90))}, 30),  # a gap
        ({"authorities": (authority(-50, -1), authority(end=10))}, 10),
        ({"logs": (log(end=5),)}, 5),
        ({"logs": (log(end=5), log(which="next"))}, 400),
        ({"ct_logs": (log(end=7),)}, 7),
        ({"logs": (log(),), "timestamp_authorities": (authority(end=3, holder=STAMPS),)}, 400),  # a log is enough
        ({"timestamp_authorities": (authority(holder=STAMPS),)}, 300),
        ({"authorities": ()}, None),
    ],
)
def test_the_soonest_end_of_what_a_root_needs(lists, expected):
    assert days(horizon.of_root(root(**lists), NOW)) == expected


def test_the_item_that_ends_first_is_named():
    found = horizon.of_root(root(logs=(log(end=5),)), NOW)
    assert found.first is not None
    assert (found.first.kind, found.first.name) == ("log", "log.test")


@pytest.mark.parametrize("lists", [{"logs": (log(end=-9),)}, {"logs": (log(-50, -20), log(-30, -9))}])
def test_what_ended_already_ended_with_its_last(lists):
    assert days(horizon.of_root(root(**lists), NOW)) == -9


def test_what_only_begins_later_is_no_good_now():
    assert days(horizon.of_root(root(logs=(log(5),)), NOW)) == 0


def test_an_instant_item_and_equal_windows_do_not_turn_in_circles():
    same = (log(end=5), log(end=5, which="twin"), log(end=5, which="third"))
    assert days(horizon.of_root(root(logs=same), NOW)) == 5
    assert days(horizon.of_root(root(logs=(log(0, 0),)), NOW)) == 0


def test_items_are_all_that_a_root_lists_with_the_windows_narrowed_by_certificates():
    made = root(logs=(log(end=5),), ct_logs=(log(which="ct"),), timestamp_authorities=(authority(holder=STAMPS),))
    items = horizon.root_items(made)
    assert [item.kind for item in items] == ["certificate authority", "log", "CT log", "timestamp authority"]
    ca = items[0]
    assert (ca.start, ca.end) == (NOW - 50 * DAY, NOW + 400 * DAY)
    assert ca.id == CA.certificate.fingerprint(pki.hashes.SHA256()).hex()
    assert horizon.root_items(made, horizon.LOG) == (items[1],)
    unnamed = replace(authority(), uri="")
    assert horizon.root_items(root(authorities=(unnamed,)))[0].name == "ca"


def test_a_store_lasts_as_long_as_its_anchors_and_enforced_lists():
    crl = pki.crl(CA, ends=NOW + 6 * DAY)
    store = X509Store("corp", (CA.certificate,), (STAMPS.certificate,), crls=(crl,))
    assert days(horizon.of_store(store, NOW)) == 6
    assert days(horizon.of_store(replace(store, revocation="log"), NOW)) == 400
    assert days(horizon.of_store(replace(store, crls=()), NOW)) == 400
    assert [item.kind for item in horizon.store_items(store)] == ["anchor", "timestamp anchor", "CRL"]


def test_metrics_are_told_the_end_of_a_store():
    store = X509Store("corp", (CA.certificate,))
    assert horizon.store_end(store, NOW) == (NOW + 400 * DAY).timestamp()


def test_what_is_verified_today_is_verified_forever_so_a_shipped_root_without_ends_has_none():
    shipped = SHIPPED["sigstore"]
    found = horizon.of_root(parse("sigstore", shipped.held().raw), NOW)
    assert found.end is not None
    assert found.first is not None
    assert found.end > datetime.fromisoformat("2027-01-01T00:00:00+00:00")


def test_the_lifetime_of_a_root_is_since_it_was_refreshed_or_shipped_and_until_it_ends():
    made = root(logs=(log(end=5),))
    end = (NOW + 5 * DAY).timestamp()
    held = HeldRoot(b"", "tuf", NOW - timedelta(hours=1))
    assert horizon.lifetime("corp", held, made, NOW) == (3600.0, end)
    assert horizon.lifetime("corp", held, made, NOW, refreshed=NOW - timedelta(seconds=60)) == (60.0, end)
    assert horizon.lifetime("corp", HeldRoot(b"", "file"), made, NOW) == (None, end)
    shipped = (NOW - SHIPPED["sigstore"].since).total_seconds()
    assert horizon.lifetime("sigstore", HeldRoot(b"", "shipped"), made, NOW) == (shipped, end)


def test_a_root_that_must_not_be_used_has_ended():
    held = HeldRoot(b"", "tuf", NOW - 40 * DAY)
    assert horizon.lifetime("corp", held, None, NOW) == ((40 * DAY).total_seconds(), NOW.timestamp())
