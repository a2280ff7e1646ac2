"""What one hostile party does makes others wait, abort or exclude it; never crash."""

import os
from dataclasses import replace

import numpy as np
import pytest
from tests.roles.liars import Pointing, Shifting, WithoutKey
from tests.roles.staging import (
    ONE_ROUND,
    TWO_SITES,
    VERDICTS,
    aborted,
    codes,
    ended,
    events,
    looked_up,
    ones,
    stepped,
    view_of,
    with_member,
)

from troth.errors import ContractRefused, EngineUnavailable, StorageError
from troth.ledger.bindings import dataset_registry, privacy_ledger, rounds
from troth.ledger.records import BlockRef
from troth.roles.trainer import Trainer
from troth.roles.verifying import envelope_digests
from troth.round.mail import Inbox
from troth.round.transitions import Fault, State
from troth.scenarios.small_study import DIMENSION, Shape, small_study


def accepted_all(view):
    return view.rounds[1].state is State.FINAL and not any(codes(view))


def pointing_site(small, targets, size=None):
    """The third site, which names other parties' blobs as its own sealed shares."""
    liar = Pointing(small.study, small.study.sites[2], ones, os.urandom)
    liar.targets, liar.size = targets, size
    return small.consortium.party(small.study, liar)


@pytest.mark.parametrize("size", [None, 1])
def test_naming_the_shares_of_another_neither_evicts_nor_deletes_anything(world, size):
    small = world(ONE_ROUND, State.OPEN)
    small.run(lambda view: len(view.current.reports) == 1, [small.sites[0]])
    victim = small.sites[0].state.report
    party = pointing_site(small, victim.sealed, size)
    parties = [*small.sites[:2], party, *small.aggregators]
    view = small.run(ended, parties)
    assert codes(view) == [0, 0, VERDICTS.index("undelivered"), 0, 0, 0, 0]
    assert view.rounds[1].state is State.FINAL
    small.consortium.finish(view, parties)
    assert small.consortium.store.has(victim.envelope)


@pytest.mark.parametrize("named", ["terms", "another envelope"])
def test_naming_a_public_blob_as_a_share_does_not_get_it_deleted(world, named):
    small = world(ONE_ROUND, State.OPEN)
    small.run(lambda view: len(view.current.reports) == 1, [small.sites[0]])
    target = {
        "terms": small.study.terms.digest(),
        "another envelope": small.sites[0].state.report.envelope,
    }[named]
    party = pointing_site(small, [target, target])
    parties = [*small.sites[:2], party, *small.aggregators]
    view = small.run(ended, parties)
    small.consortium.finish(view, parties)
    assert view.rounds[1].state is State.FINAL
    assert small.consortium.store.has(target)


@pytest.mark.parametrize("served", [b"", bytes(1216), b"short"])
def test_a_member_without_a_key_owes_an_answer_about_its_own_noise(world, served):
    """It is shown others' noise, but its own share of its own noise nobody can show."""
    small = world(ONE_ROUND)
    view = small.run(aborted, with_member(small, WithoutKey, served=served))
    assert len(view.rounds[1].reports) == 3  # every honest site did its duty
    assert list(view.rounds[1].answers) == [small.study.committee[0]]
    assert view.rounds[1].aborted == ("Withheld", small.study.committee[1])


def sealed_digests(small):
    return [digest for party in small.sites for digest in party.state.report.sealed]


def test_what_was_opened_once_may_vanish_from_the_store(world):
    small = world(ONE_ROUND, State.DELIVERED)
    view = view_of(small)
    for blob in (*sealed_digests(small), *view.rounds[1].reports.values()):
        small.consortium.store.delete(blob)
    assert accepted_all(small.run(ended))


def test_a_verifier_file_may_vanish_once_everybody_confirmed_it(world):
    small = world(ONE_ROUND, State.JUDGED)
    view = view_of(small)
    for blob in view.rounds[1].files.values():
        small.consortium.store.delete(blob)
    assert accepted_all(small.run(ended))


@pytest.mark.parametrize("last", [b"\xff" * 8, bytes(7) + b"\x10"], ids=["no element", "too far"])
def test_a_sum_that_is_none_is_a_fault_of_its_member(world, last):
    small = world(TWO_SITES, State.SETTLED)
    view = small.run(aborted, with_member(small, Overflowing, last=last)).rounds[1]
    assert view.aborted == ("Fault", small.study.committee[1])
    assert {it.fault for it in view.accusations.values()} == {Fault.PUBLICATION}


