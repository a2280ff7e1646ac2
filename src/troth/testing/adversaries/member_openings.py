"""Members that open their noise wrongly, too early, or with what was opened before."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.roles.member import AggregatorState
from troth.round.mail import Inbox
from troth.round.transcript import PICK_LEVEL, key_chain
from troth.round.transitions import Fault, State
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    REPLICATED,
    Actor,
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
)
from troth.testing.adversaries.clients import SendsOneCall
from troth.testing.adversaries.member import LIAR, MemberAttack, Sent, Unrepentant
from troth.testing.adversaries.member_noise import OPENED_WRONGLY, Believing
from troth.testing.adversaries.observing import observe_round
from troth.testing.adversaries.stage import Stage, in_state

BELIEVED = argument("voters that do not remake opened noise from its seeds")


class OtherSeeds(Unrepentant):
    """Opens its noise with seeds that are not those of its reports."""

    def _open_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._open_noise(state, view, inbox)
        others = range(self.study.terms.privacy.noise_candidates - 1)
        seeds = tuple(digest(b"a seed" + bytes([number])) for number in others)
        post = rounds.open_noise(self.study.study_id, view.number, seeds)
        return replace(outbox, posts=(post,))


class FalseSeeds(MemberAttack):
    """A member opens its noise with seeds of other noise, to have that taken off the sum."""

    name = "false-seeds-opened"
    modes = EVERY_MODE
    otherwise = OPENED_WRONGLY
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "a sum is final from which noise was taken off that was never in it"
    switch = BELIEVED
    overlooked = Fault.OPENING
    role = OtherSeeds
    careless = Believing

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is final, and holders did not take off the true noise."""
        del stage
        found = view.rounds[1]
        return found.state is State.FINAL and not found.recovered >> LIAR & 1


class Repeating(Unrepentant):
    """Opens in its second round what it opened in the first one."""

    def _open_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._open_noise(state, view, inbox)
        if view.number == 1:
            return outbox
        seeds = inbox.view.rounds[1].seeds[self.account]
        post = rounds.open_noise(self.study.study_id, view.number, seeds)
        return replace(outbox, posts=(post,))


class OpeningOfAnotherRound(MemberAttack):
    """A member opens its noise with the seeds that it had opened in the round before."""

    name = "opening-of-another-round"
    modes = EVERY_MODE
    otherwise = OPENED_WRONGLY
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "a sum is final from which the noise of another round was taken off"
    switch = BELIEVED
    overlooked = Fault.OPENING
    role = Repeating
    careless = Believing
    setting = Setting(rounds=2)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Two rounds."""
        sites = self.sites(stage, defended=defended)
        members = [
            stage.party(self.liar(stage, stage.study)),
            *self.honest(stage, defended=defended),
        ]
        view = stage.run(
            lambda view: 2 in view.rounds and view.rounds[2].state.ended, [*sites, *members]
        )
        succeeded = self.reached(stage, view)
        return observe_round(stage, view, self.account(stage), succeeded=succeeded, number=2)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the second round is final, and holders did not take off the true noise."""
        del stage
        found = view.rounds[2]
        return found.state is State.FINAL and not found.recovered >> LIAR & 1


class OpensNoise(SendsOneCall, ABC):
    """A member opens its noise as the contract does not allow."""

    actor = Actor.MEMBER
    modes = EVERY_MODE
    caught = "Rounds.openNoise: WrongSeeds"
    setting = Setting(candidates=4)

    def prepare(self, stage: Stage) -> None:
        """The picks are known."""
        stage.run(in_state(State.PICKED))

    @abstractmethod
    def seeds(self, stage: Stage) -> tuple[bytes, ...]:
        """What it opens."""

    def call(self, stage: Stage) -> Call[None]:
        """The opening."""
        return rounds.open_noise(stage.study.study_id, 1, self.seeds(stage))


class SeedTwice(OpensNoise):
    """A member opens one candidate twice, so that another one stays closed, too."""

    name = "one-seed-opened-twice"
    wants = "an opening with one seed in place of two stands on the ledger"
    switch = contract_rule("Seeds.sol, check: no two seeds are equal")

    def seeds(self, stage: Stage) -> tuple[bytes, ...]:
        """Three, of which two are equal."""
        first, second, *_ = stage.aggregators[LIAR].state.noise
        return (first.seed, first.seed, second.seed)


