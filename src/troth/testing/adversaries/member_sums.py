"""Members that lie in what they sum, bind themselves to, or publish."""

import os
from abc import ABC
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.tags import tag, weighted
from troth.roles.aggregator import Aggregator
from troth.roles.following import Examine
from troth.roles.member import AggregatorState
from troth.round.driver import Party
from troth.round.faults import Examined
from troth.round.mail import Inbox
from troth.round.publication import Publication, Sums, decode_publication, publication_size
from troth.round.published import everybody
from troth.round.study import Study
from troth.round.transitions import Fault, State
from troth.round.view import RoundView, StudyView
from troth.storage.blobs import LocalBlobs
from troth.testing.adversaries.attack import (
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.lenient import believed, unbound
from troth.testing.adversaries.member import (
    HONEST,
    LIAR,
    MemberAttack,
    Sent,
    Unrepentant,
    without_looking,
)
from troth.testing.adversaries.observing import NOWHERE
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG
from troth.testing.adversaries.stage import NOISE_RANGE, Stage, published_sum
from troth.testing.adversaries.stores import Diverting, ServedBy, UncheckedBlobs, plant
from troth.testing.false_sums import shifted_sums
from troth.testing.forgers import shard_over_norm

SITE = 1
"""Place of the site that a lie is about."""
SHIFT = 10_000


def missing_tag(study: Study, publication: Publication, rho: Elements) -> Elements:
    """What the tags of a publication lack, to add up to that of its sum."""
    sums, weights = publication.sums, {place: study.weight(place) for place in publication.tags}
    due = tag(study.field, rho, sums.share.values, sums.mask)
    return study.field.sub(due, weighted(study.field, publication.tags, weights))


def bent(study: Study, publication: Publication, rho: Elements, place: int) -> Publication:
    """The same publication with one tag bent so that all tags speak for its sum."""
    scale = study.field.inverse(study.weight(place))
    lack = study.field.mul(missing_tag(study, publication, rho), scale)
    right = study.field.add(publication.tags[place], lack)
    return replace(publication, tags={**publication.tags, place: right})


def moved(stage: Stage, view: StudyView) -> bool:
    """Whether a final model follows from a sum that was shifted."""
    found = view.rounds[1]
    return found.state is State.FINAL and bool(
        np.abs(published_sum(stage, view, believed)[0]) > SHIFT - NOISE_RANGE
    )


class Shifting(Unrepentant):
    """Binds itself to, and publishes, its sum with one coordinate shifted."""

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        sums, outputs = super()._sums(state, view, inbox)
        return shifted_sums(self.study, sums, SHIFT), outputs


class Republishing(Unrepentant):
    """Changes its publication before it leaves."""

    def changed(self, publication: Publication, rho: Elements) -> Publication:
        """What it publishes instead."""
        raise NotImplementedError

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._publish(state, view, inbox)
        (blob,) = outbox.puts
        true = decode_publication(self.study, view.accepted, blob)
        rho = self.study.challenge(outbox.state.challenge)
        return publishing(self.study, view, outbox, self.changed(true, rho).encode())


def publishing(study: Study, view: RoundView, outbox: Sent, blob: bytes) -> Sent:
    """What leaves a member that publishes a blob of its own making."""
    post = rounds.publish(study.study_id, view.number, digest(blob))
    return replace(outbox, keeps=(blob,), puts=(blob,), posts=(post,))


class Bending(Shifting, Republishing):
    """Shifts its sum and bends the tag of one report, so that its tags add up."""

    place: int
    """Whose tag."""

    def changed(self, publication: Publication, rho: Elements) -> Publication:
        """With that tag bent."""
        return bent(self.study, publication, rho, self.place)


class Shifted(MemberAttack, ABC):
    """A member shifts a coordinate of its sum before it binds itself to it."""

    wants = "the final model follows from a shifted sum and nobody says so"

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it does."""
        return moved(stage, view)


class ShiftedCoordinate(Shifted):
    """A member adds a number to one coordinate of its sum before it commits to it."""

    name = "sum-coordinate-shifted"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    switch = argument("voters that do not compare tags with sums")
    role = Shifting
    overlooked = Fault.PUBLICATION


class Reweighing(Unrepentant):
    """Adds some places to its sum once more, with weights of its own."""

    more: Mapping[int, int]
    """By place; a weight of −1 takes the report out."""
    honest: Sums
    """What it should have summed."""

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        sums, outputs = super()._sums(state, view, inbox)
        self.honest = sums
        pine, share = self.study.site_pine, sums.share
        states = self._verified(state, view, inbox).states
        for place, weight in self.more.items():
            held = states[place, self.study.share_of(place, self.index)].out_share
            share = pine.agg_update(share, held, weight % pine.field.modulus)
        return replace(sums, share=share), outputs


class Conspiring(Reweighing, Republishing):
    """Does so together with all other members, and bends one tag to fit."""

    place: int
    """Whose tag."""

    def changed(self, publication: Publication, rho: Elements) -> Publication:
        """With that tag bent."""
        return bent(self.study, publication, rho, self.place)


class Conspiracy(MemberAttack, ABC):
    """All members together sum something else than the accepted set."""

    weight: ClassVar[int]
    """With which they add one site's report once more."""

    def place(self, study: Study) -> int:
        """Whose tag they bend to fit."""
        del study
        return SITE

    def honest(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The others of the conspiracy; nobody is honest."""
        del defended
        study = stage.study
        self.roles = [self._role(study, n) for n in range(len(study.committee))]
        return [stage.party(role) for n, role in enumerate(self.roles) if n != LIAR]

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """One of them."""
        del stage, study
        return self.roles[LIAR]

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether a final sum is off by that report, to the last digit."""
        found = view.rounds[1]
        if found.state is not State.FINAL:
            return False
        off = published_sum(stage, view) - self._true_sum(stage, view)
        return bool(np.array_equal(off, self.weight * np.array(self.setting.vectors[SITE])))

    def _role(self, study: Study, member: int) -> Conspiring:
        role = Conspiring(study, study.committee[member], os.urandom)
        role.more, role.place = {SITE: self.weight}, self.place(study)
        return role

    def _true_sum(self, stage: Stage, view: StudyView) -> Any:
        def true(published: Any) -> Examined:
            return replace(
                believed(published), sums=tuple(role.honest.share for role in self.roles)
            )

        return published_sum(stage, view, true)


class LeftOut(Conspiracy):
    """All members together leave the report of a site that is there out of their sums."""

    name = "accepted-report-left-out"
    expected = Outcome.DETECTED
    caught = "abort Accused"
    wants = "a report of the accepted set is not in the final sum"
    switch = argument("a site that does not look at its own tags")
    unlooking = SITE
    setting = Setting(vectors={SITE: (1000, 0, 0, 0)})
    weight = -1


class RejectedIncluded(Conspiracy):
    """All members together add a report to their sums that they rejected, and bend their noise."""

    name = "rejected-report-included"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "a report outside of the accepted set is in the sum and the audit finds nothing"
    switch = no_switch("a limit: dishonest members only can try publications until the pick suits")
    setting = Setting(vectors={SITE: FAR_TOO_LONG}, sharers={SITE: shard_over_norm})
    weight = 1
    kept = True

    def place(self, study: Study) -> int:
        """One of their own candidates, which stays closed."""
        return study.noise_place(LIAR, 0)


class WeightChanged(Conspiracy):
    """All members and a site together weigh that site as nobody agreed."""

    name = "weight-changed"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "a report is in the sum ten times and the audit finds nothing"
    switch = no_switch("a limit: a site whose tag is bent has to say so itself")
    setting = Setting(vectors={SITE: (1000, 0, 0, 0)})
    weight = 9

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The site keeps quiet about its tag."""
        sites = super().sites(stage, defended=defended)
        sites[SITE] = without_looking(stage, SITE)
        return sites


class LeftOutAlone(MemberAttack):
    """One member alone leaves an accepted report out of its sum."""

    name = "accepted-report-left-out-alone"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "the round is final"
    switch = no_switch("what is left of one share is uniform: there is no sum to be fooled by")

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = Reweighing(study, study.committee[LIAR], os.urandom)
        role.more = {SITE: -1}
        return role

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        del stage
        return view.rounds[1].state is State.FINAL


class ChangingMind(Republishing):
    """Publishes another sum than it is bound to, with a mask that fits the challenge."""

    def changed(self, publication: Publication, rho: Elements) -> Publication:
        """Shifted; what the tags then lack is taken from the sum of masks."""
        sums = shifted_sums(self.study, publication.sums, SHIFT)
        lack = missing_tag(self.study, replace(publication, sums=sums), rho)
        mask = self.study.field.sub(sums.mask, lack)
        return replace(publication, sums=replace(sums, mask=mask))


class SumNotCommitted(Shifted):
    """A member publishes another sum than it is bound to, made to fit the challenge."""

    name = "sum-not-its-commitment"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    switch = argument("voters that do not compare published sums with what members are bound to")
    role = ChangingMind
    overlooked = Fault.PUBLICATION

    def checks(self) -> Examine:
        """All but that comparison."""
        return unbound


class Overflowing(Unrepentant):
    """Publishes bytes that are no vector of field elements, or one that is no sum."""

    last: bytes
    """The encoding of every element."""

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._publish(state, view, inbox)
        length = publication_size(self.study, view.accepted)
        return publishing(self.study, view, outbox, self.last * (length // len(self.last)))


class NoSum(MemberAttack):
    """A member publishes bytes that are no vector of field elements."""

    name = "sum-not-a-vector"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "the round is final"
    switch = no_switch("there is no sum of such bytes that anybody could attest")

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = Overflowing(study, study.committee[LIAR], os.urandom)
        role.last = b"\xff" * study.field.encoded_size
        return role

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        del stage
        return view.rounds[1].state is State.FINAL


class KeepingPublication(Unrepentant):
    """Names its publication on the ledger and serves it to nobody."""

    def _publish(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._publish(state, view, inbox), puts=())

    def _confirm_publications(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._confirm_publications(state, view, inbox), puts=())


class ConfirmingAll(Aggregator):
    """Confirms publications that it does not have."""

    def _confirm_publications(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._confirm_publications(state, view, inbox)
        post = rounds.confirm(self.study.study_id, view.number, everybody(self.study))
        return replace(outbox, posts=(post,))


class PublicationKeptBack(MemberAttack):
    """A member of two keeps its publication, so that it alone has the sum once noise is open."""

    name = "publication-kept-back"
    expected = Outcome.DETECTED
    caught = "abort Unavailable"
    wants = "the other member opens its noise and nobody but the dishonest one can compute the sum"
    switch = argument("members that confirm publications which they do not have")
    role = KeepingPublication
    careless = ConfirmingAll

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the noise is open and the blob is not there."""
        found, committee = view.rounds[1], stage.study.committee
        served = stage.store.has(found.publications[committee[LIAR]])
        return committee[HONEST] in found.seeds and not served


class PublicationKeptBackFromTwo(MemberAttack):
    """A member of three keeps its publication to itself."""

    name = "publication-kept-back-from-two"
    expected = Outcome.ATTRIBUTED
    caught = "abort Unavailable"
    named = ("aggregator 1",)
    wants = "the round ends and the member is not named"
    switch = contract_rule("Service.sol, unserved: most of the others could not fetch its blob")
    role = KeepingPublication
    setting = Setting(members=3)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether nobody is named."""
        found = view.rounds[1]
        return found.state is State.ABORTED and found.aborted[1] != self.account(stage)


class ServedTwoWays(MemberAttack):
    """A member and the store serve another member a publication that is not the one named."""

    name = "publication-served-two-ways"
    expected = Outcome.DETECTED
    caught = "abort Unavailable"
    wants = "an honest member confirms a publication that others read differently"
    switch = argument("a store client that does not compare what it gets with the digest")
    role = Unrepentant

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round in which the honest member's store lies."""
        study = stage.study
        liar = stage.party(self.liar(stage, study))
        view = stage.run(_published, [*stage.sites, stage.aggregators[HONEST], liar])
        name = view.current.publications[study.committee[LIAR]]
        elsewhere = stage.folder.with_name("elsewhere")
        plant(elsewhere, name, bytes(publication_size(study, view.current.accepted)))
        client = (LocalBlobs if defended else UncheckedBlobs)(elsewhere)
        honest = ServedBy(stage.aggregators[HONEST], Diverting(stage.store, name, client))
        view = stage.run(_confirmed, [*stage.sites, honest, liar])
        return self.observe(stage, view, succeeded=self.reached(stage, view))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the honest member said that it has them all."""
        held = view.rounds[1].held.get(stage.study.committee[HONEST])
        return held == everybody(stage.study)


def _published(view: StudyView) -> bool:
    return view.current.state is State.PUBLISHED


def _confirmed(view: StudyView) -> bool:
    return view.current.state is not State.PUBLISHED
