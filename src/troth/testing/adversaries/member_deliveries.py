"""Members that lie about what they could open, keep shares to themselves, or answer nothing."""

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from troth.domain.hashing import digest
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.reporting import Report, round_keys
from troth.roles.trainer import Trainer
from troth.roles.verifying import Slot
from troth.round.driver import Party
from troth.round.mail import Inbox, Outbox
from troth.round.sharing import Sharing
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Outcome,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.member import (
    HONEST,
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
    leaves,
)
from troth.testing.adversaries.member_noise import WithoutKey
from troth.testing.adversaries.observing import NOWHERE, named_by_abort
from troth.testing.adversaries.stage import Stage, in_set

STILL_DENYING = {"B4": leaves(State.ANSWERED, "Disagree")}


class WaitingMember(Aggregator):
    """Does not report noise before it has every member's key."""

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        if round_keys(self.study, view, replace(inbox, now=0), 0) is None:
            return Outbox(state)
        return super()._report_noise(state, view, inbox)


class WaitingSite(Trainer):
    """Does not report before it has every member's key."""

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        keys = round_keys(self.study, view, replace(inbox, now=0), 0)
        return super()._make(view, inbox) if keys else None


class NoKey(MemberAttack):
    """A member announces a key that it serves to nobody, so that others miss their duty."""

    name = "no-usable-key"
    modes = EVERY_MODE
    otherwise = STILL_DENYING
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "the round ends and only the honest member is named"
    switch = argument("sites and members that wait for every key instead of reporting without it")
    role = WithoutKey
    careless = WaitingMember

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The sites wait, or not."""
        if defended:
            return super().sites(stage, defended=True)
        study = stage.study
        return [
            stage.party(WaitingSite(study, site, stage.train(place), os.urandom))
            for place, site in enumerate(study.sites)
        ]

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether that one is named and no other."""
        return only_honest_is_named(stage, view)


def only_honest_is_named(stage: Stage, view: StudyView) -> bool:
    """Whether the abort names the honest member and nobody else."""
    ended = view.rounds[1].state is State.ABORTED
    return ended and named_by_abort(stage) == {stage.study.committee[HONEST]}


class Denying(Unrepentant):
    """Says that it could not open some reports."""

    denied: tuple[int, ...]
    """Their places."""

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[Slot, bytes]:
        opened = super()._opened(state, view, inbox)
        return {slot: body for slot, body in opened.items() if slot[0] not in self.denied}


class Denial(MemberAttack, ABC):
    """A member says that it cannot open what it can."""

    denier: ClassVar[type[Denying]] = Denying

    @abstractmethod
    def denied(self, study: Study) -> tuple[int, ...]:
        """The places."""

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """One that denies."""
        del stage
        role = dishonest(self.denier, study)
        role.denied = self.denied(study)
        return role


class NoiseDenial(Denial, ABC):
    """A member says that it cannot open another member's noise."""

    def denied(self, study: Study) -> tuple[int, ...]:
        """One candidate of the honest member."""
        return (study.noise_place(HONEST, 0),)


class HonestNoiseDenied(NoiseDenial):
    """A member says twice that it cannot open another member's noise, to have that one named."""

    name = "honest-noise-denied"
    modes = EVERY_MODE
    otherwise = STILL_DENYING
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "only the honest member is named"
    switch = contract_rule("Rounds.sol, deliver: a denial names the owner and the denier")

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        return only_honest_is_named(stage, view)


class DenyingOnce(Denying):
    """Takes its word back when the share is shown to all."""

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[Slot, bytes]:
        if view.state is State.CLOSED:
            return super()._opened(state, view, inbox)
        return super(Denying, self)._opened(state, view, inbox)


class NotAnswering(Aggregator):
    """Does not answer a denial."""

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del view, inbox
        return Outbox(state)


class HonestNoiseDeniedOnce(NoiseDenial):
    """A member says that it cannot open another member's noise, to have the round end."""

    name = "honest-noise-denied-once"
    modes = EVERY_MODE
    expected = Outcome.REFUSED
    caught = "answer"
    wants = "the round ends and only the honest member is named"
    switch = argument("members that do not answer a denial: in A its owner, in B all")
    denier = DenyingOnce
    careless = NotAnswering

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        return only_honest_is_named(stage, view)


class KeepingShares(Unrepentant):
    """Reports noise and serves its sealed shares to nobody."""

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._report_noise(state, view, inbox)
        kept = {name for noise in outbox.state.noise for name in noise.report.sealed}
        return replace(outbox, puts=tuple(b for b in outbox.puts if digest(b) not in kept))


class KeepingAnswer(KeepingShares):
    """Does not show them when they are denied, either."""

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del view, inbox
        return Outbox(state)


class SharesKeptBack(MemberAttack):
    """A member keeps the sealed shares of its noise, so that the other has to deny them."""

    name = "noise-shares-kept-back"
    expected = Outcome.REFUSED
    caught = "answer"
    wants = "the round ends"
    switch = no_switch("it has to show the shares to all, or is named: either way it gains nothing")
    role = KeepingShares

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        del stage
        return view.rounds[1].state is State.ABORTED


class AnswerWithheld(MemberAttack):
    """A member keeps the sealed shares of its noise and does not answer for them."""

    name = "answer-withheld"
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    wants = "the round ends and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")
    role = KeepingAnswer

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is not."""
        return view.rounds[1].aborted != ("Withheld", self.account(stage))


class SiteDenied(Denial):
    """A member says that it cannot open a site's report, to keep that site out."""

    name = "site-denied"
    modes: ClassVar[tuple[str, ...]] = ("A", "B3")
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "an honest report is left out and nobody is named"
    switch = no_switch("a limit in A and B3: visible, but nobody can tell who lied")

    def denied(self, study: Study) -> tuple[int, ...]:
        """The first site's."""
        del study
        return (0,)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the site is out and the round goes on."""
        del stage
        found = view.rounds[1]
        return found.state is State.FINAL and not in_set(found, 0)


class AllButOneDenied(Denial):
    """A member says that it cannot open any site's report but one, to learn that one's update."""

    name = "all-sites-but-one-denied"
    modes = EVERY_MODE
    otherwise = STILL_DENYING
    expected = Outcome.DETECTED
    caught = "abort Quorum"
    wants = "the accepted set holds one site's update only"
    switch = contract_rule("Rounds.sol, judge: the quorum is tested again on the accepted set")

    def denied(self, study: Study) -> tuple[int, ...]:
        """All but the last site's."""
        return tuple(range(len(study.sites) - 1))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is summed."""
        sites = view.rounds[1].accepted & (1 << len(stage.study.sites)) - 1
        return sites.bit_count() == 1
