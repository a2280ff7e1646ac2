"""Reports of clients that lie, and verify keys that must not be used."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from troth.privacy.secagg.encoding import encode_prefix
from troth.privacy.secagg.field import Elements, Integers
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.sharing import share_encoded
from troth.privacy.secagg.wraparound import encode_results
from troth.testing import forgers
from troth.testing.forgers import Report
from troth.testing.pine_vectors.instance import Json, instance
from troth.testing.pine_vectors.recorder import Recorder, deterministic_bytes
from troth.testing.pine_vectors.theme import VARIANTS, Theme, parameters

CHECKS = 24
SUCCESSES = 23
HONEST = np.array([5, -7, 40, 0])
Forge = Callable[[Pine, bytes, bytes], Report]
Change = Callable[[Elements, Integers], None]
"""Changes rows of bits of wraparound checks (success bit last), given the true results."""


def forgeries() -> Theme:
    """Reports that follow the protocol but for one false claim."""
    theme = Theme(
        "forgeries",
        "Reports that a lying client shared and proved by the rules but for one claim. Only what "
        "aggregators do can be recomputed. Claims that nothing forbids are accepted: which checks "
        "succeed is the client's choice, and what an unclaimed check's bits say is not looked at.",
    )
    for variant in VARIANTS:
        for name, comment, check, forge in _forgeries():
            chosen = parameters(
                variant,
                num_wr_checks=CHECKS,
                num_wr_successes=SUCCESSES,
                chunk_length=30,
            )
            vector = Recorder(f"forged-{name}-{variant}", chosen, comment, longest=0)
            pine = instance(chosen)
            nonce = deterministic_bytes(f"{vector.name} nonce", pine.NONCE_SIZE)
            rand = deterministic_bytes(f"{vector.name} rand", pine.RAND_SIZE)
            public_share, input_shares = forge(pine, nonce, rand)
            vector.given("nonce", nonce)
            vector.given("public_share", public_share.encode())
            for agg_id, share in enumerate(input_shares):
                vector.given(f"input_share_{agg_id}", share.encode())
            vector.verify_key()
            vector.verify(message_check=check)
            theme.add(vector)
    return theme


def _forgeries() -> Iterator[tuple[str, str, str | None, Forge]]:
    yield (
        "over-norm",
        "a vector above the bound, whose norm bits say the bound",
        "norm_equality",
        lambda pine, *r: forgers.shard_over_norm(pine, [64, 0, 1, 0], *r),
    )
    yield (
        "far-over-norm",
        "a vector far above the bound, whose norm bits say the bound",
        "norm_equality",
        lambda pine, *r: forgers.shard_over_norm(pine, [400, -300, 500, 10], *r),
    )
    yield (
        "norm-out-of-range",
        "the true norm, one above the bound, with nothing left to it",
        "validity",
        lambda pine, *r: forgers.shard_norm_out_of_range(pine, [64, 0, 1, 0], *r),
    )
    yield (
        "norm-not-in-bits",
        "norm and rest each stand in one entry that is no bit",
        "validity",
        lambda pine, *r: forgers.shard_norm_not_in_bits(pine, HONEST, *r),
    )
    yield (
        "over-norm-not-in-bits",
        "a norm above the bound, written in entries that are no bits",
        "validity",
        lambda pine, *r: forgers.shard_norm_not_in_bits(pine, [100, 0, 0, 0], *r),
    )
    yield (
        "wraparound",
        "a huge vector of squared norm 0 modulo the modulus",
        "validity",
        forgers.shard_wraparound,
    )
    yield (
        "root-of-two",
        "one huge entry of square 2 modulo the modulus",
        "validity",
        forgers.shard_root_of_two,
    )
    yield (
        "results-not-in-bits",
        "a norm that wraps around, its results in entries that are no bits",
        "validity",
        forgers.shard_results_not_in_bits,
    )
    yield (
        "success-not-a-bit",
        "one success counted as all that are needed",
        "validity",
        forgers.shard_success_not_a_bit,
    )
    for claimed in (0, SUCCESSES - 1, SUCCESSES + 1):
        yield (
            f"successes-{claimed}",
            f"{claimed} successes claimed where {SUCCESSES} are needed",
            "validity",
            partial(_claiming, claimed),
        )
    for name, comment, check, change in _CHANGES:
        yield (name, comment, check, _changing(change))


def _claiming(claimed: int, pine: Pine, nonce: bytes, rand: bytes) -> Report:
    return forgers.shard_successes(pine, HONEST, nonce, rand, claimed)


def _changing(change: Change) -> Forge:
    """Share an honest vector with changed claims about its wraparound checks."""

    def forge(pine: Pine, nonce: bytes, rand: bytes) -> Report:
        def claim(results: Integers) -> Elements:
            rows = encode_results(pine.parameters, results).reshape(CHECKS, -1)
            change(rows, results)
            return rows.reshape(-1)

        prefix = encode_prefix(pine.parameters, HONEST)
        return share_encoded(pine.derive, prefix, nonce, rand, claim)

    return forge


def _false_result(rows: Elements, results: Integers) -> None:
    del results
    rows[5, 0] = 1 - int(rows[5, 0])


def _false_unclaimed(rows: Elements, results: Integers) -> None:
    del results
    rows[-1, 0] = 1 - int(rows[-1, 0])


def _unclaimed_not_bits(rows: Elements, results: Integers) -> None:
    del results
    rows[-1, 1] = 2


def _two_in_a_bit(rows: Elements, results: Integers) -> None:
    del results
    # The same number with a 2 in the place below a 1, or a 0 and a carry written out.
    place = next(p for p in range(1, rows.shape[1] - 1) if int(rows[3, p]) == 1)
    rows[3, place], rows[3, place - 1] = 0, int(rows[3, place - 1]) + 2


def _other_check_unclaimed(rows: Elements, results: Integers) -> None:
    del results
    rows[0, -1], rows[-1, -1] = 0, 1


def _success_split(rows: Elements, results: Integers) -> None:
    del results
    rows[0, -1], rows[1, -1] = 2, 0


_CHANGES: tuple[tuple[str, str, str | None, Change], ...] = (
    ("false-result", "bits of a claimed check that are not its result", "validity", _false_result),
    ("two-in-a-bit", "a true result written with a 2 or 3 in a bit", "validity", _two_in_a_bit),
    ("success-of-two", "a success bit of 2, and another of 0", "validity", _success_split),
    (
        "unclaimed-not-bits",
        "an unclaimed check's bits must be bits all the same",
        "validity",
        _unclaimed_not_bits,
    ),
    (
        "unclaimed-false-result",
        "an unclaimed check's bits may say anything",
        None,
        _false_unclaimed,
    ),
    (
        "other-check-unclaimed",
        "the client chooses which checks it claims",
        None,
        _other_check_unclaimed,
    ),
)

QUERIES: tuple[tuple[str, str, Json, int], ...] = (
    (
        "query-validity-pine32-hmac",
        "pine32-hmac",
        {"dimension": 3, "chunk_length": 1, "chunk_length_norm_equality": 1}
        | {"num_wr_checks": 8, "num_wr_successes": 8, "proofs_norm_equality": 3},
        914_108,
    ),
    (
        "query-norm-equality-pine32-hmac",
        "pine32-hmac",
        {"dimension": 40, "chunk_length_norm_equality": 1}
        | {"proofs": 1, "proofs_norm_equality": 255},
        43_235,
    ),
)
"""Ids, variants, parameters and keys, as big-endian numbers: the least that hit for their nonce."""


def query_keys() -> Theme:
    """Verify keys whose query points are interpolation points."""
    theme = Theme(
        "query-keys",
        "Verify keys that give a query point t with t^P = 1, which would reveal an input of the "
        "gadget: refused by every aggregator (query), while the next key is accepted. Found by "
        "search, which takes about q / (P · proofs) tries: out of reach in Field64 and Field128.",
    )
    for name, variant, changed, number in QUERIES:
        chosen = parameters(variant, **changed)
        pine = instance(chosen)
        comment = "every aggregator refuses one verify key and takes the next"
        vector = Recorder(name, chosen, comment, longest=1024)
        vector.shard(["1.0"] + ["0.0"] * (pine.dimension - 1))
        vector.given("bad_verify_key", number.to_bytes(pine.VERIFY_KEY_SIZE, "big"))
        for agg_id in range(pine.shares):
            vector.step(
                "verify_init",
                check="query",
                aggregator_id=agg_id,
                verify_key="bad_verify_key",
                nonce="nonce",
                public_share="public_share",
                input_share=f"input_share_{agg_id}",
            )
        vector.given("verify_key", (number + 1).to_bytes(pine.VERIFY_KEY_SIZE, "big"))
        vector.verify()
        theme.add(vector)
    theme.add(_query_of_helper())
    return theme


def _query_of_helper() -> Recorder:
    """Field40 takes many long proofs, so the Leader's share is left out: 2.6 MB."""
    many = {"num_wr_checks": 60, "num_wr_successes": 60, "proofs": 255}
    chunks = {"chunk_length": 1, "chunk_length_norm_equality": 1}
    chosen = parameters("pine40-hmac", dimension=3, **chunks, **many)
    pine = instance(chosen)
    comment = "a Helper, whose share is any seeds, refuses a verify key"
    vector = Recorder("query-validity-pine40-hmac", chosen, comment)
    for name, size in (
        ("nonce", pine.NONCE_SIZE),
        ("public_share", pine.public_share_size),
        ("input_share_1", pine.input_share_size(1)),
    ):
        vector.given(name, deterministic_bytes(f"{vector.name} {name}", size))
    vector.given("verify_key", (3_766_653).to_bytes(pine.VERIFY_KEY_SIZE, "big"))
    vector.step(
        "verify_init",
        check="query",
        aggregator_id=1,
        verify_key="verify_key",
        nonce="nonce",
        public_share="public_share",
        input_share="input_share_1",
    )
    return vector
