"""The variants of PINE, their parameters, what follows from them, and what is refused.

Follows draft-chen-cfrg-vdaf-pine (``poc/`` at 4d11ac8, ``PineValidBase.__init__``): where the
draft's text and its code differ, the code and its test vectors are followed.
"""

import math
from dataclasses import dataclass, replace

from troth.errors import ParameterError
from troth.privacy.secagg import validate
from troth.privacy.secagg.field import FIELD32, FIELD40, FIELD64, FIELD128, Field
from troth.privacy.secagg.flp import proof_len, wire_points
from troth.privacy.secagg.xof import Xof, XofHmacSha256Aes128, XofTurboShake128

DEFAULT_ALPHA = 8.7
_LARGEST_CHUNK = 1 << 24
"""Or the dimension: longer chunks are padding only."""


@dataclass(frozen=True)
class Variant:
    """A variant of PINE: field, XOF, algorithm identifier, and what its users may choose."""

    name: str
    field: Field
    xof: type[Xof]
    algorithm_id: int
    proofs: int
    """Default number of proofs of the main circuit; the norm-equality circuit has 1."""

    @property
    def chooses_proofs(self) -> bool:
        """Whether the proof counts are parameters; where they are not, ``alpha`` is."""
        return self.xof is XofHmacSha256Aes128


VARIANTS = {
    variant.name: variant
    for variant in (
        # The first two share one identifier in the reference.
        Variant("Pine128", FIELD128, XofTurboShake128, 0xFFFFFFFF, 1),
        Variant("Pine64", FIELD64, XofTurboShake128, 0xFFFFFFFF, 2),
        Variant("Pine64HmacSha256Aes128", FIELD64, XofHmacSha256Aes128, 0xFFFF1004, 2),
        Variant("Pine32HmacSha256Aes128", FIELD32, XofHmacSha256Aes128, 0xFFFF1005, 5),
        Variant("Pine40HmacSha256Aes128", FIELD40, XofHmacSha256Aes128, 0xFFFF1006, 4),
    )
}


@dataclass(frozen=True)
class Parameters:
    """Everything that two parties must agree on; made by :func:`checked_parameters`."""

    variant: Variant
    shares: int
    dimension: int
    num_frac_bits: int
    l2_norm_bound: int
    """Bound of the norm of the *quantised* vector: already multiplied by 2^num_frac_bits."""
    num_wr_checks: int
    num_wr_successes: int
    chunk_length: int
    chunk_length_norm_equality: int
    proofs: int
    proofs_norm_equality: int
    alpha: float

    @property
    def field(self) -> Field:
        """The variant's field."""
        return self.variant.field

    @property
    def seed_size(self) -> int:
        """Bytes of every seed, blind and part, and of a verify key."""
        return self.variant.xof.SEED_SIZE

    @property
    def rand_size(self) -> int:
        """Bytes of randomness per sharing: four seeds per Helper and three of the Leader's."""
        return (4 * (self.shares - 1) + 3) * self.seed_size

    @property
    def sq_norm_bound(self) -> int:
        """B²."""
        return self.l2_norm_bound**2

    @property
    def num_bits_for_sq_norm(self) -> int:
        """Bits of a squared norm, and of what is left to the bound."""
        return self.sq_norm_bound.bit_length()

    @property
    def wr_check_bound(self) -> int:
        """W: an honest wraparound check gives a result in −W + 1 … W."""
        return _next_power_of_two(math.ceil(self.alpha * self.l2_norm_bound) + 1)

    @property
    def num_bits_for_wr_check(self) -> int:
        """Bits of a wraparound check's shifted result."""
        return (2 * self.wr_check_bound - 1).bit_length()

    @property
    def prefix_len(self) -> int:
        """Elements of gradient and norm bits, which wraparound checks are bound to."""
        return self.dimension + 2 * self.num_bits_for_sq_norm

    @property
    def measurement_len(self) -> int:
        """Elements that are shared: the prefix, then bits and success bit of every check."""
        return self.prefix_len + self.num_wr_checks * (self.num_bits_for_wr_check + 1)

    @property
    def bit_count(self) -> int:
        """Elements of the measurement that must be 0 or 1: all but the gradient."""
        return self.measurement_len - self.dimension


