"""Every party can stop after any step and go on from the ledger and its own state file."""

from dataclasses import replace

import pytest
from tests.roles.staging import TWO_SITES, events, saved, stepped, view_of

from troth.errors import NotFinal, OnceOnly, StateFileError
from troth.ledger.bindings import rounds
from troth.roles.member import AggregatorState
from troth.round.driver import Driver
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.scenarios.small_study import constant, site_parties


def restarted(small):
    """New objects for every party, from what is on disk and nothing else."""
    sites = site_parties(small.consortium, small.study, constant, {})
    return [*sites, *small.consortium.aggregators(small.study)]


def test_a_study_whose_parties_restart_before_every_step_ends_as_any_other(world):
    small = world(TWO_SITES)
    view = StudyView(small.study.study_id)
    driver = Driver(small.consortium.ledger, small.consortium.store, view, [])
    driver.refresh()
    for _ in range(40):
        for number in range(4):
            driver.tick(restarted(small)[number])
        if view.finals:
            break
    assert view.rounds[1].state is State.FINAL
    assert len(events(small, rounds.Reported)) == 2
    assert all(view.rounds[1].tags_right.values())


def test_a_report_that_was_saved_but_not_sent_is_sent_as_it_was(world):
    small = world(TWO_SITES, State.OPEN)
    view = view_of(small)
    site = small.sites[0]
    first = stepped(small, site.role, site.role.initial, view)
    again = stepped(small, site.role, first.state, view, kept=first.keeps)
    assert again.state == first.state
    assert (again.puts, again.posts) == (first.puts, first.posts)


def test_noise_that_was_saved_but_not_sent_is_sent_as_it_was(world):
    small = world(TWO_SITES, State.OPEN)
    view, (role, state) = view_of(small), saved(small)
    first = stepped(small, role, state, view)
    again = stepped(small, role, first.state, view, kept=first.keeps)
    assert again.state == first.state
    assert (again.puts, again.posts) == (first.puts, first.posts)


@pytest.mark.parametrize("who", ["site", "member"])
def test_a_report_that_is_lost_is_never_made_anew(world, who):
    small = world(TWO_SITES, State.OPEN)
    view = view_of(small)
    role, state = (
        saved(small) if who == "member" else (small.sites[0].role, small.sites[0].role.initial)
    )
    first = stepped(small, role, state, view)
    for lost in first.keeps[:3]:
        left = [blob for blob in first.keeps if blob != lost]
        with pytest.raises(StateFileError, match="not among this party's own blobs; restore"):
            stepped(small, role, first.state, view, kept=left)


def test_a_site_never_shares_a_second_time_in_a_round(world):
    small = world(TWO_SITES, State.OPEN)
    view = view_of(small)
    site = small.sites[0].role
    with pytest.raises(OnceOnly):
        stepped(small, site, replace(site.initial, round=2), view)


def test_a_second_verify_key_for_a_round_is_refused_for_ever(world):
    small = world(TWO_SITES, State.KEYED)
    view = view_of(small)
    role, state = saved(small)
    outbox = stepped(small, role, state, view)
    assert len(outbox.state.verify_key) == small.study.site_pine.VERIFY_KEY_SIZE
    other = replace(state, verify_key=bytes(len(outbox.state.verify_key)))
    with pytest.raises(OnceOnly):
        stepped(small, role, other, view)


def test_a_verify_key_is_on_disk_before_the_file_that_it_makes_is_named(world):
    small = world(TWO_SITES, State.KEYED)
    view = view_of(small)
    role, state = saved(small)
    outbox = stepped(small, role, state, view)
    assert state.verify_key == b""
    assert outbox.posts
    assert not outbox.puts
    assert outbox.state.verify_key != b""


def test_a_challenge_is_on_disk_before_the_tags_under_it_leave(world):
    small = world(TWO_SITES, State.CHALLENGED)
    view, (role, state) = view_of(small), saved(small)
    outbox = stepped(small, role, state, view)
    assert state.challenge == b""
    assert outbox.state == replace(state, challenge=outbox.state.challenge)
    assert len(outbox.state.challenge) == 32
    assert outbox.keeps == outbox.puts


