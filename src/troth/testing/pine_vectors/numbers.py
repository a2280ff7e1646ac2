"""From numbers to elements and back: rounding, extremes, integers, and what cannot be encoded."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import cycle

import numpy as np

from troth.errors import ParameterError
from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.field import Elements, Integers
from troth.privacy.secagg.sharing import share_encoded
from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.recorder import Recorder, deterministic_bytes
from troth.testing.pine_vectors.reports import WITH_ALPHA, decimals, drawn, whole
from troth.testing.pine_vectors.theme import VARIANTS, Theme, parameters

SMALLEST_NORMAL = 2.0**-1022
FEW_CHECKS = {"num_wr_checks": 1, "num_wr_successes": 1}


def rounding() -> Theme:
    """Ties, near-ties and numbers next to nothing, for many numbers of fractional bits."""
    theme = Theme(
        "rounding",
        "Entries that are ties (rounded to even), one unit in the last place off a tie, and "
        "numbers next to nothing, for 0 to 127 fractional bits. Variants take turns.",
    )
    turns = cycle(VARIANTS)
    kinds: dict[str, Callable[[float], list[float]]] = {
        "ties": lambda unit: [
            sign * (half + 0.5) * unit for half in (0, 1, 2, 3) for sign in (1, -1)
        ],
        "near-ties": lambda unit: [
            sign * math.nextafter((half + 0.5) * unit, direction * math.inf)
            for half in (0, 1)
            for sign in (1, -1)
            for direction in (1, -1)
        ],
        "specials": lambda unit: [
            -0.0,
            SMALLEST_NORMAL,
            -SMALLEST_NORMAL,
            1e-300,
            math.nextafter(unit, 0),
            -math.nextafter(2 * unit, 0),
            math.nextafter(9.5 * unit, 0),
            math.pi * unit,
        ],
    }
    for bits in (*range(31), 40, 52, 53, 54, 60, 63, 64, 100, 126, 127):
        for kind, entries in kinds.items():
            variant = next(turns)
            name = f"rounding-{bits:03}-{kind}-{variant}"
            chosen = parameters(variant, dimension=8, num_frac_bits=bits, **FEW_CHECKS)
            measured = [repr(entry) for entry in entries(2.0**-bits)]
            comment = f"{kind} at {bits} fractional bits"
            theme.add(whole(name, chosen, comment, measured, longest=1024))
    return theme


@cache
def largest_bound(variant: str) -> int:
    """The largest norm bound that a variant takes."""
    low, high = 1, 1 << 128
    while high - low > 1:
        middle = (low + high) // 2
        try:
            instance(parameters(variant, l2_norm_bound=middle))
        except ParameterError:
            high = middle
        else:
            low = middle
    return low


def extremes() -> Theme:
    """Norms at the bound, and bounds at the limits of the field."""
    theme = Theme(
        "extremes",
        "Vectors whose norm is exactly the bound or just below, zero vectors, bounds of 1 and the "
        "largest bound that each variant takes.",
    )
    for variant in VARIANTS:
        most = largest_bound(variant)
        for name, bound, vector in (
            ("one-entry", 65, [65, 0, 0, 0]),
            ("one-negative-entry", 65, [0, 0, -65, 0]),
            ("last-entry", 65, [0, 0, 0, 65]),
            ("two-entries", 65, [16, -63, 0, 0]),
            ("four-entries", 65, [-40, 40, 32, -1]),
            ("one-below", 65, [64, -8, 8, 0]),
            ("zero", 65, [0, 0, 0, 0]),
            ("bound-1-zero", 1, [0, 0, 0, 0]),
            ("bound-1-at-the-bound", 1, [0, -1, 0, 0]),
            ("largest-bound-zero", most, [0, 0, 0, 0]),
            ("largest-bound-at-the-bound", most, [0, -most, 0, 0]),
            ("largest-bound-four-entries", most, [most // 2, -(most // 2), most // 2, -most // 2]),
            ("largest-bound-small", most, [1, -1, 2, -3]),
        ):
            chosen = parameters(variant, l2_norm_bound=bound, num_frac_bits=0, chunk_length=17)
            full = f"extreme-{name}-{variant}"
            comment = f"norm bound {bound}"
            if name == "largest-bound-four-entries" and sum(x * x for x in vector) > bound**2:
                vector[3] += 1
            integers = [str(entry) for entry in vector]
            theme.add(
                whole(full, chosen, comment, integers, operation="shard_integers", longest=512)
            )
    return theme


def integers() -> Theme:
    """Vectors that are quantised already."""
    theme = Theme(
        "integers",
        "Vectors that are quantised already, up to 64-bit integers in the variants whose field "
        "holds them; entries are decimal strings.",
    )
    for variant in VARIANTS:
        most = min(largest_bound(variant), 2**63)
        for index in range(8):
            name = f"integers-{index}-{variant}"
            bound = most >> (4 * (index % 4))
            vector = drawn(name, 5, max(1, bound // 3))
            if index == 0:
                vector = [0, 0, -bound, 0, 0]
            elif index == 4:
                vector = [0, bound - 1, 0, 0, 0]
            chosen = parameters(
                variant, dimension=5, l2_norm_bound=bound, num_frac_bits=index, chunk_length=20
            )
            listed = [str(entry) for entry in vector]
            comment = f"norm bound {bound}, {index} fractional bits"
            theme.add(
                whole(
                    name,
                    chosen,
                    comment,
                    listed,
                    operation="shard_integers",
                    integers=True,
                    longest=512,
                )
            )
    return theme


def refused_measurements() -> Theme:
    """What an honest client cannot share."""
    theme = Theme(
        "refused-measurements",
        "Measurements that the client must refuse (encoding): not a number, infinite, subnormal, a "
        "norm above the bound over the integers (also where it is small modulo the modulus), and "
        "wraparound results out of range. Lengths that do not fit (parameter).",
    )
    for variant in VARIANTS:
        chosen = parameters(variant, **FEW_CHECKS)
        for name, comment, entries in _unencodable():
            vector = Recorder(f"refused-{name}-{variant}", chosen, comment)
            vector.shard(entries, check="encoding")
            theme.add(vector)
        for name, comment, vector_of in _over_the_bound(chosen):
            vector = Recorder(f"refused-{name}-{variant}", chosen, comment)
            listed = [str(entry) for entry in vector_of]
            vector.shard(listed, operation="shard_integers", check="encoding")
            theme.add(vector)
        for vector in _wrong_lengths(variant, chosen):
            theme.add(vector)
    for variant in WITH_ALPHA:
        for recorder in _wraparound_results(variant):
            theme.add(recorder)
    return theme


def _unencodable() -> Iterator[tuple[str, str, list[str]]]:
    subnormal = repr(math.nextafter(SMALLEST_NORMAL, 0))
    for name, comment, entry in (
        ("nan", "not a number", "NaN"),
        ("inf", "infinity", "Infinity"),
        ("minus-inf", "minus infinity", "-Infinity"),
        ("smallest-subnormal", "the smallest subnormal number", "5e-324"),
        ("largest-subnormal", "the largest subnormal number", subnormal),
        ("negative-subnormal", "a negative subnormal number", f"-{subnormal}"),
        ("huge", "an entry far above every bound", "1e+300"),
        (
            "largest-float",
            "the largest float overflows when it is scaled",
            repr(-math.ldexp(1, 1023) * (2 - 2**-52)),
        ),
        ("just-over", "rounds to one above the bound", repr(64.5 / 16 + 2**-40)),
    ):
        yield name, comment, ["0.0", "0.5", entry, "-1.0"]
    over = decimals([32, 32, 32, 33])
    yield "norm-over-by-65", "squared norm 4161, bound 4096", over
    yield "norm-over-by-one", "squared norm 4097, bound 4096", decimals([64, 0, 1, 0])


def _over_the_bound(chosen: Json) -> Iterator[tuple[str, str, list[int]]]:
    modulus = instance(chosen).field.modulus
    yield "minus-modulus-plus-one", "1 modulo the modulus", [-(modulus - 1), 0, 0, 0]
    yield "modulus", "0 modulo the modulus", [0, modulus, 0, 0]
    yield "modulus-plus-one", "1 modulo the modulus", [0, 0, modulus + 1, 0]
    yield "int64-overflow", "squares that overflow 64 bits", [2**32, 2**32, 2**32, 2**32]
    yield "least-int64", "an entry of -2^63", [0, 0, 0, -(2**63)]


def _wrong_lengths(variant: str, chosen: Json) -> Iterator[Recorder]:
    pine = instance(chosen)
    good = decimals([1, 2, 3, 4])
    sizes: Sequence[tuple[str, list[str], int, int]] = (
        ("dimension-3", good[:3], 0, 0),
        ("dimension-5", [*good, "0.0"], 0, 0),
        ("dimension-0", [], 0, 0),
        ("short-nonce", good, -1, 0),
        ("long-nonce", good, 1, 0),
        ("short-rand", good, 0, -1),
        ("long-rand", good, 0, 1),
        ("rand-of-one-seed-less", good, 0, -pine.VERIFY_KEY_SIZE),
    )
    for name, entries, nonce, rand in sizes:
        vector = Recorder(f"refused-{name}-{variant}", chosen, name.replace("-", " "))
        vector.given("nonce", deterministic_bytes(name, pine.NONCE_SIZE + nonce))
        vector.given("rand", deterministic_bytes(name, pine.RAND_SIZE + rand))
        vector.step("shard", check="parameter", measurement=entries, nonce="nonce", rand="rand")
        yield vector


def _wraparound_results(variant: str) -> Iterator[Recorder]:
    """With W = 16, results of −15 to 16 are in range: −16 is not, though no entry is over 8."""
    wanted = (
        ((8, 8), 16, None),
        ((8, 8), -8, None),
        ((8, 7), -15, None),
        ((8, 8), -16, "encoding"),
    )
    for vector, result, check in wanted:
        for successes in (1, 2):
            chosen = parameters(
                variant,
                dimension=2,
                num_frac_bits=0,
                l2_norm_bound=12,
                num_wr_checks=2,
                num_wr_successes=successes,
                alpha=1.2,
            )
            name = f"wraparound-result-{result}-{successes}-of-2-{variant}"
            comment = f"the second check gives {result}, W is 16"
            rand = _rand_for(chosen, name, vector, result)
            recorder = Recorder(name, chosen, comment)
            listed = [str(entry) for entry in vector]
            recorder.shard(listed, operation="shard_integers", rand=rand, check=check)
            if check is None:
                recorder.verify_key()
                recorder.verify()
                recorder.sum_up(integers=True)
            yield recorder


def _rand_for(chosen: Json, name: str, vector: Sequence[int], result: int) -> bytes:
    """Randomness under which the first of two checks gives 0, the second the result."""
    pine = instance(chosen)
    nonce = deterministic_bytes(f"{name} nonce", pine.NONCE_SIZE)
    for attempt in range(10_000):
        rand = deterministic_bytes(f"{name} rand {attempt}", pine.RAND_SIZE)
        if _results_of(chosen, vector, nonce, rand) == [0, result]:
            return rand
    raise ValueError(f"{name}: no randomness found")


def _results_of(chosen: Json, vector: Sequence[int], nonce: bytes, rand: bytes) -> list[int]:
    """The results of a vector's wraparound checks, in range or not."""
    pine = instance(chosen)
    seen: list[int] = []

    def look(results: Integers) -> Elements:
        seen.extend(int(result) for result in results)
        return pine.field.zeros(pine.measurement_len - pine.parameters.prefix_len)

    prefix = encode_prefix(pine.parameters, np.array(vector))
    share_encoded(pine.derive, prefix, nonce, rand, look)
    return seen
