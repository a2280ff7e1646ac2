"""Python and the contract derive the same digests; labelled hashes keep tuples apart."""

import os

import pytest

from troth.domain.hashing import labelled
from troth.errors import TransitionRefused
from troth.ledger.bindings import rounds
from troth.round.transcript import (
    Reporter,
    heads_digest,
    key_chain,
    key_step,
    report_nonce,
    share_commitment,
    transcript_digest,
    verify_key,
)


def test_a_key_step_is_the_contracts(finished):
    small, value = finished.small, os.urandom(32)
    where, member = small.study.where(7), small.study.committee[1]
    for level in (1, 2, 3):
        call = rounds.key_step(small.study.study_id, 7, member, level, value)
        assert key_step(where, member, level, value) == finished.ask(call)


def test_a_head_is_three_steps_and_a_reveal_two(finished):
    where, member = finished.small.study.where(1), finished.small.study.committee[0]
    first, second, head = key_chain(where, member, b"k" * 32)
    assert second == key_step(where, member, 2, first)
    assert head == key_step(where, member, 3, second)


def test_a_revealed_value_hashes_to_its_head(finished):
    where = finished.small.study.where(1)
    for member, value in finished.round.reveals.items():
        assert key_step(where, member, 3, value) == finished.round.key_heads[member]


def test_heads_and_transcript_are_the_contracts(finished):
    study, view = finished.small.study, finished.round
    heads = [view.key_heads[member] for member in study.committee]
    keys = [view.hpke_keys[member] for member in study.committee]
    assert heads_digest(study.where(1), heads, keys) == view.heads_digest
    reports = [view.reports[site] for site in study.sites]
    noise = [view.noise_lists[member] for member in study.committee]
    made = transcript_digest(study.where(1), view.heads_digest, reports, noise)
    assert made == view.transcript


def test_a_nonce_depends_on_everything_that_names_the_report(finished):
    study = finished.small.study
    site, other = study.sites[:2]
    nonces = {
        report_nonce(study.where(number), Reporter(role, party, candidate), heads)
        for number in (1, 2)
        for role in ("site", "noise")
        for party in (site, other)
        for candidate in (0, 1)
        for heads in (bytes(32), bytes([1] * 32))
    }
    assert len(nonces) == 32


def test_a_commitment_binds_share_and_body(finished):
    where, reporter = finished.small.study.where(1), finished.small.study.reporters[0]
    made = {
        share_commitment(where, reporter, share, body) for share in (0, 1) for body in (b"a", b"b")
    }
    assert len(made) == 4


def test_the_first_usable_counter_gives_the_verify_key(finished):
    where = finished.small.study.where(1)
    tried: list[bytes] = []

    def third(key: bytes) -> bool:
        tried.append(key)
        return len(tried) == 3

    key = verify_key(where, bytes(32), 3, [b"a", b"b"], third, size=32)
    assert key == tried[2]
    assert len(set(tried)) == 3


def test_a_field_too_small_for_any_key_is_refused(finished):
    with pytest.raises(TransitionRefused, match="no usable verify key"):
        verify_key(finished.small.study.where(1), b"", 3, [], lambda _: False, size=32)


def test_labelled_hashes_do_not_confuse_neighbours():
    assert labelled("a", [b"bc"]) != labelled("ab", [b"c"])
    assert labelled("a", [b"b", b"c"]) != labelled("a", [b"bc"])
    assert labelled("a", [b"", b"b"]) != labelled("a", [b"b", b""])
