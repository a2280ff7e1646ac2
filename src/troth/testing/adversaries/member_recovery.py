"""Members that lie about whose noise others have to open, or show none of it (mode B4).

Where a member opens no noise, or not its own, the others open what they hold of all its candidates.
So leaving, once the pick is known, must save it nothing.
"""

import zipfile
from abc import ABC
from dataclasses import replace

from troth.domain import records
from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.replicated import ReplicatedAggregator
from troth.round.mail import Inbox, Outbox
from troth.round.messages import RECOVERY_FORMAT, RecoveredShare
from troth.round.messages import Recovery as Shown
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    Actor,
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.clients import SendsOneCall
from troth.testing.adversaries.member import (
    HONEST,
    LIAR,
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
)
from troth.testing.adversaries.member_noise import Believing
from troth.testing.adversaries.member_openings import OtherSeeds
from troth.testing.adversaries.stage import Stage, ended, guilty, in_state

SITE = 0
"""Place of a site whose report a member shows."""
ABSENT = 3
"""Index of the honest member that stops once the picks are known."""
GUILT = "Replication.sol, decideRecovery: whoever most say has opened no true seeds is guilty"


class NotConfessing(OtherSeeds, Believing):
    """Opens with false seeds, and says that everybody's are right."""


class OpeningsDenied(MemberAttack):
    """A member opens false seeds and says that nothing is wrong, to leave without being guilty."""

    name = "false-seeds-denied"
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "left Seeded (Disagree)"
    named = ("aggregator 1",)
    wants = "the member stays on the committee, or its false seeds count"
    switch = contract_rule(GUILT)
    setting = Setting(max_aborts=2)
    role = NotConfessing

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does, or they do."""
        return not guilty(stage, LIAR) or not view.rounds[1].recovered >> LIAR & 1


class GuiltyReturns(SendsOneCall):
    """A member whose false seeds were found takes part in the next round of a study in B4."""

    name = "guilty-member-returns"
    actor = Actor.MEMBER
    modes = ("B4",)
    caught = "Rounds.announce: NotLive"
    wants = "its key stands on the ledger of another round"
    switch = contract_rule("Rounds.sol, announce: who is guilty takes no part any more")
    setting = Setting(rounds=2)

    def prepare(self, stage: Stage) -> None:
        """One round in which it is found."""
        study = stage.study
        others = [party for n, party in enumerate(stage.aggregators) if n != LIAR]
        stage.run(ended, [*stage.sites, stage.party(dishonest(OtherSeeds, study)), *others])

    def call(self, stage: Stage) -> Call[None]:
        """An announcement of the second round."""
        head, key = digest(b"a head"), digest(b"a key")
        return rounds.announce(stage.study.study_id, 2, head, key)


class Claiming(Unrepentant):
    """Says that an honest member's seeds are wrong."""

    def _absent(self, *_: object) -> list[int]:
        return [HONEST]


class HonestNoiseClaimed(MemberAttack):
    """A member says that an honest one opened no true seeds, to have it leave as guilty."""

    name = "honest-openings-denied"
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "left Seeded (Disagree)"
    named = ("aggregator 1",)
    wants = "the honest member has to leave, or all its noise is taken off the sum"
    switch = contract_rule("Replication.sol, decideRecovery: most of the live members say so")
    role = Claiming

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it has to, or is."""
        found = view.rounds[1]
        left = stage.study.committee[HONEST] in found.left
        return left or bool(found.recovered >> HONEST & 1) or guilty(stage, HONEST)


class Smuggling(Unrepentant, ReplicatedAggregator):
    """Shows what it holds of a site's report as if that were noise."""

    smuggled = b""

    def _recover(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        bodies = sorted(self._opened(state, view, inbox).items())
        shares = tuple(
            RecoveredShare(place, share, body) for (place, share), body in bodies if place == SITE
        )
        self.smuggled = Shown(RECOVERY_FORMAT, shares).encode()
        call = rounds.recover(self.study.study_id, view.number, 1 << HONEST, digest(self.smuggled))
        return Outbox(state, puts=(self.smuggled,), posts=(call,))


class SharesSmuggled(MemberAttack):
    """A member shows its shares of a site's report as noise, so that others keep them for ever."""

    name = "site-shares-in-recovery"
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "left Seeded (Disagree)"
    named = ("aggregator 1",)
    wants = "they are in the bundle"
    switch = no_switch("members and auditors have one decoder; it takes what had to be shown only")

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        self.smuggling = dishonest(Smuggling, study)
        return self.smuggling

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether they are."""
        del view
        name = digest(self.smuggling.smuggled).hex()
        with zipfile.ZipFile(stage.write_bundle()) as bundle:
            return any(name in member for member in bundle.namelist())


class LeavingItToOthers(ReplicatedAggregator):
    """Shows nothing of an absent member's noise, since another holder might."""

    def _recover(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._recover(state, view, inbox), keeps=(), puts=())


class Recovery(MemberAttack, ABC):
    """A member that helps falsely where an honest one is absent: a second fault in one round."""

    modes = ("B4",)
    expected = Outcome.REFUSED
    caught = "shown by others"
    wants = "the round has no model, since noise of the absent member is not known"
    switch = argument("holders that leave it to one of them to show a share")
    careless = LeavingItToOthers

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; one member stops once the picks are known."""
        sites, honest = list(stage.sites), self.honest(stage, defended=defended)
        liar = stage.party(self.liar(stage, stage.study))
        stage.run(in_state(State.PICKED), [*sites, liar, *honest])
        view = stage.run(self.over, [*sites, liar, *honest[: ABSENT - 1]])
        return self.observe(stage, view, succeeded=self.reached(stage, view))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it has none."""
        del stage
        return view.rounds[1].state is not State.FINAL

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """The noise was taken off; who left is the absent member, and nobody helped falsely."""
        seen = super().observe(stage, view, succeeded=succeeded)
        found = view.rounds[1]
        absent = {stage.study.committee[ABSENT]}
        taken_off = found.state is State.FINAL and found.recovered == 1 << ABSENT
        if taken_off and set(found.left) == absent:
            return Observation(Outcome.REFUSED, "shown by others", (), succeeded)
        return seen


class ShowingWrongShares(Unrepentant, ReplicatedAggregator):
    """Shows other shares of an absent member's noise than it holds."""

    def _recover(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._recover(state, view, inbox)
        owners, _ = outbox.posts[0].arguments[2:]
        true = records.decode(Shown, outbox.puts[0], "recovery")
        zeros = tuple(replace(item, extended=bytes(len(item.extended))) for item in true.shares)
        false = replace(true, shares=zeros).encode()
        post = rounds.recover(self.study.study_id, view.number, owners, digest(false))
        return replace(outbox, keeps=(false,), puts=(false,), posts=(post,))


class WrongSharesShown(Recovery):
    """A member shows false shares of an absent member's noise, to have the round end."""

    name = "recovery-with-wrong-shares"
    role = ShowingWrongShares


class KeepingRecovery(Unrepentant, ReplicatedAggregator):
    """Posts what it shows of an absent member's noise, and serves it to nobody."""

    def _recover(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._recover(state, view, inbox), keeps=(), puts=())


class RecoveryKeptBack(Recovery):
    """A member serves nothing of what it holds of an absent member's noise."""

    name = "recovery-kept-back"
    role = KeepingRecovery
