"""``troth checkpoint``: members sign where a ledger stands; anybody joins what they signed."""

from collections.abc import Sequence
from pathlib import Path

from troth.audit import checkpoint as checkpoints
from troth.audit.bundle import read_bundle, write_whole
from troth.audit.chain import verify_chain
from troth.audit.checkpoint import Checkpoint
from troth.audit.past import history_of_chain
from troth.audit.run import audit
from troth.cli import output
from troth.cli.audit import MAX_TRUST
from troth.cli.exits import Exit
from troth.cli.inputs import read_file, require_file
from troth.cli.teller import working
from troth.domain import canonical, records
from troth.errors import AuditError, DecodeError, InputError
from troth.ledger.account import Account


def sign(bundle: Path, key: Path, out: Path, head_hash: str | None, *, as_json: bool) -> int:
    """Sign what a bundle of one's own node says.

    Raises:
        InputError: the bundle is not there or does not hold, the key is no member's, or the file
            cannot be written.
        StateFileError: no key file, or one that others may read.
    """
    require_file(bundle, "bundle")
    require_file(key, "key file", "--key")
    foreign = None if head_hash is None else _hash(head_hash)
    account = Account.read(key)
    try:
        with working(f"auditing {bundle}"):
            anchors = audit(bundle).anchors
            found = read_bundle(bundle)
            chain = verify_chain(found.blocks, found.transactions, found.seal)
    except AuditError as problem:
        raise InputError(
            f"{bundle}: {problem}; sign only a bundle that your own node wrote"
        ) from problem
    statement = checkpoints.state(anchors, history_of_chain(chain), foreign)
    return _leave(checkpoints.sign(statement, account), out, as_json=as_json)


def join(files: Sequence[Path], out: Path, *, as_json: bool) -> int:
    """Join checkpoints.

    Raises:
        InputError: one is not there, is none or does not hold; they do not state the same; or the
            file cannot be written.
    """
    return _leave(checkpoints.join([_read(path) for path in files]), out, as_json=as_json)


def _read(path: Path) -> Checkpoint:
    data = read_file(path, "checkpoint", MAX_TRUST)
    try:
        return checkpoints.decode(data)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from problem


def _hash(text: str) -> bytes:
    try:
        return canonical.hex_from_text(text, "--head-hash")
    except DecodeError as problem:
        raise InputError(f"{problem}; give the hash as the engine says it") from problem


def _leave(checkpoint: Checkpoint, out: Path, *, as_json: bool) -> int:
    write_whole(out, checkpoint.encode())
    if as_json:
        output.document(records.to_json(checkpoint))
        return Exit.FINE
    said = checkpoint.statement
    page = output.Page()
    page.tagged("chain", str(said.chain_id), "cyan")
    page.tagged("last block", f"{said.head.number}, 0x{said.head.hash.hex()}", "cyan")
    page.tagged("history", f"0x{said.history.hex()}", "cyan")
    for entry in checkpoint.signatures:
        page.tagged("signed by", entry.member, "green")
    needed = checkpoints.majority(said).threshold
    page.line()
    page.line(
        f"{out}: signed by {len(checkpoint.signatures)} of {len(said.members)} members; more than "
        f"half are {needed}"
    )
    return Exit.FINE
