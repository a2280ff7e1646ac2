"""The messages of Prio3 as frozen values, with one canonical encoding each and strict decoders.

Encodings follow draft-irtf-cfrg-vdaf-11 (section 7, ``poc/vdaf_poc/vdaf_prio3.py``): fields in
the order in which they are declared here, without length prefixes. Where a circuit takes no joint
randomness (``Count``), blinds, parts and seeds of it are empty, and so are the public share and
the verifier message. Output shares and aggregate shares are those of PINE.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from troth.errors import ParameterError
from troth.privacy.secagg import validate
from troth.privacy.secagg.codec import Message, split
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.outputs import Outputs, OutputShare


@dataclass(frozen=True, eq=False)
class PublicShare(Message):
    """From the client to every aggregator: commitments to all measurement shares."""

    parts: tuple[bytes, ...]
    """By aggregator: binds its measurement share; together they seed the joint randomness."""

    def encode(self) -> bytes:
        """All parts in order."""
        return b"".join(self.parts)


@dataclass(frozen=True, eq=False)
class LeaderShare(Message):
    """From the client to aggregator 0: the large share."""

    field: Field
    measurement: Elements
    """Share of the encoded measurement, shape (measurement_len,)."""
    proofs: Elements
    """Shares of all proofs, one after the other."""
    blind: bytes
    """Seed from which the own part is derived."""

    def encode(self) -> bytes:
        """All fields in order."""
        encode = self.field.encode_vec
        return encode(self.measurement) + encode(self.proofs) + self.blind


@dataclass(frozen=True, eq=False)
class HelperShare(Message):
    """From the client to another aggregator: seeds that stand for its shares."""

    measurement_seed: bytes
    """Expands to the share of the encoded measurement."""
    proofs_seed: bytes
    """Expands to the shares of all proofs."""
    blind: bytes
    """Seed from which the own part is derived."""

    def encode(self) -> bytes:
        """All fields in order."""
        return self.measurement_seed + self.proofs_seed + self.blind


InputShare = LeaderShare | HelperShare
"""What one aggregator receives: the Leader's from index 0, a Helper's otherwise."""


@dataclass(frozen=True, eq=False)
class VerifierShare(Message):
    """From one aggregator to all: its share of the verification of one report."""

    field: Field
    verifiers: Elements
    """Shares of all verifiers, one after the other."""
    part: bytes
    """The own part, computed from the input share."""

    def encode(self) -> bytes:
        """All fields in order."""
        return self.field.encode_vec(self.verifiers) + self.part


@dataclass(frozen=True, eq=False)
class VerifierMessage(Message):
    """What all verifier shares of one report combine to, if its proofs hold."""

    seed: bytes
    """Of the joint randomness: derived from all parts."""

    def encode(self) -> bytes:
        """The seed."""
        return self.seed


@dataclass(frozen=True, eq=False)
class VerifierState(Message):
    """What an aggregator keeps until it learns whether a report is valid."""

    out_share: OutputShare
    """Its share of what is added up, released only if the report is accepted."""
    seed: bytes
    """The seed it used, with its own part in the place of the client's claim."""

    def encode(self) -> bytes:
        """All fields in order."""
        return self.out_share.encode() + self.seed


@dataclass(frozen=True)
class MessageShape:
    """How long everything in one instance's messages is: in elements, or in bytes."""

    field: Field
    shares: int
    seed_size: int
    binding_size: int
    """Bytes of a blind, of a part and of the seed of all parts; 0 without joint randomness."""
    measurement_len: int
    proofs_len: int
    verifiers_len: int
    output_len: int


