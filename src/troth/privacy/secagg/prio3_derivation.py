"""What Prio3 derives from seeds, keys and nonces: one method per usage of the XOF.

Usages, seeds and binders are those of draft-irtf-cfrg-vdaf-11 (section 7,
``poc/vdaf_poc/vdaf_prio3.py``). They are PINE's 1 to 7 under VDAF's own tag of 8 bytes.
"""

from collections.abc import Iterable

from troth.privacy.secagg.derivation import Usage
from troth.privacy.secagg.field import Elements
from troth.privacy.secagg.flp import Flp
from troth.privacy.secagg.xof import XofTurboShake128

_VDAF_VERSION = 8
"""In every tag of draft-11, whose number it is not."""

_ALGORITHM_CLASS = 0
"""Of all VDAFs."""


class Prio3Derivation:
    """The derivations of one instance; without joint randomness, parts and seed are empty.

    Args:
        algorithm_id: Of the kind of Prio3.
        measurement_len: Elements of an encoded measurement.
        flp: The proofs.
    """

    def __init__(self, algorithm_id: int, measurement_len: int, flp: Flp[Elements]) -> None:
        self._tag = bytes([_VDAF_VERSION, _ALGORITHM_CLASS]) + algorithm_id.to_bytes(4, "big")
        self._measurement_len = measurement_len
        self._flp = flp
        self._proofs = bytes([flp.proofs])

    def measurement_share(self, seed: bytes, agg_id: int) -> Elements:
        """A Helper's share of the encoded measurement."""
        binder = bytes([agg_id])
        return self._draw(Usage.MEASUREMENT_SHARE, seed, binder, self._measurement_len)

    def proof_shares(self, seed: bytes, agg_id: int) -> Elements:
        """A Helper's shares of all proofs, in one vector."""
        binder = self._proofs + bytes([agg_id])
        length = self._flp.proofs * self._flp.proof_len
        return self._draw(Usage.PROOF_SHARE, seed, binder, length)

    def prove_randomness(self, seed: bytes) -> Elements:
        """The client's randomness, one row per proof."""
        return self._rows(Usage.PROVE_RANDOMNESS, seed, self._proofs, self._flp.prove_rand_len)

    def query_points(self, verify_key: bytes, nonce: bytes) -> Elements:
        """The query points, one per proof."""
        return self._rows(Usage.QUERY_RANDOMNESS, verify_key, self._proofs + nonce, 1)[:, 0]

    def part(self, blind: bytes, agg_id: int, nonce: bytes, share: Elements) -> bytes:
        """Binds one measurement share."""
        if not self._joint_rand_len:
            return b""
        binder = bytes([agg_id]) + nonce + self._flp.circuit.field.encode_vec(share)
        return XofTurboShake128.derive_seed(blind, self._tagged(Usage.VERIFICATION_PART), binder)

    def seed(self, parts: Iterable[bytes]) -> bytes:
        """From all parts, by aggregator."""
        if not self._joint_rand_len:
            return b""
        nothing = bytes(XofTurboShake128.SEED_SIZE)
        tag = self._tagged(Usage.VERIFICATION_SEED)
        return XofTurboShake128.derive_seed(nothing, tag, b"".join(parts))

    def joint_randomness(self, seed: bytes) -> Elements:
        """Joint randomness, one row per proof."""
        if not self._joint_rand_len:
            return self._flp.circuit.field.zeros((self._flp.proofs, 0))
        return self._rows(Usage.JOINT_RANDOMNESS, seed, self._proofs, self._joint_rand_len)

    @property
    def _joint_rand_len(self) -> int:
        return self._flp.circuit.joint_rand_len

    def _rows(self, usage: Usage, seed: bytes, binder: bytes, columns: int) -> Elements:
        drawn = self._draw(usage, seed, binder, self._flp.proofs * columns)
        return drawn.reshape(self._flp.proofs, columns)

    def _draw(self, usage: Usage, seed: bytes, binder: bytes, length: int) -> Elements:
        field = self._flp.circuit.field
        return XofTurboShake128.expand(field, seed, self._tagged(usage), binder, length)

    def _tagged(self, usage: Usage) -> bytes:
        """Version, algorithm class, algorithm identifier and usage."""
        return self._tag + usage.to_bytes(2, "big")
