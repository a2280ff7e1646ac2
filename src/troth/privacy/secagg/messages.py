"""The messages of PINE as frozen values, with one canonical encoding each and strict decoders.

Encodings follow PINE's test vectors (``poc/`` at 4d11ac8, ``test_vec_encode_*``): fields in the
order in which they are declared here, without length prefixes; vectors as in
:mod:`troth.privacy.secagg.field`. Two messages are equal when their encodings are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from troth.errors import ParameterError
from troth.privacy.secagg import validate
from troth.privacy.secagg.codec import Message, joined, split, split_views
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.outputs import Outputs, OutputShare


@dataclass(frozen=True, eq=False)
class PublicShare(Message):
    """From the client to every aggregator: commitments to all input shares."""

    wraparound_parts: tuple[bytes, ...]
    """By aggregator: binds gradient and norm bits; together they seed the wraparound checks."""
    verification_parts: tuple[bytes, ...]
    """By aggregator: binds the measurement share; together they seed the joint randomness."""

    def encode(self) -> bytes:
        """Wraparound parts, then verification parts."""
        return b"".join(self.wraparound_parts + self.verification_parts)


@dataclass(frozen=True, eq=False)
class LeaderShare(Message):
    """From the client to aggregator 0: the large share."""

    field: Field
    measurement: Elements
    """Share of gradient, norm bits and wraparound bits, shape (measurement_len,)."""
    proofs: Elements
    """Shares of all norm-equality proofs, then of all main proofs."""
    wraparound_blind: bytes
    """Seed from which the own wraparound part is derived."""
    verification_blind: bytes
    """Seed from which the own verification part is derived."""

    def encode(self) -> bytes:
        """All fields in order."""
        vectors = chain(self.field.packed(self.measurement), self.field.packed(self.proofs))
        return joined(chain(vectors, [self.wraparound_blind, self.verification_blind]))


@dataclass(frozen=True, eq=False)
class HelperShare(Message):
    """From the client to another aggregator: seeds that stand for its shares."""

    measurement_seed: bytes
    """Expands to the share of the measurement."""
    proofs_seed: bytes
    """Expands to the shares of all proofs."""
    wraparound_blind: bytes
    """Seed from which the own wraparound part is derived."""
    verification_blind: bytes
    """Seed from which the own verification part is derived."""

    def encode(self) -> bytes:
        """All fields in order."""
        seeds = self.measurement_seed + self.proofs_seed
        return seeds + self.wraparound_blind + self.verification_blind


InputShare = LeaderShare | HelperShare
"""What one aggregator receives: the Leader's from index 0, a Helper's otherwise."""


@dataclass(frozen=True, eq=False)
class VerifierShare(Message):
    """From one aggregator to all: its share of the verification of one report."""

    field: Field
    verifiers: Elements
    """Shares of all norm-equality verifiers, then of all main verifiers."""
    wraparound_part: bytes
    """The own wraparound part, computed from the input share."""
    verification_part: bytes
    """The own verification part, computed from the input share."""

    def encode(self) -> bytes:
        """All fields in order."""
        verifiers = self.field.encode_vec(self.verifiers)
        return verifiers + self.wraparound_part + self.verification_part


@dataclass(frozen=True, eq=False)
class VerifierMessage(Message):
    """What all verifier shares of one report combine to, if its proofs hold."""

    wraparound_seed: bytes
    """Derived from all wraparound parts."""
    verification_seed: bytes
    """Derived from all verification parts."""

    def encode(self) -> bytes:
        """All fields in order."""
        return self.wraparound_seed + self.verification_seed


@dataclass(frozen=True, eq=False)
class VerifierState(Message):
    """What an aggregator keeps until it learns whether a report is valid."""

    out_share: OutputShare
    """Its share of the vector, released only if the report is accepted."""
    wraparound_seed: bytes
    """The seed it used, with its own part in the place of the client's claim."""
    verification_seed: bytes
    """The seed it used, with its own part in the place of the client's claim."""

    def encode(self) -> bytes:
        """All fields in order."""
        vector = self.out_share.field.packed(self.out_share.values)
        return joined(chain(vector, [self.wraparound_seed, self.verification_seed]))


