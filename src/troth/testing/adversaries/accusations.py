"""Voters that accuse falsely, too often, or to get away: words after everything is published."""

import os
from abc import ABC
from typing import Any, ClassVar

from troth.domain.hashing import digest
from troth.ledger.account import Account
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.trainer import Trainer, TrainerState
from troth.round.driver import Party
from troth.round.mail import Inbox, Outbox
from troth.round.messages import OPENED_SHARES_FORMAT, OpenedShare, OpenedShares
from troth.round.study import Study
from troth.round.transitions import Fault, State
from troth.round.view import RoundView, StudyView
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
)
from troth.testing.adversaries.clients import SendsOneCall
from troth.testing.adversaries.member import HONEST, LIAR, MemberAttack, Sent, Unrepentant
from troth.testing.adversaries.member_noise import OwnNoise, ZeroOpened
from troth.testing.adversaries.member_sums import SITE, Bending
from troth.testing.adversaries.observing import named_by_abort, observe_round
from troth.testing.adversaries.stage import (
    Stage,
    committee,
    ended,
    has_accusations_left,
    in_state,
)

NOTHING = bytes(32)


class AccusingSite(Trainer):
    """Accuses a member in the last window, whatever is true, and shows nothing."""

    fault: ClassVar[Fault]

    def step(self, state: TrainerState, inbox: Inbox) -> Outbox[TrainerState]:
        """The real step, but for its vote."""
        view = inbox.view.current
        if view.state is not State.OPENED or self.account in view.accusations:
            return super().step(state, inbox)
        accused = self.study.committee[HONEST]
        post = rounds.accuse(self.study.study_id, view.number, self.fault, accused, NOTHING)
        return Outbox(state, posts=(post,))


class Complaining(AccusingSite):
    """Says that a member published a false tag of its report."""

    fault = Fault.OWN_TAG


class Slandering(AccusingSite):
    """Says that a member opened other noise than it had reported, which everybody can check."""

    fault = Fault.OPENING


def accusing(stage: Stage, role: type[AccusingSite]) -> Party[Any]:
    """The site that accuses."""
    study = stage.study
    return stage.party(role(study, study.sites[SITE], stage.train(SITE), os.urandom))


class FalseOwnTag(Attack):
    """A site says falsely that a member published a false tag of its report, to end the round."""

    name = "own-tag-falsely-disputed"
    actor = Actor.SITE
    expected = Outcome.DETECTED
    caught = "abort Accused"
    wants = "the round ends and the site has as many accusations as before"
    switch = contract_rule("Ballots.sol, finalise: such an accusation is used up")
    setting = Setting(accusations=1)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the site's only accusation is at stake."""
        del defended
        sites = [stage.sites[0], accusing(stage, Complaining), stage.sites[2]]
        view = stage.run(ended, [*sites, *stage.aggregators])
        free = view.rounds[1].state is State.ABORTED and has_accusations_left(stage, SITE)
        return observe_round(stage, view, stage.study.sites[SITE], succeeded=free)


class AccusationsUsedUp(Attack):
    """A site goes on to end rounds after it has used up its accusations."""

    name = "accusations-beyond-the-limit"
    actor = Actor.SITE
    expected = Outcome.REJECTED
    caught = "verdict absent"
    wants = "it ends one round more than it has accusations"
    switch = contract_rule("Rounds.sol, open: a site without accusations is not enrolled")
    setting = Setting(accusations=1, max_aborts=2)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """A round that it ends; the consortium resumes without giving it anything back; another."""
        del defended
        parties = [stage.sites[0], accusing(stage, Complaining), stage.sites[2], *stage.aggregators]
        stage.run(ended, parties)
        for voter in parties:
            if _paused(stage):
                stage.send(voter.account, rounds.resume(stage.study.study_id, 0))
        view = stage.run(_second_ended, parties)
        again = view.rounds[2].state is State.ABORTED
        account = stage.study.sites[SITE]
        return observe_round(stage, view, account, succeeded=again, place=SITE, number=2)


def _paused(stage: Stage) -> bool:
    progress = stage.ledger.call(rounds.progress_of(stage.study.study_id))
    return progress.unattributed >= stage.study.terms.finality.accusations


def _second_ended(view: StudyView) -> bool:
    return 2 in view.rounds and view.rounds[2].state.ended


