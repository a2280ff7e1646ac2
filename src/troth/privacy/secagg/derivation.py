"""What PINE derives from seeds, keys and nonces: one method per usage of the XOF.

The table of usages, seeds and binders is that of PINE's code (``poc/vdaf_pine.py`` at 4d11ac8).
Usages 1 to 7 are those of Prio3 (draft-irtf-cfrg-vdaf-11, ``poc/vdaf_poc/prio3.py``), 8 to 10 are
PINE's own.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from troth.privacy.secagg.circuits import Statement
from troth.privacy.secagg.field import Elements, Field
from troth.privacy.secagg.flp import Flp, split_rows
from troth.privacy.secagg.kernels import Kernels
from troth.privacy.secagg.parameters import Parameters
from troth.privacy.secagg.xof import Xof

_PINE_VERSION = 1


class Usage(IntEnum):
    """What an output of the XOF is for; part of its domain separation tag."""

    MEASUREMENT_SHARE = 1
    PROOF_SHARE = 2
    JOINT_RANDOMNESS = 3
    PROVE_RANDOMNESS = 4
    QUERY_RANDOMNESS = 5
    VERIFICATION_SEED = 6
    VERIFICATION_PART = 7
    WRAPAROUND_RANDOMNESS = 8
    WRAPAROUND_SEED = 9
    WRAPAROUND_PART = 10


class Commitment:
    """Binds one measurement share, which comes in pieces: no copy of it is needed, nor all of it.

    Take in gradient and norm bits with :meth:`absorb_prefix`, the rest with :meth:`absorb_claims`.
    """

    def __init__(self, field: Field, wraparound: Xof, verification: Xof) -> None:
        self._field = field
        self._wraparound = wraparound
        self._verification = verification

    def absorb_prefix(self, piece: Elements) -> None:
        """Take in the next elements of gradient and norm bits, which both parts bind."""
        for packed in self._field.packed(piece):
            self._wraparound.absorb(packed)
            self._verification.absorb(packed)

    def absorb_claims(self, piece: Elements) -> None:
        """Take in the next elements of the rest, which only the verification part binds."""
        for packed in self._field.packed(piece):
            self._verification.absorb(packed)

    def wraparound_part(self) -> bytes:
        """Binds gradient and norm bits; run once, when all of them are in."""
        return self._wraparound.next(self._wraparound.SEED_SIZE)

    def verification_part(self) -> bytes:
        """Binds the whole measurement share; run once, when all of it is in."""
        return self._verification.next(self._verification.SEED_SIZE)


class Derivation:
    """The derivations of one instance, and the instance's parts that they depend on.

    Attributes:
        parameters: The instance's parameters.
        flps: The proofs of both circuits in the order of the wire: norm equality, then validity.
        kernels: What handles whole vectors.
    """

    def __init__(
        self, parameters: Parameters, flps: Sequence[Flp[Statement]], kernels: Kernels
    ) -> None:
        self.parameters = parameters
        self.flps = flps
        self.kernels = kernels
        self._main_count = bytes([parameters.proofs])
        self._counts = bytes([parameters.proofs_norm_equality, parameters.proofs])

    def measurement_share(self, seed: bytes, agg_id: int) -> Xof:
        """The stream of a Helper's measurement share, of which a beginning may be read first."""
        return self._xof(Usage.MEASUREMENT_SHARE, seed, bytes([agg_id]))

    def proof_shares(self, seed: bytes, agg_id: int) -> Elements:
        """A Helper's shares of all proofs, in one vector."""
        xof = self._xof(Usage.PROOF_SHARE, seed, self._counts + bytes([agg_id]))
        length = sum(flp.proofs * flp.proof_len for flp in self.flps)
        return xof.next_vec(self.parameters.field, length)

    def commitment(self, blinds: tuple[bytes, bytes], agg_id: int, nonce: bytes) -> "Commitment":
        """What will bind one measurement share, under its wraparound and verification blinds."""
        usages = (Usage.WRAPAROUND_PART, Usage.VERIFICATION_PART)
        binder = bytes([agg_id]) + nonce
        wraparound, verification = (
            self._xof(usage, blind, binder) for usage, blind in zip(usages, blinds, strict=True)
        )
        return Commitment(self.parameters.field, wraparound, verification)

    def wraparound_seed(self, parts: Iterable[bytes]) -> bytes:
        """From all wraparound parts, by aggregator."""
        return self._seed(Usage.WRAPAROUND_SEED, parts)

    def verification_seed(self, parts: Iterable[bytes]) -> bytes:
        """From all verification parts, by aggregator."""
        return self._seed(Usage.VERIFICATION_SEED, parts)

    def wraparound_checks(self, seed: bytes) -> Xof:
        """The stream of signs for all wraparound checks."""
        return self._xof(Usage.WRAPAROUND_RANDOMNESS, seed, b"")

    def joint_randomness(self, verification_seed: bytes) -> list[Elements]:
        """Joint randomness per circuit, one row per proof; empty rows for norm equality."""
        xof = self._xof(Usage.JOINT_RANDOMNESS, verification_seed, self._main_count)
        return self._draw(xof, [flp.circuit.joint_rand_len for flp in self.flps])

    def prove_randomness(self, seed: bytes) -> list[Elements]:
        """The client's randomness per circuit, one row per proof."""
        xof = self._xof(Usage.PROVE_RANDOMNESS, seed, self._counts)
        return self._draw(xof, [flp.prove_rand_len for flp in self.flps])

    def query_randomness(self, verify_key: bytes, nonce: bytes) -> list[Elements]:
        """The query points per circuit, one per proof."""
        xof = self._xof(Usage.QUERY_RANDOMNESS, verify_key, self._counts + nonce)
        return [points[:, 0] for points in self._draw(xof, [1 for _ in self.flps])]

    def _draw(self, xof: Xof, lengths: Sequence[int]) -> list[Elements]:
        """One matrix per circuit from one stream: a row of the given length per proof."""
        shapes = [(flp.proofs, length) for flp, length in zip(self.flps, lengths, strict=True)]
        total = sum(rows * columns for rows, columns in shapes)
        return split_rows(xof.next_vec(self.parameters.field, total), shapes)

    def _seed(self, usage: Usage, parts: Iterable[bytes]) -> bytes:
        xof = self.parameters.variant.xof
        return xof.derive_seed(bytes(xof.SEED_SIZE), self._tag(usage), b"".join(parts))

    def _xof(self, usage: Usage, seed: bytes, binder: bytes) -> Xof:
        return self.parameters.variant.xof(seed, self._tag(usage), binder)

    def _tag(self, usage: Usage) -> bytes:
        """Version, algorithm identifier and usage; one byte shorter than VDAF's own tag."""
        algorithm = self.parameters.variant.algorithm_id.to_bytes(4, "big")
        return bytes([_PINE_VERSION]) + algorithm + usage.to_bytes(2, "big")