class MessageDecoder(Outputs):
    """Decoders and sizes of one instance's messages; the base of :class:`.pine.Pine`.

    Every decoder raises :class:`~troth.errors.DecodeError` on bytes of another length, and on
    elements that are not below the modulus.
    """

    def __init__(
        self,
        *,
        field: Field,
        shares: int,
        seed_size: int,
        dimension: int,
        measurement_len: int,
        proofs_len: int,
        verifiers_len: int,
    ) -> None:
        super().__init__(field, shares, dimension)
        self.seed_size = seed_size
        self.dimension = dimension
        self.measurement_len = measurement_len
        self.proofs_len = proofs_len
        self.verifiers_len = verifiers_len

    @property
    def public_share_size(self) -> int:
        """Bytes of an encoded public share."""
        return 2 * self.shares * self.seed_size

    @property
    def verifier_share_size(self) -> int:
        """Bytes of an encoded verifier share."""
        return self.verifiers_len * self.field.encoded_size + 2 * self.seed_size

    @property
    def verifier_message_size(self) -> int:
        """Bytes of an encoded verifier message."""
        return 2 * self.seed_size

    @property
    def verifier_state_size(self) -> int:
        """Bytes of an encoded verifier state."""
        return self.output_share_size + 2 * self.seed_size

    def input_share_size(self, agg_id: int) -> int:
        """Bytes of the encoded input share of one aggregator."""
        self.check_agg_id(agg_id)
        if agg_id:
            return 4 * self.seed_size
        elements = self.measurement_len + self.proofs_len
        return elements * self.field.encoded_size + 2 * self.seed_size

    def decode_public_share(self, data: bytes) -> PublicShare:
        """The public share behind its encoding."""
        parts = split("public share", data, [self.seed_size] * (2 * self.shares))
        return PublicShare(tuple(parts[: self.shares]), tuple(parts[self.shares :]))

    def decode_input_share(self, agg_id: int, data: bytes) -> InputShare:
        """The input share of one aggregator behind its encoding."""
        self.check_agg_id(agg_id)
        seed = self.seed_size
        if agg_id:
            return HelperShare(*split(f"input share {agg_id}", data, [seed] * 4))
        size = self.field.encoded_size
        sizes = [self.measurement_len * size, self.proofs_len * size, seed, seed]
        # The one large message: its vectors stay where they were received.
        measurement, proofs, *blinds = split_views("input share 0", data, sizes)
        decode = self.field.decode_vec
        return LeaderShare(self.field, decode(measurement), decode(proofs), *map(bytes, blinds))

    def decode_verifier_share(self, data: bytes) -> VerifierShare:
        """The verifier share behind its encoding."""
        vector = self.verifiers_len * self.field.encoded_size
        verifiers, *parts = split("verifier share", data, [vector] + [self.seed_size] * 2)
        return VerifierShare(self.field, self.field.decode_vec(verifiers), *parts)

    def decode_verifier_message(self, data: bytes) -> VerifierMessage:
        """The verifier message behind its encoding."""
        return VerifierMessage(*split("verifier message", data, [self.seed_size] * 2))

    def decode_verifier_state(self, data: bytes) -> VerifierState:
        """The verifier state behind its encoding."""
        sizes = [self.output_share_size] + [self.seed_size] * 2
        gradient, *seeds = split("verifier state", data, sizes)
        return VerifierState(self.decode_output_share(gradient), *seeds)

    def check_public_share(self, public_share: PublicShare) -> None:
        """Refuse a public share made for another instance with ParameterError."""
        for parts in (public_share.wraparound_parts, public_share.verification_parts):
            validate.size("parts of the public share", parts, self.shares)
            for part in parts:
                validate.octets("part of the public share", part, self.seed_size)

    def check_input_share(self, agg_id: int, input_share: InputShare) -> None:
        """Refuse the input share of another instance or aggregator with ParameterError."""
        self.check_agg_id(agg_id)
        expected = HelperShare if agg_id else LeaderShare
        if not isinstance(input_share, expected):
            raise ParameterError(f"aggregator {agg_id} takes a {expected.__name__}")
        validate.octets("wraparound blind", input_share.wraparound_blind, self.seed_size)
        validate.octets("verification blind", input_share.verification_blind, self.seed_size)
        if isinstance(input_share, LeaderShare):
            self.check_elements("measurement share", input_share.measurement, self.measurement_len)
            self.check_elements("proofs share", input_share.proofs, self.proofs_len)
        else:
            validate.octets("measurement seed", input_share.measurement_seed, self.seed_size)
            validate.octets("proofs seed", input_share.proofs_seed, self.seed_size)

    def check_verifier_shares(self, verifier_shares: Sequence[VerifierShare]) -> None:
        """Refuse verifier shares that are not one of this instance per aggregator."""
        validate.size("verifier shares", verifier_shares, self.shares)
        for share in verifier_shares:
            self.check_elements("verifiers", share.verifiers, self.verifiers_len)
            validate.octets("wraparound part", share.wraparound_part, self.seed_size)
            validate.octets("verification part", share.verification_part, self.seed_size)
