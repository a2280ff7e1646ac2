"""A bundle as a whole: written from a ledger and a store, read from one file."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from troth.audit import archive, manifest, seal
from troth.audit.members import (
    BLOBS,
    BLOCKS,
    CONTRACTS,
    CONTRACTS_FORMAT,
    SEAL,
    TERMS,
    TRANSACTIONS,
    BlockLine,
    Contracts,
    DeployedContract,
    Seal,
    TransactionLine,
    blob_name,
    decode,
    decode_lines,
    encode_lines,
    terms_name,
)
from troth.audit.references import Reference, belonging
from troth.domain import records
from troth.domain import terms as document
from troth.domain.hashing import digest as digest_of
from troth.errors import BundleFalse, InputError, NotABundle, StorageError, TermsError
from troth.ledger import artifact
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.ledger.bindings import study_registry
from troth.ledger.client import Ledger
from troth.ledger.deploy import ORDER
from troth.ledger.interface import Event
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.round.view import StudyView
from troth.storage.blobs import BlobStore


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds; each part canonical in itself, nothing compared yet."""

    blocks: tuple[BlockLine, ...]
    transactions: tuple[TransactionLine, ...]
    seal: Seal
    contracts: Contracts
    terms: Mapping[bytes, bytes]
    """Documents by digest."""
    blobs: Mapping[bytes, bytes]
    """By digest."""
    doubt: BundleFalse | None
    """A part of the manifest that is wrong if nothing else is."""


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and check that every member is the one its name and the manifest say.

    Raises:
        InputError: there is no such file.
        NotABundle: a file that is no archive, or an unsafe or damaged one.
        BundleFalse: naming the first member that is not what it is called.
    """
    found = archive.read_file(path)
    members = dict(found.members)
    if manifest.NAME not in members:
        raise NotABundle(f"{path}: a ZIP archive, but without a {manifest.NAME}")
    doubt = manifest.verify(members.pop(manifest.NAME), members)
    for name in sorted(found.damaged):
        raise BundleFalse(name, "content", "the archive's checksum", "another one")
    for name in (BLOCKS, CONTRACTS, SEAL, TRANSACTIONS):
        if name not in members:
            raise BundleFalse(name, "member", "nothing", "a member that every bundle has")
    blocks, transactions = members.pop(BLOCKS), members.pop(TRANSACTIONS)
    sealed, contracts = members.pop(SEAL), members.pop(CONTRACTS)
    folders = {
        folder: {name: members.pop(name) for name in sorted(members) if name.startswith(folder)}
        for folder in (TERMS, BLOBS)
    }
    for name in sorted(members):
        raise BundleFalse(name, "member", "to belong to a bundle", "a member that no bundle has")
    return Bundle(
        blocks=decode_lines(BlockLine, blocks, BLOCKS),
        transactions=decode_lines(TransactionLine, transactions, TRANSACTIONS),
        seal=decode(Seal, sealed, SEAL),
        contracts=decode(Contracts, contracts, CONTRACTS),
        terms=_by_digest(folders[TERMS], terms_name),
        blobs=_by_digest(folders[BLOBS], blob_name),
        doubt=doubt,
    )


def _by_digest(members: Mapping[str, bytes], name_of: Callable[[bytes], str]) -> dict[bytes, bytes]:
    """Members that are named by their digest."""
    found = {}
    for name, content in members.items():
        true = digest_of(content)
        if name != name_of(true):
            claimed, follows = "the digest in its name", f"the digest 0x{true.hex()}"
            raise BundleFalse(name, "content", claimed, follows)
        found[true] = content
    return found


def write_bundle(path: Path, ledger: Ledger, store: BlobStore, sealer: Account) -> None:
    """Write everything public about a ledger into one file: whole, or not at all.

    Run by any member. The store must serve the terms of every active study by their digest, and
    the blobs that `troth.audit.references` asks for; nothing else is packed, least of all sealed
    shares.

    Args:
        path: the file; it is replaced if there is one.
        ledger: with all contracts and libraries bound. Blocks up to the newest final one are taken.
        store: where the parties' blobs are.
        sealer: a member's account, which signs the last block.

    Raises:
        BlobMissing: the store lacks one of these; without it the bundle would be false.
        InputError: the file cannot be written.
    """
    head = ledger.final()
    blocks = [ledger.block(number) for number in range(head.number + 1)]
    events = [logged.event for logged in ledger.events(0, head.number)]
    lines = [
        TransactionLine(block.header.number, index, raw, receipt)
        for block in blocks
        for index, (raw, receipt) in enumerate(
            zip(block.raw.transactions, block.raw.receipts, strict=True)
        )
    ]
    deployed = tuple(
        DeployedContract(name, bytes(ledger.addresses[name]), artifact.load(name).digest)
        for name in ORDER
    )
    agreed = _terms(events, store)
    blobs = _blobs(events, agreed, ledger.addresses["Rounds"], store)
    members = {
        BLOCKS: encode_lines([BlockLine(block.raw.header) for block in blocks]),
        TRANSACTIONS: encode_lines(lines),
        SEAL: records.encode(seal.make(sealer, ledger.chain_id, head.hash)),
        CONTRACTS: records.encode(Contracts(CONTRACTS_FORMAT, deployed)),
        **{terms_name(digest_of(terms)): terms for terms in agreed.values()},
        **{blob_name(digest): blob for digest, blob in blobs.items()},
    }
    members[manifest.NAME] = manifest.make(members).encode()
    write_whole(path, archive.write(members))


def _terms(events: Sequence[Event], store: BlobStore) -> dict[bytes, bytes]:
    """The terms of every study that became active, by study id."""
    active = {e.study_id for e in events if isinstance(e, study_registry.StudyActivated)}
    return {
        event.study_id: store.get(event.terms_digest, max_size=MAX_MESSAGE)
        for event in events
        if isinstance(event, study_registry.StudyProposed) and event.study_id in active
    }


def _blobs(
    events: Sequence[Event], agreed: Mapping[bytes, bytes], contract: Address, store: BlobStore
) -> dict[bytes, bytes]:
    """The blobs that the rounds of all studies need, and those offered that the store serves."""

    def fetch(reference: Reference) -> bytes:
        return store.get(reference.digest, max_size=reference.max_size)

    def look(reference: Reference) -> bytes | None:
        try:
            return fetch(reference)
        except StorageError:  # also one that is too long: what is only offered stops no writer
            return None

    blobs: dict[bytes, bytes] = {}
    for study_id, terms in agreed.items():
        try:
            study = Study(document.decode(terms), study_id, contract)
        except TermsError:
            continue  # an audit names these terms as the lie, before it comes to any round
        view = StudyView(study_id)
        for event in events:
            view.apply(event)
        for round_ in view.rounds.values():
            blobs |= belonging(study, round_, fetch, look)
    return blobs


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that readers see all of it or the old one.

    Raises:
        InputError: it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)  # a bundle is for everybody; mkstemp is for its owner
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise InputError(
            f"{path}: cannot be written: {problem.strerror or problem}; choose another folder"
        ) from problem
