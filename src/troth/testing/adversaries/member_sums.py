"""Members that lie in their sum: today's largest limit, and what is noticed all the same."""

import os
from abc import ABC
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from troth.domain.hashing import digest
from troth.errors import BlobMissing
from troth.ledger.bindings import rounds
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.pine import Pine
from troth.roles.aggregator import Aggregator, AggregatorState
from troth.roles.following import current_model
from troth.roles.trainer import Trainer, TrainerState
from troth.round.mail import Inbox, Outbox, Role, Wanted
from troth.round.messages import MAX_MESSAGE
from troth.round.step import next_model
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.verdict import aggregate
from troth.round.view import RoundView
from troth.testing.adversaries.attack import (
    Actor,
    Attack,
    Observation,
    Outcome,
    Setting,
    argument,
    no_switch,
)
from troth.testing.adversaries.observing import NOWHERE, noticed_limit, observe_round
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG
from troth.testing.adversaries.stage import (
    NOISE_RANGE,
    Stage,
    ended,
    published_sum,
)
from troth.testing.forgers import shard_over_norm

LIAR = 1
"""Index of the dishonest member; place of the site that a conspiracy is about."""
LIMIT_TODAY = "a limit today: sums carry no tags yet (docs/security.md, Limits)"
SHIFT = 10_000


def shifted(pine: Pine, share: bytes) -> bytes:
    """An aggregate share with its first coordinate shifted."""
    shift = pine.field.zeros(pine.dimension)
    shift[0] = SHIFT
    moved = pine.agg_update(pine.decode_aggregate_share(share), OutputShare(pine.field, shift))
    return moved.encode()


