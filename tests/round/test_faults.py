"""Every lie that can be recomputed is found, by its name, and in an honest round none is."""

from dataclasses import replace

import numpy as np
import pytest

from troth.privacy.secagg.outputs import AggregateShare
from troth.privacy.secagg.tags import tag
from troth.round.candidate import candidate
from troth.round.faults import (
    Tagged,
    examine,
    require_evidence,
    wrong_tags,
)
from troth.round.openings import ProvenFault, require_reported, require_verifier_shares
from troth.round.publication import Publication, Sums, decode_publication
from troth.round.sharing import share_report
from troth.round.transcript import sum_digest
from troth.round.transitions import Fault

OWNER, LIAR = 0, 1


@pytest.fixture(params=["two members", "three members"])
def read(request):
    """A finished honest round, of two members and of three."""
    name = {"two members": "finished", "three members": "of_three"}[request.param]
    return request.getfixturevalue(name).published


def proven(published):
    with pytest.raises(ProvenFault) as caught:
        examine(published)
    assert caught.value.fault.title in str(caught.value)
    index = published.study.committee.index(caught.value.party)
    return caught.value.fault, index


def publication(published, member):
    return decode_publication(published.study, published.accepted, published.publications[member])


def with_item(items, index, value):
    return [value if at == index else item for at, item in enumerate(items)]


def published_as(published, member, made):
    """The round with one member's publication exchanged."""
    blob = made if isinstance(made, bytes) else made.encode()
    return replace(published, publications=with_item(published.publications, member, blob))


def bound_to(published, member, sums):
    """The round in which a member was bound to these sums, with the challenge as it was."""
    account = published.study.committee[member]
    bound = sum_digest(published.where, account, published.accepted, sums.encode())
    return replace(published, sum_digests=with_item(published.sum_digests, member, bound))


def rho(published):
    return published.study.challenge(published.rho_seed)


def one(study, length, number=1):
    return study.field.vector([number] + [0] * (length - 1))


def bent(published, member, *places):
    """A member that shifts its sum and hides that in the tags of places, in equal parts."""
    study, honest = published.study, publication(published, member)
    field, sums = study.field, honest.sums
    shift = one(study, len(sums.share.values), len(places))
    part = one(study, len(sums.share.values))
    moved = Sums(AggregateShare(field, field.add(sums.share.values, shift)), sums.mask)
    bend = tag(field, rho(published), part, field.zeros(len(sums.mask)))
    tags = {
        place: field.add(value, bend) if place in places else value
        for place, value in honest.tags.items()
    }
    made = Publication(moved, tags)
    return bound_to(published_as(published, member, made), member, moved)


def tagged_of(published):
    found = examine(published).tagged
    assert found is not None
    return found


def test_nothing_is_found_in_an_honest_round(read):
    examined = examine(read)
    members = len(read.study.committee)
    assert len(examined.sums) == len(tagged_of(read).publications) == members
    assert len(examined.opened) == members * (read.study.terms.privacy.noise_candidates - 1)


def test_what_was_opened_comes_off_and_what_is_kept_stays_in(read):
    """The sum of all shares is what sites sent, and all noise; the opened noise is known."""
    examined = examine(read)
    opened = {tuple(vector.tolist()) for vector in examined.opened}
    for member in range(len(read.study.committee)):
        for place, seed in zip(read.opened_places(member), read.seeds[member], strict=True):
            made = candidate(read.study, read.where, place, seed, read.heads)
            assert tuple(made.vector.tolist()) in opened


# Publication


@pytest.mark.parametrize("broken", [b"", b"\x00", b"\xff"])
def test_a_publication_that_does_not_decode(read, broken):
    blob = read.publications[LIAR]
    made = {b"": b"", b"\x00": blob + b"\x00", b"\xff": b"\xff" * len(blob)}[broken]
    assert proven(published_as(read, LIAR, made)) == (Fault.PUBLICATION, LIAR)


