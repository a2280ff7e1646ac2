"""Honest reports under every kind of parameters: the sum comes out, byte by byte."""

from collections.abc import Iterator, Sequence

from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.recorder import Recorder, deterministic_bytes
from troth.testing.pine_vectors.theme import VARIANTS, Theme, parameters

WITH_PROOFS = [short for short in VARIANTS if short.endswith("-hmac")]
WITH_ALPHA = [short for short in VARIANTS if not short.endswith("-hmac")]


def drawn(label: str, length: int, span: int) -> list[int]:
    """Integers in −span … span that are the same in every run."""
    data = deterministic_bytes(f"{label} measurement", 8 * length)
    words = (data[start : start + 8] for start in range(0, len(data), 8))
    return [int.from_bytes(word, "little") % (2 * span + 1) - span for word in words]


def decimals(integers: Sequence[int], num_frac_bits: int = 4) -> list[str]:
    """The floats that are quantised to these integers, exactly, as decimals."""
    return [repr(integer / 2**num_frac_bits) for integer in integers]


def whole(
    name: str,
    chosen: Json,
    comment: str,
    measurement: Sequence[str] | Json,
    *,
    operation: str = "shard",
    integers: bool = False,
    longest: int = 4096,
) -> Recorder:
    """One report from the client to the sum, which is one of floats or of integers."""
    vector = Recorder(name, chosen, comment, longest=longest)
    vector.shard(measurement, operation=operation)
    vector.verify_key()
    vector.verify()
    vector.sum_up(integers=integers)
    return vector


def dimensions() -> Theme:
    """Every dimension from 1 to 40."""
    theme = Theme(
        "dimensions",
        "One honest report for every dimension from 1 to 40 in every variant, with chunk lengths "
        "that divide and that do not. Wraparound checks read whole bytes, four entries each.",
    )
    for variant in VARIANTS:
        for dimension in range(1, 41):
            chosen = parameters(
                variant,
                dimension=dimension,
                num_wr_checks=2,
                num_wr_successes=2,
                chunk_length=5 + dimension % 7,
                chunk_length_norm_equality=1 + dimension % 5,
            )
            name = f"dimension-{dimension:02}-{variant}"
            comment = f"dimension {dimension}: {-dimension % 4} unused pairs of bits per check"
            theme.add(whole(name, chosen, comment, decimals(drawn(name, dimension, 9))))
    return theme


def shares() -> Theme:
    """More than two aggregators."""
    theme = Theme(
        "shares",
        "Three to seventeen aggregators, and 130: aggregator indices beyond 127. Public constants "
        "are split evenly, whatever the number of shares.",
    )
    for variant in VARIANTS:
        for count in (3, 4, 5, 17):
            for dimension in (3, 6, 9) if count < 17 else (2,):
                chosen = parameters(variant, shares=count, dimension=dimension)
                name = f"shares-{count:02}-dimension-{dimension}-{variant}"
                measured = decimals(drawn(name, dimension, 20))
                comment = f"{count} aggregators"
                longest = 2048 if count < 17 else 256
                theme.add(whole(name, chosen, comment, measured, longest=longest))
    name = "shares-130-pine32-hmac"
    chosen = parameters("pine32-hmac", shares=130, dimension=2, proofs=1, num_wr_checks=1)
    chosen["num_wr_successes"] = 1
    measured = decimals([3, -4])
    theme.add(whole(name, chosen, "130 aggregators", measured, longest=64))
    return theme


def circuits() -> Theme:
    """Chunk lengths, proofs, wraparound checks and alpha off their defaults."""
    theme = Theme(
        "circuits",
        "Chunk lengths from 1 to more than there is to chunk, numbers of proofs, of wraparound "
        "checks and of successes, and alpha where it may be chosen.",
    )
    for variant in VARIANTS:
        for name, comment, changed in _circuit_choices(variant):
            chosen = parameters(variant, **changed)
            measured = decimals(drawn(name, chosen["dimension"], 6))
            theme.add(whole(name, chosen, comment, measured, longest=1024))
    return theme