class Shifting(Aggregator):
    """Commits to and publishes its sum with one coordinate shifted."""

    def _aggregate_share(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        return shifted(self.study.site_pine, super()._aggregate_share(state, view, inbox))


class ShiftedCoordinate(Attack):
    """A member adds a number to one coordinate of its sum before it commits to it."""

    name = "sum-coordinate-shifted"
    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the final model follows from a shifted sum and the audit finds nothing"
    switch = no_switch(LIMIT_TODAY)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round with the shifting member."""
        del defended  # nothing stands in its way
        account = stage.study.committee[LIAR]
        liar = stage.party(Shifting(stage.study, account, os.urandom))
        view = stage.run(ended, [*stage.sites, stage.aggregators[0], liar])
        moved = bool(np.abs(published_sum(stage, view.rounds[1])[0]) > SHIFT - NOISE_RANGE)
        return observe_round(stage, view, account, succeeded=moved)


class Reweighing(Aggregator):
    """Adds some places to its sum once more, with weights of its own."""

    more: Mapping[int, int]
    """By place; a weight of −1 takes the report out."""
    honest = b""
    """What it should have published."""

    def _aggregate_share(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        pine = self.study.site_pine
        self.honest = super()._aggregate_share(state, view, inbox)
        share = pine.decode_aggregate_share(self.honest)
        _, states = self._verified(state, view, inbox)
        for place, weight in self.more.items():
            share = pine.agg_update(share, states[place].out_share, weight % pine.field.modulus)
        return share.encode()


class Conspiracy(Attack, ABC):
    """All members together sum something else than the accepted set."""

    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = NOWHERE
    switch = no_switch("a limit: members that are all dishonest can sum what they like")
    weight: ClassVar[int]
    """With which they add one report once more."""

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round of them; the sum must be off by that report, to the last digit."""
        del defended  # nothing stands in their way
        study = stage.study
        roles = [Reweighing(study, account, os.urandom) for account in study.committee]
        for role in roles:
            role.more = {LIAR: self.weight}
        view = stage.run(ended, [*stage.sites, *map(stage.party, roles)])
        found = view.rounds[1]
        true = aggregate(study, found.accepted, [role.honest for role in roles])
        off = published_sum(stage, found) - true
        expected = self.weight * np.array(self.setting.vectors[LIAR])
        succeeded = found.state is State.FINAL and bool(np.array_equal(off, expected))
        return observe_round(stage, view, study.committee[LIAR], succeeded=succeeded)


class LeftOut(Conspiracy):
    """All members together leave an accepted report out of their sums."""

    name = "accepted-report-left-out"
    wants = "a report of the accepted set is not in the sum and the audit finds nothing"
    setting = Setting(vectors={LIAR: (1000, 0, 0, 0)})
    weight = -1


class RejectedIncluded(Conspiracy):
    """All members together add a report to their sums that they rejected."""

    name = "rejected-report-included"
    wants = "a report outside of the accepted set is in the sum and the audit finds nothing"
    setting = Setting(vectors={LIAR: FAR_TOO_LONG}, sharers={LIAR: shard_over_norm})
    weight = 1


class WeightChanged(Conspiracy):
    """All members together weigh a site as nobody agreed."""

    name = "weight-changed"
    wants = "a report is in the sum ten times and the audit finds nothing"
    setting = Setting(vectors={LIAR: (1000, 0, 0, 0)})
    weight = 9


class LeftOutAlone(Attack):
    """One member alone leaves an accepted report out of its sum."""

    name = "accepted-report-left-out-alone"
    actor = Actor.MEMBER
    expected = Outcome.DETECTED
    caught = "abort Conflict"
    wants = "the round is final"
    switch = no_switch("what is left of one share is uniform: there is no sum to be fooled by")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        account = stage.study.committee[LIAR]
        role = Reweighing(stage.study, account, os.urandom)
        role.more = {LIAR: -1}
        view = stage.run(ended, [*stage.sites, stage.aggregators[0], stage.party(role)])
        succeeded = view.rounds[1].state is State.FINAL
        return observe_round(stage, view, account, succeeded=succeeded)


class ChangingMind(Aggregator):
    """Commits to its sum, then publishes another one."""

    def _publish(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> Outbox[AggregatorState]:
        other = shifted(self.study.site_pine, self._aggregate_share(state, view, inbox))
        post = rounds.publish(self.study.study_id, view.number, digest(other))
        return Outbox(state, puts=(other,), posts=(post,))


def believed_model(study: Study, view: RoundView, inbox: Inbox, account: Any) -> bytes:
    """The model after a round for somebody who does not compare shares with commitments."""
    size = study.site_pine.output_share_size
    found = inbox.take(Wanted(view.publications[member], size) for member in study.committee)
    model = current_model(study, inbox, account)
    shares = [share for share in found if share is not None]
    if model is None or len(shares) != len(found):
        raise BlobMissing("of a share that was published")
    return next_model(study, view.accepted, shares, model).encode()


class BelievingMember(Aggregator):
    """Attests what published sums give, whatever was committed to."""

    def _attest(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> Outbox[AggregatorState]:
        model = believed_model(self.study, view, inbox, self.account)
        post = rounds.attest(self.study.study_id, view.number, digest(model))
        return Outbox(state, puts=(model,), posts=(post,))


class BelievingLiar(ChangingMind, BelievingMember):
    """The liar among such members."""


class BelievingSite(Trainer):
    """Attests what published sums give, whatever was committed to."""

    def _attest(self, state: TrainerState, view: RoundView, inbox: Inbox) -> Outbox[TrainerState]:
        model = believed_model(self.study, view, inbox, self.account)
        post = rounds.attest(self.study.study_id, view.number, digest(model))
        return Outbox(state, posts=(post,))


class SumNotCommitted(Attack):
    """A member publishes another sum than the one it had committed to, after seeing the others'."""

    name = "sum-not-its-commitment"
    actor = Actor.MEMBER
    expected = Outcome.DETECTED
    caught = "abort Conflict"
    wants = "a model that follows from the other sum is final"
    switch = argument("voters that do not compare published sums with what members committed to")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        study = stage.study
        account = study.committee[LIAR]
        if defended:
            liar: Aggregator = ChangingMind(study, account, os.urandom)
            parties = [*stage.sites, stage.aggregators[0], stage.party(liar)]
        else:
            members: list[Role[Any]] = [
                (BelievingMember, BelievingLiar)[index == LIAR](study, member, os.urandom)
                for index, member in enumerate(study.committee)
            ]
            sites = [
                BelievingSite(study, site, stage.train(place), os.urandom)
                for place, site in enumerate(study.sites)
            ]
            roles: list[Role[Any]] = [*sites, *members]
            parties = [stage.party(role) for role in roles]
        view = stage.run(ended, parties)
        succeeded = view.rounds[1].state is State.FINAL
        return observe_round(stage, view, account, succeeded=succeeded)


class Overflowing(Aggregator):
    """Commits to and publishes an aggregate share that no honest sum can be."""

    last: bytes
    """The encoding of every element."""

    def _aggregate_share(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        del state, view, inbox
        return self.last * (self.study.site_pine.output_share_size // len(self.last))


class NoSum(Attack):
    """A member commits to and publishes bytes that are no vector of field elements."""

    name = "sum-not-a-vector"
    actor = Actor.MEMBER
    expected = Outcome.DETECTED
    caught = "abort Conflict"
    wants = "the round is final"
    switch = no_switch("there is no sum of such bytes that anybody could attest")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        account = stage.study.committee[LIAR]
        role = Overflowing(stage.study, account, os.urandom)
        role.last = b"\xff" * stage.study.site_pine.field.encoded_size
        view = stage.run(ended, [*stage.sites, stage.aggregators[0], stage.party(role)])
        succeeded = view.rounds[1].state is State.FINAL
        return observe_round(stage, view, account, succeeded=succeeded)


class KeepingShare(Aggregator):
    """Names its sum on the ledger and serves it to nobody."""

    kept = b""

    def _publish(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> Outbox[AggregatorState]:
        outbox = super()._publish(state, view, inbox)
        (self.kept,) = outbox.puts
        return replace(outbox, puts=())


class PublicationNotServed(Attack):
    """A member posts the digest of its sum and keeps the sum, so that it alone knows the total."""

    name = "publication-not-served"
    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = "abort Conflict"
    wants = "it can compute the total, nobody else can, and nobody is named"
    switch = no_switch("a limit today: a publication is not confirmed before the round goes on")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        study = stage.study
        role = KeepingShare(study, study.committee[LIAR], os.urandom)
        view = stage.run(ended, [*stage.sites, stage.aggregators[0], stage.party(role)])
        found = view.rounds[1]
        others = found.publications[study.committee[0]]
        shares = [stage.store.get(others, max_size=MAX_MESSAGE), role.kept]
        total = aggregate(study, found.accepted, shares)
        alone = not stage.store.has(found.publications[study.committee[LIAR]])
        seen = observe_round(stage, view, study.committee[LIAR], succeeded=False)
        knows = bool(np.abs(total).max() < NOISE_RANGE)
        return noticed_limit(seen, succeeded=knows and alone and not seen.named)
