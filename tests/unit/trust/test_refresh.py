"""T38: a repository that rolls back, freezes, is signed by others or lies is refused, whole; a good one is believed."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from proxy.errors import (
    ConfigError,
    NotAllowed,
    PratiqueError,
    StorageError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.trust.refresh import refresh
from tests.fakes.signing import Sigstore
from tests.fakes.tufs import TARGET, FakeTuf

ONE, TWO = Sigstore("one").logged, Sigstore("two").logged
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture
def tuf() -> FakeTuf:
    return FakeTuf({TARGET: ONE})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trust"


def fetched(tuf: FakeTuf, folder: Path, **changes: object) -> bytes:
    return refresh(tuf.source(), folder=folder, fetch=tuf.fetch, **changes)  # type: ignore[arg-type]


def refused(tuf: FakeTuf, folder: Path, why: str) -> None:
    """It is refused as often as it is asked, and a good repository is believed again afterwards."""
    for _ in range(2):
        with pytest.raises(UpstreamRefused, match=why) as caught:
            fetched(tuf, folder)
        assert caught.value.message.startswith("trust root corp was not refreshed, and the one before stays: ")
    tuf.served.clear()
    tuf.expires = {role: YESTERDAY + timedelta(days=365) for role in tuf.expires}
    tuf.publish()
    assert fetched(tuf, folder) == tuf.targets[TARGET]


# What a good repository may do.


def test_a_good_repository_is_believed_and_only_asked_for_what_is_needed(tuf: FakeTuf, folder: Path):
    assert fetched(tuf, folder) == ONE
    assert [path for path in tuf.asked if not path.startswith("targets/")] == [
        "2.root.json",
        "timestamp.json",
        "1.snapshot.json",
        "1.targets.json",
    ]


def test_what_is_published_next_is_taken_up(tuf: FakeTuf, folder: Path):
    fetched(tuf, folder)
    tuf.targets[TARGET] = TWO
    tuf.publish()
    assert fetched(tuf, folder) == TWO


def test_the_same_again_is_good(tuf: FakeTuf, folder: Path):
    assert fetched(tuf, folder) == fetched(tuf, folder) == ONE


def test_a_repository_without_consistent_snapshots_is_read_too(folder: Path):
    tuf = FakeTuf({TARGET: ONE}, has_snapshots=False)
    assert fetched(tuf, folder) == ONE
    assert "timestamp.json" in tuf.asked
    assert f"targets/{TARGET}" in tuf.asked


def test_root_rotation_is_honoured_however_often_and_after_a_long_absence(tuf: FakeTuf, folder: Path):
    fetched(tuf, folder)
    for _ in range(5):
        tuf.rotate()
    tuf.targets[TARGET] = TWO
    tuf.publish()
    assert fetched(tuf, folder) == TWO
    assert tuf.versions["root"] == 6


def test_t38_roots_may_have_expired_on_the_way_and_the_last_must_not_have(tuf: FakeTuf, folder: Path):
    tuf.expires["root"] = YESTERDAY
    tuf.rotate()
    with pytest.raises(UpstreamRefused, match="has expired, so nobody vouches for it now"):
        fetched(tuf, folder)
    tuf.expires["root"] = YESTERDAY + timedelta(days=9)
    tuf.rotate()
    assert fetched(tuf, folder) == ONE, "versions between may have expired (TUF 5.3.10)"


def test_a_publisher_may_take_a_log_away(tuf: FakeTuf, folder: Path):
    """What TUF verifies is believed: that is how one says that a key was lost."""
    fetched(tuf, folder)
    tuf.targets[TARGET] = Sigstore("one").stamped
    tuf.publish()
    assert fetched(tuf, folder) == tuf.targets[TARGET]


def test_a_delegated_role_may_hold_the_target(folder: Path):
    tuf = FakeTuf({})
    tuf.delegate("machinery", {TARGET: TWO})
    assert fetched(tuf, folder) == TWO


def test_after_a_lost_online_key_rotation_brings_a_repository_back_to_lower_versions(tuf: FakeTuf, folder: Path):
    """TUF 5.3.11: who stole the online keys and made versions skip ahead does not freeze us forever."""
    tuf.versions |= {"timestamp": 999_999, "snapshot": 999_999}
    tuf.publish()
    fetched(tuf, folder)
    tuf.versions |= {"timestamp": 1, "snapshot": 1}
    tuf.targets[TARGET] = TWO
    tuf.rotate(roles=("timestamp", "snapshot"))
    assert fetched(tuf, folder) == TWO


# Rollback.


@pytest.mark.parametrize("names", [(), ("timestamp.json",)], ids=["played back whole", "only the timestamp"])
def test_t38_an_older_timestamp_is_refused(tuf: FakeTuf, folder: Path, names: tuple[str, ...]):
    before = tuf.keep()
    tuf.targets[TARGET] = TWO
    tuf.publish()
    assert fetched(tuf, folder) == TWO
    tuf.replay(before, *(names or before))
    refused(tuf, folder, "it offers an older version of its metadata than one that was seen")


def test_t38_an_older_snapshot_under_a_new_timestamp_is_refused(tuf: FakeTuf, folder: Path):
    """By who holds the timestamp's key alone."""
    tuf.publish()
    fetched(tuf, folder)
    tuf.versions["snapshot"] = 1
    tuf.stamp()
    tuf.versions["snapshot"] = 2
    refused(tuf, folder, "it offers an older version")