class TagsBentUntilUsedUp(SendsOneCall):
    """A member bends one site's tags until that site has no accusation left, then goes on."""

    name = "tags-bent-until-accusations-are-used-up"
    modes = ("A",)
    actor = Actor.MEMBER
    caught = "Rounds.announce: StudyPaused"
    wants = "the study goes on without the site that could tell"
    switch = contract_rule("Rounds.sol, announce: as many unattributed aborts pause the study")
    setting = Setting(rounds=2, accusations=2, max_aborts=4)

    def prepare(self, stage: Stage) -> None:
        """As many rounds as the site has accusations."""
        study = stage.study
        role = Bending(study, study.committee[LIAR], os.urandom)
        role.place = SITE
        parties = [*stage.sites, stage.aggregators[HONEST], stage.party(role)]
        stage.run(lambda view: len(view.aborts) == self.setting.accusations, parties)

    def call(self, stage: Stage) -> Call[None]:
        """The announcement of one more."""
        number = self.setting.accusations + 1
        head, key = digest(b"a head"), digest(b"a key")
        return rounds.announce(stage.study.study_id, number, head, key)


class Accuser(Unrepentant):
    """Accuses another member of something that it did not do, and shows nothing."""

    fault: ClassVar[Fault] = Fault.PUBLICATION

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        if self.account in view.accusations:
            return super()._vote(state, view, inbox)
        evidence = self.evidence(state, view)
        accused = self.study.committee[HONEST]
        shown = digest(evidence) if evidence else NOTHING
        call = rounds.accuse(self.study.study_id, view.number, self.fault, accused, shown)
        return Outbox(state, puts=(evidence,) if evidence else (), posts=(call,))

    def evidence(self, state: AggregatorState, view: RoundView) -> bytes:
        """What it shows."""
        del state, view
        return b""


class RepeatingSite(Trainer):
    """Waits for an accusation and repeats it without looking."""

    def step(self, state: TrainerState, inbox: Inbox) -> Outbox[TrainerState]:
        """The real step, but for its vote."""
        view = inbox.view.current
        if view.state is not State.OPENED:
            return super().step(state, inbox)
        return Outbox(state, posts=repeating(self.study, view, bytes(self.account)))


class AccuserOfOpening(Accuser):
    """Accuses another member of noise that it did not open falsely."""

    fault = Fault.OPENING