def checked_parameters(
    variant: str,
    *,
    shares: int,
    dimension: int,
    num_frac_bits: int,
    l2_norm_bound: int,
    chunk_length: int | None,
    chunk_length_norm_equality: int | None,
    num_wr_checks: int,
    num_wr_successes: int,
    proofs: int | None,
    proofs_norm_equality: int | None,
    alpha: float | None,
) -> Parameters:
    """Check parameters and fill in what is ``None``; see :class:`troth.privacy.secagg.pine.Pine`.

    Raises:
        ParameterError: A parameter is out of range, or they do not fit together.
    """
    if not any(variant == name for name in VARIANTS):
        raise ParameterError(f"unknown PINE variant {variant!r}; known: {', '.join(VARIANTS)}")
    chosen = VARIANTS[variant]
    if chosen.chooses_proofs and alpha is not None:
        raise ParameterError(f"alpha cannot be chosen for {variant}: it is {DEFAULT_ALPHA}")
    if not chosen.chooses_proofs and (proofs is not None or proofs_norm_equality is not None):
        raise ParameterError(f"proof counts cannot be chosen for {variant}: they are fixed")
    modulus = chosen.field.modulus
    validate.integer("l2_norm_bound", l2_norm_bound, 1, math.isqrt(modulus - 1))
    validate.integer("num_wr_checks", num_wr_checks, 1, modulus - 1)
    parameters = Parameters(
        variant=chosen,
        shares=validate.integer("shares", shares, 2, 255),
        dimension=validate.integer("dimension", dimension, 1, modulus - 1),
        num_frac_bits=validate.integer("num_frac_bits", num_frac_bits, 0, 127),
        l2_norm_bound=l2_norm_bound,
        num_wr_checks=num_wr_checks,
        num_wr_successes=validate.integer("num_wr_successes", num_wr_successes, 1, num_wr_checks),
        chunk_length=1,  # both chunk lengths follow below: they depend on the rest
        chunk_length_norm_equality=1,
        proofs=chosen.proofs if proofs is None else validate.integer("proofs", proofs, 1, 255),
        proofs_norm_equality=1
        if proofs_norm_equality is None
        else validate.integer("proofs_norm_equality", proofs_norm_equality, 1, 255),
        alpha=_alpha(DEFAULT_ALPHA if alpha is None else alpha, l2_norm_bound),
    )
    _check_soundness(parameters)
    return _with_chunk_lengths(parameters, chunk_length, chunk_length_norm_equality)


def _check_soundness(parameters: Parameters) -> None:
    """The relations between field and bounds on which soundness and completeness rest."""
    modulus, bound = parameters.field.modulus, parameters.wr_check_bound
    where = f"{parameters.field.name} with l2_norm_bound {parameters.l2_norm_bound}"
    if (modulus - 2) / parameters.sq_norm_bound <= 3:
        raise ParameterError(f"{where}: the squared bound must stay below a third of the modulus")
    if modulus / parameters.num_wr_checks < 2:
        raise ParameterError(f"{where}: {parameters.num_wr_checks} wraparound checks are too many")
    if modulus / bound < 2600:
        raise ParameterError(f"{where}: wraparound bound {bound} is over modulus/2600")
    if bound**2 / modulus > 4000:
        raise ParameterError(f"{where}: wraparound bound {bound} is over sqrt(4000·modulus)")


def _with_chunk_lengths(
    parameters: Parameters, chunk_length: int | None, chunk_length_norm_equality: int | None
) -> Parameters:
    """Set the chunk lengths; where one is ``None``, the one with the shortest proof."""
    groups = (parameters.bit_count, parameters.num_wr_checks)
    if chunk_length is None:
        chunk_length = _cheapest_chunk_length(groups, wires_per_entry=2)
    if chunk_length_norm_equality is None:
        chunk_length_norm_equality = _cheapest_chunk_length(
            (parameters.dimension,), wires_per_entry=1
        )
    largest = max(_LARGEST_CHUNK, parameters.dimension)
    complete = replace(
        parameters,
        chunk_length=validate.integer("chunk_length", chunk_length, 1, largest),
        chunk_length_norm_equality=validate.integer(
            "chunk_length_norm_equality", chunk_length_norm_equality, 1, largest
        ),
    )
    for name, calls in (
        ("chunk_length", count_calls(groups, chunk_length)),
        (
            "chunk_length_norm_equality",
            count_calls((parameters.dimension,), chunk_length_norm_equality),
        ),
    ):
        if 2 * wire_points(calls) > 1 << parameters.field.log_order:
            raise ParameterError(f"{name} is too small: {calls} gadget calls do not fit the field")
    return complete


def count_calls(groups: tuple[int, ...], chunk_length: int) -> int:
    """Gadget calls when each group of entries is padded to whole chunks on its own."""
    return sum(-(-entries // chunk_length) for entries in groups)


def _cheapest_chunk_length(groups: tuple[int, ...], wires_per_entry: int) -> int:
    """The chunk length with the shortest proof; the smaller of two that are equal.

    For every number of points P the best chunk is the smallest that needs at most P − 1 calls.
    """
    candidates = []
    points = wire_points(len(groups))
    while True:
        low, high = 1, max(groups)
        while low < high:
            middle = (low + high) // 2
            if count_calls(groups, middle) < points:
                high = middle
            else:
                low = middle + 1
        calls = count_calls(groups, low)
        candidates.append((proof_len(wires_per_entry * low, calls), low))
        if low == 1:
            return min(candidates)[1]
        points *= 2


def _next_power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _alpha(value: float, l2_norm_bound: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterError(f"alpha must be a number, not {value!r}")
    try:
        usual = value > 0 and math.isfinite(float(value) * l2_norm_bound)
    except OverflowError:
        usual = False
    if not usual:
        raise ParameterError(f"alpha is {value}, expected a positive number of usual size")
    return float(value)
