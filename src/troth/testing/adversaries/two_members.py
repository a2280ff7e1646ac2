"""Two members together: what the modes with replicated shares do not bear, and say so.

Any two members hold every share between them, and some share is held by no third one in B3.
"""

from typing import Any, ClassVar

import numpy as np

from troth.privacy.secagg.outputs import AggregateShare
from troth.roles.verifying import Slot, open_shares, read_envelopes
from troth.round.driver import Party
from troth.round.mail import Inbox
from troth.round.sharing import split_extended
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.storage.keys import HpkeKeyPair
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Must,
    Observation,
    Outcome,
    no_switch,
)
from troth.testing.adversaries.member import HONEST, LIAR, dishonest
from troth.testing.adversaries.member_replicated import FalseSum, Shifting, off
from troth.testing.adversaries.observing import NOWHERE, observe_round
from troth.testing.adversaries.stage import Stage, ended, in_state, with_blobs

ALLY = 2
"""Index of the other dishonest member."""
SITE = 1


class BothRead(Attack):
    """Two members put the shares together that they hold, and read a site's update."""

    name = "two-members-read-an-update"
    actor = Actor.MEMBER
    modes = EVERY_MODE
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "they know the update, to the last digit, and nothing tells"
    switch = no_switch("a limit: B bears one dishonest member, A all but one, here one of two")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """An honest round, in which two members talk to one another."""
        del defended
        study, view = stage.study, stage.run(in_state(State.CLOSED))
        shares: dict[Slot, bytes] = {}
        for member in (LIAR, HONEST):
            shares |= _opened(stage, member)
        read = _unshared(study, shares)
        view = stage.run(ended)
        succeeded = np.array_equal(read, stage.train(SITE)(None, 1))
        return observe_round(stage, view, study.committee[LIAR], succeeded=succeeded)


def _opened(stage: Stage, member: int) -> dict[Slot, bytes]:
    """A member's extended shares of the round that is closed."""
    study, account = stage.study, stage.study.committee[member]
    keys = HpkeKeyPair.decode(stage.aggregators[member].state.hpke)

    def look(inbox: Inbox) -> dict[Slot, bytes]:
        envelopes = read_envelopes(study, inbox.view.current, inbox)
        return open_shares(study, envelopes, account, keys, inbox)

    return with_blobs(stage, stage.run(in_state(State.CLOSED)), look)


def _unshared(study: Study, shares: dict[Slot, bytes]) -> Any:
    """The update behind all shares of it."""
    pine, found = study.pine(SITE), []
    for share in range(len(study.committee)):
        own, _ = split_extended(study, SITE, share, shares[SITE, share])
        found.append(AggregateShare(study.field, pine.output_share(share, own).values))
    return pine.unshard_integers(found, 1)


class BothShift(FalseSum):
    """Two members shift the sum of one share alike."""

    name = "two-members-shift-a-sum"
    expected = Outcome.LIMIT
    caught = NOWHERE
    named = ()
    otherwise: ClassVar = {
        "B4": Must(Outcome.LIMIT, "left Settled (Disagree)", ("aggregator 3",)),
    }
    wants = "a final model follows from another sum than that of the accepted updates"
    switch = no_switch("a limit: of the holders of a share, two in B3 and three in B4, two agree")
    role = Shifting

    def honest(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The others, of whom one does the same."""
        members = super().honest(stage, defended=defended)
        members[ALLY - 1] = stage.party(dishonest(Shifting, stage.study, ALLY))
        return members

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        return off(stage, view)
