"""PINE: sums of hidden vectors, each with a proof that its L2 norm is within a bound.

The steps of one report, in order: a client runs :meth:`Pine.shard`; every aggregator runs
:meth:`Pine.verify_init` on its input share; anyone combines the verifier shares with
:meth:`Pine.verifier_shares_to_message`; every aggregator turns the message into its output share
with :meth:`Pine.verify_next` and adds it up with :meth:`Pine.agg_update`; anyone who holds all
aggregate shares gets the sum from :meth:`Pine.unshard`.

Names follow draft-irtf-cfrg-vdaf-20. Bytes follow draft-chen-cfrg-vdaf-pine (``poc/`` at
4d11ac8) and, for proofs and XOFs, draft-irtf-cfrg-vdaf-11. Everything here is a pure function:
randomness is an argument, and inputs are never changed in place.
"""

from collections.abc import Sequence
from functools import partial
from typing import Self

import numpy as np
import numpy.typing as npt

from troth.errors import ReportRejected
from troth.privacy.hazmat.choice import Choice
from troth.privacy.secagg import validate
from troth.privacy.secagg.circuits import Statement, Validity
from troth.privacy.secagg.cost import Cost, cost
from troth.privacy.secagg.derivation import Derivation
from troth.privacy.secagg.encoding import decode_sum, dequantise
from troth.privacy.secagg.field import Elements, read_only
from troth.privacy.secagg.flp import Flp, split_rows
from troth.privacy.secagg.kernels import CLEAR, Kernels
from troth.privacy.secagg.messages import (
    InputShare,
    LeaderShare,
    MessageDecoder,
    PublicShare,
    VerifierMessage,
    VerifierShare,
    VerifierState,
)
from troth.privacy.secagg.outputs import AggregateShare, OutputShare
from troth.privacy.secagg.parameters import Parameters, checked_parameters
from troth.privacy.secagg.selection import select
from troth.privacy.secagg.sharing import NONCE_SIZE, share_encoded
from troth.privacy.secagg.wraparound import encode_results


