"""How likely is a false norm proof to pass? Figures from the shapes of the circuits themselves.

Three parts must all hold: norm equality, validity, wraparound checks. The bounds, and why they are
true, stand in ``docs/security.md``, C8; those of the proofs are Theorem 4.3 of Boneh, Boyle,
Corrigan-Gibbs, Gilboa and Ishai (CRYPTO 2019) with the constants of PINE's circuits. Errors are
exact fractions. `Pine` does not ask for any of this: it takes what the reference takes. Lies that
pass about as often as the bounds allow are counted in ``tests/secagg/test_measured_soundness.py``.
"""

from dataclasses import dataclass
from fractions import Fraction

from troth.privacy.secagg.circuits import NormEquality, Statement, Validity
from troth.privacy.secagg.flp import Circuit, wire_points
from troth.privacy.secagg.parameters import Parameters

EXACT_FIELD = 75
"""Least q over W² for a norm bound that is exact: from there on, a vector whose squared norm wraps
around q passes a wraparound check with probability at most ½ (argued in ``docs/security.md``, C8).
PINE's reference code asks for 1/4000 only, and `troth.privacy.secagg` accepts what it accepts."""

_TENTHS = 10
"""Figures are rounded down to one bit over this."""


@dataclass(frozen=True, slots=True)
class Soundness:
    """Bits b of each part: what it must refuse passes with probability at most 2^-b.

    They hold for one try. A reporter that tries W sharings before it reports lowers validity and
    wraparound by log2 W.
    """

    norm_equality: float
    """The squared norm modulo q is the number in the norm bits."""
    validity: float
    """Bits are bits, that number is in range, and enough wraparound checks are claimed truly."""
    wraparound: float
    """A squared norm of q or more fails the wraparound checks; 0 where the norm is not exact."""

    @property
    def least(self) -> float:
        """Bits of the weakest part."""
        return min(self.norm_equality, self.validity, self.wraparound)

    def both(self, other: "Soundness") -> "Soundness":
        """What holds for this proof and for another one: the lesser of either part."""
        return Soundness(
            norm_equality=min(self.norm_equality, other.norm_equality),
            validity=min(self.validity, other.validity),
            wraparound=min(self.wraparound, other.wraparound),
        )


def soundness(parameters: Parameters) -> Soundness:
    """The bits of every part, for checked parameters; takes time linear in the checks."""
    checks, successes = parameters.num_wr_checks, parameters.num_wr_successes
    return Soundness(
        norm_equality=bits(norm_equality_error(parameters) ** parameters.proofs_norm_equality),
        validity=bits(validity_error(parameters) ** parameters.proofs),
        wraparound=bits(wraparound_error(checks, successes)) if norm_is_exact(parameters) else 0.0,
    )


def norm_is_exact(parameters: Parameters) -> bool:
    """Whether the field is so large that wraparound checks catch every norm above the bound."""
    return parameters.field.modulus >= EXACT_FIELD * parameters.wr_check_bound**2


def norm_equality_error(parameters: Parameters) -> Fraction:
    """Most that *one* false proof of norm equality passes with."""
    return _query_error(NormEquality(parameters))


def validity_error(parameters: Parameters) -> Fraction:
    """Most that *one* false proof of validity passes with.

    Folding n bit checks is a polynomial of degree n − 1 in the joint randomness, the last fold one
    of degree 3; the wraparound checks are fewer than the bits.
    """
    folds = Fraction(parameters.bit_count + 2, parameters.field.modulus)
    return folds + _query_error(Validity(parameters))


def wraparound_error(checks: int, successes: int) -> Fraction:
    """Most that a norm that wraps passes with, in a field where the norm is exact.

    It passes each check with probability at most ½, on its own, and needs so many successes: the
    reporter claims none that it does not have (validity), and may hide what is too many.
    """
    ways = term = 1
    for failures in range(checks - successes):
        term = term * (checks - failures) // (failures + 1)
        ways += term
    return Fraction(ways, 2**checks)


def bits(error: Fraction) -> float:
    """−log2 of a positive probability's bound, rounded down to a tenth; computed in integers."""
    if error >= 1:
        return 0.0
    inverse: int = error.denominator**_TENTHS // error.numerator**_TENTHS
    return (inverse.bit_length() - 1) / _TENTHS


def _query_error(circuit: Circuit[Statement]) -> Fraction:
    """A gadget of degree 2 over P points, queried anywhere but at those points."""
    points = wire_points(circuit.calls)
    return Fraction(2 * (points - 1), circuit.field.modulus - points)