def test_other_sums_than_a_member_was_bound_to(read):
    honest = publication(read, LIAR)
    values = read.study.field.add(honest.sums.share.values, one(read.study, 4))
    moved = replace(honest.sums, share=AggregateShare(read.study.field, values))
    made = replace(honest, sums=moved)
    assert proven(published_as(read, LIAR, made)) == (Fault.PUBLICATION, LIAR)


def test_another_members_sums_copied_with_their_digest(read):
    copied = published_as(read, LIAR, read.publications[OWNER])
    digests = with_item(copied.sum_digests, LIAR, copied.sum_digests[OWNER])
    assert proven(replace(copied, sum_digests=digests)) == (Fault.PUBLICATION, LIAR)


def test_a_shifted_sum_whose_tags_were_left_as_they_are(read):
    honest = publication(read, LIAR)
    values = read.study.field.add(honest.sums.share.values, one(read.study, 4))
    moved = replace(honest.sums, share=AggregateShare(read.study.field, values))
    made = published_as(read, LIAR, replace(honest, sums=moved))
    assert proven(bound_to(made, LIAR, moved)) == (Fault.PUBLICATION, LIAR)


def test_a_shifted_sum_of_masks(read):
    honest = publication(read, LIAR)
    mask = read.study.field.add(honest.sums.mask, one(read.study, len(honest.sums.mask)))
    moved = replace(honest.sums, mask=mask)
    made = published_as(read, LIAR, replace(honest, sums=moved))
    assert proven(bound_to(made, LIAR, moved)) == (Fault.PUBLICATION, LIAR)


def test_a_tag_of_any_report_that_is_bent_alone(read):
    honest = publication(read, LIAR)
    for place, value in honest.tags.items():
        other = read.study.field.add(value, one(read.study, len(value)))
        made = replace(honest, tags={**honest.tags, place: other})
        assert proven(published_as(read, LIAR, made)) == (Fault.PUBLICATION, LIAR)


# Opening


@pytest.mark.parametrize("change", [lambda _: [], lambda s: [*s, b"x" * 32], lambda s: [*s, *s]])
def test_seeds_that_are_too_few_or_too_many(read, change):
    seeds = with_item(read.seeds, LIAR, change(list(read.seeds[LIAR])))
    assert proven(replace(read, seeds=seeds)) == (Fault.OPENING, LIAR)


@pytest.mark.parametrize("seed", [bytes(32), b"x" * 32, "the other member's"])
def test_a_seed_that_gives_another_report(read, seed):
    wrong = read.seeds[OWNER][0] if isinstance(seed, str) else seed
    seeds = with_item(read.seeds, LIAR, [wrong])
    assert proven(replace(read, seeds=seeds)) == (Fault.OPENING, LIAR)


def test_noise_without_an_envelope_or_with_another_one(read):
    (place,) = read.opened_places(LIAR)
    (other,) = read.opened_places(OWNER)
    without = {at: found for at, found in read.envelopes.items() if at != place}
    assert proven(replace(read, envelopes=without)) == (Fault.OPENING, LIAR)
    swapped = {**read.envelopes, place: read.envelopes[other]}
    assert proven(replace(read, envelopes=swapped)) == (Fault.OPENING, LIAR)


def test_a_report_that_is_not_what_the_seed_gives_though_it_verifies(read):
    """Biased noise: any vector within the bound, shared honestly."""
    (place,) = read.opened_places(LIAR)
    biased = share_report(
        read.study,
        read.where,
        place,
        np.array([7, 7, 7, 7]),
        heads=read.heads,
        rand=lambda size: bytes([1]) * size,
        mask_seed=bytes(32),
    )
    envelope = replace(
        read.envelopes[place], public_share=biased.public_share, commitments=biased.commitments
    )
    envelopes = {**read.envelopes, place: envelope}
    assert proven(replace(read, envelopes=envelopes)) == (Fault.OPENING, LIAR)


