"""The wraparound checks: that the squared norm did not wrap around the modulus.

The circuits show that the norm is in range *modulo q*. A vector with large entries could still
have a small norm there. Random sums of entries with signs −1, 0, 1 are then large with
probability ½ or more; the client proves that all of many such sums are small. See
draft-chen-cfrg-vdaf-pine, ``run_wr_checks`` and ``encode_wr_checks`` (``poc/`` at 4d11ac8).
"""

import numpy as np
import numpy.typing as npt

from troth.errors import ShareAgain
from troth.privacy.secagg.encoding import to_bits
from troth.privacy.secagg.field import Elements, Integers
from troth.privacy.secagg.parameters import Parameters
from troth.privacy.secagg.xof import Xof

_SIGNS = np.array([-1, 0, 0, 1], dtype=np.int8)
_SIGNS_AT_ONCE = 1 << 20  # bounds the memory of one step, not the result


def run_checks(parameters: Parameters, xof: Xof, gradient: Elements) -> Elements:
    """The results of all checks; run by the client on its gradient, by aggregators on a share.

    Args:
        parameters: The instance's parameters.
        xof: The stream seeded by the wraparound seed; all checks read it in turn.
        gradient: The gradient or a share of it, shape (dimension,).

    Returns:
        One element per check, shape (num_wr_checks,); linear in the gradient.
    """
    batch = max(1, _SIGNS_AT_ONCE // parameters.dimension)
    results = []
    for start in range(0, parameters.num_wr_checks, batch):
        checks = min(batch, parameters.num_wr_checks - start)
        signs = _read_signs(xof, checks, parameters.dimension)
        results.append(parameters.field.signed_product(signs, gradient))
    return np.concatenate(results)


def encode_results(parameters: Parameters, results: Integers) -> Elements:
    """Per check the bits of its shifted result, then its success bit.

    Args:
        parameters: The instance's parameters.
        results: The results as signed integers, shape (num_wr_checks,).

    Raises:
        ShareAgain: A result is out of range, which honest clients see with small probability:
            its shifted value has no such bits, whatever ``num_wr_successes`` allows.
    """
    bound = parameters.wr_check_bound
    if np.any((results <= -bound) | (results > bound)):
        raise ShareAgain("a wraparound check is out of range; share again with fresh rand")
    rows = to_bits(parameters, results + (bound - 1), parameters.num_bits_for_wr_check)
    # Exactly num_wr_successes success bits may be set, so later successes are not claimed.
    claimed = np.arange(parameters.num_wr_checks) < parameters.num_wr_successes
    return np.hstack([rows, claimed[:, None].astype(parameters.field.dtype)]).reshape(-1)


def _read_signs(xof: Xof, checks: int, dimension: int) -> npt.NDArray[np.int8]:
    """Signs of shape (checks, dimension): two bits each, low bits first, whole bytes per check."""
    row = -(-dimension // 4)
    data = np.frombuffer(xof.next(checks * row), dtype=np.uint8).reshape(checks, row, 1)
    pairs = (data >> np.array([0, 2, 4, 6], dtype=np.uint8)) & 3
    signs: npt.NDArray[np.int8] = _SIGNS[pairs.reshape(checks, 4 * row)[:, :dimension]]
    return signs