def test_t38_older_targets_under_a_new_snapshot_are_refused(tuf: FakeTuf, folder: Path):
    """By who holds the online keys, of snapshot and timestamp."""
    tuf.targets[TARGET] = TWO
    tuf.publish()
    assert fetched(tuf, folder) == TWO
    tuf.versions["targets"], tuf.targets[TARGET] = 0, ONE
    tuf.publish()
    tuf.versions["targets"] = 2
    tuf.targets[TARGET] = TWO
    refused(tuf, folder, "it offers an older version")


def test_t38_rollback_is_refused_after_a_restart_too(tuf: FakeTuf, folder: Path):
    """Nothing is remembered in the process: `folder` alone knows what was seen."""
    before = tuf.keep()
    tuf.publish()
    fetched(tuf, folder)
    tuf.replay(before, *before)
    with pytest.raises(UpstreamRefused, match="older version"):
        fetched(tuf, folder)
    assert fetched(tuf, folder.with_name("another")) == ONE, "who never saw the newer one cannot know"


# Freeze.


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_t38_expired_metadata_of_any_role_is_refused(tuf: FakeTuf, folder: Path, role: str):
    fetched(tuf, folder)
    tuf.expires[role] = YESTERDAY
    tuf.publish()
    refused(tuf, folder, "has expired, so nobody vouches for it now")


def test_t38_a_repository_that_stands_still_is_refused_once_its_timestamp_has_expired(folder: Path):
    """A mirror that plays the same day back forever: nothing of it is new, and nothing of it is believed any more."""
    tuf = FakeTuf({TARGET: ONE})
    tuf.expires["timestamp"] = YESTERDAY
    tuf.stamp()
    refused(tuf, folder, "has expired")


# Wrong keys, and too few.


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_t38_metadata_that_others_signed_is_refused(tuf: FakeTuf, folder: Path, role: str):
    tuf.forge(role, [CryptoSigner.generate_ecdsa()])
    refused(tuf, folder, "is not signed by enough of the keys that are trusted for it")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_t38_metadata_that_nobody_signed_is_refused(tuf: FakeTuf, folder: Path, role: str):
    tuf.forge(role, [])
    refused(tuf, folder, "is not signed by enough")


@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_t38_one_roles_key_does_not_speak_for_another(tuf: FakeTuf, folder: Path, role: str):
    tuf.forge(role, tuf.keys["timestamp"])
    refused(tuf, folder, "is not signed by enough")


def test_t38_a_next_root_that_the_one_before_did_not_sign_is_refused(tuf: FakeTuf, folder: Path):
    fetched(tuf, folder)
    before, keys = tuf.keep(), dict(tuf.keys)
    tuf.rotate(is_proper=False)
    with pytest.raises(UpstreamRefused, match="is not signed by enough"):
        fetched(tuf, folder)
    tuf.published, tuf.keys = before, keys
    assert fetched(tuf, folder) == ONE


