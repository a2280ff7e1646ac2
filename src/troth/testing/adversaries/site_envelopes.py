"""Sites that lie in what surrounds the proofs: envelopes, commitments, sealed shares, sizes."""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from troth.domain import canonical
from troth.domain.hashing import digest
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.reporting import KeptReport, Report, context
from troth.roles.trainer import Trainer
from troth.roles.verifying import Slot, whole
from troth.round.driver import Party
from troth.round.mail import Inbox, Outbox, Wanted
from troth.round.messages import MAX_MESSAGE, decode_envelope
from troth.round.sharing import Sharing
from troth.round.transcript import share_commitment
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.storage.blobs import LocalBlobs
from troth.storage.keys import HpkeKeyPair
from troth.storage.seal import open_sealed
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    REPLICATED,
    Actor,
    Attack,
    Observation,
    Outcome,
    Setting,
    argument,
)
from troth.testing.adversaries.lenient import lenient
from troth.testing.adversaries.member import Unlooking
from troth.testing.adversaries.observing import observe_round
from troth.testing.adversaries.stage import (
    NOISE_RANGE,
    Stage,
    committee,
    decided,
    ended,
    in_set,
    in_state,
    published_sum,
)
from troth.testing.adversaries.stores import (
    Diverting,
    ServedBy,
    UncheckedBlobs,
    plant,
)

LIAR, VICTIM = 1, 0
"""Places of the dishonest site and of another one."""
LARGE = 2**23
"""Bytes of a blob that no reader should hold."""
SMUGGLED = 50
"""A weight that nobody agreed to."""
Document = dict[str, Any]
Vector = npt.NDArray[np.int64]


class Twisting(Unlooking):
    """Makes an honest report and twists it before it leaves."""

    twist: Callable[[Report], Report]

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        made = super()._make(view, inbox)
        return None if made is None else (made[0], self.twist(made[1]))


def posted_envelope(stage: Stage) -> bytes:
    """Digest of the envelope that the other site has posted."""
    kept: KeptReport = stage.sites[VICTIM].state.report
    return kept.envelope


def edited(report: Report, edit: Callable[[Document], None]) -> Report:
    """A report whose envelope was changed and is canonical again."""
    document = json.loads(report.envelope)
    edit(document)
    return Report(canonical.encode(document), report.sealed)


class TwistedReport(Attack, ABC):
    """A site that twists its report after it was made."""

    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    caught = "verdict undelivered"
    lasting: ClassVar[bool] = False
    """Whether it has what it wants only when the round is over, not when S is fixed."""

    @abstractmethod
    def twist(self, stage: Stage, report: Report) -> Report:
        """What becomes of the report."""

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """The members without the defence; honest ones where it is the store's that is left out."""
        return committee(stage, stage.study)

    def prepare(self, stage: Stage, *, defended: bool) -> None:
        """What happens once the round is open, before the dishonest site reports."""

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """The success predicate: by default, the report is in the accepted set."""
        del stage
        return in_set(view.rounds[1], LIAR)

    def liar(self, stage: Stage) -> Trainer:
        """The dishonest site."""
        account = stage.study.sites[LIAR]
        role = Twisting(stage.study, account, stage.train(LIAR), os.urandom)
        role.twist = lambda report: self.twist(stage, report)
        return role

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the others see what is twisted only when it is there."""
        stage.run(in_state(State.OPEN), stage.aggregators)
        self.prepare(stage, defended=defended)
        members = stage.aggregators if defended else self.careless(stage)
        sites = [stage.sites[VICTIM], stage.party(self.liar(stage)), stage.sites[2]]
        if self.lasting:
            view = stage.run(ended, [*sites, *members])
            stage.finish(view, members)
        else:
            view = stage.run(decided, [*sites, *members])
        succeeded = self.reached(stage, view)
        attacker = stage.study.sites[LIAR]
        return observe_round(stage, view, attacker, succeeded=succeeded, place=LIAR)


class Uncommitted(Aggregator):
    """Uses what it opened without comparing it with the commitment."""

    def _opened(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> dict[Slot, bytes]:
        opened = super()._opened(state, view, inbox)
        envelope = view.reports[self.study.sites[LIAR]]
        (data,) = inbox.take([Wanted(envelope, self.study.envelope_limit, keep=True)])
        found = decode_envelope(data or b"", self.study, view.number, LIAR)
        shares = self.study.shares_of(LIAR, self.index)
        listed = [found.shares[share] for share in shares]
        blobs = inbox.take(Wanted(item.digest, item.size, keep=True) for item in listed)
        keys = HpkeKeyPair.decode(state.hpke)
        for share, sealed in zip(shares, blobs, strict=True):
            bound = context(found.where, found.reporter, share)
            opened[LIAR, share] = open_sealed(sealed or b"", bound, self.account, keys)
        return opened


class NotItsCommitment(TwistedReport):
    """A site commits to one share and seals another, to choose later which one counts."""

    name = "share-not-its-commitment"
    wants = "a share that was not committed to is in the accepted set"
    switch = argument("members that use what they open without comparing it with its commitment")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Commit to something else for the first member."""
        study = stage.study
        other = share_commitment(study.where(1), study.reporters[LIAR], 0, b"another share")

        def edit(document: Document) -> None:
            document["commitments"][0] = "0x" + other.hex()

        return edited(report, edit)

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that do not compare."""
        return committee(stage, stage.study, Uncommitted)


class Insisting(Aggregator):
    """Does not go on before it could open every share of every report."""

    def _deliver(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> Outbox[AggregatorState]:
        opened = whole(self.study, self.index, self._opened(state, view, inbox))
        return super()._deliver(state, view, inbox) if opened == view.present else Outbox(state)


@dataclass(frozen=True)
class OtherKey(Inbox):
    """An inbox in which one member's HPKE key of the round is another one."""

    instead: Mapping[bytes, bytes] = field(default_factory=dict)
    """By digest of a key, what is read in its place."""

    def take(self, wanted: Any) -> tuple[bytes | None, ...]:
        """As the real one, but for that key."""
        asked = tuple(wanted)
        found = super().take(asked)
        return tuple(
            self.instead.get(item.digest, data) for item, data in zip(asked, found, strict=True)
        )


