"""Every party can stop after any step and go on from the ledger and its own state file."""

from dataclasses import replace

import pytest

from troth.errors import NotFinal, OnceOnly, StateFileError
from troth.ledger.bindings import rounds
from troth.roles.aggregator import Aggregator, AggregatorState
from troth.round.driver import Driver
from troth.round.mail import BlobsWanted, Inbox, Wanted
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.scenarios.small_study import Shape, constant, site_parties, small_study

ONE_ROUND = Shape(rounds=1, weights=(1, 1))


def restarted(small):
    """New objects for every party, from what is on disk and nothing else."""
    sites = site_parties(small.consortium, small.study, constant, {})
    return [*sites, *small.consortium.aggregators(small.study)]


def test_a_study_whose_parties_restart_before_every_step_ends_as_any_other(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = StudyView(small.study.study_id)
    driver = Driver(small.consortium.ledger, small.consortium.store, view, [])
    driver.refresh()
    for _ in range(40):
        for number in range(4):
            driver.tick(restarted(small)[number])
        if view.finals:
            break
    assert view.rounds[1].state is State.FINAL
    posts = [logged.event for logged in small.consortium.ledger.events(0)]
    assert sum(isinstance(event, rounds.Reported) for event in posts) == 2


def test_a_report_that_was_saved_but_not_sent_is_sent_as_it_was(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.OPEN)
    site = small.sites[0]
    first = stepped(small, site.role, site.role.initial, view)
    again = stepped(small, site.role, first.state, view)
    assert again.state.envelope == first.state.envelope
    assert (again.puts, again.posts) == (first.puts, first.posts)


def test_a_site_never_shares_a_second_time_in_a_round(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.OPEN)
    site = small.sites[0].role
    with pytest.raises(OnceOnly):
        stepped(small, site, replace(site.initial, round=2), view)


def test_a_second_verify_key_for_a_round_is_refused_for_ever(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.KEYED)
    role, state = saved(small)
    outbox = stepped(small, role, state, view)
    assert len(outbox.state.verify_key) == small.study.site_pine.VERIFY_KEY_SIZE
    other = replace(state, verify_key=bytes(len(outbox.state.verify_key)))
    with pytest.raises(OnceOnly):
        stepped(small, role, other, view)


def test_a_verify_key_is_on_disk_before_the_file_that_it_makes_is_named(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.KEYED)
    role, state = saved(small)
    outbox = stepped(small, role, state, view)
    assert state.verify_key == b""
    assert outbox.posts
    assert not outbox.puts
    assert outbox.state.verify_key != b""


def test_no_share_is_touched_before_the_reservation_is_final(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.CLOSED)
    role, state = saved(small)
    lineage = small.datasets[0].lineage
    view.current.reserved[lineage] -= 1
    with pytest.raises(NotFinal, match=lineage.hex()):
        stepped(small, role, state, view)


@pytest.mark.parametrize("state_name", ["SETTLED", "SUMMED"])
def test_nothing_is_summed_or_published_before_the_charge_is_settled(tmp_path, state_name):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State[state_name])
    role, state = saved(small)
    view.current.settled.clear()
    with pytest.raises(NotFinal, match="settled"):
        stepped(small, role, state, view)


def test_a_site_does_not_report_before_the_reservation_is_final(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.OPEN)
    view.current.reserved.clear()
    site = small.sites[0].role
    with pytest.raises(NotFinal, match="reserved"):
        stepped(small, site, site.initial, view)


def test_no_sum_is_made_over_a_set_that_does_not_follow_from_the_files(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.SETTLED)
    role, state = saved(small)
    view.current.accepted ^= 1
    with pytest.raises(NotFinal, match="accepted set"):
        stepped(small, role, state, view)


def test_a_lost_state_file_is_recognised(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.CLOSED)
    role, _ = saved(small)
    with pytest.raises(StateFileError, match="not in its state file"):
        stepped(small, role, AggregatorState(), view)


@pytest.mark.parametrize("number", [1, 2])
def test_a_round_that_comes_back_after_it_ended_is_refused(tmp_path, number):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(lambda view: view.current.state is State.CLOSED)
    role, _ = saved(small)
    with pytest.raises(OnceOnly, match="erased"):
        stepped(small, role, AggregatorState(round=number), view)


def test_secrets_and_sealed_shares_are_gone_after_the_round(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    before = small.run(lambda view: view.current.state is State.CLOSED)
    _, kept = saved(small)
    sealed = [blob for report in kept.noise for blob in report.sealed]
    assert kept.key != b""
    assert sealed
    driver = Driver(small.consortium.ledger, small.consortium.store, before, small.aggregators)
    small.run()
    driver.refresh()
    for party in small.aggregators:
        driver.tick(party)
    _, left = saved(small)
    assert left == AggregatorState(round=1)
    folder = tmp_path / "store"
    stored = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert stored
    assert not stored & set(sealed)


def saved(small):
    """The first aggregator's role and the state that it has on disk."""
    (party, *_) = small.consortium.aggregators(small.study)
    role = party.role
    assert isinstance(role, Aggregator)
    return role, party.state


def stepped(small, role, state, view):
    """One step of a role as the driver would make it, without any effect."""
    now = small.consortium.ledger.head().timestamp
    store = small.consortium.store
    blobs: dict[Wanted, bytes | None] = {}
    while True:
        try:
            return role.step(state, Inbox(view, now, blobs))
        except BlobsWanted as request:
            blobs |= {w: store.get(w.digest, max_size=w.max_size) for w in request.wanted}