def test_t38_a_root_that_skips_a_version_is_refused(tuf: FakeTuf, folder: Path):
    tuf.rotate(roles=())
    tuf.rotate(roles=())
    tuf.served["2.root.json"] = tuf.published["3.root.json"]
    refused(tuf, folder, "older version of its metadata than one that was seen, or a wrong one")


def test_t30_t38_a_threshold_is_met_by_distinct_keys_alone(folder: Path):
    tuf = FakeTuf({TARGET: ONE}, root_keys=3, root_threshold=2)
    good = list(tuf.keys["root"])
    tuf.versions["root"] = 1
    tuf._publish_root(good[:1] * 2)  # the same key twice
    assert fetched_is_refused(tuf, folder)
    tuf.versions["root"] = 1
    tuf._publish_root(good[:2])
    assert fetched(tuf, folder) == ONE


def fetched_is_refused(tuf: FakeTuf, folder: Path) -> bool:
    with pytest.raises(UpstreamRefused, match="is not signed by enough"):
        fetched(tuf, folder)
    return True


# Endless, broken, mixed up.


@pytest.mark.parametrize("path", ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_t38_endless_metadata_is_cut_off(tuf: FakeTuf, folder: Path, path: str):
    """The bound goes to whoever fetches; one who brings more all the same is not believed."""
    limits: dict[str, int] = {}

    def endless(url: str, limit: int) -> bytes | None:
        limits[url.rpartition("/")[2]] = limit
        return tuf.fetch(url, limit) if not url.endswith(path) else b"{" * (limit + 1)

    with pytest.raises(UpstreamRefused, match="larger than its metadata, or the specification, allows"):
        refresh(tuf.source(), folder=folder, fetch=endless)
    assert limits[path] <= 5_000_000
    assert fetched(tuf, folder) == ONE


def test_t38_an_endless_chain_of_roots_comes_to_an_end(tuf: FakeTuf, folder: Path):
    for _ in range(300):
        tuf.rotate(roles=())
    tuf.rotate()  # what is served now is signed by keys that only the newest root names
    with pytest.raises(UpstreamRefused, match="is not signed by enough"):
        fetched(tuf, folder)
    assert len([path for path in tuf.asked if path.endswith(".root.json")]) == 256


def test_t38_an_endless_tree_of_delegations_comes_to_an_end(folder: Path):
    tuf = FakeTuf({})
    for number in range(100):
        tuf.delegated[f"role{number}"] = {}
    tuf.publish()
    with pytest.raises(UpstreamRefused, match=f"it has no target {TARGET}"):
        fetched(tuf, folder)
    assert len([path for path in tuf.asked if ".role" in path]) <= 32


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"signed": 1}', b"\xff", b"[" * 10_000, b'{"a":1e999}'])
@pytest.mark.parametrize("path", ["timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json"])
def test_t38_t55_metadata_that_cannot_be_read_is_refused(tuf: FakeTuf, folder: Path, path: str, raw: bytes):
    tuf.served[path] = raw
    with pytest.raises(UpstreamRefused, match="its metadata cannot be read"):
        fetched(tuf, folder)
    tuf.served.clear()
    assert fetched(tuf, folder) == ONE


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(raw=st.binary(max_size=300), path=st.sampled_from(["2.root.json", "timestamp.json", "1.targets.json"]))
def test_t38_t55_no_bytes_make_it_raise_anything_but_a_refusal(tmp_path_factory, raw: bytes, path: str):
    tuf = FakeTuf({TARGET: ONE})
    tuf.served[path] = raw
    with pytest.raises(UpstreamRefused):
        fetched(tuf, tmp_path_factory.mktemp("trust"))


def target_path(tuf: FakeTuf) -> str:
    (path,) = (path for path in tuf.published if path.startswith("targets/"))
    return path


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw.replace(b"one", b"two"), lambda raw: TWO])
def test_t38_a_target_that_is_not_what_its_metadata_names_is_refused(tuf: FakeTuf, folder: Path, change):
    path = target_path(tuf)
    tuf.served[path] = change(tuf.published[path])
    refused(tuf, folder, "a file is not the one that its signed metadata names")