class Missealing(Trainer):
    """Seals the shares of some members to keys that nobody has."""

    victims: tuple[int, ...] = (0,)

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        keys = [view.hpke_keys[self.study.committee[victim]] for victim in self.victims]
        false = {key: HpkeKeyPair.generate().public.encoded for key in keys}
        return super()._make(view, OtherKey(inbox.view, inbox.now, inbox.blobs, false))


def missealing(stage: Stage, *victims: int) -> Missealing:
    """The site that seals wrongly to these members."""
    role = Missealing(stage.study, stage.study.sites[LIAR], stage.train(LIAR), os.urandom)
    role.victims = victims
    return role


class WrongKey(TwistedReport):
    """A site seals a share to a wrong key, so that its holder stands there unable to open it."""

    name = "share-sealed-to-wrong-key"
    modes: ClassVar[tuple[str, ...]] = ("A",)
    victims: ClassVar[tuple[int, ...]] = (0,)
    wants = "the round ends without a model, for the price of one report"
    switch = argument("members that wait until every report opens, instead of leaving it out")

    def liar(self, stage: Stage) -> Trainer:
        """The site that seals wrongly."""
        return missealing(stage, *self.victims)

    def twist(self, stage: Stage, report: Report) -> Report:
        """Nothing more."""
        del stage
        return report

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that insist."""
        return committee(stage, stage.study, Insisting)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the round was stopped."""
        del stage
        return view.rounds[1].state is State.ABORTED


class WrongKeys(WrongKey):
    """A site seals its shares wrongly to two members, so that their other holders stand alone."""

    name = "shares-sealed-wrongly-to-two"
    modes = REPLICATED
    victims = (0, 2)


