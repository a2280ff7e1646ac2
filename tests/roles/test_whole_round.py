"""One study after another through real contracts, proofs and store; honest and not so honest."""

import os

import numpy as np
import pytest

from troth.domain.hashing import digest
from troth.errors import BlobMissing, EncodingError
from troth.learning.model import Model
from troth.ledger.address import ZERO
from troth.ledger.bindings import privacy_ledger, rounds
from troth.roles.aggregator import Aggregator
from troth.roles.verifying import read_envelopes
from troth.round.mail import BlobsWanted, Inbox, Outbox, Wanted
from troth.round.messages import MAX_MESSAGE
from troth.round.transitions import State, table
from troth.round.verdict import aggregate
from troth.round.view import StudyView
from troth.scenarios.small_study import Shape, constant, small_study
from troth.testing.forgers import (
    shard_norm_not_in_bits,
    shard_over_norm,
    shard_tampered_proof,
    shard_wraparound,
)

ONE_ROUND = Shape(rounds=1)
VERDICTS = table().verdicts
MEMBER_STATES = [state for state, row in table().timeouts.items() if row.names == "missing member"]
NOISE_RANGE = 8 * 100 * 3  # 8 standard deviations of each of at most three noise vectors


def published_sum(small, view, number=1):
    found = view.rounds[number]
    store = small.consortium.store
    shares = [
        store.get(found.publications[member], max_size=MAX_MESSAGE)
        for member in small.study.committee
    ]
    return aggregate(small.study, found.accepted, shares)


def codes(view, number=1):
    return list(next(iter(view.rounds[number].verdicts.values())))


def in_state(state):
    return lambda view: view.current.state is state


def aborted(view):
    return bool(view.aborts)


def spent(small):
    """Settled and reserved nano-ρ of every lineage."""
    calls = (privacy_ledger.account_of(item.lineage) for item in small.datasets)
    accounts = [small.consortium.ledger.call(call) for call in calls]
    return [(account.settled, account.reserved) for account in accounts]


def envelope_of(small, place):
    view = StudyView(small.study.study_id)
    for logged in small.consortium.ledger.events(0):
        view.apply(logged.event)
    blobs: dict[Wanted, bytes | None] = {}
    while True:
        try:
            return read_envelopes(small.study, view.current, Inbox(view, 0, blobs))[place]
        except BlobsWanted as request:
            store = small.consortium.store
            blobs |= {w: store.get(w.digest, max_size=w.max_size) for w in request.wanted}


def wraparound(pine, _, nonce, rand):
    return shard_wraparound(pine, nonce, rand)


class Losing:
    """A store that serves everything but one blob."""

    def __init__(self, store, lost):
        self.store, self.lost = store, lost

    def get(self, digest, *, max_size):
        if digest == self.lost:
            raise BlobMissing(digest.hex())
        return self.store.get(digest, max_size=max_size)

    def __getattr__(self, name):
        return getattr(self.store, name)


def test_an_honest_study_ends_with_a_model_that_follows_from_the_sums(tmp_path):
    small = small_study(tmp_path)
    view = small.run()
    assert [found.state for found in view.rounds.values()] == [State.FINAL, State.FINAL]
    total = published_sum(small, view)
    assert np.abs(total - 6).max() < NOISE_RANGE
    model = Model.decode(
        small.consortium.store.get(view.rounds[1].model_digest, max_size=MAX_MESSAGE)
    )
    np.testing.assert_array_equal(model.weights, -total / (64 * 16))


@pytest.mark.parametrize(("members", "honest"), [(3, 2), (5, 1)])
def test_public_weights_count_and_larger_committees_work(tmp_path, members, honest):
    shape = Shape(weights=(1, 3), members=members, honest=honest, rounds=1)
    small = small_study(tmp_path, shape, lambda place, _: [(-1000, 1000)[place], 0, 0, 0])
    view = small.run()
    total = published_sum(small, view)
    assert abs(total[0] - 2000) < NOISE_RANGE
    assert np.abs(total[1:]).max() < NOISE_RANGE
    first, second = (view.rounds[1].settled[item.lineage] for item in small.datasets)
    assert 9 * first - 9 <= second <= 9 * first  # a weight of 3 costs its lineage nine times


def test_an_honest_site_cannot_send_an_update_above_the_bound(tmp_path):
    small = small_study(tmp_path, ONE_ROUND, lambda *_: [1025, 0, 0, 0])
    with pytest.raises(EncodingError, match="norm"):
        small.run()


