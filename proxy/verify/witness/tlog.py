"""An entry is in a log when the log's own key says so: by a promise (SET), or by an inclusion proof and a checkpoint.

What is there must all be right, and one must be there. Only a SET signs a time (T32). The key's window in the trust
root must cover that time, else the time that something else proved (T31).
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxy.verify.evidence import LogProof, NotProved
from proxy.verify.keys import verify_signature
from proxy.verify.material import Log
from proxy.verify.witness.logentry import Entry, InclusionProof

MAX_CHECKPOINT = 64 * 1024  # characters; with a dozen cosignatures it is under 4 KiB
_MAX_LINES = 64  # of signatures
_LAST_SECOND = 253402300799  # of the year 9999, beyond which there is no datetime
_SIGNATURE_LINE = re.compile(r"— ([^\s+]{1,255}) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_TREE = re.compile(r" - [0-9]{1,20}")  # what Rekor v1 writes behind its name in a checkpoint's origin
_TILES = frozenset({("hashedrekord", "0.0.2"), ("dsse", "0.0.2")})  # entries of Rekor v2

Line: TypeAlias = tuple[str, bytes]  # the name that signs, and its signature with 4 bytes of key hash before it


def prove(entry: Entry, *, logs: Sequence[Log], at: datetime | None) -> tuple[LogProof, str]:
    """Return what one of `logs` says of `entry`, and that log's item of the trust material; raise NotProved.

    `at` is the time that a timestamp proved, or now for a key that needs none (aware UTC): the log's window is
    compared with it where no SET signs a time. None where there is neither.
    """
    integrated = _integrated(entry)
    log = _find(entry, logs, integrated or at)
    if entry.promise is not None:
        _require_promise(entry, log, entry.promise)
    if entry.proof is not None:
        _require_proof(entry, log, entry.proof)
    if entry.promise is None and (entry.proof is None or not entry.proof.checkpoint):
        raise NotProved("its log entry carries neither a signed entry timestamp nor a proof under a checkpoint")
    # A SET signs the log's own index; a proof that stands alone proves the tree's.
    index = entry.proof.log_index if entry.promise is None and entry.proof is not None else entry.index
    kind = f"{entry.kind} {entry.version}"
    return LogProof(log=log.id.hex(), host=log.host, index=index, kind=kind, integrated_at=integrated), log.item


def _integrated(entry: Entry) -> datetime | None:
    """The time that a SET signs; one that stands beside an entry unsigned is nobody's word (T32)."""
    if entry.promise is None:
        return None
    if entry.integrated_time is None or entry.integrated_time > _LAST_SECOND:
        raise NotProved("its log entry carries a signed entry timestamp, but no time that this could be of")
    return datetime.fromtimestamp(entry.integrated_time, UTC)


def _find(entry: Entry, logs: Sequence[Log], moment: datetime | None) -> Log:
    known = [log for log in logs if log.id == entry.log_id]
    if not known:
        raise NotProved(f"its log entry is of log {entry.log_id.hex()[:64]}, which the trust root does not list")
    if moment is None:
        raise NotProved("nothing proves when it was logged, so that the log key's window cannot be checked")
    for log in known:
        if log.window.covers(moment):
            return log
    windows = ", ".join(str(log.window) for log in known)
    raise NotProved(f"its log's key was not valid at {moment.isoformat()}, the time that is proved (only {windows})")


def _require_promise(entry: Entry, log: Log, promise: bytes) -> None:
    """RFC 8785 JSON of the entry's body, time, log and index is what a SET signs (evidence.md 2)."""
    body = binascii.b2a_base64(entry.body, newline=False).decode()
    time, log_id, index = entry.integrated_time, entry.log_id.hex(), entry.index
    message = f'{{"body":"{body}","integratedTime":{time},"logID":"{log_id}","logIndex":{index}}}'
    if not _is_signed(log, signature=promise, message=message.encode()):
        raise NotProved("its signed entry timestamp is not the log's, or the entry was changed after it was logged")