def test_a_second_challenge_for_masks_used_once_is_refused_for_ever(world):
    small = world(TWO_SITES, State.CHALLENGED)
    view, (role, state) = view_of(small), saved(small)
    with pytest.raises(OnceOnly, match="second challenge"):
        stepped(small, role, replace(state, challenge=bytes(32)), view)


def test_another_chain_of_events_gives_another_challenge_and_is_refused(world):
    """A reorganised chain with another sum of the other member: no second tag under the mask."""
    small = world(TWO_SITES, State.CHALLENGED)
    view, (role, state) = view_of(small), saved(small)
    once = stepped(small, role, state, view).state
    view.current.sums[small.study.committee[1]] = (bytes(32),)
    with pytest.raises(OnceOnly, match="second challenge"):
        stepped(small, role, once, view)


def test_a_second_sum_over_one_accepted_set_is_refused(world):
    small = world(TWO_SITES, State.CHALLENGED)
    view, (role, state) = view_of(small), saved(small)
    view.current.sums[role.account] = (bytes(32),)
    with pytest.raises(OnceOnly, match="second sum"):
        stepped(small, role, state, view)


@pytest.mark.parametrize("kind", ["torn", "altered", "empty"])
def test_a_broken_state_file_is_recognised_at_the_start(world, kind):
    small = world(TWO_SITES, State.CLOSED)
    (path, *_) = small.consortium.folder.glob("aggregator-0/*/state")
    whole = path.read_bytes()
    path.write_bytes({"torn": whole[:-1], "altered": whole[:-1] + b"x", "empty": b""}[kind])
    with pytest.raises(StateFileError, match="torn"):
        small.consortium.aggregators(small.study)


def test_no_share_is_touched_before_the_reservation_is_final(world):
    small = world(TWO_SITES, State.CLOSED)
    view = view_of(small)
    role, state = saved(small)
    lineage = small.datasets[0].lineage
    view.current.reserved[lineage] -= 1
    with pytest.raises(NotFinal, match=lineage.hex()):
        stepped(small, role, state, view)


@pytest.mark.parametrize("state_name", ["SETTLED", "CHALLENGED"])
def test_nothing_is_summed_or_published_before_the_charge_is_settled(world, state_name):
    small = world(TWO_SITES, State[state_name])
    view = view_of(small)
    role, state = saved(small)
    view.current.settled.clear()
    with pytest.raises(NotFinal, match="settled"):
        stepped(small, role, state, view)


def test_a_site_does_not_report_before_the_reservation_is_final(world):
    small = world(TWO_SITES, State.OPEN)
    view = view_of(small)
    view.current.reserved.clear()
    site = small.sites[0].role
    with pytest.raises(NotFinal, match="reserved"):
        stepped(small, site, site.initial, view)


def test_no_sum_is_made_over_a_set_that_does_not_follow_from_the_files(world):
    small = world(TWO_SITES, State.SETTLED)
    view = view_of(small)
    role, state = saved(small)
    view.current.accepted ^= 1
    with pytest.raises(NotFinal, match="accepted set"):
        stepped(small, role, state, view)


def test_a_lost_state_file_is_recognised(world):
    small = world(TWO_SITES, State.CLOSED)
    view = view_of(small)
    role, _ = saved(small)
    with pytest.raises(StateFileError, match="not in its state file"):
        stepped(small, role, AggregatorState(), view)


@pytest.mark.parametrize("number", [1, 2])
def test_a_round_that_comes_back_after_it_ended_is_refused(world, number):
    small = world(TWO_SITES, State.CLOSED)
    view = view_of(small)
    role, _ = saved(small)
    with pytest.raises(OnceOnly, match="erased"):
        stepped(small, role, AggregatorState(round=number), view)