def far_too_long(place, _):
    return [100 * 1024 if place == 1 else 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("forge", "vectors", "reason"),
    [
        (shard_over_norm, far_too_long, "norm_equality"),
        (shard_norm_not_in_bits, far_too_long, "validity"),
        (shard_tampered_proof, constant, "norm_equality"),
        (wraparound, constant, "validity"),
    ],
)
def test_a_forged_report_is_excluded_and_the_round_goes_on(tmp_path, forge, vectors, reason):
    small = small_study(tmp_path, ONE_ROUND, vectors, {1: forge})
    view = small.run()
    assert codes(view) == [0, VERDICTS.index(reason), 0, 0, 0]
    assert view.rounds[1].state is State.FINAL
    assert np.abs(published_sum(small, view)).max() < NOISE_RANGE
    assert view.rounds[1].settled.keys() == {item.lineage for item in small.datasets}


def test_a_share_that_nobody_serves_is_undelivered(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(State.CLOSED))
    envelope = envelope_of(small, place=2)
    small.consortium.store.delete(envelope.shares[1].digest)
    assert codes(small.run()) == [0, 0, VERDICTS.index("undelivered"), 0, 0]


def test_a_silent_site_is_waited_for_until_the_deadline_and_no_longer(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(parties=[*small.sites[:2], *small.aggregators])
    assert codes(view) == [0, 0, VERDICTS.index("absent"), 0, 0]
    assert view.rounds[1].state is State.FINAL


def test_too_few_sites_abort_the_round_and_release_every_reservation(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(aborted, [small.sites[0], *small.aggregators])
    assert view.rounds[1].aborted[0] == "Quorum"
    assert spent(small) == [(0, 0)] * 3


@pytest.mark.parametrize("state", MEMBER_STATES, ids=lambda state: state.title)
def test_a_member_that_stops_is_named_after_the_deadline(tmp_path, state):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(state))
    view = small.run(aborted, [*small.sites, small.aggregators[0]])
    assert view.rounds[1].aborted == ("Withheld", small.study.committee[1])
    settled = state >= State.SETTLED
    assert all((charge > 0) == settled and not held for charge, held in spent(small))


def test_missing_noise_names_owner_and_releases(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(in_state(State.CLOSED))
    envelope = envelope_of(small, place=4)
    small.consortium.store.delete(envelope.shares[1].digest)  # aggregator 0 holds share 1 of it
    view = small.run(aborted)
    assert view.rounds[1].aborted == ("Noise", small.study.committee[1])
    assert spent(small) == [(0, 0)] * 3


def test_a_verifier_file_that_only_its_owner_has_names_nobody(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    view = small.run(in_state(State.COMMITTED))
    store, hidden = small.consortium.store, view.rounds[1].files[small.study.committee[1]]
    small.consortium.store = Losing(store, hidden)
    view = small.run(aborted)
    assert view.rounds[1].aborted == ("Unavailable", ZERO)
    assert spent(small) == [(0, 0)] * 3


def test_a_retry_after_an_abort_is_a_new_round(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    small.run(aborted, [small.sites[0], *small.aggregators])
    view = small.run()
    assert [view.rounds[n].state for n in (1, 2)] == [State.ABORTED, State.FINAL]


class Shifting(Aggregator):
    """Commits to its sum, then publishes another one."""

    def _publish(self, state, view, inbox):
        share = bytearray(self._aggregate_share(state, view, inbox))
        share[0] ^= 1
        return Outbox(
            state,
            puts=(bytes(share),),
            posts=(rounds.publish(self.study.study_id, view.number, digest(bytes(share))),),
        )


def test_a_share_that_was_not_committed_to_gets_no_attestation(tmp_path):
    small = small_study(tmp_path, ONE_ROUND)
    liar = small.consortium.party(
        small.study, Shifting(small.study, small.study.committee[1], os.urandom)
    )
    view = small.run(aborted, [*small.sites, small.aggregators[0], liar])
    assert view.rounds[1].aborted == ("Conflict", ZERO)
    assert view.rounds[1].attestations == {}
    assert all(charge > 0 and not held for charge, held in spent(small))


class SecondPick(Aggregator):
    """Says that it accepts a report which does not verify."""

    def _verdict(self, state, view, inbox):
        return bytes(len(super()._verdict(state, view, inbox)))


def test_verdicts_that_differ_abort_before_anything_is_summed(tmp_path):
    small = small_study(tmp_path, ONE_ROUND, far_too_long, {1: shard_over_norm})
    liar = small.consortium.party(
        small.study, SecondPick(small.study, small.study.committee[1], os.urandom)
    )
    view = small.run(aborted, [*small.sites, small.aggregators[0], liar])
    assert view.rounds[1].aborted == ("Disagree", ZERO)
    assert view.rounds[1].sums == {}
    assert spent(small) == [(0, 0)] * 3
