"""Sums that several members hold, and noise that they open for one that does not."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.domain.hashing import digest
from troth.errors import DecodeError
from troth.ledger.account import Account
from troth.ledger.address import Address
from troth.privacy.secagg.outputs import OutputShare
from troth.round.candidate import candidate
from troth.round.messages import (
    RECOVERY_FORMAT,
    RecoveredShare,
    Recovery,
    SealedShare,
    envelope,
)
from troth.round.openings import ProvenFault, openings_of
from troth.round.published import PublishedRound
from troth.round.replicated import (
    absent_slots,
    agreed_recoveries,
    agreed_sums,
    recovered_noise,
    shown_shares,
    sum_blob,
    sum_blob_size,
)
from troth.round.sharing import share_report, split_extended
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.transitions import Fault
from troth.scenarios.consortium import AGGREGATOR, SITE, Dataset, Organisation
from troth.scenarios.small_study import DIMENSION, RECORD_BOUND, Shape, small_terms

MEMBERS, SITES = 4, 3
WEIGHTS = (1, 2, 3)
HEADS = b"h" * 32
ABSENT = 2
ACCEPTED = (1 << SITES + 2 * MEMBERS) - 1


def named(label, roles, number):
    return Organisation(label, roles, Account(bytes([number]) * 32))


@pytest.fixture(scope="module")
def study():
    """A study of mode B4 that no ledger knows."""
    sites = [named(f"site {n}", SITE, 1 + n) for n in range(SITES)]
    members = [named(f"member {n}", AGGREGATOR, 11 + n) for n in range(MEMBERS)]
    datasets = [Dataset(bytes([n]) * 32, bytes([n]) * 32, RECORD_BOUND) for n in range(1, 4)]
    shape = Shape(WEIGHTS, "B4", MEMBERS, honest=2, rounds=1)
    terms = small_terms(shape, 7, sites, members, datasets)
    return Study(terms, b"s" * 32, Address(b"c" * 20))


# Sums.


def counting(start=0):
    """Bytes for tests, the same every time, others at every call."""
    seed = start

    def rand(size):
        nonlocal seed
        seed += 1
        return np.random.default_rng(seed).bytes(size)

    return rand


@pytest.fixture(scope="module")
def outputs(study):
    """Output shares of what sites 0 to 2 sent, by place and share: 1, 2 and 3 everywhere."""
    found = {}
    for place in range(SITES):
        pine = study.pine(place)
        made = share_report(
            study,
            study.where(1),
            place,
            np.full(DIMENSION, place + 1),
            heads=HEADS,
            rand=counting(100 * place),
            mask_seed=bytes(32),
        )
        for share, body in enumerate(made.extended):
            input_share, _ = split_extended(study, place, share, body)
            values = pine.output_share(share, input_share).values
            found[place, share] = OutputShare(study.field, values)
    return found


def blobs(study, accepted, outputs, number=1):
    where = study.where(number)
    return [sum_blob(study, where, share, accepted, outputs) for share in range(MEMBERS)]


def published(study, accepted, **others: Any) -> PublishedRound:
    """As much of a published round as sums and noise need."""
    fields: dict[str, Any] = dict.fromkeys(PublishedRound.__dataclass_fields__)
    return PublishedRound(
        **fields
        | {"study": study, "where": study.where(1), "heads": HEADS, "accepted": accepted}
        | others
    )


@given(accepted=st.integers(1, 2**SITES - 1))
def test_agreed_sums_add_up_to_the_weighted_sum_of_the_accepted(study, outputs, accepted):
    found = agreed_sums(published(study, accepted, publications=blobs(study, accepted, outputs)))
    places = list(bits(accepted))
    total = study.site_pine.unshard_integers(found, sum(WEIGHTS[place] for place in places))
    assert list(total) == [sum(WEIGHTS[p] * (p + 1) for p in places)] * DIMENSION


def test_holders_of_a_share_have_one_blob_and_so_one_digest(study, outputs):
    """Whatever else they hold, and in whatever order they came by it."""
    where = study.where(1)
    by_holder = [
        sum_blob(
            study,
            where,
            0,
            0b111,
            {slot: outputs[slot] for slot in reversed(outputs) if slot[1] != lacked},
        )
        for lacked in (1, 2, 3)
    ]
    assert len({digest(blob) for blob in by_holder}) == 1
    assert len(by_holder[0]) == sum_blob_size(study)


def test_a_sum_that_anything_else_binds_has_another_digest(study, outputs):
    """Equal sums of another round, share or accepted set must not pass for each other."""
    same = {(place, share): outputs[place, 0] for place, share in outputs}
    same[2, 0] = OutputShare(study.field, study.field.zeros(DIMENSION))
    same[2, 1] = same[2, 0]
    made = {
        (number, share, accepted): sum_blob(study, study.where(number), share, accepted, same)
        for number in (1, 2)
        for share in (0, 1)
        for accepted in (0b011, 0b111)
    }
    assert len({blob[32:] for blob in made.values()}) == 1
    assert len({digest(blob) for blob in made.values()}) == len(made)


def flipped(blob, at):
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


@pytest.mark.parametrize(
    "changed",
    [
        lambda study, outputs: blobs(study, 0b111, outputs, number=2),
        lambda study, outputs: blobs(study, 0b011, outputs),
        lambda study, outputs: [blobs(study, 0b111, outputs)[share] for share in (1, 0, 2, 3)],
        lambda study, outputs: [flipped(blob, 0) for blob in blobs(study, 0b111, outputs)],
        lambda study, outputs: [blob[:-1] for blob in blobs(study, 0b111, outputs)],
        lambda study, outputs: [blob + b"\0" for blob in blobs(study, 0b111, outputs)],
        lambda *_: [b""] * MEMBERS,
        lambda study, outputs: [blob[:-8] + b"\xff" * 8 for blob in blobs(study, 0b111, outputs)],
    ],
    ids=["round", "accepted", "share", "header", "short", "long", "empty", "no element"],
)
def test_what_is_no_sum_of_this_round_and_share_and_set_is_refused(study, outputs, changed):
    assert len(agreed_sums(published(study, 0b111, publications=blobs(study, 0b111, outputs)))) == 4
    with pytest.raises(DecodeError):
        agreed_sums(published(study, 0b111, publications=changed(study, outputs)))


# Noise that holders open.


def seed_of(place):
    return bytes([100 + place]) * 32


@pytest.fixture(scope="module")
def noise(study):
    """All candidates of the absent member, by place."""
    return {
        place: candidate(study, study.where(1), place, seed_of(place), HEADS)
        for place in study.noise_places(ABSENT)
    }


@pytest.fixture(scope="module")
def envelopes(study, noise):
    listed = (SealedShare(b"d" * 32, 1),) * MEMBERS
    return {
        place: envelope(
            study.where(1),
            study.reporters[place],
            made.sharing.public_share,
            made.sharing.commitments,
            listed,
        )
        for place, made in noise.items()
    }


@pytest.fixture(scope="module")
def shares(noise):
    """Every extended share of it, by place and share."""
    return {
        (place, share): body
        for place, made in noise.items()
        for share, body in enumerate(made.sharing.extended)
    }


def recovered(study, envelopes, shown):
    openers = [owner for owner in range(MEMBERS) if owner != ABSENT]
    return recovered_noise(
        published(study, ACCEPTED, envelopes=envelopes, openers=openers, recovered=shown)
    )


def test_recovered_noise_is_that_of_every_candidate(study, noise, envelopes, shares):
    found = recovered(study, envelopes, shares)
    assert len(found) == len(noise)
    for vector, made in zip(found, noise.values(), strict=True):
        np.testing.assert_array_equal(vector, made.vector)
        assert vector.any()


def test_where_everybody_opened_nothing_is_recovered(study, envelopes):
    everybody = published(
        study, ACCEPTED, envelopes=envelopes, openers=range(MEMBERS), recovered={}
    )
    assert list(recovered_noise(everybody)) == []


def test_noise_that_is_not_in_the_sum_is_not_recovered(study, envelopes):
    accepted = ACCEPTED & ~sum(1 << place for place in study.noise_places(ABSENT))
    others = [owner for owner in range(MEMBERS) if owner != ABSENT]
    outside = published(study, accepted, envelopes=envelopes, openers=others, recovered={})
    assert list(recovered_noise(outside)) == []


def test_a_share_that_nobody_shows_is_refused(study, envelopes, shares):
    for slot in shares:
        with pytest.raises(DecodeError, match="not shown"):
            recovered(study, envelopes, {s: body for s, body in shares.items() if s != slot})


def test_a_share_that_was_not_reported_is_refused(study, envelopes, shares):
    for slot, body in shares.items():
        for wrong in (flipped(body, 0), body[:-1], body + b"\0", b""):
            with pytest.raises(DecodeError, match="not shown"):
                recovered(study, envelopes, shares | {slot: wrong})


def test_shares_of_one_candidate_are_no_shares_of_another(study, envelopes, shares):
    first, second = study.noise_places(ABSENT)
    swapped = {(place, share): shares[first + second - place, share] for place, share in shares}
    with pytest.raises(DecodeError, match="not shown"):
        recovered(study, envelopes, swapped)


# What each holder shows of it.


def view_of(study, owners=1 << ABSENT) -> Any:
    """A round in which every member said whose noise holders have to open."""
    return SimpleNamespace(recoveries=dict.fromkeys(study.committee, (owners, b"")))


def recovery(study, shares, member, change=lambda item: item):
    """What a member shows, each share changed in some way."""
    held = (slot for slot in sorted(shares) if slot[1] != member)
    items = [change(RecoveredShare(place, share, shares[place, share])) for place, share in held]
    return Recovery(RECOVERY_FORMAT, tuple(items)).encode()


def read(study, envelopes, by_member, view=None):
    recoveries = {study.committee[member]: data for member, data in by_member.items()}
    return shown_shares(study, view or view_of(study), envelopes, recoveries)


def test_any_two_holders_show_all(study, envelopes, shares):
    for one, other in ((0, 1), (1, 3), (0, 3)):
        by_member = {member: recovery(study, shares, member) for member in (one, other)}
        assert read(study, envelopes, by_member) == shares


def test_one_holder_shows_all_but_the_share_that_it_lacks(study, envelopes, shares):
    found = read(study, envelopes, {1: recovery(study, shares, 1)})
    assert found == {slot: body for slot, body in shares.items() if slot[1] != 1}


def wrong(item):
    return replace(item, extended=flipped(item.extended, 3))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_wrong_share_of_one_holder_does_not_displace_the_right_one(
    study, envelopes, shares, order
):
    said = {0: recovery(study, shares, 0, wrong), 1: recovery(study, shares, 1)}
    found = read(study, envelopes, {member: said[member] for member in order})
    assert found == {slot: body for slot, body in shares.items() if slot[1] != 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda item: replace(item, share=-1),
        lambda item: replace(item, share=MEMBERS),
        lambda item: replace(item, place=-1),
        lambda item: replace(item, place=0),
        lambda item: replace(item, place=2**70),
    ],
    ids=["share -1", "share 4", "place -1", "place of a site", "place beyond all"],
)
def test_who_shows_anything_else_shows_nothing(study, envelopes, shares, change):
    by_member = {0: recovery(study, shares, 0, change)}
    assert read(study, envelopes, by_member) == {}


def test_who_shows_less_or_more_than_it_holds_shows_nothing(study, envelopes, shares):
    first, _ = study.noise_places(ABSENT)
    one = {slot: body for slot, body in shares.items() if slot[0] == first}
    assert read(study, envelopes, {0: recovery(study, one, 0)}) == {}
    everything = recovery(study, shares, None)
    assert read(study, envelopes, {0: everything}) == {}


@pytest.mark.parametrize("data", [None, b"", b"{}", b"recovery"])
def test_bytes_that_are_no_recovery_show_nothing(study, envelopes, shares, data):
    by_member = {0: data, 1: recovery(study, shares, 1), 3: recovery(study, shares, 3)}
    assert read(study, envelopes, by_member) == shares


def test_what_a_member_shows_of_others_than_it_named_does_not_count(study, envelopes, shares):
    """It said on the ledger whose noise it opens; of anybody else it may show nothing."""
    named_other = view_of(study, owners=0b0001)
    assert read(study, envelopes, {1: recovery(study, shares, 1)}, named_other) == {}


@pytest.mark.parametrize(("agreed", "read"), [(0b0100, {0, 3}), (0b0001, {1}), (0, set())])
def test_only_what_members_show_that_say_what_was_agreed_on_is_looked_at(study, agreed, read):
    said = {0: 0b0100, 1: 0b0001, 2: 0, 3: 0b0100}
    recoveries = {study.committee[k]: (owners, bytes([k])) for k, owners in said.items()}
    view: Any = SimpleNamespace(recoveries=recoveries, recovered=agreed)
    assert agreed_recoveries(view) == {study.committee[k]: bytes([k]) for k in read}


def test_of_an_absent_member_every_share_of_every_candidate_is_missing(study, shares):
    view: Any = SimpleNamespace(recovered=1 << ABSENT)
    assert absent_slots(study, view) == sorted(shares)


# Seeds that do not count as opened.


def opened(study, envelopes, seeds):
    return published(
        study,
        ACCEPTED,
        envelopes=envelopes,
        kept=[0] * MEMBERS,
        seeds=[seeds if owner == ABSENT else () for owner in range(MEMBERS)],
    )


def test_the_seed_that_was_reported_opens_the_noise(study, envelopes, noise):
    _, place = study.noise_places(ABSENT)
    found = openings_of(opened(study, envelopes, [seed_of(place)]), ABSENT)
    np.testing.assert_array_equal(found[place].vector, noise[place].vector)


def test_other_seeds_or_another_number_of_them_open_nothing(study, envelopes):
    first, second = map(seed_of, study.noise_places(ABSENT))
    for seeds in ([], [first], [bytes(32)], [second, second], [first, second]):
        with pytest.raises(ProvenFault) as caught:
            openings_of(opened(study, envelopes, seeds), ABSENT)
        assert caught.value.fault is Fault.OPENING
        assert caught.value.party == study.committee[ABSENT]


def test_one_seed_for_two_candidates_opens_nothing():
    """Two opened candidates from one seed would be one noise vector that looks like two."""
    stub: Any = SimpleNamespace(
        study=SimpleNamespace(committee=[Address(b"a" * 20)]),
        seeds=[[b"s" * 32, b"s" * 32]],
        opened_places=lambda _: [3, 4],
    )
    with pytest.raises(ProvenFault, match="a seed of its own"):
        openings_of(stub, 0)