def _circuit_choices(variant: str) -> Iterator[tuple[str, str, Json]]:
    for chunk in (1, 2, 3, 5, 7, 8, 16, 31, 32, 33, 62, 70):
        yield f"chunk-{chunk:02}-{variant}", f"chunk length {chunk}", {"chunk_length": chunk}
    for dimension, chunk in ((7, 1), (7, 2), (8, 2), (8, 4), (7, 5), (9, 9), (9, 11), (15, 1)):
        yield (
            f"norm-chunk-{chunk:02}-of-{dimension:02}-{variant}",
            f"{dimension} entries in chunks of {chunk}",
            {"dimension": dimension, "chunk_length_norm_equality": chunk},
        )
    for checks in (1, 2, 8, 17, 63, 64, 65, 100, 150):
        yield (
            f"checks-{checks:03}-{variant}",
            f"{checks} wraparound checks",
            {"num_wr_checks": checks, "num_wr_successes": checks, "chunk_length": 20 + checks},
        )
    for successes in (1, 2, 3, 4):
        yield (
            f"successes-{successes}-of-5-{variant}",
            f"the first {successes} of 5 checks are claimed, the others are not",
            {"num_wr_checks": 5, "num_wr_successes": successes},
        )
    if variant in WITH_PROOFS:
        for main, norm in ((1, 1), (1, 2), (2, 1), (3, 2), (7, 4), (16, 1), (1, 16)):
            yield (
                f"proofs-{main:02}-{norm:02}-{variant}",
                f"{main} proofs of validity, {norm} of norm equality",
                {"proofs": main, "proofs_norm_equality": norm},
            )
    else:
        for alpha in (0.75, 1.0, 1.5, 2.2, 3.9999, 4.0, 7.99, 8.0, 16.3, 100.25):
            yield f"alpha-{alpha}-{variant}", f"alpha {alpha}", {"alpha": alpha}


def aggregation() -> Theme:
    """Several reports in one sum."""
    theme = Theme(
        "aggregation",
        "Two to six reports, each with its own nonce and randomness, added up: sums that are "
        "negative, that cancel to zero, and that exceed the bound of a single vector.",
    )
    for variant in VARIANTS:
        for count in (2, 3, 6):
            name = f"reports-{count}-{variant}"
            vectors = [drawn(f"{name}-{index}", 5, 20) for index in range(count)]
            _add_sum(theme, name, variant, f"{count} reports", vectors)
        up = [64, 0, 0, 0, 0]
        down = [-entry for entry in up]
        kinds = {
            "negative": ("every sum is negative", [[-9, -1, -30, -2, -7]] * 2),
            "cancels": ("a vector and its negative", [up, down]),
            "beyond": ("a sum of twice the bound", [up, up]),
        }
        for kind, (comment, vectors) in kinds.items():
            _add_sum(theme, f"sum-{kind}-{variant}", variant, comment, vectors)
        if variant != "pine128":  # there the reference compares with a float, which is not exact
            _add_halves(theme, variant)
    return theme


def _add_halves(theme: Theme, variant: str) -> None:
    """Sums around half the modulus, where signs change; no honest reports give them."""
    chosen = parameters(variant, num_frac_bits=0)
    name = f"sum-halves-{variant}"
    vector = Recorder(name, chosen, "sums of half the modulus, rounded down, and one more")
    field = instance(chosen).field
    half = field.modulus // 2
    masks = field.vector(entry % field.modulus for entry in drawn(name, 4, 2**30))
    sums = field.vector([half, half + 1, field.modulus - 1, 0])
    vector.given("agg_share_0", field.encode_vec(field.sub(sums, masks)))
    vector.given("agg_share_1", field.encode_vec(masks))
    agg_shares = ["agg_share_0", "agg_share_1"]
    for operation in ("unshard", "unshard_integers"):
        vector.step(operation, agg_shares=agg_shares, num_measurements=1, agg_result=[])
    theme.add(vector)


def _add_sum(
    theme: Theme, name: str, variant: str, comment: str, vectors: Sequence[Sequence[int]]
) -> None:
    chosen = parameters(variant, dimension=len(vectors[0]), num_wr_checks=2, num_wr_successes=2)
    vector = Recorder(name, chosen, comment, longest=512)
    vector.verify_key()
    labels = [f"_of_report_{index}" for index in range(len(vectors))]
    for label, integers in zip(labels, vectors, strict=True):
        vector.shard(decimals(integers), label=label)
        vector.verify(label=label)
    vector.sum_up(labels)
    theme.add(vector)


def large() -> Theme:
    """Large dimensions, by generated measurements and digests."""
    theme = Theme(
        "large",
        "Dimensions from 1,000 to 100,000. The measurement is generated by the rule of the README; "
        "long messages are given by their digests.",
    )
    sizes = [(variant, 1000) for variant in VARIANTS]
    sizes += [(variant, 20_000) for variant in ("pine32-hmac", "pine64-hmac", "pine40-hmac")]
    sizes += [("pine64", 4001), ("pine32-hmac", 100_000)]
    for variant, dimension in sizes:
        name = f"large-{dimension}-{variant}"
        chosen = parameters(
            variant,
            dimension=dimension,
            num_frac_bits=7,
            l2_norm_bound=4096,
            chunk_length=40,
            # Seven calls, so that proofs stay short enough for the plainest arithmetic.
            chunk_length_norm_equality=-(-dimension // 7),
            num_wr_checks=10,
            num_wr_successes=10,
        )
        rule = {"length": dimension, "seed": dimension, "span": 15, "num_frac_bits": 7}
        comment = f"dimension {dimension}, entries of up to 15/128"
        theme.add(whole(name, chosen, comment, rule, longest=256))
    return theme
