"""Members that lie about their noise, or take the round's keys away from it."""

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.roles.aggregator import Aggregator, AggregatorState
from troth.roles.reporting import Report, Sharer, make_report, round_keys, share_honestly
from troth.roles.trainer import Trainer
from troth.round.mail import Inbox, Outbox
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView
from troth.testing.adversaries.attack import (
    Actor,
    Attack,
    Observation,
    Outcome,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.lenient import lenient, without_proofs
from troth.testing.adversaries.observing import NOWHERE, observe_round
from troth.testing.adversaries.stage import (
    Stage,
    ended,
    in_set,
    published_sum,
)
from troth.testing.forgers import shard_over_norm

LIAR, HONEST = 1, 0
"""Indices of the two members."""
Vector = npt.NDArray[np.int64]
Sent = Outbox[AggregatorState]


class OwnNoise(Aggregator):
    """Reports a noise vector that it chose."""

    vector: Vector
    sharer: Sharer = staticmethod(share_honestly)

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        keys = round_keys(self.study, view, inbox)
        if not state.noise and keys is not None:
            made = make_report(
                self.study,
                self.study.where(view.number),
                self.study.noise_place(self.index, 0),
                self.vector,
                heads=view.heads_digest,
                hpke_keys=keys,
                share_rand=os.urandom,
                seal_random=os.urandom,
                sharer=self.sharer,
            )
            state = replace(state, noise=(made,))
        return super()._report_noise(state, view, inbox)


class NoiseAttack(Attack, ABC):
    """A member that lies about its noise."""

    actor = Actor.MEMBER

    @abstractmethod
    def liar(self, study: Study) -> Aggregator:
        """The dishonest member."""

    def weakened(self, study: Study) -> Study:
        """The study of members without the defence."""
        return study

    def reached(self, stage: Stage, found: RoundView) -> bool:
        """The success predicate: by default, the noise is in the accepted set."""
        return in_set(found, stage.study.noise_place(LIAR, 0))

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        study = stage.study if defended else self.weakened(stage.study)
        honest = stage.party(Aggregator(study, study.committee[HONEST], os.urandom))
        liar = stage.party(self.liar(study))
        view = stage.run(ended, [*stage.sites, honest, liar])
        succeeded = self.reached(stage, view.rounds[1])
        return observe_round(stage, view, study.committee[LIAR], succeeded=succeeded)


class ZeroNoise(NoiseAttack):
    """A member reports zeros as its noise."""

    name = "zero-noise"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "its noise of zeros is in the accepted set and the audit finds nothing"
    switch = no_switch("a limit today: no seed of noise is opened (docs/security.md, Limits)")

    def liar(self, study: Study) -> Aggregator:
        """One without noise."""
        role = OwnNoise(study, study.committee[LIAR], os.urandom)
        role.vector = np.zeros(study.terms.model.dimension, dtype=np.int64)
        return role


class BiasedNoise(NoiseAttack):
    """A member sends a vector of its choice, as long as the bound allows, as its noise."""

    name = "biased-noise"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the sum is moved by most of the noise's norm bound and the audit finds nothing"
    switch = no_switch("a limit today: no seed of noise is opened (docs/security.md, Limits)")

    def liar(self, study: Study) -> Aggregator:
        """One whose noise is one large coordinate."""
        role = OwnNoise(study, study.committee[LIAR], os.urandom)
        role.vector = np.zeros(study.terms.model.dimension, dtype=np.int64)
        role.vector[0] = study.terms.secagg.noise_norm_bound
        return role

    def reached(self, stage: Stage, found: RoundView) -> bool:
        """Whether the first coordinate is moved more than the others' noise and updates could."""
        bound = stage.study.terms.secagg.noise_norm_bound
        return found.state is State.FINAL and bool(published_sum(stage, found)[0] > bound // 2)


class OversizedNoise(NoiseAttack):
    """A member sends noise above its norm bound and claims that it fits."""

    name = "noise-above-bound"
    expected = Outcome.ATTRIBUTED
    caught = "abort Noise"
    named = ("aggregator 1",)
    wants = "the noise is in the accepted set"
    switch = argument("members that sum noise without looking at its proofs")

    def liar(self, study: Study) -> Aggregator:
        """One with far too much noise."""
        role = OwnNoise(study, study.committee[LIAR], os.urandom)
        role.vector = np.zeros(study.terms.model.dimension, dtype=np.int64)
        role.vector[0] = 100 * study.terms.secagg.noise_norm_bound
        role.sharer = shard_over_norm
        return role

    def weakened(self, study: Study) -> Study:
        """Proofs of that place do not count."""
        return without_proofs(study, study.noise_place(LIAR, 0))


class Copying(Aggregator):
    """Posts the other member's list of noise as its own."""

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        theirs = view.noise_lists.get(self.study.committee[HONEST])
        if theirs is None:
            return Outbox(state)
        return Outbox(state, posts=(rounds.report_noise(self.study.study_id, view.number, theirs),))


class NoiseListCopied(NoiseAttack):
    """A member posts another member's list of noise as its own, and saves its own noise."""

    name = "noise-list-copied"
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "one member's noise is in the accepted set twice"
    switch = argument("members that do not compare the party in an envelope with its poster")

    def liar(self, study: Study) -> Aggregator:
        """The copier."""
        return Copying(study, study.committee[LIAR], os.urandom)

    def weakened(self, study: Study) -> Study:
        """The liar's noise is read as the honest member's."""
        place, theirs = study.noise_place(LIAR, 0), study.noise_place(HONEST, 0)
        return lenient(study, place, believed=theirs)


class WithoutKey(Aggregator):
    """Announces an HPKE key that is no key, or that nobody is given."""

    served = b""

    def _announce(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._announce(state, view, inbox)
        (post,) = outbox.posts
        study_id, number, head, _ = post.arguments
        false = rounds.announce(study_id, number, head, digest(self.served or b"nothing"))
        return replace(outbox, puts=(self.served,) if self.served else (), posts=(false,))

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        post = rounds.report_noise(self.study.study_id, view.number, digest(b"no list"))
        return Outbox(state, posts=(post,))


class WaitingMember(Aggregator):
    """Does not report noise before it has every member's key."""

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        patient = replace_now(inbox, 0)
        if round_keys(self.study, view, patient) is None:
            return Outbox(state)
        return super()._report_noise(state, view, inbox)


class WaitingSite(Trainer):
    """Does not report before it has every member's key."""

    def _make(self, view: RoundView, inbox: Inbox) -> Report | None:
        patient = replace_now(inbox, 0)
        return super()._make(view, inbox) if round_keys(self.study, view, patient) else None


def replace_now(inbox: Inbox, now: int) -> Inbox:
    """The same inbox at another time."""
    return replace(inbox, now=now)


class NoKey(Attack):
    """A member announces a key that it serves to nobody, so that others miss their duty."""

    name = "no-usable-key"
    actor = Actor.MEMBER
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "the round ends and only the honest member is named"
    switch = argument("sites and members that wait for every key instead of reporting without it")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        study = stage.study
        liar = stage.party(WithoutKey(study, study.committee[LIAR], os.urandom))
        if defended:
            others = [*stage.sites, stage.aggregators[HONEST]]
        else:
            roles: list[Any] = [
                WaitingSite(study, site, stage.train(place), os.urandom)
                for place, site in enumerate(study.sites)
            ]
            roles.append(WaitingMember(study, study.committee[HONEST], os.urandom))
            others = [stage.party(role) for role in roles]
        view = stage.run(ended, [*others, liar])
        account = study.committee[LIAR]
        seen = observe_round(stage, view, account, succeeded=False)
        return replace(seen, succeeded=seen.named == (stage.label(study.committee[HONEST]),))


class Denying(Aggregator):
    """Says that it could not open some reports."""

    denied: tuple[int, ...]
    """Their places."""

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[int, bytes]:
        opened = super()._opened(state, view, inbox)
        return {place: body for place, body in opened.items() if place not in self.denied}


class HonestNoiseDenied(NoiseAttack):
    """A member says that it cannot open another member's noise, to have that one named."""

    name = "honest-noise-denied"
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "only the honest member is named"
    switch = contract_rule("Rounds.sol, deliver: a denial names the owner and the denier")

    def liar(self, study: Study) -> Aggregator:
        """One that denies."""
        role = Denying(study, study.committee[LIAR], os.urandom)
        role.denied = (study.noise_place(HONEST, 0),)
        return role

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        seen = super().play(stage, defended=defended)
        honest = stage.label(stage.study.committee[HONEST])
        return replace(seen, succeeded=seen.named == (honest,))


class SiteDenied(NoiseAttack):
    """A member says that it cannot open a site's report, to keep that site out."""

    name = "site-denied"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "an honest report is left out and nobody is named"
    switch = no_switch("a limit in mode A: visible, but nobody can tell who lied")

    def liar(self, study: Study) -> Aggregator:
        """One that denies."""
        role = Denying(study, study.committee[LIAR], os.urandom)
        role.denied = (0,)
        return role

    def reached(self, stage: Stage, found: RoundView) -> bool:
        """Whether the site is out and the round goes on."""
        del stage
        return found.state is State.FINAL and not in_set(found, 0)


class AllButOneDenied(NoiseAttack):
    """A member says that it cannot open any site's report but one, to learn that one's update."""

    name = "all-sites-but-one-denied"
    expected = Outcome.DETECTED
    caught = "abort Quorum"
    wants = "a final sum holds one site's update only"
    switch = contract_rule("Rounds.sol, judge: the quorum is tested again on the accepted set")

    def liar(self, study: Study) -> Aggregator:
        """One that denies all but the last."""
        role = Denying(study, study.committee[LIAR], os.urandom)
        role.denied = tuple(range(len(study.sites) - 1))
        return role

    def reached(self, stage: Stage, found: RoundView) -> bool:
        """Whether only one is in a final sum."""
        sites = found.accepted & (1 << len(stage.study.sites)) - 1
        return found.state is State.FINAL and sites.bit_count() == 1
