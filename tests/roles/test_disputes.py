"""What a lying member or site brings about: the round goes on, or ends, and names whom it may."""

import pytest
from tests.roles.liars import (
    BendingKept,
    BendingPlace,
    Crying,
    CryingSite,
    Denying,
    Evicting,
    KeepingPublication,
    Mumbling,
    Shifting,
    WrongSeeds,
)
from tests.roles.staging import (
    ONE_ROUND,
    THREE_MEMBERS,
    TWO_SITES,
    VERDICTS,
    aborted,
    codes,
    ended,
    events,
    in_state,
    looked_up,
    ones,
    progress,
    spent,
    view_of,
    with_member,
)

from troth.errors import RoundError
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.roles.verifying import read_envelopes, read_files
from troth.round.candidate import candidate
from troth.round.openings import ProvenFault, require_reported, require_verifier_shares
from troth.round.published import kept_candidates
from troth.round.transitions import Fault, State
from troth.round.verdict import round_verify_key
from troth.scenarios.small_study import Shape, constant, site_parties

NOISE_OF = {0: 2, 1: 4}
"""First noise place of each member, beside two sites and with two candidates each."""


def pairs(small):
    return [(event.party, event.other) for event in events(small, rounds.RoundAborted)]


def lose_share(small, place, share):
    """Make the store lose one sealed share."""
    envelope = looked_up(
        small, lambda inbox: read_envelopes(small.study, inbox.view.current, inbox)[place]
    )
    small.consortium.store.delete(envelope.shares[share].digest)


# Denials, and their answers.


def test_noise_that_a_member_could_not_open_is_shown_by_its_owner_and_the_round_goes_on(world):
    small = world(TWO_SITES, State.CLOSED)
    lose_share(small, NOISE_OF[1], 1)  # aggregator 0 holds share 1 of it
    view = small.run(ended)
    assert view.rounds[1].state is State.FINAL
    assert list(view.rounds[1].answers) == [small.study.committee[1]]
    assert codes(view) == [0] * 6


def test_of_several_denied_candidates_every_owner_answers_once(world):
    small = world(TWO_SITES, State.CLOSED)
    for place, share in ((NOISE_OF[0], 1), (NOISE_OF[0] + 1, 1), (NOISE_OF[1] + 1, 1)):
        lose_share(small, place, share)
    view = small.run(ended)
    assert view.rounds[1].state is State.FINAL
    assert view.rounds[1].answers.keys() == set(small.study.committee)


def test_a_site_whose_share_is_lost_beside_denied_noise_is_left_out_all_the_same(world):
    small = world(ONE_ROUND, State.CLOSED)
    lose_share(small, 1, 0)
    lose_share(small, 3, 1)
    view = small.run(ended)
    assert codes(view) == [0, VERDICTS.index("undelivered"), 0, 0, 0, 0, 0]
    assert view.rounds[1].state is State.FINAL


def test_a_false_denial_is_answered_and_may_be_taken_back(world):
    small = world(TWO_SITES, State.CLOSED)
    parties = with_member(small, Denying, denied=1 << NOISE_OF[0], relents=True)
    view = small.run(ended, parties)
    assert view.rounds[1].state is State.FINAL
    assert list(view.rounds[1].answers) == [small.study.committee[0]]


def test_who_denies_what_everybody_sees_is_named_with_the_owner(world):
    small = world(TWO_SITES, State.CLOSED)
    parties = with_member(small, Denying, denied=1 << NOISE_OF[0])
    view = small.run(aborted, parties)
    owner, denier = small.study.committee
    assert view.rounds[1].aborted[0] == "Noise"
    assert pairs(small) == [(owner, denier)]
    assert spent(small) == [(0, 0)] * 2
    assert progress(small).unattributed == 1
    assert progress(small).guilty == 0


def test_an_owner_that_shows_no_share_is_named_with_the_denier(world):
    small = world(TWO_SITES, State.CLOSED)
    lose_share(small, NOISE_OF[1], 1)
    view = small.run(aborted, with_member(small, Mumbling))
    denier, owner = small.study.committee
    assert pairs(small) == [(owner, denier)]
    assert view.rounds[1].aborted == ("Noise", owner)