class Prio3Decoder(Outputs):
    """Decoders and sizes of one instance's messages; the base of :class:`.prio3.Prio3`.

    Every decoder raises :class:`~troth.errors.DecodeError` on bytes of another length, and on
    elements that are not below the modulus.
    """

    def __init__(self, shape: MessageShape) -> None:
        super().__init__(shape.field, shape.shares, shape.output_len)
        self.shape = shape

    @property
    def public_share_size(self) -> int:
        """Bytes of an encoded public share."""
        return self.shares * self.shape.binding_size

    @property
    def verifier_share_size(self) -> int:
        """Bytes of an encoded verifier share."""
        return sum(self._verifier_share_sizes())

    @property
    def verifier_message_size(self) -> int:
        """Bytes of an encoded verifier message."""
        return self.shape.binding_size

    @property
    def verifier_state_size(self) -> int:
        """Bytes of an encoded verifier state."""
        return self.output_share_size + self.shape.binding_size

    def input_share_size(self, agg_id: int) -> int:
        """Bytes of the encoded input share of one aggregator."""
        return sum(self._input_share_sizes(agg_id))

    def decode_public_share(self, data: bytes) -> PublicShare:
        """The public share behind its encoding."""
        sizes = [self.shape.binding_size] * self.shares
        return PublicShare(tuple(split("public share", data, sizes)))

    def decode_input_share(self, agg_id: int, data: bytes) -> InputShare:
        """The input share of one aggregator behind its encoding."""
        sizes = self._input_share_sizes(agg_id)
        measurement, proofs, blind = split(f"input share {agg_id}", data, sizes)
        if agg_id:
            return HelperShare(measurement, proofs, blind)
        decode = self.field.decode_vec
        return LeaderShare(self.field, decode(measurement), decode(proofs), blind)

    def decode_verifier_share(self, data: bytes) -> VerifierShare:
        """The verifier share behind its encoding."""
        verifiers, part = split("verifier share", data, self._verifier_share_sizes())
        return VerifierShare(self.field, self.field.decode_vec(verifiers), part)

    def decode_verifier_message(self, data: bytes) -> VerifierMessage:
        """The verifier message behind its encoding."""
        return VerifierMessage(*split("verifier message", data, [self.shape.binding_size]))

    def decode_verifier_state(self, data: bytes) -> VerifierState:
        """The verifier state behind its encoding."""
        sizes = [self.output_share_size, self.shape.binding_size]
        output, seed = split("verifier state", data, sizes)
        return VerifierState(self.decode_output_share(output), seed)

    def check_public_share(self, public_share: PublicShare) -> None:
        """Refuse a public share made for another instance with ParameterError."""
        validate.size("parts of the public share", public_share.parts, self.shares)
        for part in public_share.parts:
            validate.octets("part of the public share", part, self.shape.binding_size)

    def check_input_share(self, agg_id: int, input_share: InputShare) -> None:
        """Refuse the input share of another instance or aggregator with ParameterError."""
        self.check_agg_id(agg_id)
        expected = HelperShare if agg_id else LeaderShare
        if not isinstance(input_share, expected):
            raise ParameterError(f"aggregator {agg_id} takes a {expected.__name__}")
        validate.octets("blind", input_share.blind, self.shape.binding_size)
        if isinstance(input_share, LeaderShare):
            shape = self.shape
            self.check_elements("measurement share", input_share.measurement, shape.measurement_len)
            self.check_elements("proofs share", input_share.proofs, shape.proofs_len)
        else:
            validate.octets("measurement seed", input_share.measurement_seed, self.shape.seed_size)
            validate.octets("proofs seed", input_share.proofs_seed, self.shape.seed_size)

    def check_verifier_shares(self, verifier_shares: Sequence[VerifierShare]) -> None:
        """Refuse verifier shares that are not one of this instance per aggregator."""
        validate.size("verifier shares", verifier_shares, self.shares)
        for share in verifier_shares:
            self.check_elements("verifiers", share.verifiers, self.shape.verifiers_len)
            validate.octets("part", share.part, self.shape.binding_size)

    def _input_share_sizes(self, agg_id: int) -> list[int]:
        """Bytes of a measurement share (or its seed), of proof shares (or theirs), of a blind."""
        self.check_agg_id(agg_id)
        shape = self.shape
        if agg_id:
            return [shape.seed_size, shape.seed_size, shape.binding_size]
        lengths = (shape.measurement_len, shape.proofs_len)
        return [*map(self._bytes, lengths), shape.binding_size]

    def _verifier_share_sizes(self) -> list[int]:
        """Bytes of the verifiers, and of a part."""
        return [self._bytes(self.shape.verifiers_len), self.shape.binding_size]

    def _bytes(self, elements: int) -> int:
        return elements * self.field.encoded_size
