"""What one hostile party does makes others wait, abort or exclude it; never crash."""

import json
import os

import numpy as np
import pytest

from troth.domain.hashing import digest
from troth.errors import ContractRefused, StorageError
from troth.ledger.bindings import dataset_registry, privacy_ledger, rounds
from troth.ledger.records import BlockRef
from troth.roles.aggregator import Aggregator
from troth.roles.trainer import Trainer
from troth.round.transitions import State, table
from troth.scenarios.small_study import DIMENSION, Shape, constant, small_study
from troth.testing.adversaries.member_noise import WithoutKey
from troth.testing.adversaries.member_sums import Overflowing
from troth.testing.adversaries.site_envelopes import Twisting, pointing

ONE_ROUND = Shape(rounds=1)
VERDICTS = table().verdicts


def in_state(state):
    return lambda view: view.current.state is state


def aborted(view):
    return bool(view.aborts)


def codes(view):
    return list(next(iter(view.rounds[1].verdicts.values())))


def accepted_all(view):
    return view.rounds[1].state is State.FINAL and not any(codes(view))


def ones(*_):
    return np.ones(DIMENSION, dtype=np.int64)


def pointing_site(small, targets, size=None):
    """The third site, which names other parties' blobs as its own sealed shares."""
    liar = Twisting(small.study, small.study.sites[2], ones, os.urandom)
    liar.twist = lambda report: pointing(report, targets, size)
    return small.consortium.party(small.study, liar)


@pytest.mark.parametrize("size", [None, 1])
def test_naming_the_shares_of_another_neither_evicts_nor_deletes_anything(tmp_path, size):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(in_state(State.OPEN), small.aggregators)
    store = small.consortium.store
    small.run(lambda view: len(view.current.reports) == 1, [small.sites[0]])
    victim = json.loads(small.sites[0].state.envelope)
    targets = [bytes.fromhex(share["digest"][2:]) for share in victim["shares"]]
    party = pointing_site(small, targets, size)
    view = small.run(parties=[*small.sites[:2], party, *small.aggregators])
    assert codes(view) == [0, 0, VERDICTS.index("undelivered"), 0, 0]
    assert view.rounds[1].state is State.FINAL
    assert store.has(digest(small.sites[0].state.envelope))


@pytest.mark.parametrize("named", ["terms", "another envelope"])
def test_naming_a_public_blob_as_a_share_does_not_get_it_deleted(tmp_path, named):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(State.OPEN), small.aggregators)
    small.run(lambda view: len(view.current.reports) == 1, [small.sites[0]])
    target = {
        "terms": small.study.terms.digest(),
        "another envelope": digest(small.sites[0].state.envelope),
    }[named]
    party = pointing_site(small, [target, target])
    parties = [*small.sites[:2], party, *small.aggregators]
    view = small.run(parties=parties)
    small.consortium.finish(view, parties)
    assert view.rounds[1].state is State.FINAL
    assert small.consortium.store.has(target)


@pytest.mark.parametrize("served", [b"", bytes(1216), b"short"])
def test_a_member_without_a_key_is_in_the_pair_that_is_named(tmp_path, served):
    small = small_study(tmp_path, ONE_ROUND)
    liar = WithoutKey(small.study, small.study.committee[1], os.urandom)
    liar.served = served
    party = small.consortium.party(small.study, liar)
    view = small.run(aborted, [*small.sites, small.aggregators[0], party])
    assert len(view.rounds[1].reports) == 3  # every honest site did its duty
    assert view.rounds[1].aborted[0] == "Noise"
    (event,) = (
        logged.event
        for logged in small.consortium.ledger.events(0)
        if isinstance(logged.event, rounds.RoundAborted)
    )
    assert small.study.committee[1] in (event.party, event.other)


def sealed_digests(small):
    reports = [json.loads(party.state.envelope) for party in small.sites]
    return [bytes.fromhex(share["digest"][2:]) for report in reports for share in report["shares"]]


