"""One report played through all steps, for every test of the secure aggregation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from troth.privacy.secagg.messages import InputShare, PublicShare
from troth.privacy.secagg.outputs import OutputShare
from troth.privacy.secagg.parameters import VARIANTS
from troth.privacy.secagg.pine import Pine
from troth.privacy.secagg.xof import Xof, XofHmacSha256Aes128, XofTurboShake128

Measure = Callable[[Callable[[], Any]], tuple[Any, int, int]]
"""Runs a step: its result, and the bytes that went into and came out of all XOFs meanwhile."""

Play = Callable[[Pine, bytes, bytes, PublicShare, Sequence[InputShare]], list[OutputShare]]


def _play(
    pine: Pine,
    verify_key: bytes,
    nonce: bytes,
    public_share: PublicShare,
    input_shares: Sequence[InputShare],
) -> list[OutputShare]:
    """Verify one report as its aggregators do, through encoded messages only."""
    states, sent = [], []
    for agg_id, share in enumerate(input_shares):
        received = pine.decode_input_share(agg_id, share.encode())
        public = pine.decode_public_share(public_share.encode())
        state, verifier_share = pine.verify_init(verify_key, agg_id, nonce, public, received)
        states.append(state.encode())
        sent.append(verifier_share.encode())
    verifier_shares = [pine.decode_verifier_share(data) for data in sent]
    message = pine.verifier_shares_to_message(verifier_shares)
    pine.check_joint_randomness(public_share, verifier_shares, message)
    received_message = pine.decode_verifier_message(message.encode())
    return [
        pine.verify_next(pine.decode_verifier_state(state), received_message) for state in states
    ]


@pytest.fixture(scope="session")
def play() -> Play:
    return _play


@pytest.fixture(params=sorted(VARIANTS))
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def small(variant: str) -> Pine:
    """A small instance of each variant, with everything that costs time cut down."""
    return Pine(
        variant,
        shares=2,
        dimension=5,
        num_frac_bits=4,
        l2_norm_bound=64,
        num_wr_checks=20,
        num_wr_successes=20,
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Measure:
    counts = {"_absorb": 0, "_fill": 0}

    def count(xof: type[Xof], name: str) -> None:
        original = getattr(xof, name)

        def counting(self: Xof, data: bytes | memoryview) -> None:
            counts[name] += len(data)
            original(self, data)

        monkeypatch.setattr(xof, name, counting)

    for xof in (XofTurboShake128, XofHmacSha256Aes128):
        for name in counts:
            count(xof, name)

    def run(step: Callable[[], Any]) -> tuple[Any, int, int]:
        counts.update(_absorb=0, _fill=0)
        return step(), counts["_absorb"], counts["_fill"]

    return run
