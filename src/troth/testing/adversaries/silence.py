"""Parties that say nothing, or nothing of use: what waiting costs and who is left out."""

import os
from abc import ABC
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from troth.ledger.bindings import privacy_ledger
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.reporting import Report
from troth.roles.trainer import Trainer
from troth.round.mail import Inbox, Outbox
from troth.round.sharing import Sharing
from troth.round.study import Study
from troth.round.transitions import State, table
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Must,
    Observation,
    Outcome,
    Setting,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.member import (
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
    leaves,
)
from troth.testing.adversaries.observing import NOWHERE, noticed_limit, observe_round
from troth.testing.adversaries.site_envelopes import missealing
from troth.testing.adversaries.stage import (
    Stage,
    ended,
    guilty,
    has_accusations_left,
    in_set,
    in_state,
    without,
)

LIAR, VICTIM = 1, 2
"""Places of a dishonest site and of the one that is to stand alone."""
FIRST = 2
"""Index of the member that crashes first, where two do."""


class SilentSite(Attack):
    """A site that is enrolled never reports, so that the others wait for it."""

    name = "site-never-reports"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    caught = "verdict absent"
    wants = "the round ends without a model"
    switch = no_switch("liveness: the window's end is the defence, and anybody enforces it")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round without it."""
        del defended
        view = stage.run(ended, [stage.sites[0], stage.sites[2], *stage.aggregators])
        stopped = view.rounds[1].state is not State.FINAL
        account = stage.study.sites[LIAR]
        return observe_round(stage, view, account, succeeded=stopped, place=LIAR)


class SilentAfterReporting(Attack):
    """A site reports and never attests, so that the round lasts until its last window ends."""

    name = "silence-after-reporting"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the round ends only after its last window, with a model that the site did not confirm"
    switch = no_switch("liveness: nobody can be made to speak; the others' majority is enough")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """It takes part until the noise is opened."""
        del defended
        view = stage.run(
            lambda view: view.current.state is State.OPENED or ended(view),
            [*stage.sites, *stage.aggregators],
        )
        deadline = view.current.deadline
        view = stage.run(ended, [stage.sites[0], stage.sites[2], *stage.aggregators])
        found = view.rounds[1]
        late = stage.ledger.head().timestamp > deadline
        unsaid = stage.study.sites[LIAR] not in found.attestations
        succeeded = found.state is State.FINAL and late and unsaid
        return observe_round(stage, view, stage.study.sites[LIAR], succeeded=succeeded)


class Junk(Trainer):
    """Reports a digest behind which there is nothing."""

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        made = super()._make(view, inbox)
        return None if made is None else (made[0], Report(b"junk " + bytes(self.account), ()))


class SilentUnderEverySite(Attack):
    """A site reports and never attests, where the terms ask for every site's word."""

    name = "silence-under-every-site"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.DETECTED
    caught = "abort Silent"
    wants = "the round ends and the site has as many accusations as before"
    switch = contract_rule("Ballots.sol, finalise: a silent site uses up an accusation")
    setting = Setting(every_site=True, accusations=1)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the site's only accusation is at stake."""
        del defended
        stage.run(in_state(State.OPENED))
        view = stage.run(ended, [stage.sites[0], stage.sites[2], *stage.aggregators])
        free = view.rounds[1].state is State.ABORTED and has_accusations_left(stage, LIAR)
        return observe_round(stage, view, stage.study.sites[LIAR], succeeded=free)