def test_what_was_opened_once_may_vanish_from_the_store(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(in_state(State.DELIVERED))
    for blob in (*sealed_digests(small), *view.rounds[1].reports.values()):
        small.consortium.store.delete(blob)
    assert accepted_all(small.run())


def test_a_verifier_file_may_vanish_once_everybody_confirmed_it(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(in_state(State.JUDGED))
    for blob in view.rounds[1].files.values():
        small.consortium.store.delete(blob)
    assert accepted_all(small.run())


@pytest.mark.parametrize("last", [b"\xff" * 8, bytes(7) + b"\x10"], ids=["no element", "too far"])
def test_a_share_that_gives_no_sum_ends_the_round_without_a_majority(tmp_path, last):
    small = small_study(tmp_path, ONE_ROUND)
    liar = Overflowing(small.study, small.study.committee[1], os.urandom)
    liar.last = last
    party = small.consortium.party(small.study, liar)
    view = small.run(aborted, [*small.sites, small.aggregators[0], party])
    assert view.rounds[1].aborted[0] == "Conflict"


def test_a_grant_taken_back_before_the_round_opens_lets_it_expire(tmp_path):
    small = small_study(tmp_path, Shape(rounds=1, min_sites=3))
    small.run(in_state(State.ANNOUNCED))
    site = small.sites[0].account
    call = dataset_registry.revoke(small.datasets[0].version, small.study.study_id)
    small.consortium.send(site, call)
    view = small.run(aborted)
    assert view.rounds[1].aborted[0] == "NotOpened"


def test_a_budget_that_is_closed_lets_the_round_expire(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(State.ANNOUNCED))
    small.consortium.send(small.sites[0].account, privacy_ledger.close(small.datasets[0].lineage))
    view = small.run(aborted)
    assert view.rounds[1].aborted[0] == "NotOpened"


class Refusing:
    """A store that takes nothing for a while."""

    def __init__(self, store, refusals):
        self.store, self.left = store, refusals

    def put(self, data):
        self.left -= 1
        if self.left >= 0:
            raise StorageError("the store is full")
        return self.store.put(data)

    def __getattr__(self, name):
        return getattr(self.store, name)


def test_a_store_that_refuses_makes_parties_wait_and_try_again(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.consortium.store = Refusing(small.consortium.store, 5)
    assert accepted_all(small.run())


def test_a_post_whose_block_is_gone_is_sent_again(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(State.CLOSED))
    party = small.aggregators[0]
    assert party._sent
    ledger = small.consortium.ledger
    call = rounds.announce(small.study.study_id, 1, b"h" * 32, b"k" * 32)
    party._sent[call.encode()] = ledger.head()
    assert party._send(ledger, call) is None
    assert party.trouble is None  # it stands: not sent again
    party._sent[call.encode()] = BlockRef(1, bytes(32), 0)
    assert party._send(ledger, call) is None
    assert isinstance(party.trouble, ContractRefused)  # sent again, and refused in this state


def test_nothing_of_a_round_stays_in_memory_after_it(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run()
    small.consortium.finish(view, small.parties)
    for party in small.aggregators:
        assert isinstance(party.role, Aggregator)
        assert party.role._memo is None
    kept = [path for path in tmp_path.rglob("kept/*/*") if path.is_file()]
    assert kept == []


def test_a_study_costs_a_site_no_more_than_its_terms_promise(tmp_path):
    """Rounds that abort after they were charged count too."""
    small = small_study(tmp_path, Shape(rounds=1, max_aborts=9), constant)
    view = small.run(in_state(State.OPEN), small.aggregators)
    site = small.sites[0].role
    lineage = small.datasets[0].lineage
    promised = view.current.reserved[lineage]
    assert isinstance(site, Trainer)
    assert site._may_report(view.current, inbox_of(small, view))
    view.current.settled[lineage] = 10**12 - promised
    assert not site._may_report(view.current, inbox_of(small, view))


def inbox_of(small, view):
    from troth.round.mail import Inbox

    return Inbox(view, small.consortium.ledger.head().timestamp, {})


@pytest.mark.anvil
def test_on_anvil_a_silent_site_is_waited_for_until_the_deadline(tmp_path):
    from troth.errors import EngineUnavailable

    try:
        small = small_study(tmp_path, Shape(rounds=1, engine="anvil"))
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    with small.consortium.ledger:
        view = small.run(parties=[*small.sites[:2], *small.aggregators])
        assert codes(view) == [0, 0, VERDICTS.index("absent"), 0, 0]
        assert view.rounds[1].state is State.FINAL