# Verification


def entry_changed(read, member, place, **changes):
    file = read.files[member]
    entries = tuple(
        replace(entry, **changes) if entry.place == place else entry for entry in file.entries
    )
    return replace(read, files=with_item(read.files, member, replace(file, entries=entries)))


@pytest.mark.parametrize("owner", [OWNER, LIAR])
def test_a_verifier_share_of_opened_noise_that_does_not_follow(read, owner):
    (place,) = read.opened_places(owner)
    (entry,) = (entry for entry in read.files[LIAR].entries if entry.place == place)
    share = bytes([entry.verifier_share[0] ^ 1]) + entry.verifier_share[1:]
    for changes in (
        {"verifier_share": share},
        {"verifier_share": entry.verifier_share + b"\x00"},
        {"verifier_share": b"", "reason": "query"},
        {"verifier_share": b"", "reason": "share"},
    ):
        assert proven(entry_changed(read, LIAR, place, **changes)) == (Fault.VERIFICATION, LIAR)


def test_a_verifier_share_of_what_stays_hidden_is_not_looked_at(read):
    (opened,) = read.opened_places(OWNER)
    (kept,) = {read.study.noise_place(OWNER, n) for n in range(2)} - {opened}
    for place in (0, kept):
        assert examine(entry_changed(read, LIAR, place, verifier_share=b"other")).opened


# Tag


@pytest.mark.parametrize("owner", [OWNER, LIAR])
def test_a_bent_tag_of_opened_noise(read, owner):
    (place,) = read.opened_places(owner)
    assert proven(bent(read, LIAR, place)) == (Fault.TAG, LIAR)


def test_bent_tags_that_only_their_owners_see(read):
    (opened,) = read.opened_places(OWNER)
    (kept,) = {read.study.noise_place(OWNER, n) for n in range(2)} - {opened}
    for place in (0, kept):
        assert examine(bent(read, LIAR, place)).opened


# Their order


def test_the_first_fault_in_the_fixed_order_is_found_whoever_else_lies(read):
    """By kind: publications of all members, openings of all, verifier shares, tags."""
    (place,) = read.opened_places(OWNER)
    tagged = bent(read, LIAR, place)
    verified = entry_changed(tagged, LIAR, place, reason="query", verifier_share=b"")
    opened = replace(verified, seeds=with_item(read.seeds, LIAR, [b"x" * 32]))
    last = len(read.study.committee) - 1
    unread = published_as(opened, last, b"")
    assert proven(tagged) == (Fault.TAG, LIAR)
    assert proven(verified) == (Fault.VERIFICATION, LIAR)
    assert proven(opened) == (Fault.OPENING, LIAR)
    assert proven(unread) == (Fault.PUBLICATION, last)
    assert proven(published_as(unread, OWNER, b"")) == (Fault.PUBLICATION, OWNER)


# What only an owner sees, and shows


def test_of_an_honest_round_no_tag_of_opened_noise_is_wrong(of_three):
    published = of_three.published
    tagged = tagged_of(published)
    for member in range(3):
        (place,) = published.opened_places(member)
        (seed,) = published.seeds[member]
        made = candidate(published.study, published.where, place, seed, published.heads)
        extended = made.sharing.extended
        assert wrong_tags(published.study, tagged, place, extended) == []


def opened_candidate(published, owner):
    (place,) = published.opened_places(owner)
    (seed,) = published.seeds[owner]
    made = candidate(published.study, published.where, place, seed, published.heads)
    return place, made.sharing.extended


def as_if_kept(published, member, place):
    """The round with a bent tag, and its tags as they are when nobody else can recompute that."""
    lied = bent(published, member, place)
    members = range(len(published.study.committee))
    return lied, Tagged(rho(lied), tuple(publication(lied, index) for index in members))


