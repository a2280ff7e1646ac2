"""Members that seal, deny and echo falsely where every share has several holders (B3 and B4).

What exactly one member cannot open the other holders give it the key of. In B3 a share has two
holders, so a reporter and its other holder together can keep it from the third.
"""

import os
from dataclasses import replace
from typing import ClassVar

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.roles.member import AggregatorState
from troth.roles.replicated import ReplicatedAggregator
from troth.round.mail import Inbox, Outbox
from troth.round.messages import ECHO_FORMAT, Echo, decode_echo
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.storage.keys import HpkeKeyPair, HpkePublicKey
from troth.testing.adversaries.attack import (
    REPLICATED,
    Must,
    Observation,
    Outcome,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.member import HONEST, MemberAttack, Sent, leaves
from troth.testing.adversaries.member_deliveries import (
    Denial,
    DenyingOnce,
    KeepingShares,
    SiteDenied,
    only_honest_is_named,
)
from troth.testing.adversaries.member_noise import OwnNoise, observe_own_noise
from troth.testing.adversaries.stage import Stage, in_set

VICTIM = 0
"""Place of a site whose report is denied."""


class SiteDeniedInVain(SiteDenied):
    """A member says twice that it cannot open a site's report, to keep that site out of B4."""

    name = "site-denied-after-echo"
    modes = ("B4",)
    expected = Outcome.ATTRIBUTED
    caught = "left Answered (Disagree)"
    named = ("aggregator 1",)
    wants = "an honest report is left out of a final round"
    switch = contract_rule("Replication.sol, decideDelivery: who still denies leaves")


class DenyingAndSilent(DenyingOnce):
    """Denies once, and then keeps everybody waiting."""

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del view, inbox
        return Outbox(state)


class EchoWithheld(Denial):
    """A member denies a report, and does not post what everybody owes then."""

    name = "echo-withheld"
    modes = REPLICATED
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    otherwise: ClassVar = {"B4": leaves(State.CONTESTED, "Withheld")}
    wants = "the round ends, or the report is left out, and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")
    denier = DenyingAndSilent

    def denied(self, study: Study) -> tuple[int, ...]:
        """An honest site's."""
        del study
        return (VICTIM,)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is not."""
        found, account = view.rounds[1], self.account(stage)
        named = found.aborted == ("Withheld", account) or account in found.left
        return not named and not in_set(found, VICTIM)


class ReplicatedSharesKeptBack(MemberAttack):
    """A member keeps the sealed shares of its noise, so that all others have to deny them."""

    name = "replicated-noise-shares-kept-back"
    modes = REPLICATED
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    otherwise: ClassVar = {"B4": Must(Outcome.REJECTED, "verdict undelivered")}
    wants = "the round ends and only an honest member is named"
    switch = contract_rule("Replication.sol, decideDelivery: lost noise names owner and denier")
    role = KeepingShares

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        return only_honest_is_named(stage, view)

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """What public records say, of its noise too."""
        return observe_own_noise(stage, view, succeeded=succeeded)


class Framing(OwnNoise):
    """Seals its noise to everybody but the honest member, and echoes keys that open nothing."""

    def _keys(self, view: RoundView, inbox: Inbox) -> list[HpkePublicKey] | None:
        keys = super()._keys(view, inbox)
        if keys is not None:
            keys[HONEST] = HpkeKeyPair.generate().public
        return keys

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._answer(state, view, inbox)
        if not outbox.keeps:
            return outbox
        keys = decode_echo(outbox.keeps[0]).keys
        garbage = tuple(replace(key, wrap=os.urandom(len(key.wrap))) for key in keys)
        echo = Echo(ECHO_FORMAT, garbage).encode()
        post = rounds.answer(self.study.study_id, view.number, digest(echo))
        return replace(outbox, keeps=(echo,), puts=(echo,), posts=(post,))


class Framed(MemberAttack):
    """A member seals its noise wrongly to an honest one and echoes garbage, to have it blamed."""

    name = "honest-member-framed-by-noise"
    modes = ("B3",)
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named: ClassVar[tuple[str, ...]] = ("aggregator 0", "aggregator 1")
    wants = "the honest member is named alone, or has to leave"
    switch = contract_rule("Replication.sol, decideDelivery: lost noise names owner and denier")
    role = Framing

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        left = stage.study.committee[HONEST] in view.rounds[1].left
        return left or only_honest_is_named(stage, view)


class EchoingNothing(ReplicatedAggregator):
    """Gives nobody a key."""

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        echo = Echo(ECHO_FORMAT, ()).encode()
        return Outbox(state, puts=(echo,), posts=(self._call(rounds.answer, view, digest(echo)),))


class FramedAmongFour(Framed):
    """A member seals its noise wrongly to one of three others, and echoes garbage."""

    name = "honest-member-framed-among-four"
    modes = ("B4",)
    expected = Outcome.REFUSED
    caught = "answer"
    named = ()
    switch = argument("holders that give a member which cannot open a share no key of it")
    careless = EchoingNothing
