"""Members that lie about what they verified, or are shown another history."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, ClassVar

from troth.ledger.bindings import rounds
from troth.privacy.secagg.messages import InputShare
from troth.privacy.secagg.pine import Pine
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.trainer import Trainer
from troth.roles.verifying import Verified, read_envelopes
from troth.round.driver import Party
from troth.round.mail import Inbox, Outbox
from troth.round.messages import VerifierFile
from troth.round.study import Study
from troth.round.transcript import report_nonce
from troth.round.transitions import State
from troth.round.verdict import reason_code
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Observation,
    Outcome,
    Setting,
    argument,
    contract_rule,
    no_switch,
)
from troth.testing.adversaries.lenient import without_proofs
from troth.testing.adversaries.member import (
    HONEST,
    LIAR,
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
    leaves,
)
from troth.testing.adversaries.observing import NOWHERE
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG, Vector
from troth.testing.adversaries.stage import Stage, in_set
from troth.testing.adversaries.stores import UncheckedBlobs, plant
from troth.testing.forgers import Report, shard_over_norm

SITE, VICTIM = 1, 0
"""Places of the site that a member helps and of the one that it harms."""


class Accepting(Unrepentant):
    """Says that it accepts every report."""

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        return bytes(len(super()._verdict(state, view, inbox)))


class Following(Aggregator):
    """Waits for the verdict of another member and posts the same, whatever it says."""

    def _judge(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        if not view.verdicts:
            return Outbox(state)
        codes = next(iter(view.verdicts.values()))
        return Outbox(state, posts=(rounds.judge(self.study.study_id, view.number, codes),))


class FalseAccept(MemberAttack):
    """A member says that it accepts a report which does not verify."""

    name = "false-accept"
    modes = EVERY_MODE
    otherwise: ClassVar = {"B4": leaves(State.JUDGED, "Disagree")}
    expected = Outcome.ATTRIBUTED
    caught = "abort Disagree, then the audit"
    named = ("aggregator 1",)
    wants = "the report is in the accepted set"
    switch = argument("members that post another's verdict instead of their own")
    setting = Setting(vectors={SITE: FAR_TOO_LONG}, sharers={SITE: shard_over_norm})
    careless = Following

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member; it does not look at the proof."""
        del stage
        return dishonest(Accepting, without_proofs(study, SITE))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        del stage
        return in_set(view.rounds[1], SITE)


class Rejecting(Unrepentant):
    """Says that one report does not verify."""

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        codes = bytearray(super()._verdict(state, view, inbox))
        codes[VICTIM] = reason_code("validity")
        return bytes(codes)