class SeedLeftOut(OpensNoise):
    """A member opens one candidate less than it must."""

    name = "one-seed-left-out"
    wants = "an opening of fewer candidates stands on the ledger"
    switch = contract_rule("Seeds.sol, check: one seed for each opened candidate")

    def seeds(self, stage: Stage) -> tuple[bytes, ...]:
        """Two of three."""
        first, second, *_ = stage.aggregators[LIAR].state.noise
        return (first.seed, second.seed)


class OpenedEarly(OpensNoise):
    """A member opens noise before every key is revealed, so that the others see it and decide."""

    name = "noise-opened-early"
    caught = "Rounds.openNoise: WrongState"
    wants = "an opening stands on the ledger before the picks are known"
    switch = contract_rule("Rounds.sol, openNoise: only in state Picked")
    setting = Setting()

    def prepare(self, stage: Stage) -> None:
        """The publications are held by all."""
        stage.run(in_state(State.HELD))

    def seeds(self, stage: Stage) -> tuple[bytes, ...]:
        """One true one."""
        return (stage.aggregators[LIAR].state.noise[0].seed,)


class PickRevealedEarly(SendsOneCall):
    """A member reveals its key before every publication is held, for one that kept its own back."""

    name = "pick-revealed-early"
    modes: ClassVar[tuple[str, ...]] = ("A",)
    actor = Actor.MEMBER
    caught = "Rounds.reveal: WrongState"
    wants = "the key stands on the ledger before all publications are held"
    switch = contract_rule("Rounds.sol, _revealing: a key is revealed in state Held")

    def prepare(self, stage: Stage) -> None:
        """The publications are named."""
        stage.run(in_state(State.PUBLISHED))

    def call(self, stage: Stage) -> Call[None]:
        """Its true key."""
        member, where = stage.aggregators[LIAR], stage.study.where(1)
        chain = key_chain(where, member.account.address, member.state.key)
        return rounds.reveal(where.study, 1, chain[PICK_LEVEL])


class LevelSkipped(PickRevealedEarly):
    """A member reveals its key where only the hash of it is due."""

    name = "reveal-skips-a-level"
    modes: ClassVar[tuple[str, ...]] = ("A",)
    caught = "Rounds.reveal: WrongReveal"
    wants = "the key stands on the ledger before anything is published"
    switch = contract_rule("Rounds.sol, reveal: the value is one step down from what is known")

    def prepare(self, stage: Stage) -> None:
        """The sums are bound."""
        stage.run(in_state(State.SUMMED))


class AttestedEarly(SendsOneCall):
    """A member attests a model before all noise is opened."""

    name = "attested-before-openings"
    modes = EVERY_MODE
    actor = Actor.MEMBER
    caught = "Rounds.attest: WrongState"
    wants = "an attestation stands on the ledger while openings are missing"
    switch = contract_rule("Ballots.sol, attest: only once all noise is opened")

    def prepare(self, stage: Stage) -> None:
        """The picks are known."""
        stage.run(in_state(State.PICKED))

    def call(self, stage: Stage) -> Call[None]:
        """Any model."""
        return rounds.attest(stage.study.study_id, 1, digest(b"a model"), tags_right=True)


class NotOwing(SendsOneCall):
    """A member opens all its noise as a defence though none of it was rejected."""

    name = "defence-of-what-was-not-rejected"
    modes = EVERY_MODE
    actor = Actor.MEMBER
    caught = "Rounds.defend: WrongState"
    wants = "seeds of noise that is in a final sum stand on the ledger as a defence"
    switch = contract_rule("Rounds.sol, defend: only of noise that was rejected")

    def prepare(self, stage: Stage) -> None:
        """The round is final."""
        stage.run(in_state(State.OPENED))
        self.open = [noise.seed for noise in stage.aggregators[LIAR].state.noise]
        stage.run(lambda view: 1 in view.rounds and view.rounds[1].state.ended)

    def call(self, stage: Stage) -> Call[None]:
        """All of them."""
        return rounds.defend(stage.study.study_id, 1, tuple(self.open))


class PickBeforeSums(PickRevealedEarly):
    """A member reveals its key before the holders of every share agree on its sum."""

    name = "pick-revealed-before-sums"
    modes = REPLICATED
    wants = "the key stands on the ledger before all sums are agreed on"

    def prepare(self, stage: Stage) -> None:
        """The accepted set is fixed."""
        stage.run(in_state(State.SETTLED))


class LevelsSkipped(LevelSkipped):
    """A member reveals its key where only the second hash of it is due."""

    name = "reveal-skips-two-levels"
    modes = REPLICATED
    wants = "the key stands on the ledger before anything is judged"

    def prepare(self, stage: Stage) -> None:
        """The shares are delivered."""
        stage.run(in_state(State.DELIVERED))
