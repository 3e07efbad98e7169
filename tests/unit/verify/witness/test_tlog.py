"""An entry is in a log when the log's own key says so, and nothing that is said beside it may be wrong."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from proxy.verify import trustedroot
from proxy.verify.evidence import NotProved
from proxy.verify.material import Log, Window
from proxy.verify.witness import tlog
from proxy.verify.witness.logentry import Entry, InclusionProof, from_annotation, from_bundle
from tests.fakes.attached import Attached, attached
from tests.fakes.layouts import LAB, needs_vectors
from tests.fakes.tlogs import START, WITHIN, FakeLog, body_of, root_of

ROOTS = LAB / "trust" / "roots"
NOW = datetime(2026, 11, 25, tzinfo=UTC)
V1 = FakeLog("rekor.test", tree="1193050959916656506")
V2 = FakeLog("log2.test", private=ed25519.Ed25519PrivateKey.generate())
V2_EC = FakeLog("log3.test")
BODY = body_of("dsse 0.0.1", signature=b"s", message=b"m", payload=b"p", envelope=b"e", key=b"k", is_certificate=False)
BODY_2 = body_of(
    "hashedrekord 0.0.2", signature=b"s", message=b"m", payload=b"p", envelope=b"e", key=b"k", is_certificate=False
)
OTHER_BODY = BODY_2.replace(b"SHA2_256", b"SHA2_512")


def promised(at: datetime = WITHIN) -> Entry:
    return V1.promised(V1.entry(BODY, index=1261105807), at=at)


def included(log: FakeLog = V2, **tree: int) -> Entry:
    return log.included(log.entry(BODY_2), **tree)


def prove(entry: Entry, *logs: FakeLog, at: datetime | None = WITHIN) -> tlog.LogProof:
    proof, item = tlog.prove(entry, logs=[each.log for each in logs or (V1, V2, V2_EC)], at=at)
    assert item in {each.log.item for each in logs or (V1, V2, V2_EC)}
    return proof


def refused(entry: Entry, reason: str, *logs: FakeLog, at: datetime | None = WITHIN) -> None:
    with pytest.raises(NotProved, match=reason):
        prove(entry, *logs, at=at)


def with_proof(entry: Entry, **changes: object) -> Entry:
    assert entry.proof is not None
    return replace(entry, proof=replace(entry.proof, **changes))


def noted(entry: Entry, log: FakeLog = V2, **said: object) -> Entry:
    """The same entry under a checkpoint that says something else, rightly signed."""
    assert entry.proof is not None
    return with_proof(entry, checkpoint=log.checkpoint(entry.proof, **said))


def with_entries() -> list[Attached]:
    return [each for each in attached() if each.annotation or each.items]


def entries_of(each: Attached) -> list[Entry]:
    entries = [from_bundle(item) for item in each.items]
    return entries + ([from_annotation(each.annotation)] if each.annotation else [])


def logs_of(name: str) -> tuple[Log, ...]:
    return trustedroot.parse(name, (ROOTS / f"{name}.json").read_bytes()).logs


@needs_vectors
@pytest.mark.parametrize("each", with_entries(), ids=lambda each: each.name)
def test_every_entry_of_the_vectors_is_in_its_log(each):
    root = trustedroot.parse("root", each.root.read_bytes())
    for entry in entries_of(each):
        proof, item = tlog.prove(entry, logs=root.logs, at=NOW)
        assert item in root.items
        assert (proof.integrated_at is None) == (entry.promise is None)


@needs_vectors
@pytest.mark.parametrize("each", with_entries(), ids=lambda each: each.name)
def test_t20_no_entry_of_the_vectors_is_in_its_log_with_another_body(each):
    logs = trustedroot.parse("root", each.root.read_bytes()).logs
    for entry in entries_of(each):
        for changed in (replace(entry, body=entry.body + b" "), replace(entry, index=entry.index + 1)):
            with pytest.raises(NotProved):
                tlog.prove(changed, logs=logs, at=NOW)


@needs_vectors
@pytest.mark.parametrize("name", ["rekor_b", "tsaonly"])
def test_no_entry_of_the_lab_is_in_a_log_that_the_root_does_not_list(name):
    entries = [entry for each in with_entries() if each.root.name == "full.json" for entry in entries_of(each)]
    assert len(entries) >= 20
    for entry in entries:
        with pytest.raises(NotProved, match="does not list"):
            tlog.prove(entry, logs=logs_of(name), at=NOW)


@needs_vectors
@pytest.mark.parametrize(("name", "is_promised"), [("log_closed", True), ("log2_closed", False)])
def test_t31_no_entry_of_the_lab_is_proved_by_a_log_that_was_retired_before(name, is_promised):
    logs = logs_of(name)
    ids = {log.id for log in logs}
    entries = [entry for each in with_entries() for entry in entries_of(each) if entry.log_id in ids]
    assert entries
    for entry in entries:
        assert (entry.promise is not None) == is_promised
        with pytest.raises(NotProved, match="was not valid at"):
            tlog.prove(entry, logs=logs, at=NOW)


def test_a_promise_proves_the_entry_and_its_time():
    proof = prove(promised(), at=None)
    assert (proof.integrated_at, proof.index, proof.kind) == (WITHIN, 1261105807, "dsse 0.0.1")
    assert (proof.log, proof.host) == (V1.id.hex(), "rekor.test")


@pytest.mark.parametrize("log", [V2, V2_EC], ids=["Ed25519", "ECDSA"])
def test_an_inclusion_proof_under_a_checkpoint_proves_the_entry_and_no_time(log):
    proof = prove(included(log))
    assert (proof.integrated_at, proof.index, proof.kind) == (None, 3, "hashedrekord 0.0.2")
    assert (proof.log, proof.host) == (log.id.hex(), log.host)


def test_an_inclusion_proof_proves_the_same_at_every_place_of_every_tree():
    for size in range(1, 18):
        for at in range(size):
            assert prove(included(size=size, at=at)).index == at


def test_a_proof_of_rekor_v1_stands_beside_its_promise_or_alone():
    both = V1.included(promised())
    assert prove(both).index == 1261105807
    assert prove(both).integrated_at == WITHIN
    alone = replace(both, promise=None)
    assert prove(alone).index == 3
    assert prove(alone).integrated_at is None


def test_a_curve_of_384_bits_and_rsa_sign_logs_too():
    larger = FakeLog("rekor.test", private=ec.generate_private_key(ec.SECP384R1()))
    assert prove(larger.promised(larger.entry(BODY)), larger).integrated_at == WITHIN
    key = rsa.generate_private_key(65537, 2048)
    assert not tlog._is_signed(replace(V1.log, key=key.public_key()), signature=b"x" * 256, message=b"")


# Time, and the windows of keys.


def test_t32_a_time_that_nothing_signs_is_not_proved():
    entry = replace(V1.included(promised()), promise=None, integrated_time=1)
    assert prove(entry).integrated_at is None


@pytest.mark.parametrize("seconds", [1, -1, 86400])
def test_t32_a_time_that_was_altered_breaks_its_promise(seconds):
    entry = promised()
    assert entry.integrated_time is not None
    refused(replace(entry, integrated_time=entry.integrated_time + seconds), "entry timestamp is not the log's")


def test_t32_an_entry_whose_promise_was_removed_proves_nothing():
    refused(replace(promised(), promise=None), "neither a signed entry timestamp nor a proof")


@pytest.mark.parametrize("seconds", [None, 2**62])
def test_t32_a_promise_without_a_time_that_can_be_proves_nothing(seconds):
    refused(replace(promised(), integrated_time=seconds), "no time that this could be of")


@pytest.mark.parametrize("at", [START - timedelta(seconds=1), WITHIN + timedelta(seconds=1)])
def test_t31_a_log_key_proves_nothing_outside_its_window(at):
    closed = Window(START, WITHIN)
    entry = promised(at)
    refused(entry, r"was not valid at .* \(only 2026-01-01", replace_window(V1, closed))
    refused(included(), "was not valid at", replace_window(V2, closed), at=at)


@pytest.mark.parametrize("at", [START, WITHIN])
def test_a_window_holds_at_both_its_ends(at):
    closed = Window(START, WITHIN)
    assert prove(promised(at), replace_window(V1, closed), at=None).integrated_at == at
    assert prove(included(), replace_window(V2, closed), at=at).index == 3


def test_t31_the_time_that_a_promise_signs_counts_and_not_what_was_proved_elsewhere():
    refused(
        promised(WITHIN + timedelta(days=1)), "was not valid at", replace_window(V1, Window(START, WITHIN)), at=START
    )


def test_t31_an_entry_without_any_proved_time_proves_nothing():
    refused(included(), "nothing proves when it was logged", at=None)


def test_a_key_that_was_listed_twice_is_good_in_either_window():
    early, late = Window(START, START + timedelta(days=1)), Window(WITHIN)
    logs = (replace_window(V1, early), replace_window(V1, late))
    _, item = tlog.prove(promised(), logs=[each.log for each in logs], at=None)
    assert item == logs[1].log.item


def replace_window(log: FakeLog, window: Window) -> FakeLog:
    return replace(log, window=window)


# Promises.


@pytest.mark.parametrize("change", [{"body": BODY_2}, {"index": 1}, {"promise": b"\x30\x00"}, {"promise": b""}])
def test_t20_a_promise_is_of_one_entry_alone(change):
    refused(replace(promised(), **change), "entry timestamp is not the log's")


def test_t20_a_promise_by_another_log_under_our_logs_name_proves_nothing():
    stranger = FakeLog(V1.host)
    entry = replace(V1.entry(BODY), log_id=V1.id)
    refused(stranger.promised(entry), "entry timestamp is not the log's")


def test_an_entry_of_a_log_that_is_not_listed_is_told_by_its_id():
    refused(promised(), f"of log {V1.id.hex()}, which the trust root does not list", V2)


def test_t23_no_log_at_all_proves_nothing():
    with pytest.raises(NotProved, match="does not list"):
        tlog.prove(promised(), logs=[], at=WITHIN)


# Inclusion proofs.


def test_t20_a_proof_is_of_one_body_alone():
    refused(replace(included(), body=OTHER_BODY), "does not lead from the entry to the root hash")


def test_t20_a_proof_of_another_leaf_proves_nothing():
    """A body that says it is an inner node would be one if leaves and nodes were hashed alike (RFC 6962 2.1)."""
    entry = included(size=2, at=1)
    assert entry.proof is not None
    refused(with_proof(entry, hashes=(b"\1" * 32,)), "does not lead from the entry")
    refused(with_proof(entry, log_index=0), "of another index than its log entry")
    refused(replace(with_proof(entry, log_index=0), index=0), "does not lead from the entry")


def test_t20_a_wrong_root_hash_proves_nothing_even_where_the_checkpoint_is_right():
    refused(with_proof(included(), root_hash=b"\0" * 32), "does not lead from the entry to the root hash")


def test_t20_a_checkpoint_of_another_root_proves_nothing():
    refused(noted(included(), root=root_of([b"other"])), "signs another root hash")


@pytest.mark.parametrize("size", [6, 8])
def test_t20_a_checkpoint_of_another_tree_size_proves_nothing(size):
    refused(noted(included(), size=size), f"in a tree of 7 entries, its checkpoint signs {size}")


def test_t20_a_tree_size_that_was_changed_in_the_proof_proves_nothing():
    refused(with_proof(included(), tree_size=5), "in a tree of 5 entries, its checkpoint signs 7")
    refused(with_proof(included(), tree_size=4), "has not the hashes")


@pytest.mark.parametrize(("index", "size"), [(7, 7), (2**62, 7), (0, 0)])
def test_t20_an_index_outside_the_tree_proves_nothing(index, size):
    entry = replace(with_proof(included(), log_index=index, tree_size=size), index=index)
    refused(entry, f"of entry {index} in a tree of {size}")


@pytest.mark.parametrize("change", [lambda hashes: hashes[:-1], lambda hashes: (*hashes, b"\0" * 32)])
def test_t20_a_path_with_a_step_too_many_or_too_few_proves_nothing(change):
    entry = included()
    assert entry.proof is not None
    refused(with_proof(entry, hashes=change(entry.proof.hashes)), "has not the hashes")


def test_t20_a_step_that_is_no_hash_proves_nothing():
    entry = included()
    assert entry.proof is not None
    refused(with_proof(entry, hashes=(b"\0" * 33, *entry.proof.hashes[1:])), "has not the hashes")


def test_what_stands_beside_a_good_promise_must_be_right_too():
    both = V1.included(promised())
    refused(with_proof(both, root_hash=b"\0" * 32), "does not lead")
    refused(with_proof(both, checkpoint=V2.checkpoint(both.proof)), "not signed by the log that its entry names")
    refused(replace(both, promise=b"\x30\x00"), "entry timestamp is not the log's")


def test_a_proof_without_a_checkpoint_proves_nothing_of_itself_and_spoils_no_promise():
    """Bundles v0.1 may have none: nothing signs that root."""
    bare = with_proof(V1.included(promised()), checkpoint="")
    assert prove(bare).integrated_at == WITHIN
    refused(with_proof(bare, root_hash=b"\0" * 32), "does not lead")
    refused(replace(bare, promise=None), "neither a signed entry timestamp nor a proof under a checkpoint")


# Checkpoints.


def note_of(entry: Entry) -> tuple[str, str]:
    """The signed text and the signature lines."""
    assert entry.proof is not None
    text, _, lines = entry.proof.checkpoint.rpartition("\n\n")
    return f"{text}\n", lines


def test_witnesses_may_sign_beside_the_log_before_and_behind_it():
    entry = included()
    text, line = note_of(entry)
    foreign = FakeLog("witness.test").line(text)
    for lines in (line + foreign, foreign + line):
        assert prove(with_proof(entry, checkpoint=f"{text}\n{lines}")).index == 3


def test_a_checkpoint_may_say_more_after_its_root():
    assert prove(noted(included(), more="Timestamp: 1689177396617352539\n")).index == 3


def test_a_checkpoint_signed_by_strangers_alone_proves_nothing():
    entry = included()
    text, _ = note_of(entry)
    foreign = FakeLog(V2.host).line(text)
    refused(with_proof(entry, checkpoint=f"{text}\n{foreign}"), "not signed by the log that its entry names")


def test_every_line_that_is_the_logs_own_must_be_right():
    entry = included()
    text, line = note_of(entry)
    forged = f"— {V2.host} {base64.b64encode(V2.id[:4] + b'x' * 64).decode()}\n"
    refused(with_proof(entry, checkpoint=f"{text}\n{forged}{line}"), "not signed by the log's key, or was changed")
    refused(with_proof(entry, checkpoint=f"{text}\n{line}{forged}"), "not signed by the log's key, or was changed")


def test_an_unsigned_checkpoint_proves_nothing():
    entry = included()
    text, line = note_of(entry)
    refused(with_proof(entry, checkpoint=text), "not a signed note")
    refused(with_proof(entry, checkpoint=f"{text}\n"), "not a signed note|no signature")
    refused(with_proof(entry, checkpoint=f"{text}{line}"), "not a signed note")


@pytest.mark.parametrize("log", [V2, V2_EC], ids=["Ed25519", "ECDSA"])
def test_a_checkpoint_of_another_origin_proves_nothing(log):
    refused(noted(included(log), log, origin="other.test"), f"of another log than {log.host}")
    refused(noted(included(log), log, origin=f"{log.host} - 7"), f"of another log than {log.host}")
    entry = included(log)
    text, _ = note_of(entry)
    refused(with_proof(entry, checkpoint=f"{text}\n{log.line(text, name='other.test')}"), "of another log than")


def test_a_checkpoint_of_rekor_v2_needs_a_log_whose_host_is_known():
    nameless = replace(V2.log, host="")
    with pytest.raises(NotProved, match="gives no baseUrl"):
        tlog.prove(included(), logs=[nameless], at=WITHIN)


@pytest.mark.parametrize("origin", ["rekor.test", "rekor.test - ", "rekor.test - 7 ", "other - 7", "rekor.test - -7"])
def test_a_checkpoint_of_rekor_v1_names_its_tree_behind_its_name(origin):
    refused(noted(V1.included(promised()), V1, origin=origin), "origin is not the log that signs it")


def test_a_checkpoint_whose_text_was_changed_after_it_was_signed_proves_nothing():
    entry = included()
    assert entry.proof is not None
    note = entry.proof.checkpoint.replace("\n\n", "\nmore\n\n")
    refused(with_proof(entry, checkpoint=note), "not signed by the log's key, or was changed")


@pytest.mark.parametrize("size", ["07", "-7", "7 ", "0x7", "", "\u0667", "9" * 20])
def test_t55_a_tree_size_is_written_in_one_way(size):
    refused(noted(included(), size=size), "does not name a tree size|no note may hold")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note + "junk\n",
        lambda note: note.replace("— ", "- "),
        lambda note: note.removesuffix("\n"),
        lambda note: note.replace("\n", "\r\n"),
        lambda note: note + "\x00\n",
        lambda note: note + "— log2.test AAA\n",
        lambda note: note + note.rpartition("\n\n")[2] * 64,
        lambda note: "x" * tlog.MAX_CHECKPOINT + note,
        lambda note: "\ud800" + note,
        lambda note: note.split("\n")[0] + "\n\n" + note.rpartition("\n\n")[2],
    ],
)
def test_t55_a_checkpoint_that_is_no_signed_note_proves_nothing(spoil):
    entry = included()
    assert entry.proof is not None
    refused(with_proof(entry, checkpoint=spoil(entry.proof.checkpoint)), "checkpoint")


def test_t55_a_checkpoint_that_signs_too_little_proves_nothing():
    entry = included()
    text = f"{V2.host}\n7\n"
    refused(with_proof(entry, checkpoint=f"{text}\n{V2.line(text)}"), "does not name a tree size and a root hash")


@given(note=st.text(max_size=200), tail=st.text(max_size=40))
def test_t55_whatever_text_a_checkpoint_is_it_proves_nothing(note, tail):
    entry = included()
    assert entry.proof is not None
    for each in (note, note + entry.proof.checkpoint + tail + "x", f"{note}\n\n— {tail}\n"):
        with pytest.raises(NotProved) as caught:
            prove(with_proof(entry, checkpoint=each))
        assert str(caught.value).isprintable()


@given(
    index=st.integers(0, 2**63 - 1),
    size=st.integers(0, 2**63 - 1),
    root=st.binary(max_size=40),
    hashes=st.lists(st.binary(max_size=40), max_size=64),
    promise=st.none() | st.binary(max_size=80),
    time=st.none() | st.integers(0, 2**63 - 1),
)
def test_t55_whatever_numbers_a_proof_holds_it_proves_nothing(index, size, root, hashes, promise, time):
    proof = InclusionProof(index, size, root, tuple(hashes), "\n\n".join(note_of(included())))
    entry = replace(V2.entry(BODY_2, index=index), proof=proof, promise=promise, integrated_time=time)
    with pytest.raises(NotProved):
        prove(entry)
