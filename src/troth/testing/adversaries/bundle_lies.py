"""Whoever hands a bundle over changes it, repairs what can be repaired, and hopes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from troth.audit import archive, manifest
from troth.audit.agreements import verify_agreements
from troth.audit.chain import verify_chain
from troth.audit.deployment import verify_deployment
from troth.audit.evidence import gather
from troth.audit.history import replay
from troth.audit.members import (
    BLOBS,
    BLOCKS,
    CONTRACTS,
    SEAL,
    TERMS,
    TRANSACTIONS,
    BlockLine,
    Contracts,
    Seal,
    TransactionLine,
    decode,
    decode_lines,
)
from troth.audit.round_check import check_rounds
from troth.audit.run import audit
from troth.audit.trust import trust_document
from troth.errors import BundleFalse
from troth.ledger.account import Account
from troth.ledger.bindings import privacy_ledger, rounds
from troth.ledger.evidence import (
    UnsignedTransaction,
    decode_header,
    decode_transaction,
    list_root,
    sign,
    verify_link,
)
from troth.ledger.interface import Event
from troth.testing import bundle_edits
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Observation,
    Outcome,
    argument,
    no_switch,
)
from troth.testing.adversaries.observing import attempt
from troth.testing.adversaries.stage import Stage, ended
from troth.testing.bundle_edits import Members, read_members
from troth.testing.chain_forger import Block, rewrite

STRANGER = Account(bytes(31) + b"\x07")
EDITS = 24
"""Edits that one run tries; the tests of the audit try hundreds."""


class FalseBundle(Attack, ABC):
    """A bundle of one true round, changed."""

    actor = Actor.BUNDLE
    expected = Outcome.DETECTED
    wants = "the reader finds nothing wrong"

    @abstractmethod
    def forge(self, stage: Stage, members: Members) -> bytes:
        """The changed bundle."""

    def read_carelessly(self, path: Path) -> object:
        """What a reader without the defence does with it."""
        return audit(path)

    def prepare(self, stage: Stage) -> None:
        """What the bundle is of: one honest round."""
        stage.run(ended)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """An honest history, then the change; the auditor has a trust file."""
        self.prepare(stage)
        path = stage.write_bundle()
        trust = trust_document(stage.ledger)
        path.write_bytes(self.forge(stage, read_members(path.read_bytes())))
        read: list[object] = []

        def look() -> None:
            read.append(audit(path, trust) if defended else self.read_carelessly(path))

        return attempt(look, lambda: bool(read))


def packed(members: Mapping[str, bytes]) -> bytes:
    """An archive of these members with a manifest that fits them."""
    others = {name: content for name, content in members.items() if name != manifest.NAME}
    return archive.write({**others, manifest.NAME: manifest.make(others).encode()})


def read_by_name(path: Path) -> object:
    """An audit that takes every blob for what it is called, and any seal for a member's."""
    members = archive.read_file(path).members

    def folder(name: str, suffix: str = "") -> dict[bytes, bytes]:
        return {
            bytes.fromhex(found.removeprefix(name).removesuffix(suffix)): content
            for found, content in members.items()
            if found.startswith(name)
        }

    chain = verify_chain(
        decode_lines(BlockLine, members[BLOCKS], BLOCKS),
        decode_lines(TransactionLine, members[TRANSACTIONS], TRANSACTIONS),
        decode(Seal, members[SEAL], SEAL),
    )
    contracts = decode(Contracts, members[CONTRACTS], CONTRACTS)
    deployment = verify_deployment(chain, contracts)
    history = replay(chain, deployment)
    where = deployment.addresses["Rounds"]
    agreed = verify_agreements(history, chain.chain_id, where, folder(TERMS, ".json"))
    studies = {study_id: found.study for study_id, found in agreed.active.items()}
    return check_rounds(gather(history, studies, folder(BLOBS)))


def read_hashes_only(path: Path) -> object:
    """A reader that checks links, roots and signatures, and replays nothing.

    Raises:
        DecodeError: something does not link, or is not signed.
        BundleFalse: transactions or receipts that are not those of their block.
    """
    members = archive.read_file(path).members
    headers = [decode_header(line.header) for line in _lines(members, BLOCKS, BlockLine)]
    for parent, child in pairwise(headers):
        verify_link(parent, child)
    lines = _lines(members, TRANSACTIONS, TransactionLine)
    for header in headers:
        own = [line for line in lines if line.block == header.number]
        roots = (list_root([x.raw for x in own]), list_root([x.receipt for x in own]))
        if roots != (header.transactions_root, header.receipts_root):
            raise BundleFalse(BLOCKS, f"block {header.number}", "its roots", "others")
    return [decode_transaction(line.raw).sender for line in lines]


Line = TypeVar("Line")


def _lines(members: Mapping[str, bytes], name: str, kind: type[Line]) -> tuple[Line, ...]:
    return decode_lines(kind, members[name], name)


class BlobExchanged(FalseBundle):
    """The final model in the bundle is exchanged for another one."""

    name = "bundle-model-exchanged"
    modes = EVERY_MODE
    caught = "audit blobs"
    switch = argument("an audit that takes every blob for what it is called")

    def forge(self, stage: Stage, members: Members) -> bytes:
        """Change one bit of the model."""
        view = stage.run(ended)
        name = BLOBS + view.rounds[1].model_digest.hex()
        content = members[name]
        return packed({**members, name: content[:-1] + bytes([content[-1] ^ 1])})

    def read_carelessly(self, path: Path) -> object:
        """By name."""
        return read_by_name(path)


