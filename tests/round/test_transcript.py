"""Python and the contract derive the same digests; labelled hashes keep tuples apart."""

import os
from dataclasses import replace

import pytest

from troth.domain.hashing import labelled
from troth.errors import TransitionRefused
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    Reporter,
    RoundId,
    challenge_seed,
    heads_digest,
    kept_candidate,
    key_chain,
    key_step,
    published_digest,
    report_nonce,
    share_commitment,
    sum_digest,
    sum_header,
    sums_digest,
    transcript_digest,
    verdict_digest,
    verify_key,
)


def test_a_key_step_is_the_contracts(finished):
    small, value = finished.small, os.urandom(32)
    where, member = small.study.where(7), small.study.committee[1]
    for level in (1, 2, 3):
        call = rounds.key_step(small.study.study_id, 7, member, level, value)
        assert key_step(where, member, level, value) == finished.ask(call)


def test_a_head_is_three_steps_from_the_key(finished):
    where, member = finished.small.study.where(1), finished.small.study.committee[0]
    chain = key_chain(where, member, b"k" * 32)
    assert chain[PICK_LEVEL] == b"k" * 32
    for level in (CHALLENGE_LEVEL, VERIFY_LEVEL, HEAD_LEVEL):
        assert chain[level] == key_step(where, member, level, chain[level - 1])
    assert len(chain) == HEAD_LEVEL + 1


def test_each_reveal_hashes_to_the_one_before_and_the_first_to_the_head(finished):
    where, view = finished.small.study.where(1), finished.round
    for member, head in view.key_heads.items():
        above = head
        for level in (VERIFY_LEVEL, CHALLENGE_LEVEL, PICK_LEVEL):
            revealed = view.reveals[level][member]
            assert key_step(where, member, level + 1, revealed) == above
            above = revealed


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


def changed_once(values):
    """The values, and every list of values that differs from them in one place."""
    yield values
    for at, value in enumerate(values):
        other = [*value[:-1], bytes(32)] if isinstance(value, list) else None
        for instead in ([other] if other else []) + [CHANGED[type(value)](value)]:
            yield (*values[:at], instead, *values[at + 1 :])


CHANGED = {
    RoundId: lambda where: replace(where, round=where.round + 1),
    Address: lambda _: Address(bytes(20)),
    bytes: lambda value: value + b"x",
    int: lambda value: value ^ 1,
    list: lambda values: values[::-1],
}
HASHES = [bytes([n] * 32) for n in range(1, 7)]


def everywhere(where):
    """The same round of another chain, contract or study, and another round."""
    yield where
    yield replace(where, chain_id=where.chain_id + 1)
    yield replace(where, contract=Address(bytes(20)))
    yield replace(where, study=bytes(32))
    yield replace(where, round=where.round + 1)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (verdict_digest, (b"key", 0b11, HASHES[:2], 0b101)),
        (sum_digest, (Address(b"m" * 20), 0b101, b"sums")),
        (sum_header, (1, 0b101)),
        (sums_digest, (HASHES[0], HASHES[1:3])),
        (challenge_seed, (HASHES[0], HASHES[1:3])),
        (published_digest, (HASHES[0], HASHES[1:3], HASHES[3:5])),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_digest_binds_the_round_and_everything_it_is_given(finished, function, values):
    where = finished.small.study.where(1)
    made = {function(place, *values) for place in everywhere(where)}
    made |= {function(where, *changed) for changed in changed_once(values)}
    lists = sum(isinstance(value, list) for value in values)
    assert len(made) == 5 + len(values) + lists


def test_digests_of_one_purpose_are_none_of_another(finished):
    where = finished.small.study.where(1)
    made = {
        sums_digest(where, HASHES[0], HASHES[1:3]),
        challenge_seed(where, HASHES[0], HASHES[1:3]),
        published_digest(where, HASHES[0], HASHES[1:2], HASHES[2:3]),
        verdict_digest(where, HASHES[0], 3, HASHES[1:3], 7),
    }
    assert len(made) == 4


def picks(where, *, published=HASHES[0], live=0b11, keys=(HASHES[1], HASHES[2]), member=0):
    """What 64 rounds would pick: long enough to tell any two apart."""
    return tuple(
        kept_candidate(replace(where, round=number), published, live, keys, member, 8)
        for number in range(64)
    )


def test_the_pick_is_bound_to_everything(finished):
    where = finished.small.study.where(1)
    made = {
        picks(where),
        picks(replace(where, chain_id=1)),
        picks(replace(where, contract=Address(bytes(20)))),
        picks(replace(where, study=bytes(32))),
        picks(where, published=HASHES[3]),
        picks(where, live=0b111),
        picks(where, keys=(HASHES[2], HASHES[1])),
        picks(where, keys=(HASHES[1], HASHES[3])),
        picks(where, keys=(HASHES[3], HASHES[2])),
        picks(where, member=1),
    }
    assert len(made) == 10


@pytest.mark.parametrize("candidates", [2, 4, 8])
def test_every_candidate_is_kept_about_equally_often(finished, candidates):
    """4096 picks: each count lies within six standard deviations of its mean."""
    where, tries = finished.small.study.where(1), 4096
    counts = [0] * candidates
    for number in range(tries):
        keys = (number.to_bytes(32, "big"), HASHES[1])
        counts[kept_candidate(where, HASHES[0], 3, keys, number % 2, candidates)] += 1
    mean = tries / candidates
    allowed = 6 * (mean * (1 - 1 / candidates)) ** 0.5
    assert all(abs(count - mean) < allowed for count in counts)


def test_no_member_alone_decides_its_pick(finished):
    """Whatever key one member has, the other's makes every pick possible."""
    where = finished.small.study.where(1)
    for own in HASHES:
        kept = {
            kept_candidate(where, HASHES[0], 3, (own, other.to_bytes(32, "big")), 0, 4)
            for other in range(64)
        }
        assert kept == {0, 1, 2, 3}


def test_labelled_hashes_do_not_confuse_neighbours():
    assert labelled("a", [b"bc"]) != labelled("ab", [b"c"])
    assert labelled("a", [b"b", b"c"]) != labelled("a", [b"bc"])
    assert labelled("a", [b"", b"b"]) != labelled("a", [b"b", b""])
