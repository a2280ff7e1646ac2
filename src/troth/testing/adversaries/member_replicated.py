"""Members that lie in sums where every share has several holders (modes B3 and B4).

All holders of a share bind themselves to the same sum of it. In B3 two of them then stand against
one another; in B4 two outvote the third, and the round goes on without it.
"""

from abc import ABC
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.replicated import ReplicatedAggregator
from troth.roles.verifying import Slot
from troth.round.mail import Inbox, Outbox
from troth.round.published import published_digests
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    REPLICATED,
    Observation,
    Outcome,
    Setting,
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
from troth.testing.adversaries.member_verdicts import Rejecting
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG
from troth.testing.adversaries.stage import NOISE_RANGE, Stage, in_set, published_sum
from troth.testing.false_sums import shifted_output
from troth.testing.forgers import shard_over_norm

SITE = 1
"""Place of the site that a lie is about."""
SHARE = 0
"""The one that a lie is about; in B3 members 1 and 2 hold it, in B4 member 3 too."""
SHIFT = 10_000
UNIFORM = no_switch("what one member holds is uniform: there is no sum to be fooled by")


class UnrepentantHolder(Unrepentant, ReplicatedAggregator):
    """The same where shares are replicated."""


def off(stage: Stage, view: StudyView) -> bool:
    """Whether a final model follows from another sum than that of the accepted updates."""
    found = view.rounds[1]
    if found.state is not State.FINAL:
        return False
    sites = [place for place in range(len(stage.study.sites)) if in_set(found, place)]
    due = sum(stage.study.weight(place) * stage.train(place)(None, 1) for place in sites)
    return bool(np.abs(published_sum(stage, view) - due).max() > NOISE_RANGE)


class Shifting(Unrepentant):
    """Binds itself to a sum with one coordinate shifted."""

    def _outputs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> dict[Slot, OutputShare]:
        outputs = super()._outputs(state, view, inbox)
        slot = SITE, SHARE
        return outputs | {slot: shifted_output(self.study, outputs[slot], SHIFT)}


class Reweighing(Unrepentant):
    """Adds one report to its sums once more, with a weight of its own."""

    more: int
    """That weight; −1 takes the report out."""

    def _outputs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> dict[Slot, OutputShare]:
        outputs = super()._outputs(state, view, inbox)
        states, field = self._verified(state, view, inbox).states, self.study.field
        first = min(place for place, _ in outputs)  # of weight 1, as all in these studies
        for share in self.study.shares_of(first, self.index):
            theirs = field.mul(states[SITE, share].out_share.values, self.more % field.modulus)
            values = field.add(outputs[first, share].values, theirs)
            outputs[first, share] = replace(outputs[first, share], values=values)
        return outputs


class FalseSum(MemberAttack, ABC):
    """A member that binds itself to another sum of a share than its other holders."""

    modes = REPLICATED
    expected = Outcome.DETECTED
    caught = "abort Disagree"
    named: ClassVar[tuple[str, ...]] = ("aggregator 1", "aggregator 2")
    otherwise: ClassVar = {"B4": leaves(State.SETTLED, "Disagree")}
    wants = "its sum stands beside the others', or a final model follows from a false one"

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        gone = view.rounds[1].left_before.get(State.HELD)
        stands = gone is not None and self.account(stage) not in gone
        return stands or off(stage, view)


class ReplicatedSumShifted(FalseSum):
    """A member adds a number to one coordinate of its sum of one share, which others hold too."""

    name = "replicated-sum-shifted"
    switch = contract_rule("Replication.sol, decideSums: all holders of a share post one digest")
    role = Shifting


class ReweighedSum(FalseSum, ABC):
    """A member that sums another set, or with other weights, than was agreed."""

    switch = UNIFORM
    more: ClassVar[int]

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = dishonest(Reweighing, study)
        role.more = self.more
        return role


class ReplicatedLeftOut(ReweighedSum):
    """A member leaves an accepted report out of its sums of all shares that it holds."""

    name = "replicated-report-left-out"
    more = -1


class ReplicatedRejectedIncluded(ReweighedSum):
    """A member adds a rejected report to its sums of all shares that it holds."""

    name = "replicated-rejected-report-included"
    setting = Setting(vectors={SITE: FAR_TOO_LONG}, sharers={SITE: shard_over_norm})
    more = 1


class ReplicatedWeightChanged(ReweighedSum):
    """A member weighs a report ten times in its sums of all shares that it holds."""

    name = "replicated-weight-changed"
    more = 9


class Dissenting(Rejecting):
    """Dissents from the verdict, and binds itself to sums after it was outvoted."""

    def step(self, state: AggregatorState, inbox: Inbox) -> Sent:
        """The next step, as if it were live."""
        view = inbox.view.current
        if view.state is State.SETTLED and self.account in view.left:
            shares = self.study.shares_of(0, self.index)
            digests = tuple(digest(b"another sum" + bytes([share])) for share in shares)
            return Outbox(state, posts=(self._call(rounds.commit_sum, view, digests),))
        return super().step(state, inbox)


class OutvotedSum(MemberAttack):
    """A member is outvoted on the verdict, and binds itself to a sum over another set."""

    name = "sum-of-an-outvoted-member"
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "left Judged (Disagree)"
    named = ("aggregator 1",)
    wants = "digests of sums over two sets stand on the ledger"
    switch = no_switch("who left posts nothing more: the rule of `return-of-a-member-that-left`")
    role = Dissenting

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether its own do."""
        return self.account(stage) in view.rounds[1].sums


def served_by_others(stage: Stage, seen: Observation, digests: Iterable[bytes]) -> Observation:
    """What came of keeping blobs back: nothing, where honest members served them.

    Args:
        stage: where it was played.
        seen: what the round says.
        digests: of what the dishonest member kept to itself.
    """
    if seen.outcome is Outcome.NOTHING and all(map(stage.store.has, digests)):
        return replace(seen, outcome=Outcome.REFUSED, caught="served by others")
    return seen


class KeepingSums(UnrepentantHolder):
    """Serves no sum, its own or another's."""

    def _reveal_key(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._reveal_key(state, view, inbox), puts=())

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._vote(state, view, inbox), puts=())


class LeavingItToOthers(ReplicatedAggregator):
    """Serves no sum, since another holder of the share might."""

    def _reveal_key(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._reveal_key(state, view, inbox), keeps=(), puts=())


class SumsKeptBack(MemberAttack):
    """A member serves none of its sums, so that it alone has all of them once noise is open."""

    name = "replicated-sums-kept-back"
    modes = REPLICATED
    expected = Outcome.REFUSED
    caught = "served by others"
    wants = "the others open their noise and nobody but the dishonest one can compute the sum"
    switch = argument("holders of a share that leave it to one of them to serve its sum")
    role = KeepingSums
    careless = LeavingItToOthers

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether noise is open and some sum is not there."""
        return stage.study.committee[HONEST] in view.rounds[1].seeds and not all(
            map(stage.store.has, published_digests(stage.study, view.rounds[1]))
        )

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """What public records say, and the store."""
        seen = super().observe(stage, view, succeeded=succeeded)
        return served_by_others(stage, seen, published_digests(stage.study, view.rounds[1]))