class JunkFillsQuorum(Attack):
    """Sites report junk, so that the quorum is met and one honest update stands alone."""

    name = "junk-fills-quorum"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.DETECTED
    caught = "abort Quorum"
    wants = "a final sum holds one site's update only"
    switch = contract_rule("Rounds.sol, judge: the quorum is tested again on the accepted set")
    setting = Setting(min_sites=2)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round with two junk reports."""
        del defended
        junk = [
            stage.party(Junk(stage.study, stage.study.sites[n], stage.train(n), os.urandom))
            for n in (0, LIAR)
        ]
        view = stage.run(ended, [*junk, stage.sites[VICTIM], *stage.aggregators])
        found = view.rounds[1]
        alone = in_set(found, VICTIM) and not in_set(found, 0) and not in_set(found, LIAR)
        return observe_round(stage, view, stage.study.sites[LIAR], succeeded=alone)


class Aborts(Attack, ABC):
    """A member lets round after round abort, to drain budgets."""

    actor = Actor.CLIENT
    modes = ("A", "B3")
    caught = "abort Withheld"
    named = ("aggregator 1",)
    setting = Setting(max_aborts=2)
    until: ClassVar[State]
    """Where it stops."""

    def drained(self, stage: Stage) -> tuple[bool, Observation]:
        """Abort as often as the study allows; whether a lineage paid, and what the ledger says."""
        others = [*stage.sites, *without(stage.aggregators, LIAR)]
        rounds_played = self.setting.max_aborts + 1
        for _ in range(rounds_played):
            stage.run(in_state(self.until))
            stage.run(in_state(State.ABSENT), others)
        view = stage.run(in_state(State.ABSENT), others)
        accounts = [
            stage.ledger.call(privacy_ledger.account_of(item.lineage)) for item in stage.datasets
        ]
        paid = any(account.settled or account.reserved for account in accounts)
        account = stage.study.committee[1]
        seen = observe_round(stage, view, account, succeeded=paid, number=rounds_played)
        return paid, seen


class AbortsDrainBudget(Aborts):
    """A member lets round after round abort before anything is released, to drain budgets."""

    name = "aborts-drain-budget"
    expected = Outcome.ATTRIBUTED
    wants = "a lineage has paid, or still reserves, for rounds that released nothing"
    switch = contract_rule("RoundMachine.sol, _abort: the reservation is released")
    until = State.DELIVERED

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """Before the accepted set is fixed."""
        del defended
        _, seen = self.drained(stage)
        return seen


class AbortsAfterCharge(Aborts):
    """A member lets rounds abort after their charge was settled."""

    name = "aborts-after-charge"
    expected = Outcome.LIMIT
    wants = "a lineage has paid for rounds that released nothing"
    switch = no_switch("a limit: what may have been exposed is paid for; the member is named")
    setting = Setting(max_aborts=0)
    until = State.SETTLED

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """After the accepted set is fixed."""
        del defended
        paid, seen = self.drained(stage)
        return noticed_limit(seen, succeeded=paid)


class BudgetClosed(Attack):
    """A site closes its budget while the others wait for the round to open."""

    name = "budget-closed"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.LIMIT
    caught = "abort NotOpened"
    wants = "the round does not open, nobody is named and nothing is charged"
    switch = no_switch("a limit: a holder's budget is its own to close, at any time")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round that nobody can open."""
        del defended
        stage.run(in_state(State.ANNOUNCED))
        lineage = stage.datasets[LIAR].lineage
        stage.send(stage.sites[LIAR].account, privacy_ledger.close(lineage))
        view = stage.run(ended)
        seen = observe_round(stage, view, stage.study.sites[LIAR], succeeded=False)
        free = not stage.ledger.call(privacy_ledger.account_of(lineage)).settled
        stopped = view.rounds[1].state is State.ABORTED
        return noticed_limit(seen, succeeded=stopped and free and not seen.named)


