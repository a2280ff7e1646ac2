"""Whoever can sign a transaction and sends what no role would: the ledger refuses."""

import os
from abc import ABC, abstractmethod
from dataclasses import replace

from troth.domain.hashing import digest
from troth.ledger.account import Account
from troth.ledger.bindings import consortium, dataset_registry, privacy_ledger, rounds
from troth.ledger.client import DevelopmentLedger
from troth.ledger.evidence import DYNAMIC_FEE, UnsignedTransaction, sign
from troth.ledger.interface import Call
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.round.mail import Inbox, Outbox
from troth.round.transcript import VERIFY_LEVEL, key_chain
from troth.round.transitions import State
from troth.round.view import RoundView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    REPLICATED,
    Actor,
    Attack,
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.observing import attempt
from troth.testing.adversaries.stage import Stage, fitting, in_state, without

LIAR = 1
"""Place of the dishonest site, and index of the dishonest member."""
ENVELOPE = digest(b"an envelope")


class RefusedCall(Attack, ABC):
    """An act that the ledger refuses at once."""

    actor = Actor.CLIENT
    modes = EVERY_MODE
    expected = Outcome.REFUSED

    def prepare(self, stage: Stage) -> None:
        """Bring the study to where the attack begins."""

    @abstractmethod
    def act(self, stage: Stage, *, defended: bool) -> None:
        """What the attacker sends."""

    @abstractmethod
    def reached(self, stage: Stage) -> bool:
        """The success predicate, read from the ledger."""

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Prepare, act, look."""
        self.prepare(stage)
        return attempt(lambda: self.act(stage, defended=defended), lambda: self.reached(stage))


class RefusedReport(RefusedCall, ABC):
    """A report that must not stand on the ledger."""

    actor = Actor.SITE
    wants = "the report stands on the ledger"

    def prepare(self, stage: Stage) -> None:
        """The round is open."""
        stage.run(in_state(State.OPEN), stage.aggregators)

    def reporter(self, stage: Stage) -> Account:
        """Who posts."""
        return stage.sites[LIAR].account

    def act(self, stage: Stage, *, defended: bool) -> None:
        """Post the digest of an envelope."""
        del defended
        stage.send(self.reporter(stage), rounds.report(stage.study.study_id, 1, ENVELOPE))

    def reached(self, stage: Stage) -> bool:
        """Look for it."""
        events = (logged.event for logged in stage.ledger.events(0))
        return any(isinstance(e, rounds.Reported) and e.digest == ENVELOPE for e in events)


class SecondReport(RefusedReport):
    """A site posts a second report in one round, to replace the first one."""

    name = "second-report"
    caught = "Rounds.report: AlreadyPosted"
    wants = "a second report of the site stands on the ledger"
    switch = contract_rule("Rounds.sol, _keepDigest: one digest for each reporter and round")

    def prepare(self, stage: Stage) -> None:
        """The site has reported."""
        super().prepare(stage)
        stage.run(lambda view: len(view.current.reports) == 1, [stage.sites[LIAR]])


class LateReport(RefusedReport):
    """A site reports after the window, when it has seen who else did."""

    name = "late-report"
    caught = "Rounds.report: TooLate"
    switch = contract_rule("Rounds.sol, report: _enterInTime compares block time with the deadline")

    def prepare(self, stage: Stage) -> None:
        """The window has passed."""
        super().prepare(stage)
        stage.ledger.advance(stage.study.terms.windows.report + 1)


class StrangersReport(RefusedReport):
    """Somebody who is no site of the study reports."""

    name = "report-by-non-member"
    caught = "Rounds.report: NotSite"
    switch = contract_rule("Rounds.sol, report: the sender is a site of the study")

    def reporter(self, stage: Stage) -> Account:
        """A stranger with an account of its own."""
        del stage
        return Account(bytes(31) + b"\x07")


class RevokedMembersReport(RefusedReport):
    """A site that the consortium has just removed reports all the same."""

    name = "report-by-revoked-member"
    caught = "Rounds.report: NotSite"
    switch = contract_rule("Rounds.sol, report: the sender still has the role of a site")

    def prepare(self, stage: Stage) -> None:
        """The others vote it out."""
        super().prepare(stage)
        motion = consortium.vote_removal(stage.sites[LIAR].account.address)
        for party in (stage.sites[0], stage.sites[2], *stage.aggregators):
            if stage.ledger.call(consortium.is_member(stage.sites[LIAR].account.address)):
                stage.send(party.account, motion)


class ReportWithoutGrant(RefusedReport):
    """A site reports on a dataset version whose grant was taken back before the round."""

    name = "report-without-grant"
    caught = "Rounds.report: NotEnrolled"
    switch = contract_rule("Rounds.sol, report: the site was enrolled when the round opened")

    def prepare(self, stage: Stage) -> None:
        """The holder takes the grant back, then the round opens."""
        account, study = stage.sites[LIAR].account, stage.study.study_id
        stage.send(account, dataset_registry.revoke(stage.datasets[LIAR].version, study))
        super().prepare(stage)


class SendsOneCall(RefusedCall, ABC):
    """A member, or whoever, sends one call that the round does not allow now."""

    def sender(self, stage: Stage) -> Account:
        """Who sends it: a member."""
        return stage.aggregators[LIAR].account

    @abstractmethod
    def call(self, stage: Stage) -> Call[None]:
        """The call."""

    def act(self, stage: Stage, *, defended: bool) -> None:
        """Send it."""
        del defended
        self.before = stage.ledger.head().number
        stage.send(self.sender(stage), self.call(stage))

    def reached(self, stage: Stage) -> bool:
        """Whether it changed anything."""
        return any(True for _ in stage.ledger.events(self.before + 1))


class KeyNotItsHead(SendsOneCall):
    """A member reveals a key that is not the one behind its head, to choose the verify key."""

    name = "key-not-its-head"
    actor = Actor.MEMBER
    caught = "Rounds.reveal: WrongReveal"
    wants = "another key than the announced one is revealed"
    switch = contract_rule("Rounds.sol, reveal: the value hashes to the head")

    def prepare(self, stage: Stage) -> None:
        """Deliveries are in."""
        stage.run(in_state(State.DELIVERED))

    def call(self, stage: Stage) -> Call[None]:
        """A reveal of something else."""
        return rounds.reveal(stage.study.study_id, 1, digest(b"another key"))


class EarlyReveal(SendsOneCall):
    """A member reveals its key while reports still come in, for a site that waits for it."""

    name = "key-revealed-early"
    actor = Actor.MEMBER
    caught = "Rounds.reveal: WrongState"
    wants = "the reveal stands on the ledger before the reports are fixed"
    switch = contract_rule("Rounds.sol, reveal: only in state Delivered")

    def prepare(self, stage: Stage) -> None:
        """The round is open."""
        stage.run(in_state(State.OPEN), stage.aggregators)

    def call(self, stage: Stage) -> Call[None]:
        """Its true second hash."""
        member = stage.aggregators[LIAR]
        where = stage.study.where(1)
        return rounds.reveal(
            where.study, 1, key_chain(where, member.account.address, member.state.key)[VERIFY_LEVEL]
        )


class Reusing(Aggregator):
    """Announces the head of its first round in every later one."""

    def _announce(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> Outbox[AggregatorState]:
        outbox = super()._announce(state, view, inbox)
        if view.number == 1 or not outbox.posts:
            return outbox
        (post,) = outbox.posts
        study_id, number, _, hpke = post.arguments
        head = inbox.view.rounds[1].key_heads[self.account]
        return replace(outbox, posts=(rounds.announce(study_id, number, head, hpke),))


class KeyOfAnotherRound(SendsOneCall):
    """A member uses the key of an earlier round again: everybody knows what it will reveal."""

    name = "key-of-another-round"
    caught = "Rounds.reveal: WrongReveal"
    wants = "a reveal of round 1 counts in round 2"
    switch = contract_rule("Digests.sol, keyStep: hashes chain, contract, study, round and member")
    setting = Setting(rounds=2)

    def prepare(self, stage: Stage) -> None:
        """Round 1 is final, and round 2 has come to its reveals."""
        study, account = stage.study, stage.study.committee[LIAR]
        reusing = stage.party(fitting(study, Reusing)(study, account, os.urandom))
        parties = [*stage.sites, *without(stage.aggregators, LIAR), reusing]
        view = stage.run(lambda view: view.current.number == 2, parties)
        self.revealed = view.rounds[1].reveals[VERIFY_LEVEL][account]
        stage.run(
            lambda view: view.current.number == 2 and view.current.state is State.DELIVERED, parties
        )

    def call(self, stage: Stage) -> Call[None]:
        """What was revealed in round 1."""
        return rounds.reveal(stage.study.study_id, 2, self.revealed)


class OutOfOrder(SendsOneCall):
    """A member publishes a sum in a round whose reports are not even in."""

    name = "steps-out-of-order"
    caught = "Rounds.publish: WrongState"
    wants = "a publication stands on the ledger before the accepted set is fixed"
    switch = contract_rule("RoundMachine.sol, _enter: each action has its state")

    def prepare(self, stage: Stage) -> None:
        """The round is open."""
        stage.run(in_state(State.OPEN), stage.aggregators)

    def call(self, stage: Stage) -> Call[None]:
        """A publication."""
        return rounds.publish(stage.study.study_id, 1, digest(b"a sum"))


class PublishedBeforeCharge(OutOfOrder):
    """A member publishes its sum before the charge is settled."""

    name = "publication-before-charge"
    actor = Actor.MEMBER
    modes = ("A",)
    caught = "Rounds.publish: WrongState"
    wants = "a publication stands on the ledger and nothing was charged"

    def prepare(self, stage: Stage) -> None:
        """Verdicts are awaited; after them the charge is settled."""
        stage.run(in_state(State.JUDGED))


class SumBeforeCharge(SendsOneCall):
    """A member binds itself to a sum before the charge is settled, over a set of its own."""

    name = "sum-before-charge"
    actor = Actor.MEMBER
    modes = REPLICATED
    caught = "Rounds.commitSum: WrongState"
    wants = "what binds it to a sum stands on the ledger and nothing was charged"
    switch = contract_rule("Rounds.sol, commitSum: only in state Settled")

    def prepare(self, stage: Stage) -> None:
        """Verdicts are awaited; after them the charge is settled."""
        stage.run(in_state(State.JUDGED))

    def call(self, stage: Stage) -> Call[None]:
        """A digest for each share that it holds."""
        held = stage.study.shares_of(0, LIAR)
        digests = tuple(digest(b"a sum of share %d" % share) for share in held)
        return rounds.commit_sum(stage.study.study_id, 1, digests)


class Returned(SendsOneCall):
    """A member that missed a deadline comes back to the round that went on without it."""

    name = "return-of-a-member-that-left"
    actor = Actor.MEMBER
    modes = ("B4",)
    caught = "Rounds.reveal: NotLive"
    wants = "its word stands on the ledger in a round that it has left"
    switch = contract_rule("RoundMachine.sol, _requireLive: only who has not left")

    def prepare(self, stage: Stage) -> None:
        """The others delivered without it."""
        stage.run(in_state(State.CLOSED))
        others = [*stage.sites, *without(stage.aggregators, LIAR)]
        stage.run(in_state(State.DELIVERED), others)

    def call(self, stage: Stage) -> Call[None]:
        """What it would have revealed now."""
        member, where = stage.aggregators[LIAR], stage.study.where(1)
        chain = key_chain(where, member.account.address, member.state.key)
        return rounds.reveal(where.study, 1, chain[VERIFY_LEVEL])


class BeyondBudget(SendsOneCall):
    """A member opens a round that a lineage cannot pay."""

    name = "opening-beyond-budget"
    caught = "Rounds.open: BudgetExceeded"
    wants = "the round is open"
    switch = contract_rule("PrivacyLedger.sol, reserve: the price is at most what is left")

    def prepare(self, stage: Stage) -> None:
        """The heads are in; a holder has lowered its budget to one unit."""
        stage.run(in_state(State.ANNOUNCED), stage.aggregators)
        account = stage.sites[LIAR].account
        stage.send(account, privacy_ledger.lower(stage.datasets[LIAR].lineage, 1))

    def call(self, stage: Stage) -> Call[None]:
        """Open it."""
        return rounds.open(stage.study.study_id, 1)


class AnyChain(DevelopmentLedger):
    """A client of the same engine that takes transactions of the next chain for its own."""

    def __init__(self, ledger: DevelopmentLedger) -> None:
        """Take over a ledger."""
        vars(self).update(vars(ledger))

    @property
    def chain_id(self) -> int:
        """Not the true one."""
        return super().chain_id + 1


class OtherChain(RefusedReport):
    """Somebody sends a site's transaction for another chain to this one."""

    name = "transaction-of-another-chain"
    actor = Actor.CLIENT
    caught = "WrongChain"
    switch = argument("a client that hands transactions to its engine without reading the chain id")

    def act(self, stage: Stage, *, defended: bool) -> None:
        """Send what the site signed for a test chain."""
        ledger, site = stage.ledger, stage.sites[LIAR].account
        data = rounds.report(stage.study.study_id, 1, ENVELOPE).encode()
        unsigned = UnsignedTransaction(
            type=DYNAMIC_FEE,
            chain_id=ledger.chain_id + 1,
            nonce=ledger.nonce(site.address),
            max_priority_fee=0,
            max_fee=0,
            gas_limit=1_000_000,
            to=stage.study.contract,
            value=0,
            data=data,
        )
        raw = sign(unsigned, site.sign)
        (ledger if defended else AnyChain(ledger)).send_raw(raw)


class Replayed(RefusedCall):
    """Somebody sends a holder's grant a second time, after it was taken back."""

    name = "transaction-replayed"
    caught = "LedgerError"
    wants = "a grant that its holder took back stands again"
    switch = no_switch("nonces of accounts are a rule of the ledger itself, not of a contract")

    def prepare(self, stage: Stage) -> None:
        """The site takes its grant back, gives it, takes it back; anybody can read the bytes."""
        account, study = stage.sites[LIAR].account, stage.study.study_id
        version = stage.datasets[LIAR].version
        stage.send(account, dataset_registry.revoke(version, study))
        receipt = stage.send(account, dataset_registry.grant(version, study))
        stage.send(account, dataset_registry.revoke(version, study))
        (self.raw,) = stage.ledger.block(receipt.block.number).raw.transactions

    def act(self, stage: Stage, *, defended: bool) -> None:
        """The bytes of the grant again."""
        del defended
        stage.ledger.send_raw(self.raw)

    def reached(self, stage: Stage) -> bool:
        """Whether it is granted."""
        version, study = stage.datasets[LIAR].version, stage.study.study_id
        return stage.ledger.call(dataset_registry.is_granted(version, study))