class FalseReject(MemberAttack):
    """A member dissents from the verdict, to have sums over two sets bound by digests."""

    name = "dissent-for-a-second-sum"
    modes = ("A", "B3")
    expected = Outcome.ATTRIBUTED
    caught = "abort Disagree, then the audit"
    named = ("aggregator 1",)
    wants = "a member is bound to a sum though the verdicts differ"
    switch = contract_rule("Rounds.sol, judge: verdicts that differ end the round before any sum")
    role = Rejecting

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether one is."""
        del stage
        found = view.rounds[1]
        return len(set(found.verdicts.values())) > 1 and bool(found.sums)


class Evicting(Unrepentant):
    """Commits to wrong verifier shares of some reports."""

    victims: tuple[int, ...]
    """Their places."""
    shares: tuple[int, ...] = ()
    """Which ones of them; all that it holds where there are none."""

    def _verified(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Verified:
        verified = super()._verified(state, view, inbox)
        return replace(verified, file=spoiled(verified.file, *self.victims, shares=self.shares))


def spoiled(file: VerifierFile, *places: int, shares: Collection[int] = ()) -> VerifierFile:
    """The same file with the first element of some verifier shares set to zero.

    Args:
        file: the member's true file.
        places: of the reports.
        shares: of them; all that the member holds where there are none.
    """
    entries = tuple(
        replace(entry, verifier_share=bytes(8) + entry.verifier_share[8:])
        if entry.place in places and (not shares or entry.share in shares)
        else entry
        for entry in file.entries
    )
    return replace(file, entries=entries)


class Eviction(MemberAttack, ABC):
    """A member that publishes wrong verifier shares."""

    role: ClassVar[type[Evicting]] = Evicting
    shares: ClassVar[tuple[int, ...]] = ()
    """Which ones of the reports; all that it holds where there are none."""

    @abstractmethod
    def victims(self, study: Study) -> tuple[int, ...]:
        """Places of the reports that are to fail."""

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = dishonest(self.role, study)
        role.victims, role.shares = self.victims(study), self.shares
        return role


class WrongVerifierShare(Eviction):
    """A member publishes a wrong verifier share, so that an honest site's proof fails."""

    name = "wrong-verifier-share"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "an honest report is rejected and nobody is named"
    switch = no_switch("a limit in mode A: visible, but nobody can tell who lied")

    def victims(self, study: Study) -> tuple[int, ...]:
        """An honest site's."""
        del study
        return (VICTIM,)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the round goes on without it."""
        del stage
        found = view.rounds[1]
        return found.state is State.FINAL and not in_set(found, VICTIM)


class NoiseEviction(Eviction, ABC):
    """A member that makes noise fail by wrong verifier shares; whose noise it is, defends it."""

    expected = Outcome.ATTRIBUTED
    caught = "abort Noise, then the audit"
    named = ("aggregator 1",)


class NotDefending(Aggregator):
    """Erases its secrets after a round, whatever was said of its noise."""

    def _was_rejected(self, view: RoundView) -> bool:
        del view
        return False


class HonestNoiseEvicted(NoiseEviction):
    """A member publishes wrong verifier shares of another's noise, to have that one blamed."""

    name = "honest-noise-evicted"
    wants = "the round ends and who lied about the noise cannot be told"
    switch = argument("an owner that does not open its rejected noise after the round")
    careless = NotDefending

    def victims(self, study: Study) -> tuple[int, ...]:
        """All candidates of the honest member."""
        every = range(study.terms.privacy.noise_candidates)
        return tuple(study.noise_place(HONEST, number) for number in every)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the owner's seeds are not on the ledger."""
        found = view.rounds[1]
        undefended = stage.study.committee[HONEST] not in found.defences
        return found.state is State.ABORTED and undefended


