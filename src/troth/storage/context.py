"""What a sealed share belongs to: bound into the content cipher and into every wrapped key.

The binding is what makes a copied blob useless: moved to another chain, contract, study, round,
party or share it does not open (round protocol, section 1: every associated data binds these).
"""

from dataclasses import dataclass
from typing import Literal

from troth.domain.hashing import integer, labelled
from troth.errors import ParameterError

ADDRESS_SIZE = 20
STUDY_SIZE = 32

Role = Literal["site", "noise"]


@dataclass(frozen=True, slots=True)
class SealContext:
    """Where one sealed share belongs; built by the sealer and again by the holder, never sent.

    Raises:
        ParameterError: a field of the wrong size or sign, or a candidate that does not fit the
            role.
    """

    chain_id: int
    """The ledger's chain id."""
    contract: bytes
    """The 20-byte address of the contract that runs the round."""
    study: bytes
    """The 32-byte id of the study."""
    round: int
    """The round's id, never used twice."""
    role: Role
    """``site`` for a site's report, ``noise`` for a member's noise report."""
    party: bytes
    """The 20-byte address of whoever made the report."""
    candidate: int | None
    """The noise candidate of that member; None for a site, which has one report only."""
    share: int
    """The share's index: PINE's agg_id, 0 for the Leader share."""

    def __post_init__(self) -> None:
        _require_size("contract", self.contract, ADDRESS_SIZE)
        _require_size("study", self.study, STUDY_SIZE)
        _require_size("party", self.party, ADDRESS_SIZE)
        _require_uint256("chain_id", self.chain_id)
        _require_uint256("round", self.round)
        _require_uint256("share", self.share)
        match self.role:
            case "site":
                if self.candidate is not None:
                    raise ParameterError(
                        f"seal context: a site has no candidate, not {self.candidate}"
                    )
            case "noise":
                if self.candidate is None:
                    raise ParameterError("seal context: a noise report needs its candidate")
                _require_uint256("candidate", self.candidate)
            case _:
                raise ParameterError(f"seal context: unknown role {self.role!r}")

    def digest(self) -> bytes:
        """The 32 bytes that stand for this context in associated data and in HPKE's ``info``."""
        candidate = b"" if self.candidate is None else integer(self.candidate)
        return labelled(
            "seal-context",
            (
                integer(self.chain_id),
                self.contract,
                self.study,
                integer(self.round),
                self.role.encode(),
                self.party,
                candidate,
                integer(self.share),
            ),
        )


def _require_size(name: str, value: bytes, size: int) -> None:
    if type(value) is not bytes or len(value) != size:
        raise ParameterError(f"seal context: {name} must be {size} bytes, not {value!r}")


def _require_uint256(name: str, value: int) -> None:
    if type(value) is not int or not 0 <= value < 2**256:
        raise ParameterError(f"seal context: {name} must be an integer from 0, not {value!r}")