class Pine(MessageDecoder):
    """One instance of PINE, with the decoders of its messages.

    Args:
        variant: ``Pine128``, ``Pine64``, ``Pine64HmacSha256Aes128``, ``Pine32HmacSha256Aes128``
            or ``Pine40HmacSha256Aes128``.
        shares: Aggregators, 2 to 255; number 0 is the Leader.
        dimension: Entries of a vector.
        num_frac_bits: Fractional bits kept of a float, 0 to 127.
        l2_norm_bound: The largest norm of a *quantised* vector, an integer: the bound of the
            floats times 2^num_frac_bits.
        chunk_length: Pairs of inputs per gadget call of the validity circuit; ``None``: the one
            with the shortest proof.
        chunk_length_norm_equality: The same for the norm-equality circuit.
        num_wr_checks: Wraparound checks run.
        num_wr_successes: Wraparound checks that must succeed, exactly.
        proofs: Proofs of the validity circuit, 1 to 255; ``None``: the variant's default. Fixed
            in the TurboSHAKE variants.
        proofs_norm_equality: The same for the norm-equality circuit.
        alpha: How many times the norm bound an honest wraparound result may reach; ``None``:
            8.7. Fixed in the HMAC variants.
        kernels: What handles whole vectors: ``clear`` (NumPy), ``fast`` (compiled; Field128 has
            none and stays clear) or ``auto`` (fast from a dimension on that is worth it). The
            bytes are the same.

    Attributes:
        parameters: All of the above, resolved, with what follows from them.
        kernels_used: ``clear`` or ``fast``.
        RAND_SIZE: Bytes of randomness that :meth:`shard` takes.
        NONCE_SIZE: Bytes of a nonce.
        VERIFY_KEY_SIZE: Bytes of a verify key.
        wr_check_bound: W, the bound of an honest wraparound result.
        num_bits_for_sq_norm: Bits of a squared norm.
        num_bits_for_wr_check: Bits of a wraparound result.
        proof_len: Elements per validity proof.
        proof_len_norm_equality: Elements per norm-equality proof.

    Raises:
        ParameterError: A parameter is out of range, or they do not fit together.
    """

    NONCE_SIZE = NONCE_SIZE

    def __init__(
        self,
        variant: str,
        *,
        shares: int,
        dimension: int,
        num_frac_bits: int,
        l2_norm_bound: int,
        chunk_length: int | None = None,
        chunk_length_norm_equality: int | None = None,
        num_wr_checks: int = 100,
        num_wr_successes: int = 100,
        proofs: int | None = None,
        proofs_norm_equality: int | None = None,
        alpha: float | None = None,
        kernels: Choice = "auto",
    ) -> None:
        parameters = checked_parameters(
            variant,
            shares=shares,
            dimension=dimension,
            num_frac_bits=num_frac_bits,
            l2_norm_bound=l2_norm_bound,
            chunk_length=chunk_length,
            chunk_length_norm_equality=chunk_length_norm_equality,
            num_wr_checks=num_wr_checks,
            num_wr_successes=num_wr_successes,
            proofs=proofs,
            proofs_norm_equality=proofs_norm_equality,
            alpha=alpha,
        )
        self._assemble(parameters, select(kernels, parameters.field, parameters.dimension))

    @classmethod
    def _unchecked(cls, parameters: Parameters) -> Self:
        """An instance of any parameters at all, to measure on toy fields how lies fare.

        Nothing that other parties take part in may use it: what the parameters must satisfy is
        what makes a report sound.
        """
        pine = cls.__new__(cls)
        pine._assemble(parameters, CLEAR)  # noqa: SLF001  # a constructor of this very class
        return pine

    def _assemble(self, parameters: Parameters, kernels: Kernels) -> None:
        self.parameters = parameters
        self.kernels = kernels
        norm_equality = kernels.norm_equality(parameters)
        validity = Flp(Validity(parameters), parameters.proofs)
        self.derive = Derivation(parameters, (norm_equality, validity), kernels)
        super().__init__(
            field=parameters.field,
            shares=parameters.shares,
            seed_size=parameters.seed_size,
            dimension=parameters.dimension,
            measurement_len=parameters.measurement_len,
            proofs_len=sum(flp.proofs * flp.proof_len for flp in self.derive.flps),
            verifiers_len=sum(flp.proofs * flp.verifier_len for flp in self.derive.flps),
        )
        self.kernels_used = kernels.name
        self.RAND_SIZE = parameters.rand_size
        self.VERIFY_KEY_SIZE = self.seed_size
        self.wr_check_bound = parameters.wr_check_bound
        self.num_bits_for_sq_norm = parameters.num_bits_for_sq_norm
        self.num_bits_for_wr_check = parameters.num_bits_for_wr_check
        self.proof_len = validity.proof_len
        self.proof_len_norm_equality = norm_equality.proof_len

    def cost(self) -> Cost:
        """What one report of this instance costs: bytes of every message, and operations."""
        return cost(self.parameters, self, self.derive.flps[0])

    # The client

    def shard(
        self, measurement: npt.ArrayLike, nonce: bytes, rand: bytes
    ) -> tuple[PublicShare, list[InputShare]]:
        """Quantise a vector of floats and share it; run by the client.

        Args:
            measurement: Floats, shape (dimension,).
            nonce: NONCE_SIZE bytes, public, one per report.
            rand: RAND_SIZE bytes, secret and uniform, never used twice.

        Returns:
            The public share for all aggregators, and one input share for each.

        Raises:
            EncodingError: NaN, infinite or subnormal entries, or a norm above the bound.
            ShareAgain: With small probability, an EncodingError of this kind: a wraparound check
                is out of range. Share again, with fresh ``rand``.
            ParameterError: A wrong length of measurement, nonce or rand.
        """
        prefix = self.kernels.prefix_of_floats(self.parameters, measurement)
        return self._shard(prefix, nonce, rand)

    def shard_integers(
        self, vector: npt.ArrayLike, nonce: bytes, rand: bytes
    ) -> tuple[PublicShare, list[InputShare]]:
        """Share a vector that is quantised already; run by the client.

        Args:
            vector: Integers, shape (dimension,).
            nonce: As in :meth:`shard`.
            rand: As in :meth:`shard`.

        Returns:
            As :meth:`shard`.

        Raises:
            EncodingError: As :meth:`shard`; also, entries that are not integers.
            ParameterError: As :meth:`shard`.
        """
        prefix = self.kernels.prefix_of_integers(self.parameters, vector)
        return self._shard(prefix, nonce, rand)

    def _shard(
        self, prefix: Elements, nonce: bytes, rand: bytes
    ) -> tuple[PublicShare, list[InputShare]]:
        return share_encoded(
            self.derive, prefix, nonce, rand, partial(encode_results, self.parameters)
        )

    # The aggregators, for each report

    def query_points_usable(self, verify_key: bytes, nonce: bytes) -> bool:
        """Whether a verify key can query the report of a nonce; run by whoever derives the key.

        A query point t with t^P = 1 would reveal a wire value of the client's proof instead of
        a random combination; :meth:`verify_init` refuses it. A key is unusable for a report with
        probability below proofs·P/q, and its derivation is then repeated.

        Raises:
            ParameterError: A wrong length of verify key or nonce.
        """
        validate.octets("verify key", verify_key, self.VERIFY_KEY_SIZE)
        validate.octets("nonce", nonce, self.NONCE_SIZE)
        points = self.derive.query_randomness(verify_key, nonce)
        return all(flp.points_usable(t) for flp, t in zip(self.derive.flps, points, strict=True))

    def verify_init(
        self,
        verify_key: bytes,
        agg_id: int,
        nonce: bytes,
        public_share: PublicShare,
        input_share: InputShare,
    ) -> tuple[VerifierState, VerifierShare]:
        """Begin to verify a report; run by each aggregator.

        Args:
            verify_key: VERIFY_KEY_SIZE bytes that all aggregators share; unknown to every client
                until its report is fixed.
            agg_id: This aggregator's index.
            nonce: The report's nonce. One report must never be queried with two verify keys.
            public_share: The report's public share.
            input_share: This aggregator's input share.

        Returns:
            The state to keep, and the verifier share to send.

        Raises:
            ReportRejected: ``query``: a query point t satisfies t^P = 1.
            ParameterError: A wrong length or index, or the share of another aggregator.
        """
        validate.octets("verify key", verify_key, self.VERIFY_KEY_SIZE)
        validate.octets("nonce", nonce, self.NONCE_SIZE)
        self.check_public_share(public_share)
        self.check_input_share(agg_id, input_share)
        measurement, proofs = self._expand(agg_id, input_share)

        # The own parts are computed, not believed; if they differ from the client's claim, so
        # do the seeds, and the message will not match the state.
        derive, parameters = self.derive, self.parameters
        blinds = (input_share.wraparound_blind, input_share.verification_blind)
        commitment = derive.commitment(blinds, agg_id, nonce)
        commitment.absorb_prefix(measurement[: parameters.prefix_len])
        commitment.absorb_claims(measurement[parameters.prefix_len :])
        wraparound_part = commitment.wraparound_part()
        verification_part = commitment.verification_part()
        wraparound_seed = derive.wraparound_seed(
            _with_own(public_share.wraparound_parts, agg_id, wraparound_part)
        )
        verification_seed = derive.verification_seed(
            _with_own(public_share.verification_parts, agg_id, verification_part)
        )

        gradient, bits = measurement[: self.dimension], measurement[self.dimension :]
        signs = derive.wraparound_checks(wraparound_seed)
        statement = Statement(gradient, bits, self.kernels.run_checks(parameters, signs, gradient))
        verifiers = [
            flp.query(statement, rows, points, joint, self.shares)
            for flp, rows, points, joint in zip(
                derive.flps,
                split_rows(proofs, [(flp.proofs, flp.proof_len) for flp in derive.flps]),
                derive.query_randomness(verify_key, nonce),
                derive.joint_randomness(verification_seed),
                strict=True,
            )
        ]
        state = VerifierState(OutputShare(self.field, gradient), wraparound_seed, verification_seed)
        flat = np.concatenate([rows.reshape(-1) for rows in verifiers])
        share = VerifierShare(self.field, flat, wraparound_part, verification_part)
        return state, share

    def output_share(self, agg_id: int, input_share: InputShare) -> OutputShare:
        """The share of the vector that an input share stands for, verified or not.

        Run by whoever made the sharing, to see what an aggregator computed with it.

        Raises:
            ParameterError: A wrong index, or the share of another aggregator.
        """
        self.check_input_share(agg_id, input_share)
        measurement, _ = self._expand(agg_id, input_share)
        return OutputShare(self.field, measurement[: self.dimension])

    def verifier_shares_to_message(
        self, verifier_shares: Sequence[VerifierShare]
    ) -> VerifierMessage:
        """Decide whether a report's proofs hold; run by anyone, an auditor included.

        Args:
            verifier_shares: One per aggregator, in the order of their indices.

        Returns:
            The message for :meth:`verify_next`.

        Raises:
            ReportRejected: ``norm_equality`` or, with the wraparound checks, ``validity``.
            ParameterError: A wrong number or length of shares.
        """
        self.check_verifier_shares(verifier_shares)
        total = verifier_shares[0].verifiers
        for share in verifier_shares[1:]:
            total = self.field.add(total, share.verifiers)
        shapes = [(flp.proofs, flp.verifier_len) for flp in self.derive.flps]
        for flp, verifiers in zip(self.derive.flps, split_rows(total, shapes), strict=True):
            flp.decide(verifiers)
        return VerifierMessage(
            self.derive.wraparound_seed(share.wraparound_part for share in verifier_shares),
            self.derive.verification_seed(share.verification_part for share in verifier_shares),
        )

    def check_joint_randomness(
        self,
        public_share: PublicShare,
        verifier_shares: Sequence[VerifierShare],
        message: VerifierMessage,
    ) -> None:
        """Check in public what each aggregator checks of its own seeds in :meth:`verify_next`.

        Run by anyone, an auditor included. If every aggregator's own parts are those that the
        client published, then all aggregators used the seeds that all parts give.

        Args:
            public_share: The report's public share.
            verifier_shares: One per aggregator, in the order of their indices.
            message: What :meth:`verifier_shares_to_message` made of them.

        Raises:
            ReportRejected: ``joint_randomness``: a part is not the one of the public share, or a
                seed is not the one that the parts give.
            ParameterError: A wrong number or length of shares.
        """
        self.check_public_share(public_share)
        self.check_verifier_shares(verifier_shares)
        for agg_id, share in enumerate(verifier_shares):
            if share.wraparound_part != public_share.wraparound_parts[agg_id]:
                raise ReportRejected("joint_randomness", f"wraparound part of share {agg_id}")
            if share.verification_part != public_share.verification_parts[agg_id]:
                raise ReportRejected("joint_randomness", f"verification part of share {agg_id}")
        if message.wraparound_seed != self.derive.wraparound_seed(public_share.wraparound_parts):
            raise ReportRejected("joint_randomness", "wraparound seed of the message")
        derived = self.derive.verification_seed(public_share.verification_parts)
        if message.verification_seed != derived:
            raise ReportRejected("joint_randomness", "verification seed of the message")

    def verify_next(self, state: VerifierState, message: VerifierMessage) -> OutputShare:
        """Finish the verification of a report; run by each aggregator.

        Args:
            state: From :meth:`verify_init`.
            message: From :meth:`verifier_shares_to_message`.

        Returns:
            This aggregator's share of the vector, shape (dimension,).

        Raises:
            ReportRejected: ``joint_randomness``: a seed used is not the one all parts give.
        """
        if message.wraparound_seed != state.wraparound_seed:
            raise ReportRejected("joint_randomness", "wraparound seed")
        if message.verification_seed != state.verification_seed:
            raise ReportRejected("joint_randomness", "verification seed")
        return state.out_share

    # The sum

    def agg_update(
        self, agg_share: AggregateShare, out_share: OutputShare, weight: int = 1
    ) -> AggregateShare:
        """Add one accepted vector, times a public weight; run by each aggregator.

        Raises:
            ParameterError: A wrong length, or a weight outside 1 … q − 1.
        """
        self.check_outputs([agg_share, out_share])
        validate.integer("weight", weight, 1, self.field.modulus - 1)
        weighted = out_share.values if weight == 1 else self.field.mul(out_share.values, weight)
        return AggregateShare(self.field, self._add(agg_share.values, weighted))

    def unshard(
        self, agg_shares: Sequence[AggregateShare], num_measurements: int
    ) -> npt.NDArray[np.float64]:
        """The sum of all vectors, as floats; run by whoever has all aggregate shares.

        Args:
            agg_shares: One per aggregator.
            num_measurements: How many vectors were added, or the sum of their weights.

        Returns:
            The sum, not the mean, shape (dimension,).

        Raises:
            ParameterError: A wrong number or length of shares, or so many measurements that
                their sum may wrap around the modulus.
        """
        return dequantise(self.parameters, self._total(agg_shares, num_measurements))

    def unshard_integers(
        self, agg_shares: Sequence[AggregateShare], num_measurements: int
    ) -> npt.NDArray[np.int64]:
        """The sum of all vectors before they are scaled back to floats; as :meth:`unshard`.

        Raises:
            EncodingError: An entry does not fit in 64 bits (possible in Field128 only).
            ParameterError: As :meth:`unshard`.
        """
        return decode_sum(self.parameters, self._total(agg_shares, num_measurements))

    # Steps of the above

    def _add(self, left: Elements, right: Elements) -> Elements:
        return read_only(self.kernels.add(self.field, left, right))

    def _expand(self, agg_id: int, input_share: InputShare) -> tuple[Elements, Elements]:
        """The shares of measurement and proofs that an input share stands for."""
        if isinstance(input_share, LeaderShare):
            return input_share.measurement, input_share.proofs
        stream = self.derive.measurement_share(input_share.measurement_seed, agg_id)
        measurement = self.field.zeros(self.measurement_len)
        self.kernels.sample(stream, self.field, measurement)
        return read_only(measurement), self.derive.proof_shares(input_share.proofs_seed, agg_id)

    def _total(self, agg_shares: Sequence[AggregateShare], num_measurements: int) -> Elements:
        validate.size("aggregate shares", agg_shares, self.shares)
        # Entries of a sum lie within the sum of the norms; beyond q/2 a sign would be lost.
        most = self.field.modulus // 2 // self.parameters.l2_norm_bound
        validate.integer("num_measurements", num_measurements, 0, most)
        return self.merge(agg_shares).values


def _with_own(parts: tuple[bytes, ...], agg_id: int, own: bytes) -> tuple[bytes, ...]:
    return (*parts[:agg_id], own, *parts[agg_id + 1 :])
