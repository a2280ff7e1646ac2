"""Members that lie about their noise: what it is, how long it is, whose it is."""

import os
from abc import ABC
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from troth.domain.hashing import digest
from troth.ledger.bindings import rounds
from troth.privacy.secagg.messages import InputShare
from troth.privacy.secagg.pine import Pine
from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.roles.noise import noise_reports
from troth.roles.reporting import round_keys, seal_report
from troth.roles.verifying import Verified, read_envelopes
from troth.round.mail import Inbox, Outbox
from troth.round.messages import NOISE_LIST_FORMAT, NoiseList
from troth.round.sharing import Sharer, draw_mask_seed, share_honestly, share_report
from troth.round.study import Study
from troth.round.transcript import report_nonce
from troth.round.transitions import Fault, State
from troth.round.view import RoundView, StudyView
from troth.storage.keys import HpkePublicKey
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Must,
    Observation,
    Outcome,
    argument,
    no_switch,
)
from troth.testing.adversaries.lenient import believed, lenient, without_proofs
from troth.testing.adversaries.member import (
    HONEST,
    LIAR,
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
    leaves,
)
from troth.testing.adversaries.member_verdicts import forged_to_pass
from troth.testing.adversaries.observing import NOWHERE, observe_round
from troth.testing.adversaries.stage import Stage, in_set, published_sum
from troth.testing.forgers import Report, shard_over_norm

Vector = npt.NDArray[np.int64]
ONE_OVER_M = no_switch("a limit: with probability 1/M the one candidate is not opened")
UNDELIVERED: Mapping[str, Must] = {"B4": Must(Outcome.REJECTED, "verdict undelivered")}
LEFT_OUT: Mapping[str, Must] = {"B4": Must(Outcome.REJECTED, "verdict norm_equality")}
OPENED_WRONGLY: Mapping[str, Must] = {"B4": leaves(State.SEEDED, "Fault")}
SEEDS_BELIEVED = argument("voters that do not remake opened noise from its seeds")


class OwnNoise(Unrepentant):
    """Reports noise vectors that it chose as some of its candidates."""

    vectors: Mapping[int, Vector] = MappingProxyType({})
    """By candidate."""
    sharer: Sharer = staticmethod(share_honestly)

    def _keys(self, view: RoundView, inbox: Inbox) -> list[HpkePublicKey] | None:
        """The members' keys that it seals to, once they are there."""
        return round_keys(self.study, view, inbox, self.study.terms.windows.report)

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        keys = self._keys(view, inbox)
        if state.noise or keys is None:
            return super()._report_noise(state, view, inbox)
        where = self.study.where(view.number)
        honest, made = noise_reports(
            self.study,
            where,
            self.index,
            heads=view.heads_digest,
            hpke_keys=keys,
            random_bytes=os.urandom,
        )
        kept, reports = list(honest), list(made)
        for number, vector in self.vectors.items():
            place = self.study.noise_place(self.index, number)
            sharing = share_report(
                self.study,
                where,
                place,
                vector,
                heads=view.heads_digest,
                rand=os.urandom,
                mask_seed=draw_mask_seed(os.urandom),
                sharer=self.sharer,
            )
            reports[number] = seal_report(
                self.study, where, place, sharing, hpke_keys=keys, random_bytes=os.urandom
            )
            kept[number] = replace(kept[number], report=reports[number].kept())
        listed = NoiseList(NOISE_LIST_FORMAT, tuple(item.report.envelope for item in kept)).encode()
        blobs = tuple(blob for report in reports for blob in report.blobs)
        post = rounds.report_noise(self.study.study_id, view.number, digest(listed))
        state = replace(state, noise=tuple(kept))
        return Outbox(state, keeps=blobs, puts=(*blobs, listed), posts=(post,))


