"""One dishonest member among honest parties: what every attack of a member shares.

An attack names its dishonest role and what the others lack without the defence. Where the pick of
the candidate that stays unopened decides, it is played on fresh studies until it falls as declared:
the chance of that is 1/M, which the documents state.
"""

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeVar, cast

from troth.ledger.address import Address
from troth.roles.aggregator import Aggregator
from troth.roles.following import Examine
from troth.roles.member import AggregatorState
from troth.roles.trainer import Trainer, TrainerState
from troth.roles.voting import vote
from troth.round.driver import Party
from troth.round.mail import Inbox, Outbox
from troth.round.published import kept_candidates
from troth.round.study import Study
from troth.round.transitions import Fault, State
from troth.round.verdict import round_verify_key
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import Actor, Attack, Must, Observation, Outcome
from troth.testing.adversaries.lenient import blind_to
from troth.testing.adversaries.observing import observe_round
from troth.testing.adversaries.stage import Stage, ended, fitting

LIAR, HONEST = 1, 0
"""Indices of the dishonest member and of an honest one."""
Sent = Outbox[AggregatorState]
Role = TypeVar("Role", bound=Aggregator)


def dishonest(role: type[Role], study: Study, member: int = LIAR) -> Role:
    """A member in a dishonest role, whatever the mode.

    Args:
        role: what it does otherwise than an honest one.
        study: as it sees it.
        member: its index.
    """
    kind = cast("type[Role]", fitting(study, role))
    return kind(study, study.committee[member], os.urandom)


def leaves(state: State, reason: str) -> Must:
    """What must come of a lie in B4: the others go on without the liar, in that state."""
    return Must(Outcome.ATTRIBUTED, f"left {state.title} ({reason})", (f"aggregator {LIAR}",))


class Unrepentant(Aggregator):
    """Attests whatever comes out, and never looks at its own noise's tags."""

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        ballot = vote(
            self.study, view, inbox, self.account, own=lambda: None, examine_round=self._examine
        )
        return Outbox(state, puts=ballot.puts, posts=ballot.posts)


class Unlooking(Trainer):
    """Attests what follows from a round without looking at its own tags."""

    def _own_shares(
        self, state: TrainerState, view: RoundView, inbox: Inbox
    ) -> tuple[int, list[bytes]] | None:
        del state, view, inbox
        return None


def sites_with(stage: Stage, examine_round: Examine) -> list[Party[Any]]:
    """The sites, with other public checks."""
    study = stage.study
    return [
        stage.party(
            Trainer(study, site, stage.train(place), os.urandom, examine_round=examine_round)
        )
        for place, site in enumerate(study.sites)
    ]


def without_looking(stage: Stage, place: int) -> Party[Any]:
    """A site that does not look at its own tags."""
    study = stage.study
    return stage.party(Unlooking(study, study.sites[place], stage.train(place), os.urandom))


class MemberAttack(Attack, ABC):
    """A member that lies among honest ones, for one round."""

    actor = Actor.MEMBER
    role: ClassVar[type[Aggregator]]
    """The dishonest one."""
    careless: ClassVar[type[Aggregator]] = Aggregator
    """The honest members without the defence."""
    overlooked: ClassVar[Fault] = Fault.NONE
    """What all voters overlook without the defence."""
    unlooking: ClassVar[int | None] = None
    """Place of a site that does not look at its own tags without the defence."""
    offline: ClassVar[tuple[int, ...]] = ()
    """Places of sites that go away once they have reported."""
    returning: ClassVar[bool] = False
    """Whether those come back after the round."""
    kept: ClassVar[bool | None] = None
    """Whether the candidate that matters must stay unopened; None: the pick does not matter."""
    owner: ClassVar[int] = LIAR
    """Whose candidate that is; it is the first of its candidates."""

    @abstractmethod
    def reached(self, stage: Stage, view: StudyView) -> bool:
        """The success predicate, after the round."""

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The dishonest member.

        Args:
            stage: where it plays.
            study: as the members see it.
        """
        del stage
        return dishonest(self.role, study)

    def weakened(self, study: Study) -> Study:
        """The study of members without the defence."""
        return study

    def checks(self) -> Examine:
        """The public checks of voters without the defence."""
        return blind_to(self.overlooked)

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The sites; without the defence, with other checks."""
        same = defended or self.overlooked is Fault.NONE
        sites = list(stage.sites) if same else sites_with(stage, self.checks())
        if self.unlooking is not None and not defended:
            sites[self.unlooking] = without_looking(stage, self.unlooking)
        return sites

    def honest(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The honest members; without the defence, careless ones."""
        if defended:
            return [party for n, party in enumerate(stage.aggregators) if n != LIAR]
        study, checks = self.weakened(stage.study), self.checks()
        role = fitting(study, self.careless)
        return [
            stage.party(role(study, member, os.urandom, examine_round=checks))
            for n, member in enumerate(study.committee)
            if n != LIAR
        ]

    def over(self, view: StudyView) -> bool:
        """Whether nothing more is to come."""
        return ended(view)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round, and what its parties say once it is over."""
        while True:
            study = stage.study if defended else self.weakened(stage.study)
            sites = self.sites(stage, defended=defended)
            honest = self.honest(stage, defended=defended)
            members = [stage.party(self.liar(stage, study)), *honest]
            view = stage.run(self._pick_is_known, [*sites, *members])
            if self._falls_as_declared(stage, view):
                break
            stage = stage.fresh()
        there = [party for place, party in enumerate(sites) if place not in self.offline]
        view = stage.run(self.over, [*there, *members])
        stage.finish(view, [*(sites if self.returning else there), *members])
        view = stage.run(lambda _: True)  # with what was said after the round
        return self.observe(stage, view, succeeded=self.reached(stage, view))

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """What public records say."""
        return observe_round(stage, view, self.account(stage), succeeded=succeeded)

    def account(self, stage: Stage) -> Address:
        """The dishonest member's."""
        return stage.study.committee[LIAR]

    def _pick_is_known(self, view: StudyView) -> bool:
        return view.current.state is State.PICKED or self.over(view)

    def _falls_as_declared(self, stage: Stage, view: StudyView) -> bool:
        found = view.rounds[1]
        if self.kept is None or found.state.ended:
            return True
        key = round_verify_key(stage.study, found)
        return self.kept == (kept_candidates(stage.study, found, key)[self.owner] == 0)