class Overflowing(Shifting):
    """Publishes the one encoding of every element that is asked for."""

    last = b""

    def _changed(self, blob):
        return self.last * (len(blob) // len(self.last))


def test_a_sum_beyond_what_the_model_takes_ends_the_round_without_a_majority(world):
    """All members together may sum what they like; a site that sees it attests nothing."""
    small = world(TWO_SITES, State.OPENED)
    view = view_of(small)
    site, state = small.sites[0].role, small.sites[0].state
    site._examine = beyond(site._examine)
    kept = [path.read_bytes() for path in small.consortium.folder.glob("site-0/*/kept/*")]
    assert stepped(small, site, state, view, kept=kept).posts == ()


def beyond(examine):
    """What `examine` finds, with an opened noise vector far above anything."""

    def found(published):
        examined = examine(published)
        return replace(examined, opened=(*examined.opened, np.full(DIMENSION, 2**61)))

    return found


@pytest.mark.parametrize("lost", ["files", "noise_lists", "publications"])
def test_what_voters_read_may_vanish_once_the_members_have_it(world, lost):
    """They serve it again when they vote; nobody is accused for what a store has lost."""
    small = world(TWO_SITES, State.OPENED)
    for blob in getattr(view_of(small).current, lost).values():
        small.consortium.store.delete(blob)
    view = small.run(ended).rounds[1]
    assert view.state is State.FINAL
    assert len(view.attestations) == 4


def test_noise_whose_envelopes_a_store_has_lost_accuses_nobody(world):
    """A site that sees none of them waits: that they are gone is not their owner's fault."""
    small = world(TWO_SITES, State.OPENED)
    view = view_of(small)
    listed = looked_up(
        small, lambda inbox: dict(envelope_digests(small.study, view.current, inbox))
    )
    for place, blob in listed.items():
        if not small.study.is_site(place):
            small.consortium.store.delete(blob)
    site = small.sites[0]
    kept = [path.read_bytes() for path in small.consortium.folder.glob("site-0/*/kept/*")]
    assert stepped(small, site.role, site.state, view, kept=kept).posts == ()


def test_a_grant_taken_back_before_the_round_opens_lets_it_expire(world):
    small = world(Shape(rounds=1, min_sites=3), State.ANNOUNCED)
    site = small.sites[0].account
    call = dataset_registry.revoke(small.datasets[0].version, small.study.study_id)
    small.consortium.send(site, call)
    view = small.run(aborted)
    assert view.rounds[1].aborted[0] == "NotOpened"


def test_a_budget_that_is_closed_lets_the_round_expire(world):
    small = world(ONE_ROUND, State.ANNOUNCED)
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


def test_a_store_that_refuses_makes_parties_wait_and_try_again(world):
    small = world(ONE_ROUND)
    small.consortium.store = Refusing(small.consortium.store, 5)
    assert accepted_all(small.run())


def test_a_post_whose_block_is_gone_is_sent_again(world):
    small = world(ONE_ROUND, State.CLOSED)
    party, ledger = small.aggregators[0], small.consortium.ledger
    call = rounds.announce(small.study.study_id, 1, b"h" * 32, b"k" * 32)
    sent = (State.CLOSED, call.encode())
    party._sent[sent] = ledger.head()
    assert party._send(ledger, State.CLOSED, call) is None
    assert party.trouble is None  # it stands: not sent again
    party._sent[sent] = BlockRef(1, bytes(32), 0)
    assert party._send(ledger, State.CLOSED, call) is None
    assert isinstance(party.trouble, ContractRefused)  # sent again, and refused in this state


def test_the_same_words_in_another_state_are_sent(world):
    """To have fetched all verifier files, and to have fetched all publications."""
    small = world(TWO_SITES, State.FINAL)
    said = [event.fetched for event in events(small, rounds.Confirmed)]
    assert said == [0b11] * 4


def test_a_study_costs_a_site_no_more_than_its_terms_promise(world):
    """Rounds that abort after they were charged count too."""
    small = world(ONE_ROUND, State.OPEN)
    view = view_of(small)
    site = small.sites[0].role
    lineage = small.datasets[0].lineage
    promised = view.current.reserved[lineage]
    assert isinstance(site, Trainer)
    assert site._may_report(view.current, inbox_of(small, view))
    view.current.settled[lineage] = 10**12 - promised
    assert not site._may_report(view.current, inbox_of(small, view))


def inbox_of(small, view):
    return Inbox(view, small.consortium.ledger.head().timestamp, {})


@pytest.mark.anvil
def test_on_anvil_a_silent_site_is_waited_for_until_the_deadline(tmp_path):
    try:
        small = small_study(tmp_path, Shape(rounds=1, engine="anvil"))
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    with small.consortium.ledger:
        view = small.run(parties=[*small.sites[:2], *small.aggregators])
        assert codes(view) == [0, 0, VERDICTS.index("absent"), 0, 0, 0, 0]
        assert view.rounds[1].state is State.FINAL