class Copied(TwistedReport):
    """A site posts another site's envelope as its own, to have that update counted twice."""

    name = "envelope-copied"
    lasting = True
    wants = "the other site's update is in the sum twice"
    switch = argument("members that do not compare the party in an envelope with its poster")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Throw the own one away."""
        del report
        return Report(stage.store.get(posted_envelope(stage), max_size=MAX_MESSAGE), ())

    def prepare(self, stage: Stage, *, defended: bool) -> None:
        """The victim reports first."""
        del defended
        stage.run(lambda view: len(view.current.reports) == 1, [stage.sites[VICTIM]])

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that believe the envelope."""
        return committee(stage, lenient(stage.study, believed={LIAR: VICTIM}))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether both places, which are one report, were summed."""
        del stage
        found = view.rounds[1]
        return found.state is State.FINAL and in_set(found, LIAR) and in_set(found, VICTIM)


@dataclass(frozen=True)
class WeightReading(Inbox):
    """An inbox that takes envelopes with a field ``weight`` as if it were not there."""

    def take(self, wanted: Any) -> tuple[bytes | None, ...]:
        """As the real one, without that field."""
        return tuple(data and _without_weight(data) for data in super().take(wanted))


def _without_weight(data: bytes) -> bytes:
    if b'"weight"' not in data:
        return data
    document = json.loads(data)
    del document["weight"]
    return canonical.encode(document)


class TakingWeights(Aggregator):
    """Weighs a report as its envelope says."""

    def step(self, state: AggregatorState, inbox: Inbox) -> Outbox[AggregatorState]:
        """The real step, on what is left of the envelopes."""
        return super().step(state, WeightReading(inbox.view, inbox.now, inbox.blobs))

    def _outputs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> dict[Slot, OutputShare]:
        outputs, pine = super()._outputs(state, view, inbox), self.study.site_pine
        for slot in [slot for slot in outputs if slot[0] == LIAR]:
            many = pine.agg_update(pine.agg_init(), outputs[slot], SMUGGLED)
            outputs[slot] = OutputShare(many.field, many.values)
        return outputs


class WeightSmuggled(TwistedReport):
    """A site writes a weight into its envelope."""

    name = "weight-smuggled"
    lasting = True
    wants = "its update is in the sum fifty times"
    switch = argument("members that weigh a report as its envelope says")
    setting: ClassVar = Setting(vectors={LIAR: (1000, 0, 0, 0)})

    def twist(self, stage: Stage, report: Report) -> Report:
        """One field more."""
        del stage
        return edited(report, lambda document: document.update(weight=SMUGGLED))

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that read it."""
        return committee(stage, stage.study, TakingWeights)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the sum that members published shows it."""
        return bool(view.rounds[1].seeds) and bool(
            abs(published_sum(stage, view)[0] - 1000 * SMUGGLED) < NOISE_RANGE
        )


class DeletingAll(Aggregator):
    """After a round deletes whatever envelopes named as shares, opened or not."""

    def _end(self, state: AggregatorState, inbox: Inbox) -> Outbox[AggregatorState]:
        outbox = super()._end(state, inbox)
        view = inbox.view.rounds[state.round]
        (data,) = inbox.take(
            [Wanted(view.reports[self.study.sites[LIAR]], self.study.envelope_limit, keep=True)]
        )
        named = json.loads(data or b"{}")["shares"]
        shares = (named[share] for share in self.study.shares_of(LIAR, self.index))
        digests = (bytes.fromhex(share["digest"][2:]) for share in shares)
        return replace(outbox, deletes=(*outbox.deletes, *digests))


class NamingOthersBlobs(TwistedReport):
    """A site names other parties' blobs as its shares, to have members delete them."""

    name = "others-blobs-named"
    lasting = True
    wants = "another site's envelope is deleted from the store"
    switch = argument("members that delete whatever an envelope names")

    def prepare(self, stage: Stage, *, defended: bool) -> None:
        """The victim reports first."""
        del defended
        stage.run(lambda view: len(view.current.reports) == 1, [stage.sites[VICTIM]])

    def twist(self, stage: Stage, report: Report) -> Report:
        """Name the victim's envelope."""
        target = posted_envelope(stage)
        return pointing(report, [target] * len(report.sealed))

    def careless(self, stage: Stage) -> list[Party[Any]]:
        """Members that delete too much."""
        return committee(stage, stage.study, DeletingAll)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is gone."""
        return not stage.store.has(view.rounds[1].reports[stage.study.sites[VICTIM]])


def naming(report: Report, sealed: tuple[bytes, ...]) -> Report:
    """A report with other sealed shares, which its envelope names."""
    targets = [digest(blob) for blob in sealed]
    return Report(pointing(report, targets).envelope, sealed)


def pointing(report: Report, targets: Sequence[bytes], size: int | None = None) -> Report:
    """A report whose envelope names these blobs as its sealed shares, whosever they are."""

    def edit(document: Document) -> None:
        for share, target in zip(document["shares"], targets, strict=True):
            share["digest"] = "0x" + target.hex()
            share["size"] = share["size"] if size is None else size

    return Report(edited(report, edit).envelope, ())


class TwoEnvelopes(TwistedReport):
    """A site and the store serve one member an envelope with another public share."""

    name = "public-share-per-member"
    modes = ("A", "B3")
    wants = "one report counts as delivered that members have read in two versions"
    switch = argument("a store client that does not compare what it gets with the digest")

    def twist(self, stage: Stage, report: Report) -> Report:
        """Prepare a second envelope; the store serves it to the second member."""
        del stage
        self.second = edited(report, _flip_public_share).envelope
        return report

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round in which the second member's store lies."""
        view = stage.run(in_state(State.OPEN), stage.aggregators)
        liar = stage.party(self.liar(stage))
        sites = [stage.sites[VICTIM], liar, stage.sites[2]]
        view = stage.run(lambda view: len(view.current.reports) == 3, sites)
        envelope = view.current.reports[stage.study.sites[LIAR]]
        elsewhere = stage.folder.with_name("elsewhere")
        plant(elsewhere, envelope, self.second)
        client = LocalBlobs if defended else UncheckedBlobs
        lying = Diverting(stage.store, envelope, client(elsewhere))
        first, second, *others = stage.aggregators
        view = stage.run(decided, [*sites, first, ServedBy(second, lying), *others])
        succeeded = bool(view.rounds[1].delivered >> LIAR & 1)
        attacker = stage.study.sites[LIAR]
        return observe_round(stage, view, attacker, succeeded=succeeded, place=LIAR)


def _flip_public_share(document: Document) -> None:
    text = document["public_share"]
    document["public_share"] = text[:2] + ("0" if text[2] != "0" else "1") + text[3:]