class SomeNoiseEvicted(NoiseEviction):
    """A member makes some candidates of another member fail, so that fewer stay to be opened."""

    name = "some-noise-evicted"
    wants = "the round goes on without some of the honest member's candidates"
    switch = contract_rule("Rounds.sol, judge: all noise is accepted, or the round ends")

    def victims(self, study: Study) -> tuple[int, ...]:
        """One candidate of the honest member."""
        return (study.noise_place(HONEST, 0),)

    def over(self, view: StudyView) -> bool:
        """Once there is an accepted set, all is decided."""
        return super().over(view) or (1 in view.rounds and bool(view.rounds[1].accepted))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether there is an accepted set without them."""
        found = view.rounds[1]
        missing = [p for p in self.victims(stage.study) if not in_set(found, p)]
        return bool(found.accepted) and bool(missing)


class OwnNoiseFailed(SomeNoiseEvicted):
    """A member makes its own candidates fail, so that none of them is opened."""

    name = "own-noise-made-to-fail"
    wants = "the round goes on without candidates of its own that could be opened"

    def victims(self, study: Study) -> tuple[int, ...]:
        """All of its own candidates."""
        every = range(study.terms.privacy.noise_candidates)
        return tuple(study.noise_place(LIAR, number) for number in every)


def forged_to_pass(
    study: Study,
    file: VerifierFile,
    place: int,
    *,
    verify_key: bytes,
    nonce: bytes,
    public_share: bytes,
    shares: Sequence[InputShare],
) -> VerifierFile:
    """A member's file with its first verifier share such that false proofs add up to nothing.

    Args:
        study: the study.
        file: the member's true file.
        place: of the report.
        verify_key: the round's.
        nonce: the report's.
        public_share: the report's, encoded.
        shares: all its input shares, by share number: whoever made it told the member.
    """
    pine = study.pine(place)
    own, *_ = study.shares_of(place, study.committee.index(file.member))
    others = [
        pine.verify_init(verify_key, number, nonce, pine.decode_public_share(public_share), share)
        for number, share in enumerate(shares)
        if number != own
    ]
    total = reduce(pine.field.add, (share.verifiers for _, share in others))
    forged = pine.field.sub(pine.field.zeros(len(total)), total)
    entries = tuple(
        replace(
            entry,
            verifier_share=replace(
                pine.decode_verifier_share(entry.verifier_share), verifiers=forged
            ).encode(),
        )
        if (entry.place, entry.share) == (place, own)
        else entry
        for entry in file.entries
    )
    return replace(file, entries=entries)


class Helping(Unrepentant):
    """Forges its verifier share so that a colluding site's false proofs pass."""

    theirs: list[InputShare]
    """The site's input shares, which it told this member."""

    def _verified(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Verified:
        verified = super()._verified(state, view, inbox)
        where = self.study.where(view.number)
        file = forged_to_pass(
            self.study,
            verified.file,
            SITE,
            verify_key=state.verify_key,
            nonce=report_nonce(where, self.study.reporters[SITE], view.heads_digest),
            public_share=read_envelopes(self.study, view, inbox)[SITE].public_share,
            shares=self.theirs,
        )
        return replace(verified, file=file)


class ForgedVerifierShare(MemberAttack):
    """A site and a member together pass an update a hundred times above the norm bound."""

    name = "forged-verifier-share"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the report is in the accepted set and the audit finds nothing"
    switch = no_switch("a limit of mode A: integrity needs every member to verify honestly")
    setting = Setting(vectors={SITE: FAR_TOO_LONG})
    role: ClassVar[type[Helping]] = Helping

    def sites(self, stage: Stage, *, defended: bool) -> list[Party[Any]]:
        """The site tells the member its input shares, so that it can foresee."""
        sites, study = super().sites(stage, defended=defended), stage.study
        told = self.told = list[InputShare]()

        def shard(pine: Pine, vector: Vector, nonce: bytes, rand: bytes) -> Report:
            made = shard_over_norm(pine, vector, nonce, rand)
            told[:] = made[1]
            return made

        sites[SITE] = stage.party(
            Trainer(study, study.sites[SITE], stage.train(SITE), os.urandom, sharer=lambda _: shard)
        )
        return sites

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = dishonest(self.role, study)
        role.theirs = self.told
        return role

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the round is final with it."""
        del stage
        found = view.rounds[1]
        return found.state is State.FINAL and in_set(found, SITE)


class Adapting(Unrepentant):
    """Commits to one verifier file and serves another under its digest."""

    serve: Callable[[bytes, bytes], None]
    adapted = False

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._confirm_files(state, view, inbox)
        self.adapted = True
        file = self._verified(state, view, inbox).file
        self.serve(view.files[self.account], file.encode())
        return replace(outbox, puts=())

    def _verified(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Verified:
        verified = super()._verified(state, view, inbox)
        file = spoiled(verified.file, VICTIM) if self.adapted else verified.file
        return replace(verified, file=file)


class FileNotItsDigest(MemberAttack):
    """A member serves another verifier file than it committed to, after seeing the others'."""

    name = "verifier-file-not-its-digest"
    expected = Outcome.DETECTED
    caught = "abort Unavailable"
    wants = "an honest report is rejected by a file that was not committed to"
    switch = argument("a store client that does not compare what it gets with the digest")

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member; whoever runs the store helps it."""
        role = dishonest(Adapting, study)
        role.serve = lambda name, data: plant(stage.folder, name, data)
        return role

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round, over a store that compares digests or not."""
        if not defended:
            stage.store = UncheckedBlobs(stage.folder)
        return super().play(stage, defended=defended)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the accepted set lacks it."""
        del stage
        found = view.rounds[1]
        return bool(found.accepted) and not in_set(found, VICTIM)
