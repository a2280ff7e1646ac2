"""Sites that lie about their vector or its proof: PINE's checks leave the report out."""

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from troth.privacy.secagg.messages import LeaderShare
from troth.privacy.secagg.pine import Pine
from troth.roles.trainer import Trainer
from troth.round.study import Study
from troth.round.transcript import NONCE_SIZE, report_nonce
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.testing.adversaries.attack import (
    EVERY_MODE,
    Actor,
    Attack,
    Observation,
    Outcome,
    Setting,
    argument,
)
from troth.testing.adversaries.lenient import with_nonce, without_proofs
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
from troth.testing.forgers import (
    Report,
    shard_false_commitment,
    shard_norm_not_in_bits,
    shard_over_norm,
    shard_success_not_a_bit,
    shard_wraparound,
)

Vector = npt.NDArray[np.int64]
LIAR = 1
"""Place of the dishonest site."""
FAR_TOO_LONG = (100 * 1024, 0, 0, 0)
"""A hundred times the norm bound of the toy study."""


class ForgedReport(Attack, ABC):
    """A site whose report is made by another sharing than the honest one."""

    actor = Actor.SITE
    modes = EVERY_MODE
    expected = Outcome.REJECTED
    switch = argument("members that sum what decodes, without looking at proofs")
    lasting: ClassVar[bool] = False
    """Whether it has what it wants only when the round is over, not when S is fixed."""

    def weakened(self, study: Study) -> Study:
        """The study of members without the defence."""
        return without_proofs(study, LIAR)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """The success predicate: by default, the report is in the accepted set."""
        del stage
        return in_set(view.rounds[1], LIAR)

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round, with honest members or such as lack the check."""
        study = stage.study if defended else self.weakened(stage.study)
        over = ended if self.lasting else decided
        view = stage.run(over, [*stage.sites, *committee(stage, study)])
        succeeded = self.reached(stage, view)
        attacker = stage.study.sites[LIAR]
        return observe_round(stage, view, attacker, succeeded=succeeded, place=LIAR)


class OverNorm(ForgedReport):
    """A site sends an update a hundred times above the norm bound and claims that it fits."""

    name = "over-norm-update"
    caught = "verdict norm_equality"
    wants = "the published sum is moved beyond the bound and the noise"
    lasting = True
    setting: ClassVar = Setting(vectors={LIAR: FAR_TOO_LONG}, sharers={LIAR: shard_over_norm})

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether the sum carries the update."""
        return view.rounds[1].state is State.FINAL and bool(
            np.abs(published_sum(stage, view)).max() > FAR_TOO_LONG[0] - NOISE_RANGE
        )


class Wraparound(ForgedReport):
    """A site sends a huge vector whose squared norm is 0 modulo the field's prime."""

    name = "wraparound-vector"
    caught = "verdict validity"
    wants = "the report is in the accepted set"
    setting: ClassVar = Setting(
        sharers={LIAR: lambda pine, _, nonce, rand: shard_wraparound(pine, nonce, rand)}
    )


class NormNotInBits(ForgedReport):
    """A site writes the norm of a vector that is too long as one "bit" that is no bit."""

    name = "non-boolean-norm-bits"
    caught = "verdict validity"
    wants = "the report is in the accepted set"
    setting: ClassVar = Setting(
        vectors={LIAR: FAR_TOO_LONG}, sharers={LIAR: shard_norm_not_in_bits}
    )


class SuccessNotABit(ForgedReport):
    """A site counts one wraparound check that holds as all that are needed."""

    name = "wraparound-success-not-a-bit"
    caught = "verdict validity"
    wants = "the report is in the accepted set"
    setting: ClassVar = Setting(
        sharers={LIAR: lambda pine, _, nonce, rand: shard_success_not_a_bit(pine, nonce, rand)}
    )


def shard_random_proof(pine: Pine, vector: Vector, nonce: bytes, rand: bytes) -> Report:
    """Share honestly, then replace the Leader's share of the proofs by random elements."""
    public_share, (leader, *helpers) = pine.shard_integers(vector, nonce, rand)
    if not isinstance(leader, LeaderShare):
        raise TypeError("the first input share is the Leader's")
    elements = pine.field.vector(
        int.from_bytes(os.urandom(16)) % pine.field.modulus for _ in leader.proofs
    )
    return public_share, [replace(leader, proofs=elements), *helpers]


class RandomProof(ForgedReport):
    """A site sends random field elements in place of its proofs."""

    name = "random-proof"
    caught = "verdict norm_equality"
    wants = "the report is in the accepted set"
    setting: ClassVar = Setting(sharers={LIAR: shard_random_proof})


class FalseCommitment(ForgedReport):
    """A site publishes a wraparound part that is not that of the share, to choose the signs."""

    name = "false-public-share"
    caught = "verdict validity"
    wants = "the report is in the accepted set"
    setting: ClassVar = Setting(sharers={LIAR: shard_false_commitment})


class OtherNonce(ForgedReport, ABC):
    """A site that makes its report, proofs included, under a nonce which is not its own."""

    caught = "verdict validity"
    wants = "the report is in the accepted set"
    switch = argument("members that verify under the nonce which the reporter says")

    @abstractmethod
    def nonce(self, study: Study, heads: bytes) -> bytes:
        """The nonce that it uses."""

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the nonces of the round are known once its keys are announced."""
        view = stage.run(in_state(State.OPEN), stage.aggregators)
        said = self.nonce(stage.study, view.current.heads_digest)

        def shard(pine: Pine, vector: Vector, _: bytes, rand: bytes) -> Report:
            return pine.shard_integers(vector, said, rand)

        account = stage.study.sites[LIAR]
        role = Trainer(stage.study, account, stage.train(LIAR), os.urandom, sharer=lambda _: shard)
        study = stage.study if defended else with_nonce(stage.study, LIAR, said)
        sites = [stage.sites[0], stage.party(role), stage.sites[2]]
        view = stage.run(decided, [*sites, *committee(stage, study)])
        succeeded = self.reached(stage, view)
        return observe_round(stage, view, account, succeeded=succeeded, place=LIAR)


class ProofOfAnotherReport(OtherNonce):
    """A site sends a report with proofs that were made for another site's place."""

    name = "proof-of-another-report"

    def nonce(self, study: Study, heads: bytes) -> bytes:
        """That of the first site in this round."""
        return report_nonce(study.where(1), study.reporters[0], heads)


class ProofOfAnotherRound(OtherNonce):
    """A site sends a report with proofs that were made for another round."""

    name = "proof-of-another-round"

    def nonce(self, study: Study, heads: bytes) -> bytes:
        """Its own in round 2."""
        return report_nonce(study.where(2), study.reporters[LIAR], heads)


class ChosenNonce(OtherNonce):
    """A site chooses its nonce, so that it can search for lucky randomness before the round."""

    name = "chosen-nonce"

    def nonce(self, study: Study, heads: bytes) -> bytes:
        """All zero."""
        del study, heads
        return bytes(NONCE_SIZE)