class Withholding(Unrepentant):
    """Does nothing in some states."""

    silent: tuple[State, ...]

    def step(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """The next step, or none."""
        if inbox.view.current.state in self.silent:
            return Outbox(state)
        return super().step(state, inbox)


class Withheld(MemberAttack, ABC):
    """A member withholds what a round waits for."""

    state: ClassVar[State]
    """In which it does."""
    modes = EVERY_MODE
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    wants = "the round ends and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member that is silent in that state."""
        del stage
        role = dishonest(Withholding, study)
        role.silent = (self.state,)
        return role

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it gets away with it: by default, without being named."""
        found = view.rounds[1]
        named = found.aborted == ("Withheld", self.account(stage))
        return found.state is State.ABORTED and not named


class RevealWithheld(Withheld):
    """A member withholds its first reveal, so that there is no verify key."""

    name = "reveal-withheld"
    state = State.DELIVERED
    otherwise: ClassVar = {"B4": leaves(state, "Withheld")}


class ChallengeWithheld(Withheld):
    """A member withholds its second reveal, so that there is no challenge for the tags."""

    name = "challenge-withheld"
    modes = ("A",)
    state = State.SUMMED


class Guilty(Withheld, ABC):
    """A member leaves when it sees, or fears, which of its candidates is opened."""

    wants = "the round ends and the member stays on the committee"
    switch = contract_rule("RoundMachine.sol, _provesGuilt: from Held on silence is proven fault")
    setting = Setting(max_aborts=2)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the study goes on with it."""
        return view.rounds[1].state.ended and not guilty(stage, LIAR)


class PickWithheld(Guilty):
    """A member withholds its key once all sums are published, so that no noise is opened."""

    name = "pick-withheld"
    state = State.HELD
    otherwise: ClassVar = {"B4": leaves(state, "Withheld")}


class CandidatesNotOpened(Guilty):
    """A member does not open its candidates once it knows which ones it would have to open."""

    name = "candidates-not-opened"
    state = State.PICKED
    otherwise: ClassVar = {"B4": leaves(state, "Withheld")}


NAMING = {state for state, ends in table().timeouts.items() if ends[-1].names == "missing member"}
AWAITED = [state for state in State if state in NAMING | {State.OPEN}]
"""States that wait for members by name, in the order of a round."""
PASSED_BY = {
    "A": {State.CONTESTED, State.ANSWERED, State.SEEDED},
    "B3": {State.SUMMED, State.CHALLENGED, State.PUBLISHED, State.SEEDED},
    "B4": {State.SUMMED, State.CHALLENGED, State.PUBLISHED},
}
"""Those of which a round in which shares are missing at first has none."""


class CrashAtEachStep(Attack):
    """A member stops at every step in turn, one study each."""

    name = "crash-at-each-step"
    actor = Actor.MEMBER
    modes = EVERY_MODE
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    otherwise: ClassVar = {"B4": Must(Outcome.ATTRIBUTED, "left (Withheld)", named)}
    wants = "some round ends and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """A study for each such step, as far as it takes to see whether the round goes on.

        One site seals its shares wrongly to one member, so that in B the steps in which others help
        it are played, too.
        """
        del defended
        account, seen = stage.study.committee[LIAR], list[Observation]()
        for state in AWAITED:
            if state in PASSED_BY[stage.study.terms.mode]:
                continue
            stage = stage.fresh()
            sites = [stage.sites[0], stage.party(missealing(stage, 0)), stage.sites[2]]
            stage.run(in_state(state), [*sites, *stage.aggregators])
            view = stage.run(_beyond(state), [*sites, *without(stage.aggregators, LIAR)])
            found = view.rounds[1]
            unnamed = found.state is State.ABORTED and found.aborted != ("Withheld", account)
            one = observe_round(stage, view, account, succeeded=unnamed)
            seen.append(replace(one, caught=one.caught.replace(f"{state.title} ", "")))
        return next((one for one in seen if one != seen[0]), seen[0])


class TwoCrash(Attack):
    """Two members of four stop, one after the other, at different steps of a round."""

    name = "two-members-crash"
    actor = Actor.MEMBER
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    wants = "the round ends and not both of them are named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """The first one leaves, the round goes on; with the second one it ends."""
        del defended
        study, parties = stage.study, [*stage.sites, *stage.aggregators]
        stage.run(in_state(State.DELIVERED), parties)
        stage.run(in_state(State.SETTLED), [*stage.sites, *without(stage.aggregators, FIRST)])
        view = stage.run(ended, [*stage.sites, *without(stage.aggregators, FIRST, LIAR)])
        found, account = view.rounds[1], study.committee[LIAR]
        named = study.committee[FIRST] in found.left and found.aborted == ("Withheld", account)
        stopped = found.state is State.ABORTED
        return observe_round(stage, view, account, succeeded=stopped and not named)


def _beyond(state: State) -> Callable[[StudyView], bool]:
    """Until the first round has left a state, for the next one or for its end."""
    return lambda view: 1 in view.rounds and view.rounds[1].state > state