def observe_own_noise(stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
    """What public records say, of the dishonest member's noise too (which B4 can do without)."""
    account, place = stage.study.committee[LIAR], stage.study.noise_place(LIAR, 0)
    return observe_round(stage, view, account, succeeded=succeeded, place=place)


class Believing(Aggregator):
    """Does not remake opened noise from its seeds where members decide on that (B4)."""

    def _absent(self, *_: object) -> list[int]:
        return []


class ChosenNoise(MemberAttack, ABC):
    """A member that reports vectors of its choice as noise."""

    modes: ClassVar[tuple[str, ...]] = EVERY_MODE
    careless: ClassVar[type[Aggregator]] = Believing

    role: ClassVar[type[OwnNoise]] = OwnNoise
    candidates: ClassVar[tuple[int, ...]] = (0,)
    """Which of its candidates it chooses; all where there are none."""

    def first_entry(self, study: Study) -> int:
        """Of its vectors, whose other entries are zero."""
        del study
        return 0

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        del stage
        role = dishonest(self.role, study)
        vector = np.zeros(study.terms.model.dimension, dtype=np.int64)
        vector[0] = self.first_entry(study)
        every = range(study.terms.privacy.noise_candidates)
        role.vectors = dict.fromkeys(self.candidates or every, vector)
        return role

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether a sum is final with a candidate of its choice in it that is not taken off."""
        found = view.rounds[1]
        stays = found.state is State.FINAL and not found.recovered >> LIAR & 1
        return stays and in_set(found, stage.study.noise_place(LIAR, 0))


class ZeroOpened(ChosenNoise):
    """A member reports zeros as one of its candidates, which is then opened."""

    name = "zero-noise-opened"
    otherwise = OPENED_WRONGLY
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "a sum is final that was made with a candidate of zeros"
    switch = SEEDS_BELIEVED
    overlooked = Fault.OPENING
    kept = False


class ZeroKept(ChosenNoise):
    """A member reports zeros as one of its candidates, which stays closed."""

    name = "zero-noise-kept"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "a final sum carries none of its noise and the audit finds nothing"
    switch = ONE_OVER_M
    kept = True


class ZeroEverywhere(ChosenNoise):
    """A member reports zeros as all of its candidates."""

    name = "zero-noise-everywhere"
    otherwise = OPENED_WRONGLY
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "a sum is final that was made with zeros for its noise"
    switch = SEEDS_BELIEVED
    overlooked = Fault.OPENING
    candidates = ()


class Biased(ChosenNoise, ABC):
    """A member reports a vector of its choice, as long as the bound allows, as one candidate."""

    def first_entry(self, study: Study) -> int:
        """The bound."""
        return study.terms.secagg.noise_norm_bound

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether a final sum is moved more than others' noise and updates could."""
        bound = stage.study.terms.secagg.noise_norm_bound
        final = view.rounds[1].state is State.FINAL
        return final and bool(published_sum(stage, view, believed)[0] > bound // 2)


class BiasedOpened(Biased):
    """A member biases one of its candidates by all that the bound allows, and has to open it."""

    name = "biased-noise-opened"
    otherwise = OPENED_WRONGLY
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "the final sum is moved by most of the noise's norm bound"
    switch = SEEDS_BELIEVED
    overlooked = Fault.OPENING
    kept = False


class BiasedKept(Biased):
    """A member biases one of its candidates by all that the bound allows, and it stays closed."""

    name = "biased-noise-kept"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the final sum is moved by most of the noise's norm bound and the audit finds nothing"
    switch = ONE_OVER_M
    kept = True


class FarTooLong(Biased, ABC):
    """A member sends noise above its norm bound and claims that it fits."""

    def first_entry(self, study: Study) -> int:
        """Far too much."""
        return 100 * super().first_entry(study)

    def liar(self, stage: Stage, study: Study) -> Aggregator:
        """The member."""
        role = super().liar(stage, study)
        if isinstance(role, OwnNoise):
            role.sharer = self.sharer(role)
        return role

    def sharer(self, role: OwnNoise) -> Sharer:
        """How it shares the vector."""
        del role
        return shard_over_norm


class OversizedNoise(FarTooLong):
    """A member sends noise above its norm bound and defends it with seeds of other noise."""

    name = "noise-above-bound"
    otherwise = LEFT_OUT
    expected = Outcome.ATTRIBUTED
    caught = "abort Noise, then the audit"
    named: ClassVar[tuple[str, ...]] = ("aggregator 1",)
    wants = "the noise is in the accepted set"
    switch = argument("members that sum noise without looking at its proofs")

    def weakened(self, study: Study) -> Study:
        """Proofs of that place do not count."""
        return without_proofs(study, study.noise_place(LIAR, 0))

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        return in_set(view.rounds[1], stage.study.noise_place(LIAR, 0))

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """What public records say, of that noise too."""
        return observe_own_noise(stage, view, succeeded=succeeded)


class Silent(OwnNoise):
    """Says nothing in defence of its noise."""

    def _end(self, state: AggregatorState, inbox: Inbox) -> Sent:
        del inbox
        return Outbox(AggregatorState(round=state.round), forget=True)


class OversizedNoiseUndefended(OversizedNoise):
    """A member sends noise above its norm bound, and does not defend it when it is rejected."""

    name = "noise-above-bound-undefended"
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ()
    role = Silent


class PassingNoise(OwnNoise):
    """Sends noise above its bound and forges its own verifier share so that the proof holds."""

    told: list[InputShare]
    """Its own noise's input shares, by share number."""

    def _verified(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Verified:
        verified = super()._verified(state, view, inbox)
        place = self.study.noise_place(self.index, 0)
        file = forged_to_pass(
            self.study,
            verified.file,
            place,
            verify_key=state.verify_key,
            nonce=report_nonce(
                self.study.where(view.number), self.study.reporters[place], view.heads_digest
            ),
            public_share=read_envelopes(self.study, view, inbox)[place].public_share,
            shares=self.told,
        )
        return replace(verified, file=file)


class PassedNoise(FarTooLong, ABC):
    """A member passes noise above its bound by a forged verifier share of its own."""

    modes: ClassVar[tuple[str, ...]] = ("A",)
    role = PassingNoise

    def sharer(self, role: OwnNoise) -> Sharer:
        """It remembers all shares of its own noise."""
        told: list[InputShare] = []
        if isinstance(role, PassingNoise):
            role.told = told

        def shard(pine: Pine, vector: Vector, nonce: bytes, rand: bytes) -> Report:
            made = shard_over_norm(pine, vector, nonce, rand)
            told[:] = made[1]
            return made

        return shard

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the final sum is moved far beyond the bound."""
        bound = stage.study.terms.secagg.noise_norm_bound
        final = view.rounds[1].state is State.FINAL
        return final and bool(published_sum(stage, view, believed)[0] > 50 * bound)


class PassedOpened(PassedNoise):
    """A member forges its verifier share for noise above the bound, and has to open that noise."""

    name = "forged-noise-proof-opened"
    expected = Outcome.ATTRIBUTED
    caught = "abort Fault"
    named = ("aggregator 1",)
    wants = "the final sum is moved beyond the noise's norm bound"
    switch = SEEDS_BELIEVED
    overlooked = Fault.OPENING
    kept = False


class PassedKept(PassedNoise):
    """A member forges its verifier share for noise above the bound, which stays closed."""

    name = "forged-noise-proof-kept"
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the final sum is moved beyond the noise's norm bound and the audit finds nothing"
    switch = ONE_OVER_M
    kept = True


class Copying(Unrepentant):
    """Posts the other member's list of noise as its own."""

    def _report_noise(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        theirs = view.noise_lists.get(self.study.committee[HONEST])
        if theirs is None:
            return Outbox(state)
        return Outbox(state, posts=(rounds.report_noise(self.study.study_id, view.number, theirs),))

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        return answering_nothing(self.study, state, view)


def answering_nothing(study: Study, state: AggregatorState, view: RoundView) -> Sent:
    """An answer behind which there is nothing, so that the owner is not named for silence."""
    return Outbox(state, posts=(rounds.answer(study.study_id, view.number, digest(b"nothing")),))


class NoiseListCopied(MemberAttack):
    """A member posts another member's list of noise as its own, and saves its own noise."""

    name = "noise-list-copied"
    modes = EVERY_MODE
    otherwise = UNDELIVERED
    expected = Outcome.DETECTED
    caught = "abort Noise"
    named = ("aggregator 0", "aggregator 1")
    wants = "one member's noise is in the accepted set twice"
    switch = argument("members that do not compare the party in an envelope with its poster")
    role = Copying

    def weakened(self, study: Study) -> Study:
        """The liar's noise is read as the honest member's."""
        every = range(study.terms.privacy.noise_candidates)
        pairs = {study.noise_place(LIAR, n): study.noise_place(HONEST, n) for n in every}
        return lenient(study, believed=pairs)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        return in_set(view.rounds[1], stage.study.noise_place(LIAR, 0))

    def observe(self, stage: Stage, view: StudyView, *, succeeded: bool) -> Observation:
        """What public records say, of its noise too."""
        return observe_own_noise(stage, view, succeeded=succeeded)


class WithoutKey(Unrepentant):
    """Announces an HPKE key that is no key, or that nobody is given, and reports no noise."""

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

    def _answer(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del inbox
        return answering_nothing(self.study, state, view)