class AnyField(Attack):
    """Fields of every kind are edited one at a time: of events, terms, envelopes, sums, models."""

    name = "bundle-fields-edited"
    actor = Actor.BUNDLE
    modes = EVERY_MODE
    expected = Outcome.DETECTED
    caught = "audit, the edited member"
    wants = "the audit passes one edit, or names another member than the edited one"
    switch = no_switch("every field is held by several checks; none alone can be left out")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Edits from all kinds, evenly."""
        del defended
        stage.run(ended)
        path = stage.write_bundle()
        made = list(bundle_edits.all_edits(read_members(path.read_bytes()), every=40))
        missed = []
        for edit in made[:: max(1, len(made) // EDITS)]:
            path.write_bytes(edit.data)
            try:
                audit(path)
            except BundleFalse as lie:
                if lie.member == edit.member:
                    continue
            missed.append(edit)
        if missed:
            return Observation(Outcome.NOTHING, str(missed[0]), (), succeeded=True)
        return Observation(Outcome.DETECTED, self.caught, (), succeeded=False)


class RewrittenChain(FalseBundle, ABC):
    """An operator rewrites the chain: every hash, root and seal fits again."""

    caught = "audit transactions.jsonl"
    switch = argument("a reader that checks hashes and signatures and replays nothing")

    @abstractmethod
    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """What the operator changes."""

    def sealer(self, stage: Stage) -> Account:
        """A member that lends its signature."""
        return stage.sites[0].account

    def forge(self, stage: Stage, members: Members) -> bytes:
        """Change, and make it fit."""
        chain_id = stage.ledger.chain_id
        changed = rewrite(
            members, chain_id, self.sealer(stage), lambda blocks: self.change(stage, blocks)
        )
        return archive.write(changed)

    def read_carelessly(self, path: Path) -> object:
        """Hashes only."""
        return read_hashes_only(path)


def with_event(blocks: list[Block], event: type[Event]) -> int:
    """Number of the first block in which this event was logged."""
    return next(
        number
        for number, block in enumerate(blocks)
        for receipt in block.receipts
        for log in receipt.logs
        if log.topics[0] == event.topic()
    )


class Dropped(RewrittenChain):
    """A transaction is left out of the history: a site's report."""

    name = "transaction-dropped"

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """The block goes."""
        del stage, blocks[with_event(blocks, rounds.Reported)]


class Duplicated(RewrittenChain):
    """A transaction stands twice in the history: a site's report."""

    name = "transaction-duplicated"

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """The block comes again."""
        del stage
        at = with_event(blocks, rounds.Reported)
        block = blocks[at]
        again = Block(list(block.fields), list(block.transactions), list(block.receipts))
        blocks.insert(at + 1, again)
        for later in blocks[at + 1 :]:
            later.timestamp += 1


class Reordered(RewrittenChain):
    """Two transactions change places: the last delivery and what came before it."""

    name = "transactions-reordered"

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """Exchange them."""
        del stage
        at = with_event(blocks, rounds.DeliveryFixed)
        here, before = blocks[at], blocks[at - 1]
        here.transactions, before.transactions = before.transactions, here.transactions
        here.receipts, before.receipts = before.receipts, here.receipts


class LoweredCharge(RewrittenChain):
    """A charge in the history is smaller than the price."""

    name = "charge-lowered"

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """One bit of one event."""
        del stage
        block = blocks[with_event(blocks, privacy_ledger.Settled)]
        (receipt,) = block.receipts
        logs = tuple(
            replace(log, data=log.data[:-1] + bytes([log.data[-1] ^ 1]))
            if log.topics[0] == privacy_ledger.Settled.topic()
            else log
            for log in receipt.logs
        )
        block.receipts = [replace(receipt, logs=logs)]


class OtherSignature(RewrittenChain):
    """A transaction in the history is signed by another key than the one that sent it."""

    name = "signature-from-another-key"

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """A stranger signs the report."""
        del stage
        block = blocks[with_event(blocks, rounds.Reported)]
        old = decode_transaction(block.transactions[0])
        fields = {name: getattr(old, name) for name in UnsignedTransaction.__dataclass_fields__}
        block.transactions = [sign(UnsignedTransaction(**fields), STRANGER.sign)]


class EndDropped(RewrittenChain):
    """The end of the history is left out: a holder that closed its budget."""

    name = "end-of-history-dropped"
    caught = "audit blocks.jsonl"
    switch = argument("an audit without a trust file: a shorter history is a history too")

    def prepare(self, stage: Stage) -> None:
        """After the round a holder closes its budget."""
        super().prepare(stage)
        stage.send(stage.sites[0].account, privacy_ledger.close(stage.datasets[0].lineage))

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """Nobody shall know."""
        del stage, blocks[-1]

    def read_carelessly(self, path: Path) -> object:
        """The whole audit, without anchors."""
        return audit(path)


class SealedByStranger(RewrittenChain):
    """The last block is sealed by somebody who is no member."""

    name = "sealed-by-a-stranger"
    caught = "audit seal.json"
    switch = argument("an audit that takes any seal for a member's")

    def sealer(self, stage: Stage) -> Account:
        """The stranger."""
        del stage
        return STRANGER

    def change(self, stage: Stage, blocks: list[Block]) -> None:
        """Nothing else."""

    def read_carelessly(self, path: Path) -> object:
        """By name."""
        return read_by_name(path)