def test_t38_targets_that_are_mixed_up_are_refused(folder: Path):
    """Both files are the publisher's own, and each is signed under its own name."""
    tuf = FakeTuf({TARGET: ONE, "staging_root.json": ONE.replace(b"one", b"two")})
    paths = sorted(path for path in tuf.published if path.startswith("targets/"))
    tuf.served |= {paths[0]: tuf.published[paths[1]], paths[1]: tuf.published[paths[0]]}
    with pytest.raises(UpstreamRefused, match="a file is not the one that its signed metadata names"):
        fetched(tuf, folder)


def test_t38_metadata_of_different_days_is_not_mixed(tuf: FakeTuf, folder: Path):
    before = tuf.keep()
    tuf.publish()
    tuf.served["2.targets.json"] = before["1.targets.json"]
    refused(tuf, folder, "or a wrong one")


def test_t38_metadata_of_one_role_is_not_taken_for_another(tuf: FakeTuf, folder: Path):
    tuf.served["timestamp.json"] = tuf.published["1.snapshot.json"]
    refused(tuf, folder, "its metadata cannot be read")


@pytest.mark.parametrize(
    "raw", [b"{}", b"no json", b'{"tlogs": [], "certificateAuthorities": []}', b'{"mediaType": "x"}', b"[]"]
)
def test_t38_a_target_that_is_no_trusted_root_replaces_none(tuf: FakeTuf, folder: Path, raw: bytes):
    fetched(tuf, folder)
    tuf.targets[TARGET] = raw
    tuf.publish()
    with pytest.raises(UpstreamRefused, match=r"what it serves is no trusted root for us \(the trust root corp cannot"):
        fetched(tuf, folder)


def test_t38_a_target_over_4_mib_is_not_fetched(tuf: FakeTuf, folder: Path):
    tuf.targets[TARGET] = b" " * (4 * 1024 * 1024 + 1)
    tuf.publish()
    with pytest.raises(UpstreamRefused, match=r"its target trusted_root\.json is over 4 MiB"):
        fetched(tuf, folder)
    assert not [path for path in tuf.asked if path.startswith("targets/")]


def test_a_repository_without_the_target_says_so(folder: Path):
    with pytest.raises(UpstreamRefused, match=f"it has no target {TARGET}"):
        fetched(FakeTuf({"other.json": ONE}), folder)


@pytest.mark.parametrize("path", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_a_file_that_must_be_there_and_is_not_may_be_a_wrong_address(tuf: FakeTuf, folder: Path, path: str):
    tuf.served[path] = None
    refused(tuf, folder, "a file that it must have is not there; see whether `tuf` is its address")


# What is the operator's, the network's and the disk's.


def test_a_first_root_that_is_not_signed_by_its_own_keys_is_the_operators_mistake(folder: Path):
    tuf = FakeTuf({TARGET: ONE})
    tuf.forge("root", [CryptoSigner.generate_ecdsa()])
    tuf.published["1.root.json"] = tuf.served["1.root.json"] or b""
    with pytest.raises(
        ConfigError, match="trust root corp: the file under `root` is no TUF root that is signed by its"
    ):
        fetched(tuf, folder)
    assert tuf.asked == []


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailable("tuf.corp.example refused the connection"),
        UpstreamTimeout("too slow"),
        NotAllowed("no host of the policy's"),
        UpstreamRefused("tuf.corp.example answered 401"),
    ],
)
@pytest.mark.parametrize("path", ["root.json", "timestamp.json", "targets.json", TARGET])
def test_what_the_fetcher_says_is_what_is_said(tuf: FakeTuf, folder: Path, error: PratiqueError, path: str):
    def fetch(url: str, limit: int) -> bytes | None:
        if url.endswith(path):
            raise error
        return tuf.fetch(url, limit)

    with pytest.raises(type(error)) as caught:
        refresh(tuf.source(), folder=folder, fetch=fetch)
    assert caught.value is error


def test_a_defect_of_the_fetcher_is_no_answer(tuf: FakeTuf, folder: Path):
    def fetch(_url: str, _limit: int) -> bytes | None:
        raise RuntimeError("a loop that is closed")

    with pytest.raises(UpstreamUnavailable, match="trust root corp cannot be fetched now"):
        refresh(tuf.source(), folder=folder, fetch=fetch)


