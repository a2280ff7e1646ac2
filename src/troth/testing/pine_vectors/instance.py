"""What a vector's words stand for: its parameters an instance, its measurement numbers."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from troth.privacy.secagg.parameters import DEFAULT_ALPHA, VARIANTS
from troth.privacy.secagg.pine import Pine

Json = dict[str, Any]


def instance(parameters: Json, options: Mapping[str, Any] | None = None) -> Pine:
    """The instance that a vector's parameters describe; options change no byte of what it does.

    Raises:
        ParameterError: They are refused.
    """
    return _instance(tuple(sorted(parameters.items())), tuple((options or {}).items()))


@lru_cache(maxsize=64)
def _instance(items: tuple[tuple[str, Any], ...], options: tuple[tuple[str, Any], ...]) -> Pine:
    named = dict(items)
    variant = str(named.pop("variant"))
    named["l2_norm_bound"] = int(named["l2_norm_bound"])
    fixed = _fixed(variant)
    # What a variant fixes is stated in the vectors, and left out here if it is stated rightly.
    chosen = {key: value for key, value in named.items() if fixed.get(key) != value}
    return Pine(variant, **chosen, **dict(options))


def _fixed(variant: str) -> Json:
    known = VARIANTS.get(variant)
    if known is None:
        return {}
    if known.chooses_proofs:
        return {"alpha": DEFAULT_ALPHA}
    return {"proofs": known.proofs, "proofs_norm_equality": 1}


def measurement(step: Json) -> list[int] | list[float]:
    """The vector that a step shards: listed as decimals, or made by the rule that is named."""
    number = int if step["operation"] == "shard_integers" else float
    listed = step["measurement"]
    if isinstance(listed, list):
        return [number(text) for text in listed]
    integers = _lcg(**listed)
    if number is int:
        return integers
    return [integer / 2 ** listed["num_frac_bits"] for integer in integers]


def _lcg(*, length: int, seed: int, span: int, num_frac_bits: int = 0) -> list[int]:
    """Integers in −span … span, drawn by a linear congruence modulo 2^64."""
    del num_frac_bits  # says how the integers become floats
    state, values = seed, []
    for _ in range(length):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 33) % (2 * span + 1) - span)
    return values
