"""Prio3: exact counts, sums and histograms of hidden measurements, each proven to be in range.

The steps are those of :class:`troth.privacy.secagg.pine.Pine`: a client runs :meth:`Prio3.shard`;
every aggregator :meth:`Prio3.verify_init`; anyone :meth:`Prio3.verifier_shares_to_message`; every
aggregator :meth:`Prio3.verify_next` and :meth:`Prio3.agg_update`; anyone with all aggregate shares
:meth:`Prio3.unshard`.

Names follow draft-irtf-cfrg-vdaf-20, bytes draft-irtf-cfrg-vdaf-11 (section 7,
``poc/vdaf_poc/vdaf_prio3.py``), on which PINE is built too. Everything here is a pure function:
randomness is an argument, and inputs are never changed in place.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Generic, SupportsIndex

from troth.errors import ParameterError, ReportRejected
from troth.privacy.secagg import validate
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.flp import Flp
from troth.privacy.secagg.outputs import AggregateShare, OutputShare
from troth.privacy.secagg.prio3_circuits import (
    Count,
    EncodingCircuit,
    Histogram,
    MeasurementT,
    ResultT,
    Sum,
    SumVec,
)
from troth.privacy.secagg.prio3_derivation import Prio3Derivation
from troth.privacy.secagg.prio3_messages import (
    HelperShare,
    InputShare,
    LeaderShare,
    MessageShape,
    Prio3Decoder,
    PublicShare,
    VerifierMessage,
    VerifierShare,
    VerifierState,
)
from troth.privacy.secagg.sharing import NONCE_SIZE
from troth.privacy.secagg.xof import XofTurboShake128


class Prio3(Prio3Decoder, Generic[MeasurementT, ResultT]):
    """One instance of Prio3, with the decoders of its messages; the base of the four kinds.

    Args:
        circuit: What is proven of a measurement, and how it is encoded.
        algorithm_id: The kind's number, draft-irtf-cfrg-vdaf-11, section 10.
        shares: Aggregators, 2 to 255; number 0 is the Leader.

    Attributes:
        PROOFS: Proofs per report.
        RAND_SIZE: Bytes of randomness that :meth:`shard` takes.
        NONCE_SIZE: Bytes of a nonce.
        VERIFY_KEY_SIZE: Bytes of a verify key.

    Raises:
        ParameterError: A number of shares out of range.
    """

    PROOFS = 1
    NONCE_SIZE = NONCE_SIZE
    VERIFY_KEY_SIZE = XofTurboShake128.SEED_SIZE

    def __init__(
        self, circuit: EncodingCircuit[MeasurementT, ResultT], algorithm_id: int, shares: int
    ) -> None:
        validate.integer("shares", shares, 2, 255)
        self.circuit = circuit
        self.flp = Flp(circuit, self.PROOFS)
        self.derive = Prio3Derivation(algorithm_id, circuit.measurement_len, self.flp)
        seed_size = XofTurboShake128.SEED_SIZE
        shape = MessageShape(
            field=circuit.field,
            shares=shares,
            seed_size=seed_size,
            binding_size=seed_size if circuit.joint_rand_len else 0,
            measurement_len=circuit.measurement_len,
            proofs_len=self.PROOFS * self.flp.proof_len,
            verifiers_len=self.PROOFS * self.flp.verifier_len,
            output_len=circuit.output_len,
        )
        super().__init__(shape)
        helpers_size = (shares - 1) * self.input_share_size(1)
        self.RAND_SIZE = helpers_size + shape.binding_size + seed_size

    # The client

    def shard(
        self, measurement: MeasurementT, nonce: bytes, rand: bytes
    ) -> tuple[PublicShare, list[InputShare]]:
        """Encode a measurement, share it and prove that it is in range; run by the client.

        Args:
            measurement: What the circuit encodes.
            nonce: NONCE_SIZE bytes, public, one per report.
            rand: RAND_SIZE bytes, secret and uniform, never used twice.

        Returns:
            The public share for all aggregators, and one input share for each.

        Raises:
            EncodingError: The measurement is out of range.
            ParameterError: A wrong length of nonce or rand.
        """
        return self._shard_encoded(self.circuit.encode(measurement), nonce, rand)

    def _shard_encoded(
        self, encoded: Elements, nonce: bytes, rand: bytes
    ) -> tuple[PublicShare, list[InputShare]]:
        """Share elements and prove what the circuit says of them, whether or not it is true."""
        validate.octets("nonce", nonce, self.NONCE_SIZE)
        validate.octets("rand", rand, self.RAND_SIZE)
        derive, subtract = self.derive, self.field.sub
        helpers, leader_blind, prove_seed = self._split_rand(rand)
        expanded = [self._expand(agg_id, helper) for agg_id, helper in enumerate(helpers, 1)]

        # The Leader's share is what the Helpers' shares leave.
        leader_measurement = reduce(subtract, (share for share, _ in expanded), encoded)
        committed = [
            (leader_blind, leader_measurement),
            *((helper.blind, share) for helper, (share, _) in zip(helpers, expanded, strict=True)),
        ]
        parts = tuple(
            derive.part(blind, agg_id, nonce, share)
            for agg_id, (blind, share) in enumerate(committed)
        )
        joint_randomness = derive.joint_randomness(derive.seed(parts))
        proofs = self.flp.prove(encoded, derive.prove_randomness(prove_seed), joint_randomness)
        leader_proofs = reduce(subtract, (share for _, share in expanded), proofs.reshape(-1))
        leader = LeaderShare(self.field, leader_measurement, leader_proofs, leader_blind)
        return PublicShare(parts), [leader, *helpers]

    # The aggregators, for each report

    def query_points_usable(self, verify_key: bytes, nonce: bytes) -> bool:
        """Whether a verify key can query the report of a nonce; run by whoever derives the key.

        :meth:`verify_init` refuses the others, which have probability below PROOFS·P/q.

        Raises:
            ParameterError: A wrong length of verify key or nonce.
        """
        self._check_key_and_nonce(verify_key, nonce)
        return self.flp.points_usable(self.derive.query_points(verify_key, nonce))

    def verify_init(
        self,
        verify_key: bytes,
        agg_id: int,
        nonce: bytes,
        public_share: PublicShare,
        input_share: InputShare,
    ) -> tuple[VerifierState, VerifierShare]:
        """Begin to verify a report; run by each aggregator.

        Arguments and results are those of :meth:`~troth.privacy.secagg.pine.Pine.verify_init`:
        the verify key is unknown to every client until its report is fixed, and no report is
        ever queried with two of them.

        Raises:
            ReportRejected: ``query``: a query point t satisfies t^P = 1.
            ParameterError: A wrong length or index, or the share of another aggregator.
        """
        self._check_key_and_nonce(verify_key, nonce)
        self.check_public_share(public_share)
        self.check_input_share(agg_id, input_share)
        measurement, proofs = self._expand(agg_id, input_share)

        # The own part is computed, not believed; if it differs from the client's claim, so does
        # the seed, and the message will not match the state.
        part = self.derive.part(input_share.blind, agg_id, nonce, measurement)
        before, after = public_share.parts[:agg_id], public_share.parts[agg_id + 1 :]
        seed = self.derive.seed((*before, part, *after))

        verifiers = self.flp.query(
            measurement,
            proofs.reshape(self.PROOFS, -1),
            self.derive.query_points(verify_key, nonce),
            self.derive.joint_randomness(seed),
            self.shares,
        )
        out_share = OutputShare(self.field, self.circuit.truncate(measurement))
        verifier_share = VerifierShare(self.field, verifiers.reshape(-1), part)
        return VerifierState(out_share, seed), verifier_share

    def verifier_shares_to_message(
        self, verifier_shares: Sequence[VerifierShare]
    ) -> VerifierMessage:
        """Decide whether a report's proofs hold; run by anyone, an auditor included.

        Args:
            verifier_shares: One per aggregator, in the order of their indices.

        Returns:
            The message for :meth:`verify_next`.

        Raises:
            ReportRejected: ``validity``: the measurement or a proof is not valid.
            ParameterError: A wrong number or length of shares.
        """
        self.check_verifier_shares(verifier_shares)
        verifiers = reduce(self.field.add, (share.verifiers for share in verifier_shares))
        self.flp.decide(verifiers.reshape(self.PROOFS, -1))
        return VerifierMessage(self.derive.seed(share.part for share in verifier_shares))

    def check_joint_randomness(
        self,
        public_share: PublicShare,
        verifier_shares: Sequence[VerifierShare],
        message: VerifierMessage,
    ) -> None:
        """Check in public what each aggregator checks of its own seed in :meth:`verify_next`.

        Run by anyone, an auditor included: if every aggregator's own part is the one that the
        client published, then all aggregators used the seed that all parts give. Where there is
        no joint randomness, there is nothing to find.

        Raises:
            ReportRejected: ``joint_randomness``: a part is not the one of the public share, or
                the message's seed is not the one that the parts give.
            ParameterError: A wrong number or length of shares.
        """
        self.check_public_share(public_share)
        self.check_verifier_shares(verifier_shares)
        for agg_id, share in enumerate(verifier_shares):
            if share.part != public_share.parts[agg_id]:
                raise ReportRejected("joint_randomness", f"part of share {agg_id}")
        if message.seed != self.derive.seed(public_share.parts):
            raise ReportRejected("joint_randomness", "seed of the message")

    def verify_next(self, state: VerifierState, message: VerifierMessage) -> OutputShare:
        """Finish the verification of a report; run by each aggregator.

        Args:
            state: From :meth:`verify_init`.
            message: From :meth:`verifier_shares_to_message`.

        Returns:
            This aggregator's share of what is added up, shape (output_len,).

        Raises:
            ReportRejected: ``joint_randomness``: the seed used is not the one all parts give.
        """
        if message.seed != state.seed:
            raise ReportRejected("joint_randomness", "seed")
        return state.out_share

    # The sum

    def agg_update(self, agg_share: AggregateShare, out_share: OutputShare) -> AggregateShare:
        """Add one accepted measurement; run by each aggregator.

        Raises:
            ParameterError: A wrong length.
        """
        self.check_outputs([agg_share, out_share])
        return AggregateShare(self.field, self.field.add(agg_share.values, out_share.values))

    def unshard(self, agg_shares: Sequence[AggregateShare], num_measurements: int) -> ResultT:
        """The exact result over all measurements; run by whoever has all aggregate shares.

        Args:
            agg_shares: One per aggregator.
            num_measurements: How many measurements were added.

        Returns:
            What the circuit decodes, in Python integers.

        Raises:
            ParameterError: A wrong number or length of shares; so many measurements that their
                sum may wrap around the modulus; or a result that so many measurements cannot
                have, because a share is missing, forged or of another set of reports.
        """
        validate.size("aggregate shares", agg_shares, self.shares)
        largest = self.circuit.largest
        most = (self.field.modulus - 1) // largest
        validate.integer("num_measurements", num_measurements, 0, most)
        total = [int(value) for value in self.merge(agg_shares).values]
        if any(value > num_measurements * largest for value in total):
            raise ParameterError(
                f"aggregate shares: an entry is above what {num_measurements} measurements give"
            )
        return self.circuit.decode(total, num_measurements)

    # Steps of the above

    def _check_key_and_nonce(self, verify_key: bytes, nonce: bytes) -> None:
        validate.octets("verify key", verify_key, self.VERIFY_KEY_SIZE)
        validate.octets("nonce", nonce, self.NONCE_SIZE)

    def _split_rand(self, rand: bytes) -> tuple[list[InputShare], bytes, bytes]:
        """The Helpers' shares, which are taken as they come; the Leader's blind; the prove seed."""
        size, end = self.input_share_size(1), (self.shares - 1) * self.input_share_size(1)
        helpers = [
            self.decode_input_share(agg_id, rand[start : start + size])
            for agg_id, start in enumerate(range(0, end, size), 1)
        ]
        seed_start = end + self.shape.binding_size
        return helpers, rand[end:seed_start], rand[seed_start:]

    def _expand(self, agg_id: int, input_share: InputShare) -> tuple[Elements, Elements]:
        """The shares of measurement and proofs that an input share stands for."""
        if isinstance(input_share, HelperShare):
            return (
                self.derive.measurement_share(input_share.measurement_seed, agg_id),
                self.derive.proof_shares(input_share.proofs_seed, agg_id),
            )
        return input_share.measurement, input_share.proofs


class Prio3Count(Prio3[SupportsIndex, int]):
    """How many of the measurements, each 0 or 1, are 1.

    Args:
        shares: Aggregators, 2 to 255.
    """

    def __init__(self, shares: int) -> None:
        super().__init__(Count(), 0, shares)


class Prio3Sum(Prio3[SupportsIndex, int]):
    """The sum of integers.

    Args:
        shares: Aggregators, 2 to 255.
        bits: Every integer is in 0 … 2^bits − 1; 1 to 127.
    """

    def __init__(self, shares: int, bits: int) -> None:
        super().__init__(Sum(bits), 1, shares)


class Prio3SumVec(Prio3[Sequence[SupportsIndex], list[int]]):
    """The sum of vectors of integers, entry by entry.

    Args:
        shares: Aggregators, 2 to 255.
        length: Entries of a vector.
        bits: Every entry is in 0 … 2^bits − 1; 1 to 127.
        chunk_length: Bits per gadget call; ``None``: the one with the shortest proof. All parties
            must agree.
    """

    def __init__(
        self, shares: int, length: int, bits: int, chunk_length: int | None = None
    ) -> None:
        super().__init__(SumVec(length, bits, chunk_length), 2, shares)


class Prio3Histogram(Prio3[SupportsIndex, list[int]]):
    """How many of the measurements, each the index of one bucket, are in each bucket.

    Args:
        shares: Aggregators, 2 to 255.
        length: Buckets.
        chunk_length: Buckets per gadget call; ``None``: the one with the shortest proof. All
            parties must agree.
    """

    def __init__(self, shares: int, length: int, chunk_length: int | None = None) -> None:
        super().__init__(Histogram(length, chunk_length), 3, shares)