def test_a_folder_that_cannot_be_used_is_said(tuf: FakeTuf, folder: Path):
    folder.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="the TUF metadata cannot be kept in"):
        fetched(tuf, folder)


def test_damaged_metadata_on_our_disk_is_fetched_again(tuf: FakeTuf, folder: Path):
    tuf.rotate()
    fetched(tuf, folder)
    for file in folder.rglob("*.json"):
        if not file.is_symlink():
            file.write_bytes(b"rot")
    assert fetched(tuf, folder) == ONE


def test_two_processes_do_not_refresh_one_root_at_once(tuf: FakeTuf, folder: Path):
    inside, go_on = threading.Event(), threading.Event()

    def slow(url: str, limit: int) -> bytes | None:
        inside.set()
        go_on.wait(10)
        return tuf.fetch(url, limit)

    found: list[bytes] = []
    source = tuf.source()
    first = threading.Thread(target=lambda: found.append(refresh(source, folder=folder, fetch=slow)))
    first.start()
    assert inside.wait(10)
    with pytest.raises(StorageError, match="is being refreshed by another process; try again in a minute"):
        fetched(tuf, folder)
    go_on.set()
    first.join(10)
    assert found == [ONE]
    assert fetched(tuf, folder) == ONE


def test_a_rehearsal_says_the_same_and_keeps_nothing(tuf: FakeTuf, folder: Path):
    assert fetched(tuf, folder, is_rehearsal=True) == ONE
    assert not folder.exists()
    fetched(tuf, folder)
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    older = tuf.keep()
    tuf.targets[TARGET] = TWO
    tuf.publish()
    assert fetched(tuf, folder, is_rehearsal=True) == TWO
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    tuf.served["timestamp.json"] = older["timestamp.json"]
    assert fetched(tuf, folder) == ONE, "what a rehearsal saw was not seen"


# T39: names never become paths, and nothing is asked elsewhere.


@pytest.mark.parametrize("role", ["../../../evil", "/etc/evil", "a/b", "..", "%2e%2e", "a\\b", "\u2025/x", "x" * 200])
def test_t39_a_delegated_roles_name_never_leads_out_of_the_folder(tmp_path: Path, role: str):
    tuf = FakeTuf({})
    tuf.delegated[role] = {TARGET: TWO}
    tuf.publish()
    served = {unquote(path): raw for path, raw in tuf.published.items()} | tuf.published

    def fetch(url: str, _limit: int) -> bytes | None:
        return served.get(unquote(url.removeprefix("https://tuf.test/")))

    folder = tmp_path / "deep" / "trust"
    assert refresh(tuf.source(), folder=folder, fetch=fetch) == TWO
    written = {file for file in tmp_path.rglob("*") if not file.is_dir()}
    assert all(file.is_relative_to(folder) for file in written)
    assert not (tmp_path / "evil.json").exists()


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "sigstore", "a\n"])
def test_t39_a_roots_name_never_becomes_a_path(tuf: FakeTuf, folder: Path, name: str):
    assert refresh(tuf.source(name), folder=folder, fetch=tuf.fetch) == ONE
    (home,) = (each for each in folder.iterdir() if each.is_dir())
    assert set(home.name) <= set("0123456789abcdef")
    assert home.parent == folder


def test_t39_t58_everything_is_asked_of_the_operators_repository(folder: Path):
    """`fetch` asserts it of each URL, whatever the metadata calls its targets and roles."""
    tuf = FakeTuf({TARGET: ONE})
    tuf.delegated["https://evil.example/x"] = {"https://evil.example/y": TWO}
    tuf.publish()
    assert fetched(tuf, folder) == ONE
    assert tuf.asked


def test_the_librarys_own_log_says_nothing_where_nobody_listens(tuf: FakeTuf, folder: Path, capsys):
    assert logging.getLogger("tuf").handlers
    tuf.forge("timestamp", [])
    with pytest.raises(UpstreamRefused):
        fetched(tuf, folder)
    assert capsys.readouterr().err == ""
