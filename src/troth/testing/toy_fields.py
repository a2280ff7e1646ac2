"""PINE over fields so small that chances can be counted, and everything can be enumerated.

Nothing here is sound, and nothing that anybody relies on may use it: a false proof passes with a
probability that can be *seen*. For tests only.
"""

from troth.privacy.secagg.field import FIELD32, Field
from troth.privacy.secagg.parameters import DEFAULT_ALPHA, Parameters, Variant
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.xof import XofHmacSha256Aes128


def toy_field(modulus: int) -> Field:
    """The field of an odd prime below 2^16, on the same arithmetic as Field32."""
    log_order = ((modulus - 1) & (1 - modulus)).bit_length() - 1
    odd_part = (modulus - 1) >> log_order
    roots = (pow(base, odd_part, modulus) for base in range(2, modulus))
    return type(FIELD32)(
        f"Field of {modulus}",
        modulus=modulus,
        encoded_size=(modulus.bit_length() + 7) // 8,
        # Of order 2^log_order: half of that gives −1.
        generator=next(r for r in roots if pow(r, 1 << (log_order - 1), modulus) == modulus - 1),
        log_order=log_order,
    )


def toy_parameters(
    field: Field,
    *,
    dimension: int,
    l2_norm_bound: int,
    num_wr_checks: int,
    num_wr_successes: int | None = None,
    chunk_length: int = 1,
    chunk_length_norm_equality: int = 1,
    proofs: int = 1,
    proofs_norm_equality: int = 1,
    alpha: float = DEFAULT_ALPHA,
) -> Parameters:
    """Parameters for two shares that nothing has checked; successes: as many as checks."""
    return Parameters(
        variant=Variant(f"Pine over {field.name}", field, XofHmacSha256Aes128, 0, proofs),
        shares=2,
        dimension=dimension,
        num_frac_bits=0,
        l2_norm_bound=l2_norm_bound,
        num_wr_checks=num_wr_checks,
        num_wr_successes=num_wr_checks if num_wr_successes is None else num_wr_successes,
        chunk_length=chunk_length,
        chunk_length_norm_equality=chunk_length_norm_equality,
        proofs=proofs,
        proofs_norm_equality=proofs_norm_equality,
        alpha=alpha,
    )


def toy_pine(parameters: Parameters) -> Pine:
    """An instance of PINE with such parameters."""
    return Pine._unchecked(parameters)  # noqa: SLF001  # the constructor made for this purpose