def test_an_owner_sees_whose_tag_of_its_own_report_is_wrong(of_three):
    published = of_three.published
    place, extended = opened_candidate(published, OWNER)
    for liar in (1, 2):
        lied, tagged = as_if_kept(published, liar, place)
        assert wrong_tags(lied.study, tagged, place, extended) == [liar]


def test_what_an_owner_shows_names_the_member_whose_tag_is_wrong(of_three):
    published = of_three.published
    study = published.study
    place, extended = opened_candidate(published, OWNER)
    owner, liar = study.committee[OWNER], study.committee[LIAR]
    lied, tagged = as_if_kept(published, LIAR, place)
    opened = {(place, LIAR): extended[study.share_of(place, LIAR)]}
    with pytest.raises(ProvenFault) as caught:
        require_evidence(lied, tagged, owner, liar, opened)
    assert (caught.value.fault, caught.value.party) == (Fault.TAG, liar)


def false_evidence(study, place, extended):
    """Shows that speak against nobody, by what is wrong with them."""
    true = extended[study.share_of(place, LIAR)]
    mask_end = bytes([true[-1] ^ 1])
    return {
        "nothing": {},
        "another member's share": {(place, 2): extended[study.share_of(place, 2)]},
        "the share of another holder": {(place, LIAR): extended[study.share_of(place, 2)]},
        "a share that was not reported": {(place, LIAR): true[:-1] + mask_end},
        "a share cut off": {(place, LIAR): true[:-1]},
        "a place that was not accepted": {(99, LIAR): true},
    }


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "another member's share",
        "the share of another holder",
        "a share that was not reported",
        "a share cut off",
        "a place that was not accepted",
    ],
)
def test_evidence_that_shows_nothing_names_whoever_brings_it(of_three, name):
    published = of_three.published
    study = published.study
    place, extended = opened_candidate(published, OWNER)
    owner, accused = study.committee[OWNER], study.committee[LIAR]
    lied, tagged = as_if_kept(published, LIAR, place)
    opened = false_evidence(study, place, extended)[name]
    with pytest.raises(ProvenFault) as caught:
        require_evidence(lied, tagged, owner, accused, opened)
    assert (caught.value.fault, caught.value.party) == (Fault.ACCUSATION, owner)


def test_a_true_share_against_an_honest_member_names_whoever_brings_it(of_three):
    published = of_three.published
    study = published.study
    place, extended = opened_candidate(published, OWNER)
    owner, accused = study.committee[OWNER], study.committee[LIAR]
    tagged = tagged_of(published)
    opened = {(place, LIAR): extended[study.share_of(place, LIAR)]}
    with pytest.raises(ProvenFault) as caught:
        require_evidence(published, tagged, owner, accused, opened)
    assert (caught.value.fault, caught.value.party) == (Fault.ACCUSATION, owner)


# Noise of a round that aborted, opened to show who lied about it


def defended(published, files, place, seed):
    made = candidate(published.study, published.where, place, seed, published.heads)
    require_reported(published.study, published.envelopes, place, made)
    require_verifier_shares(
        published.study,
        published.where,
        place,
        made,
        heads=published.heads,
        verify_key=published.verify_key,
        files=files,
    )


def test_defended_noise_clears_everybody_or_names_the_liar(read):
    (place,) = read.opened_places(OWNER)
    (seed,) = read.seeds[OWNER]
    defended(read, read.files, place, seed)
    lied = entry_changed(read, LIAR, place, reason="query", verifier_share=b"")
    with pytest.raises(ProvenFault, match="verifier share") as caught:
        defended(read, lied.files, place, seed)
    assert (caught.value.fault, caught.value.party) == (
        Fault.VERIFICATION,
        read.study.committee[LIAR],
    )
    with pytest.raises(ProvenFault, match="another report") as caught:
        defended(read, read.files, place, b"x" * 32)
    assert (caught.value.fault, caught.value.party) == (Fault.OPENING, read.study.committee[OWNER])
