"""A ledger that goes back asks an honest member twice for what it may say once."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from troth.domain.hashing import digest
from troth.roles.member import AggregatorState
from troth.roles.replicated import aggregator_for
from troth.round.published import kept_candidates
from troth.round.transcript import CHALLENGE_LEVEL, PICK_LEVEL, VERIFY_LEVEL
from troth.round.transitions import State
from troth.round.verdict import round_verify_key
from troth.round.view import StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Observation,
    Outcome,
    argument,
)
from troth.testing.adversaries.member import HONEST, LIAR, Sent
from troth.testing.adversaries.observing import attempt
from troth.testing.adversaries.stage import Stage, in_state, place_bits, with_blobs, without

OTHER = 2
"""A third member."""


class SecondQuestion(Attack, ABC):
    """A ledger that goes back shows an honest member another reveal, to ask it twice."""

    actor = Actor.MEMBER
    modes = EVERY_MODE
    expected = Outcome.REFUSED
    caught = "OnceOnly"
    state: ClassVar[State]
    """In which the member answers."""
    level: ClassVar[int]
    """Of the reveals that the question derives from."""

    @abstractmethod
    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """The member's state without the defence."""

    def other(self, stage: Stage, view: StudyView) -> bytes:
        """What the other member is said to have revealed the second time."""
        del stage, view
        return digest(b"another reveal")

    def prepare(self, stage: Stage) -> StudyView:
        """Bring the round to where the member is asked."""
        return stage.run(in_state(self.state))

    def go_back(self, stage: Stage, view: StudyView) -> None:
        """Change what the ledger says: by default, another reveal of the other member."""
        theirs = view.current.reveals[self.level]
        theirs[stage.study.committee[LIAR]] = self.other(stage, view)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """The honest member answers; then the ledger says something else, and asks again."""
        view = self.prepare(stage)
        first = self._answer(stage, stage.aggregators[HONEST].state, view)
        self.go_back(stage, view)
        state = first.state if defended else self.forgetting(first.state)
        posts = [first.posts]
        return attempt(
            lambda: posts.append(self._answer(stage, state, view).posts), lambda: _two_blobs(posts)
        )

    def _answer(self, stage: Stage, state: AggregatorState, view: StudyView) -> Sent:
        honest = aggregator_for(stage.study)
        role = honest(stage.study, stage.study.committee[HONEST], os.urandom)
        return with_blobs(stage, view, lambda inbox: role.step(state, inbox))


def _two_blobs(posts: Sequence[Any]) -> bool:
    """Whether two blobs with different digests were named."""
    return len({call.arguments for sent in posts for call in sent}) > 1


class SecondVerifyKey(SecondQuestion):
    """A ledger that goes back shows a member other reveals, to have its shares queried twice."""

    name = "second-verify-key"
    wants = "an honest member queries one report under two verify keys"
    switch = argument("a member whose state file forgets the verify key of the round")
    state = State.KEYED
    level = VERIFY_LEVEL

    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """Without the key."""
        return replace(state, verify_key=b"")


class SecondChallenge(SecondQuestion):
    """A ledger that goes back shows a member other reveals, to have two tags under one mask."""

    name = "second-challenge"
    modes = ("A",)
    wants = "an honest member tags one report under two challenges"
    switch = argument("a member whose state file forgets the challenge of the round")
    state = State.CHALLENGED
    level = CHALLENGE_LEVEL

    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """Without the challenge."""
        return replace(state, challenge=b"")


class SecondPick(SecondQuestion):
    """A ledger that goes back shows a member another pick, to have all its noise opened."""

    name = "second-pick"
    wants = "an honest member opens the candidate that it had kept closed"
    switch = argument("a member whose state file forgets which candidates it opened")
    state = State.PICKED
    level = PICK_LEVEL

    def other(self, stage: Stage, view: StudyView) -> bytes:
        """A key that picks another candidate of the honest member."""
        study, theirs = stage.study, dict(view.current.reveals[PICK_LEVEL])
        key = round_verify_key(study, view.current)

        def picked(value: bytes) -> int:
            view.current.reveals[PICK_LEVEL][study.committee[LIAR]] = value
            return kept_candidates(study, view.current, key)[HONEST]

        first = picked(theirs[study.committee[LIAR]])
        values = (digest(b"another key" + bytes([number])) for number in range(256))
        return next(value for value in values if picked(value) != first)

    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """Without what it opened."""
        return replace(state, opened=())


class SecondSum(SecondQuestion):
    """A ledger that goes back drops a member before the sums, to have a sum without its noise."""

    name = "second-sum"
    modes = ("B4",)
    wants = "an honest member is bound to two sums, whose difference is a member's noise"
    switch = argument("a member whose state file forgets what it was bound to")
    state = State.SETTLED

    def go_back(self, stage: Stage, view: StudyView) -> None:
        """The other member has left before, and its noise is not in the accepted set."""
        found, gone = view.current, stage.study.committee[LIAR]
        found.left[gone] = (State.JUDGED, "Withheld")
        found.left_before[State.SETTLED] = frozenset({gone})
        found.accepted &= ~place_bits(*stage.study.noise_places(LIAR))

    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """Without the sums."""
        return replace(state, sums=b"")


class SecondRecovery(SecondQuestion):
    """A ledger that goes back says that other noise was not opened, to have that shown as well."""

    name = "second-recovery"
    modes = ("B4",)
    wants = "an honest member shows the noise of two members, and too little stays in the sum"
    switch = argument("a member whose state file forgets whose noise it opened")
    state = State.SEEDED

    def prepare(self, stage: Stage) -> StudyView:
        """One member does not open its noise."""
        stage.run(in_state(State.PICKED))
        return stage.run(in_state(self.state), without(stage.aggregators, LIAR))

    def go_back(self, stage: Stage, view: StudyView) -> None:
        """The noise of another one is not opened, that of the first one is."""
        seeds, members = view.current.seeds, stage.study.committee
        seeds[members[LIAR]] = seeds.pop(members[OTHER])

    def forgetting(self, state: AggregatorState) -> AggregatorState:
        """Without whose it was."""
        return replace(state, recovered=0)