def test_an_owner_that_answers_nothing_is_named_alone(world):
    small = world(TWO_SITES, State.CLOSED)
    lose_share(small, NOISE_OF[1], 1)
    small.run(in_state(State.CONTESTED))
    view = small.run(aborted, [*small.sites, small.aggregators[0]])
    assert view.rounds[1].aborted == ("Withheld", small.study.committee[1])


def test_an_owner_never_shows_the_share_that_it_holds_itself(world):
    small = world(THREE_MEMBERS, State.CLOSED)
    parties = with_member(small, Denying, denied=0b11 << 2, relents=True)
    small.run(lambda view: bool(view.current.answers), parties)
    view = view_of(small).current
    role, state = small.aggregators[0].role, small.aggregators[0].state
    (answer,) = role._answer(state, view, None).puts
    for number, noise in enumerate(state.noise):
        place = small.study.noise_place(0, number)
        made = noise.again(small.study, role._where(view), place, view.heads_digest)
        own, shown, unasked = (extended.hex() for extended in made.sharing.extended)
        assert shown in answer.decode()
        assert own not in answer.decode()
        assert unasked not in answer.decode()


# Rejected noise, and its defence.


def test_who_has_honest_noise_rejected_is_found_once_its_owner_opens_it(world):
    small = world(TWO_SITES, State.KEYED)
    place = NOISE_OF[0]
    parties = with_member(small, Evicting, place=place)
    view = small.run(aborted, parties)
    owner, liar = small.study.committee
    assert view.rounds[1].aborted == ("Noise", ZERO)
    assert spent(small) == [(0, 0)] * 2
    small.consortium.finish(view, parties)
    assert list(view.rounds[1].defences) == [owner]
    with pytest.raises(ProvenFault) as caught:
        judge_defence(small, view.rounds[1], place)
    assert (caught.value.fault, caught.value.party) == (Fault.VERIFICATION, liar)


def judge_defence(small, found, place):
    """What an auditor recomputes from defended noise."""
    study, where = small.study, small.study.where(1)
    member, number = study.owner(place), (place - len(study.sites)) % 2
    seed = found.defences[study.committee[member]][number]
    made = candidate(study, where, place, seed, found.heads_digest)
    envelopes = looked_up(small, lambda inbox: read_envelopes(study, found, inbox))
    files = looked_up(small, lambda inbox: read_files(study, found, study.committee, None, inbox))
    require_reported(study, envelopes, place, made)
    require_verifier_shares(
        study,
        where,
        place,
        made,
        heads=found.heads_digest,
        verify_key=round_verify_key(study, found),
        files=files,
    )


def test_nobody_defends_noise_that_was_accepted(world):
    small = world(TWO_SITES, State.KEYED)
    parties = with_member(small, Evicting, place=NOISE_OF[0])
    view = small.run(aborted, parties)
    small.consortium.finish(view, parties)
    small.consortium.finish(view, parties)  # and none twice
    assert len(events(small, rounds.NoiseDefended)) == 1


# Lies about sums and noise that everybody sees.


