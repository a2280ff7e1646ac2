"""Messages have one encoding, and one for somebody else is refused."""

from dataclasses import replace

import pytest

from troth.errors import DecodeError
from troth.round.messages import (
    NOISE_LIST_FORMAT,
    OPENED_SHARES_FORMAT,
    NoiseList,
    OpenedShare,
    OpenedShares,
    decode_envelope,
    decode_noise_list,
    decode_opened_shares,
    decode_verifier_file,
)


@pytest.fixture
def envelope(finished):
    study = finished.small.study
    data = finished.blob(finished.round.reports[study.sites[0]])
    return data, decode_envelope(data, study, 1, 0)


def test_an_envelope_is_for_one_round_party_and_committee(finished, envelope):
    study, (data, found) = finished.small.study, envelope
    assert found.encode() == data
    for number, place in ((2, 0), (1, 1), (1, 3)):
        with pytest.raises(DecodeError, match="envelope"):
            decode_envelope(data, study, number, place)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "troth/envelope/v2"},
        {"commitments": (bytes(31), bytes(32))},
        {"commitments": (bytes(32),)},
        {"shares": ()},
        {"chain_id": 1},
        {"contract": bytes(20)},
        {"candidate": 1},
        {"role": "noise"},
    ],
)
def test_an_envelope_with_one_field_changed_is_refused(finished, envelope, change):
    study, (_, found) = finished.small.study, envelope
    with pytest.raises(DecodeError):
        decode_envelope(replace(found, **change).encode(), study, 1, 0)


def test_bytes_that_are_not_canonical_are_refused(finished, envelope):
    study, (data, _) = finished.small.study, envelope
    for broken in (data + b" ", data[:-1], data.replace(b":", b": ", 1), b"\xff" + data, b""):
        with pytest.raises(DecodeError):
            decode_envelope(broken, study, 1, 0)


def test_a_share_of_another_size_than_the_studys_is_refused(finished, envelope):
    study, (_, found) = finished.small.study, envelope
    for size in (0, -1, 1, found.shares[0].size + 1, 2**40):
        first = replace(found.shares[0], size=size)
        changed = replace(found, shares=(first, found.shares[1]))
        with pytest.raises(DecodeError, match="bytes"):
            decode_envelope(changed.encode(), study, 1, 0)


def test_messages_stay_within_what_readers_fetch(finished):
    study, view = finished.small.study, finished.round
    for site in study.sites:
        assert len(finished.blob(view.reports[site])) <= study.envelope_limit
    for member in study.committee:
        assert len(finished.blob(view.noise_lists[member])) <= study.noise_list_limit
        assert len(finished.blob(view.files[member])) <= study.verifier_file_limit
    assert len(finished.blob(view.model_digest)) == study.model_size


def test_a_noise_list_has_exactly_the_agreed_candidates():
    one = NoiseList(NOISE_LIST_FORMAT, (bytes(32),))
    assert decode_noise_list(one.encode(), 1) == one
    for broken, candidates in (
        (one, 2),
        (replace(one, envelopes=(bytes(31),)), 1),
        (replace(one, format="x"), 1),
    ):
        with pytest.raises(DecodeError):
            decode_noise_list(broken.encode(), candidates)


def test_a_verifier_file_speaks_of_every_delivered_share_once(finished):
    study = finished.small.study
    member = study.committee[0]
    data = finished.blob(finished.round.files[member])
    slots = study.slots(finished.round.delivered, 0)
    found = decode_verifier_file(data, member, slots)
    first, *others = found.entries
    for changed in (
        replace(found, member=bytes(20)),
        replace(found, format="x"),
        replace(found, entries=tuple(others)),
        replace(found, entries=(first, first, *others[1:])),
        replace(found, entries=(replace(first, share=1), *others)),
        replace(found, entries=(replace(first, reason="share"), *others)),
        replace(found, entries=(replace(first, reason="", verifier_share=b""), *others)),
        replace(found, entries=(replace(first, reason="bad", verifier_share=b""), *others)),
    ):
        with pytest.raises(DecodeError):
            decode_verifier_file(changed.encode(), member, slots)


@pytest.fixture
def opened(of_three):
    """What the first member shows of its two candidates to the two others: no share of its own."""
    study = of_three.small.study
    return tuple(
        OpenedShare(study.noise_place(0, number), study.committee[member], bytes([number, member]))
        for number in (0, 1)
        for member in (1, 2)
    )


def shown(of_three, shares, **changes):
    message = replace(OpenedShares(OPENED_SHARES_FORMAT, tuple(shares)), **changes)
    study = of_three.small.study
    return decode_opened_shares(message.encode(), study, study.committee[0])


def test_opened_shares_are_read_by_place_and_holder(of_three, opened):
    first, second = (of_three.small.study.noise_place(0, number) for number in (0, 1))
    assert shown(of_three, opened) == {
        (first, 1): b"\x00\x01",
        (first, 2): b"\x00\x02",
        (second, 1): b"\x01\x01",
        (second, 2): b"\x01\x02",
    }
    assert shown(of_three, []) == {}


def test_opened_shares_are_the_owners_noise_held_by_others(of_three, opened):
    study, (first, *others) = of_three.small.study, opened
    for changed in (
        replace(first, member=study.committee[0]),  # its own
        replace(first, member=study.sites[0]),
        replace(first, member=bytes(20)),
        replace(first, member=b""),
        replace(first, place=0),  # a site's report
        replace(first, place=study.noise_place(1, 0)),  # somebody else's noise
        replace(first, place=len(study.reporters)),
        replace(first, place=-1),
        others[0],  # one twice
    ):
        with pytest.raises(DecodeError, match="opened shares"):
            shown(of_three, [changed, *others])


def test_opened_shares_have_one_form(of_three, opened):
    study = of_three.small.study
    data = OpenedShares(OPENED_SHARES_FORMAT, opened).encode()
    with pytest.raises(DecodeError, match="format"):
        shown(of_three, opened, format="troth/opened-shares/v2")
    for broken in (b"", data + b" ", data[:-1], data.replace(b":", b": ", 1)):
        with pytest.raises(DecodeError):
            decode_opened_shares(broken, study, study.committee[0])


def test_the_largest_answer_stays_within_what_readers_fetch(of_three):
    study = of_three.small.study
    shares = [
        OpenedShare(place, member, bytes(study.extended_size(place, study.share_of(place, index))))
        for number in range(study.terms.privacy.noise_candidates)
        for place in [study.noise_place(0, number)]
        for index, member in enumerate(study.committee)
        if index != 0
    ]
    assert len(OpenedShares(OPENED_SHARES_FORMAT, tuple(shares)).encode()) <= (
        study.opened_shares_limit
    )