def _require_proof(entry: Entry, log: Log, proof: InclusionProof) -> None:
    """RFC 6962 2.1.1 and C2SP tlog-checkpoint: entry → root → signed by the log."""
    is_tiles = (entry.kind, entry.version) in _TILES
    if is_tiles and proof.log_index != entry.index:
        raise NotProved("its inclusion proof is of another index than its log entry")
    if _root(entry.body, proof) != proof.root_hash:
        raise NotProved("its inclusion proof does not lead from the entry to the root hash; it is of another entry")
    # Bundles v0.1 may have no checkpoint. Nothing signs that root, so it proves nothing: `prove` wants a SET then.
    if not proof.checkpoint:
        return
    size, root = _read_checkpoint(proof.checkpoint, log, is_tiles=is_tiles)
    if size != proof.tree_size:
        raise NotProved(f"its inclusion proof is in a tree of {proof.tree_size} entries, its checkpoint signs {size}")
    if root != proof.root_hash:
        raise NotProved("its checkpoint signs another root hash than its inclusion proof leads to")


def _root(body: bytes, proof: InclusionProof) -> bytes:
    """The root that the path leads to: RFC 9162 2.1.3.2, as transparency-dev/merkle counts its steps."""
    index, last = proof.log_index, proof.tree_size - 1
    if index > last:
        raise NotProved(f"its inclusion proof is of entry {index} in a tree of {proof.tree_size}")
    inner = (index ^ last).bit_length()
    if len(proof.hashes) != inner + (index >> inner).bit_count() or any(len(each) != 32 for each in proof.hashes):
        raise NotProved("its inclusion proof has not the hashes that its index and tree size take")
    node = hashlib.sha256(b"\0" + body).digest()
    for level, sibling in enumerate(proof.hashes):
        is_left = level < inner and not index >> level & 1
        node = hashlib.sha256(b"\1" + (node + sibling if is_left else sibling + node)).digest()
    return node


def _read_checkpoint(note: str, log: Log, *, is_tiles: bool) -> tuple[int, bytes]:
    """Tree size and root hash that the log signed; witnesses' cosignatures beside its line are not looked at."""
    text, lines = _split(note)
    own = [(name, raw[4:]) for name, raw in lines if raw[:4] == log.id[:4]]
    if not own:
        raise NotProved("its checkpoint is not signed by the log that its entry names")
    origin, *fields = text.decode().split("\n")
    for name, signature in own:
        _require_origin(origin, name, log, is_tiles=is_tiles)
        if not _is_signed(log, signature=signature, message=text):
            raise NotProved("its checkpoint was not signed by the log's key, or was changed since")
    if len(fields) < 3 or not _SIZE.fullmatch(fields[0]):
        raise NotProved("its checkpoint does not name a tree size and a root hash")
    return int(fields[0]), _unbase64(fields[1])


def _split(note: str) -> tuple[bytes, list[Line]]:
    """C2SP signed-note: the text with its last newline, an empty line, a line for each signature."""
    text, blank, signed = note.rpartition("\n\n")
    lines = signed.removesuffix("\n").split("\n")
    if len(note) > MAX_CHECKPOINT or not blank or not signed.endswith("\n") or len(lines) > _MAX_LINES:
        raise NotProved("its checkpoint is not a signed note")
    if any(not each.isprintable() for each in note.split("\n")):
        raise NotProved("its checkpoint holds characters that no note may hold")
    matches = [_SIGNATURE_LINE.fullmatch(line) for line in lines]
    parsed = [(match[1], _unbase64(match[2])) for match in matches if match]
    if len(parsed) != len(lines):
        raise NotProved("its checkpoint holds a line that is no signature")
    return f"{text}\n".encode(), parsed


def _require_origin(origin: str, name: str, log: Log, *, is_tiles: bool) -> None:
    """Rekor v2 signs as the host of its baseUrl; v1 under a name of its own, with the number of the tree behind it."""
    if is_tiles and not log.host:
        raise NotProved("the trust root gives no baseUrl for its log, so that no checkpoint is known to be that log's")
    if is_tiles and not origin == name == log.host:
        raise NotProved(f"its checkpoint is of another log than {log.host}")
    if not is_tiles and not (origin.startswith(name) and _TREE.fullmatch(origin, len(name))):
        raise NotProved("its checkpoint's origin is not the log that signs it")


def _is_signed(log: Log, *, signature: bytes, message: bytes) -> bool:
    if isinstance(log.key, Ed25519PublicKey):  # pure: no log signs prehashed
        try:
            log.key.verify(signature, message)
        except InvalidSignature:
            return False
        return True
    return verify_signature(log.key, signature=signature, message=message, hash=None)


def _unbase64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise NotProved("its checkpoint holds what is not base64") from None