class RepeatingMember(Aggregator):
    """Waits for an accusation and repeats it without looking."""

    def _vote(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        return Outbox(state, posts=repeating(self.study, view, bytes(self.account)))


def repeating(study: Study, view: RoundView, account: bytes) -> tuple[Call[None], ...]:
    """The first accusation in a round again, by somebody who has not accused yet."""
    accused = [bytes(voter) for voter in view.accusations]
    if not accused or account in accused:
        return ()
    first = next(iter(view.accusations.values()))
    call = rounds.accuse(study.study_id, view.number, first.fault, first.party, first.evidence)
    return (call,)


def repeating_sites(stage: Stage) -> list[Party[Any]]:
    """The sites, which repeat what is said."""
    return [
        stage.party(RepeatingSite(stage.study, site, stage.train(place), os.urandom))
        for place, site in enumerate(stage.study.sites)
    ]


class FalseAccusation(MemberAttack, ABC):
    """A member accuses another one of what it did not do, to have that one named."""

    expected = Outcome.REFUSED
    caught = "votes"
    wants = "the honest member is proven at fault"
    switch = argument("voters that repeat an accusation without looking")
    careless = RepeatingMember

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """They look, or repeat."""
        return super().sites(stage, defended=True) if defended else repeating_sites(stage)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether that one is named."""
        found = view.rounds[1]
        named = named_by_abort(stage) if found.state is State.ABORTED else set()
        return stage.study.committee[HONEST] in named


class AccusedOfPublication(FalseAccusation):
    """A member accuses another one of a false publication, which everybody can check."""

    name = "member-falsely-accused"
    role = Accuser


class AccusedOfOpening(FalseAccusation):
    """A member accuses another one of a false opening, which everybody can check."""

    name = "member-falsely-accused-of-its-opening"
    modes = REPLICATED
    role = AccuserOfOpening


class ShowingOwnShare(Accuser):
    """Shows a share of its own noise that speaks against nobody."""

    fault = Fault.TAG

    def evidence(self, state: AggregatorState, view: RoundView) -> bytes:
        """The other member's true share of its first candidate."""
        place, accused = self.study.noise_place(self.index, 0), self.study.committee[HONEST]
        made = state.noise[0].again(self.study, self._where(view), place, view.heads_digest)
        share = self.study.share_of(place, HONEST)
        shown = OpenedShare(place, accused, made.sharing.extended[share])
        return OpenedShares(OPENED_SHARES_FORMAT, (shown,)).encode()


class AccusedWithEvidence(FalseAccusation):
    """A member accuses another one of a false tag, and shows a share that proves nothing."""

    name = "member-falsely-accused-with-evidence"
    role = ShowingOwnShare


class SiteSlanders(Attack):
    """A site accuses a member of a false opening, which everybody can check."""

    name = "member-falsely-accused-by-a-site"
    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.REFUSED
    caught = "votes"
    wants = "the round ends"
    switch = argument("voters that repeat an accusation without looking")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        study = stage.study
        sites = list(stage.sites) if defended else repeating_sites(stage)
        members = stage.aggregators if defended else committee(stage, study, RepeatingMember)
        sites[SITE] = accusing(stage, Slandering)
        view = stage.run(ended, [*sites, *members])
        stopped = view.rounds[1].state is State.ABORTED
        return observe_round(stage, view, study.sites[SITE], succeeded=stopped)


class Escaping(OwnNoise, AccuserOfOpening):
    """Accuses another member when its own noise of zeros is opened."""


class EscapeByAccusation(ZeroOpened):
    """A member whose zeros were opened accuses another member, to get away from its pick."""

    name = "escape-by-accusation"
    modes = ("A", "B3")
    otherwise: ClassVar = {}  # in B4 it has left before anybody accuses
    wants = "the round ends and it is not named"
    switch = argument("voters that repeat an accusation without looking")
    role = Escaping
    careless = RepeatingMember

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """They look, or repeat."""
        return super().sites(stage, defended=True) if defended else repeating_sites(stage)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is not."""
        ended_so = view.rounds[1].state is State.ABORTED
        return ended_so and self.account(stage) not in named_by_abort(stage)


class EscapeByOwnTag(SendsOneCall):
    """A member disputes a tag of its own noise, as a site may, to get away from its pick."""

    name = "escape-by-own-tag"
    actor = Actor.MEMBER
    caught = "Rounds.accuse: WrongFault"
    wants = "its word counts without being checked"
    switch = contract_rule("Ballots.sol, _requireFault: only a site may dispute its own tag")

    def prepare(self, stage: Stage) -> None:
        """Its noise is opened."""
        stage.run(in_state(State.OPENED))

    def call(self, stage: Stage) -> Call[None]:
        """The accusation."""
        study, honest = stage.study, stage.study.committee[HONEST]
        return rounds.accuse(study.study_id, 1, Fault.OWN_TAG, honest, NOTHING)


class EscapeBeforeOpening(EscapeByOwnTag):
    """A member accuses another one before it opens its noise, to get away from its pick."""

    name = "escape-before-opening"
    caught = "Rounds.accuse: WrongState"
    wants = "an accusation stands on the ledger while openings are still missing"
    switch = contract_rule("Ballots.sol, accuse: only once all noise is opened")

    def prepare(self, stage: Stage) -> None:
        """The pick is known."""
        stage.run(in_state(State.PICKED))

    def call(self, stage: Stage) -> Call[None]:
        """A public accusation."""
        study, honest = stage.study, stage.study.committee[HONEST]
        return rounds.accuse(study.study_id, 1, Fault.OPENING, honest, NOTHING)


class TagDisputed(EscapeByOwnTag):
    """A member accuses another one of a false tag where nothing is tagged, and shows a share."""

    name = "tag-disputed-where-there-is-none"
    modes = REPLICATED
    wants = "a share of its noise is shown, or its word counts"
    switch = contract_rule("Ballots.sol, _requireFault: tags are accused in mode A only")

    def call(self, stage: Stage) -> Call[None]:
        """The accusation, with whatever as evidence."""
        study, honest = stage.study, stage.study.committee[HONEST]
        return rounds.accuse(study.study_id, 1, Fault.TAG, honest, digest(b"a share"))


class OwnTagDisputed(EscapeByOwnTag):
    """A site disputes a tag of its report where nothing is tagged, to end the round."""

    name = "own-tag-disputed-where-there-is-none"
    actor = Actor.SITE
    modes = REPLICATED
    wants = "its word stands on the ledger, and would end the round"
    switch = contract_rule("Ballots.sol, _requireFault: tags are accused in mode A only")

    def sender(self, stage: Stage) -> Account:
        """The site."""
        return stage.sites[SITE].account
