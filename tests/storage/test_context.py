from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.errors import ParameterError
from troth.storage.context import SealContext

UINT256 = st.integers(0, 2**256 - 1)
SMALL = st.integers(0, 2)
ADDRESS = st.sampled_from([b"\0" * 20, b"\1" * 20])


def build(role: str, candidate: int, fields: dict[str, Any]) -> SealContext:
    chosen = candidate if role == "noise" else None
    return SealContext(role=role, candidate=chosen, **fields)  # type: ignore[arg-type] # drawn


def contexts(number: st.SearchStrategy[int]) -> st.SearchStrategy[SealContext]:
    fields = st.fixed_dictionaries(
        {
            "chain_id": number,
            "contract": ADDRESS,
            "study": st.sampled_from([b"\0" * 32, b"\1" * 32]),
            "round": number,
            "party": ADDRESS,
            "share": number,
        }
    )
    return st.builds(build, st.sampled_from(["site", "noise"]), number, fields)


@given(contexts(SMALL), contexts(SMALL))
def test_two_contexts_have_one_digest_only_if_they_are_equal(one, other):
    assert (one.digest() == other.digest()) == (one == other)


@given(contexts(UINT256))
def test_every_context_of_the_ledger_has_a_digest(one):
    assert len(one.digest()) == 32


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"chain_id": -1}, "chain_id"),
        ({"chain_id": 2**256}, "chain_id"),
        ({"chain_id": True}, "chain_id"),
        ({"round": -1}, "round"),
        ({"share": 1.0}, "share"),
        ({"contract": b"c" * 19}, "contract"),
        ({"study": b"s" * 33}, "study"),
        ({"party": "p" * 20}, "party"),
        ({"role": "member"}, "role"),
        ({"role": "site"}, "candidate"),
        ({"candidate": None}, "candidate"),
        ({"candidate": -1}, "candidate"),
    ],
)
def test_a_field_out_of_its_range_is_refused_by_name(context, change, named):
    with pytest.raises(ParameterError, match=named):
        replace(context, **change)