@pytest.mark.parametrize(
    ("liar", "state", "fault"),
    [
        (Shifting, State.CHALLENGED, Fault.PUBLICATION),
        (WrongSeeds, State.PICKED, Fault.OPENING),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_proven_liar_is_accused_by_everybody_named_and_off_the_committee(
    world, liar, state, fault
):
    small = world(TWO_SITES, state)
    view = small.run(aborted, with_member(small, liar)).rounds[1]
    culprit = small.study.committee[1]
    assert view.aborted == ("Fault", culprit)
    honest = {*small.study.sites, small.study.committee[0]}
    assert {voter: (it.fault, it.party) for voter, it in view.accusations.items()} == dict.fromkeys(
        honest, (fault, culprit)
    )
    assert progress(small).guilty == 0b10
    assert all(charge > 0 and not held for charge, held in spent(small))


@pytest.mark.parametrize("candidate_number", [0, 1])
def test_a_shift_hidden_in_a_tag_of_ones_own_noise_is_caught_where_that_noise_is_opened(
    world, candidate_number
):
    """And only there: with M candidates it stays hidden once in M (docs/security.md, Limits)."""
    small = world(TWO_SITES, State.SETTLED)
    parties = with_member(small, BendingPlace, place=NOISE_OF[1] + candidate_number)
    view = small.run(ended, parties).rounds[1]
    _, kept = kept_candidates(small.study, view, round_verify_key(small.study, view))
    if kept == candidate_number:
        assert view.state is State.FINAL
    else:
        assert view.aborted == ("Fault", small.study.committee[1])
        assert {it.fault for it in view.accusations.values()} == {Fault.TAG}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_bent_tag_of_noise_that_stays_hidden_is_shown_by_its_owner(world, order):
    """With three members; the sites had attested already and take it back.

    Whoever comes second agrees without evidence of its own, and is not taken for a liar.
    """
    small = world(THREE_MEMBERS, State.SETTLED)
    others = [small.aggregators[0], small.aggregators[2]]
    members = with_member(small, BendingKept, others=others)[2:]
    small.run(in_state(State.OPENED), [*small.sites, *members])
    small.run(lambda view: len(view.current.attestations) == 2, small.sites)
    parties = [members[number] for number in order] + small.sites
    view = small.run(aborted, parties).rounds[1]
    first, culprit, last = small.study.committee
    assert view.aborted == ("Fault", culprit)
    assert {(it.fault, it.party) for it in view.accusations.values()} == {(Fault.TAG, culprit)}
    assert view.accusations.keys() == {*small.study.sites, first, last}
    shown = [owner for owner in (first, last) if any(view.accusations[owner].evidence)]
    assert shown == [(first, last)[order[0] // 2]]
    assert {event.voter for event in events(small, rounds.Attested)} == set(small.study.sites)
    assert view.attestations == {}
    assert progress(small).guilty == 0b10


# Words that nobody can check, and false ones.


def bent_site(small, site=0):
    """Run on with a member that bends a site's tag."""
    return with_member(small, BendingPlace, place=site)


def test_a_site_whose_tag_is_bent_stops_the_round_and_names_nobody(world):
    small = world(ONE_ROUND, State.SETTLED)
    view = small.run(aborted, bent_site(small)).rounds[1]
    site = small.study.sites[0]
    assert view.aborted == ("Accused", ZERO)
    assert view.accusations[site].fault is Fault.OWN_TAG
    assert view.accusations[site].party == small.study.committee[1]
    assert view.accusations.keys() == {site}
    assert progress(small).unattributed == 1
    assert progress(small).spent == 0


def test_a_site_without_an_accusation_left_is_not_enrolled_until_a_vote_restores_it(world):
    shape = Shape(rounds=1, accusations=1, max_aborts=5)
    small = world(shape, State.OPENED)
    consortium, study = small.consortium, small.study
    liar = CryingSite(study, study.sites[0], ones, bytes)
    liar.party = study.committee[1]
    parties = [consortium.party(study, liar), *small.sites[1:], *small.aggregators]
    view = small.run(aborted, parties)
    assert view.rounds[1].aborted == ("Accused", ZERO)
    assert progress(small).spent == 0b001
    with pytest.raises(RoundError, match="StudyPaused"):
        small.run(parties=parties)
    for organisation in consortium.organisations[:4]:
        if not progress(small).resumptions:
            consortium.send(organisation.account, rounds.resume(study.study_id, 0))
    assert progress(small).unattributed == 0
    assert progress(small).spent == 0b001
    view = small.run(lambda view: view.current.number == 2 and view.current.enrolled > 0, parties)
    assert view.current.enrolled == 0b110


def test_a_false_accusation_by_a_member_takes_no_attestation_back(world):
    small = world(ONE_ROUND, State.OPENED)
    victim, liar = small.study.committee
    parties = with_member(small, Crying, party=victim, fault=Fault.PUBLICATION)
    view = small.run(ended, parties).rounds[1]
    assert view.state is State.FINAL
    assert view.accusations.keys() == {liar}
    assert view.attestations.keys() == {*small.study.sites, victim}


def test_evidence_that_shows_nothing_takes_no_attestation_back(world):
    small = world(ONE_ROUND, State.OPENED)
    victim, liar = small.study.committee
    evidence = small.consortium.store.put(b"look here")
    parties = with_member(small, Crying, party=victim, fault=Fault.TAG, evidence=evidence)
    view = small.run(ended, parties).rounds[1]
    assert view.state is State.FINAL
    assert view.accusations.keys() == {liar}


def test_evidence_that_nobody_can_fetch_waits_and_decides_nothing(world):
    small = world(ONE_ROUND, State.OPENED)
    victim, _ = small.study.committee
    parties = with_member(small, Crying, party=victim, fault=Fault.TAG, evidence=b"x" * 32)
    view = small.run(ended, parties).rounds[1]
    assert view.state is State.FINAL


def test_a_public_accusation_by_a_site_that_shows_nothing_only_delays(world):
    small = world(ONE_ROUND, State.OPENED)
    study = small.study
    liar = CryingSite(study, study.sites[0], ones, bytes)
    liar.party, liar.fault = study.committee[1], Fault.OPENING
    parties = [small.consortium.party(study, liar), *small.sites[1:], *small.aggregators]
    view = small.run(ended, parties).rounds[1]
    assert view.state is State.FINAL
    assert len(view.attestations) == 4


# Publications that cannot be had.


@pytest.mark.parametrize(("shape", "named"), [(TWO_SITES, False), (THREE_MEMBERS, True)])
def test_a_publication_that_is_kept_back_ends_the_round_before_the_pick(world, shape, named):
    small = world(shape, State.CHALLENGED)
    view = small.run(aborted, with_member(small, KeepingPublication)).rounds[1]
    assert view.aborted == ("Unavailable", small.study.committee[1] if named else ZERO)
    assert view.reveals[0] == {}
    assert view.seeds == {}


def test_a_publication_that_one_member_holds_is_served_again_by_it(world):
    small = world(TWO_SITES, State.PUBLISHED)
    kept, store = view_of(small).current.publications, small.consortium.store
    lost = kept[small.study.committee[1]]
    small.run(lambda view: small.study.committee[0] in view.current.posted, [small.aggregators[0]])
    store.delete(lost)
    small.run(in_state(State.HELD), [small.aggregators[1]])
    assert store.has(lost)
    assert small.run(ended).rounds[1].state is State.FINAL


# Sites that are silent, or come back.


def absent(small, site=0):
    return [*small.sites[:site], *small.sites[site + 1 :], *small.aggregators]


def test_where_every_site_must_speak_a_silent_one_stops_the_round(world):
    small = world(Shape(rounds=1, every_site=True, accusations=1), State.OPENED)
    view = small.run(aborted, absent(small)).rounds[1]
    assert view.aborted == ("Silent", ZERO)
    assert progress(small).spent == 0b001
    assert progress(small).unattributed == 1


def test_where_every_site_must_speak_and_does_the_round_is_final(world):
    small = world(Shape(rounds=1, every_site=True, accusations=1), State.OPENED)
    assert small.run(ended).rounds[1].state is State.FINAL


def test_a_site_that_left_after_reporting_votes_when_it_comes_back_in_time(world):
    small = world(ONE_ROUND, State.CLOSED)
    view = small.run(lambda view: len(view.current.attestations) == 4, absent(small))
    site = small.study.sites[0]
    assert site not in view.current.attestations
    (back, *_) = site_parties(small.consortium, small.study, constant, {})
    view = small.run(ended, [back, *small.parties[1:]]).rounds[1]
    assert view.tags_right[site]


def reviews_of(small, parties):
    view = view_of(small)
    (back, *_) = site_parties(small.consortium, small.study, constant, {})
    small.consortium.finish(view, [back])
    small.consortium.finish(view, [back])
    small.consortium.finish(view, [back])
    assert back.trouble is None
    assert back.state == back.role.initial.__class__(round=1)
    return view.rounds[1].reviews


def test_a_site_that_comes_back_after_the_end_reviews_its_tags_once(world):
    small = world(ONE_ROUND, State.CLOSED)
    parties = absent(small)
    assert small.run(ended, parties).rounds[1].state is State.FINAL
    assert reviews_of(small, parties) == {small.study.sites[0]: True}
    assert len(events(small, rounds.Reviewed)) == 1


def test_a_site_that_comes_back_too_late_flags_a_bent_tag_for_ever(world):
    small = world(ONE_ROUND, State.SETTLED)
    parties = bent_site(small)[1:]
    assert small.run(ended, parties).rounds[1].state is State.FINAL
    assert reviews_of(small, parties) == {small.study.sites[0]: False}


def test_a_site_that_has_lost_its_own_shares_attests_without_a_word_on_its_tags(world):
    small = world(ONE_ROUND, State.CLOSED)
    for path in small.consortium.folder.glob("site-0/*/kept/*"):
        path.unlink()
    view = small.run(ended).rounds[1]
    assert view.state is State.FINAL
    assert view.tags_right == {
        voter: voter != small.study.sites[0]
        for voter in (*small.study.sites, *small.study.committee)
    }
