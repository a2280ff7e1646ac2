"""One study after another through real contracts, proofs and store; honest and not so honest."""

import numpy as np
import pytest
from tests.roles.liars import AllAccepting
from tests.roles.staging import (
    ELSEWHERE,
    ONE_ROUND,
    TWO_SITES,
    VERDICTS,
    aborted,
    codes,
    events,
    looked_up,
    progress,
    published_sum,
    spent,
    view_of,
    with_member,
)

from troth.errors import BlobMissing, EncodingError
from troth.learning.model import Model
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.roles.verifying import read_envelopes
from troth.round.messages import MAX_MESSAGE
from troth.round.transitions import State, table
from troth.scenarios.small_study import Shape, constant, small_study
from troth.testing.forgers import (
    shard_norm_not_in_bits,
    shard_over_norm,
    shard_tampered_proof,
    shard_wraparound,
)

NOISE_RANGE = 8 * 100 * 3  # 8 standard deviations of each of at most three noise vectors
WAITING = [
    (state, row)
    for state, rows in table().timeouts.items()
    for row in rows
    if row.names == "missing member" and state not in (*ELSEWHERE, State.ANNOUNCING)
]


def envelope_of(small, place):
    return looked_up(
        small, lambda inbox: read_envelopes(small.study, inbox.view.current, inbox)[place]
    )


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
    total = published_sum(small)
    assert np.abs(total - 6).max() < NOISE_RANGE
    model = Model.decode(
        small.consortium.store.get(view.rounds[1].model_digest, max_size=MAX_MESSAGE)
    )
    np.testing.assert_array_equal(model.weights, -total / (64 * 16))


def test_every_voter_of_an_honest_round_attests_the_same_and_finds_its_tags_right(world):
    small = world(ONE_ROUND, State.FINAL)
    view = view_of(small).rounds[1]
    voters = {*small.study.sites, *small.study.committee}
    assert view.attestations == dict.fromkeys(voters, view.model_digest)
    assert view.tags_right == dict.fromkeys(voters, True)


@pytest.mark.parametrize(("members", "honest", "candidates"), [(3, 2, 4), (5, 1, 2)])
def test_public_weights_count_and_larger_committees_work(tmp_path, members, honest, candidates):
    shape = Shape((1, 3), members=members, honest=honest, rounds=1, candidates=candidates)
    small = small_study(tmp_path, shape, lambda place, _: [(-1000, 1000)[place], 0, 0, 0])
    view = small.run()
    total = published_sum(small)
    assert abs(total[0] - 2000) < NOISE_RANGE
    assert np.abs(total[1:]).max() < NOISE_RANGE
    first, second = (view.rounds[1].settled[item.lineage] for item in small.datasets)
    assert 9 * first - 9 <= second <= 9 * first  # a weight of 3 costs its lineage nine times
    assert all(len(seeds) == candidates - 1 for seeds in view.rounds[1].seeds.values())


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
    assert codes(view) == [0, VERDICTS.index(reason), 0, 0, 0, 0, 0]
    assert view.rounds[1].state is State.FINAL
    assert np.abs(published_sum(small)).max() < NOISE_RANGE
    assert view.rounds[1].settled.keys() == {item.lineage for item in small.datasets}


def test_a_share_that_nobody_serves_is_undelivered(world):
    small = world(ONE_ROUND, State.CLOSED)
    envelope = envelope_of(small, place=2)
    small.consortium.store.delete(envelope.shares[1].digest)
    assert codes(small.run()) == [0, 0, VERDICTS.index("undelivered"), 0, 0, 0, 0]


def test_a_silent_site_is_waited_for_until_the_deadline_and_no_longer(world):
    small = world(ONE_ROUND)
    view = small.run(parties=[*small.sites[:2], *small.aggregators])
    assert codes(view) == [0, 0, VERDICTS.index("absent"), 0, 0, 0, 0]
    assert view.rounds[1].state is State.FINAL


def test_too_few_sites_abort_the_round_and_release_every_reservation(world):
    small = world(ONE_ROUND)
    view = small.run(aborted, [small.sites[0], *small.aggregators])
    assert view.rounds[1].aborted[0] == "Quorum"
    assert spent(small) == [(0, 0)] * 3


@pytest.mark.parametrize(("state", "row"), WAITING, ids=lambda value: getattr(value, "title", ""))
def test_a_member_that_stops_is_named_after_the_deadline(world, state, row):
    """And where it may have seen what it picks among, it is off the committee."""
    small = world(TWO_SITES, state)
    view = small.run(aborted, [*small.sites, small.aggregators[0]])
    assert view.rounds[1].aborted == ("Withheld", small.study.committee[1])
    settled = state >= State.SETTLED
    assert all((charge > 0) == settled and not held for charge, held in spent(small))
    assert progress(small).guilty == (0b10 if row.guilty else 0)


def test_after_a_proven_fault_the_committee_cannot_go_on(world):
    small = world(TWO_SITES, State.HELD)
    small.run(aborted, [*small.sites, small.aggregators[0]])
    refused = small.aggregators[0]
    small.consortium.finish(view_of(small), [refused, refused])
    assert "StudyOver" in str(refused.trouble)


def test_a_verifier_file_that_only_its_owner_has_names_nobody(world):
    small = world(ONE_ROUND, State.COMMITTED)
    view = view_of(small)
    store, hidden = small.consortium.store, view.rounds[1].files[small.study.committee[1]]
    small.consortium.store = Losing(store, hidden)
    view = small.run(aborted)
    assert view.rounds[1].aborted == ("Unavailable", ZERO)
    assert spent(small) == [(0, 0)] * 3


def test_a_retry_after_an_abort_is_a_new_round(world):
    small = world(ONE_ROUND)
    small.run(aborted, [small.sites[0], *small.aggregators])
    view = small.run()
    assert [view.rounds[n].state for n in (1, 2)] == [State.ABORTED, State.FINAL]


def test_verdicts_that_differ_abort_before_anything_is_summed(tmp_path):
    small = small_study(tmp_path, ONE_ROUND, far_too_long, {1: shard_over_norm})
    view = small.run(aborted, with_member(small, AllAccepting))
    assert view.rounds[1].aborted == ("Disagree", ZERO)
    assert view.rounds[1].sums == {}
    assert spent(small) == [(0, 0)] * 3


def test_a_round_asks_for_each_word_once(world):
    small = world(ONE_ROUND, State.FINAL)
    members = len(small.study.committee)
    for kind, count in (
        (rounds.Reported, 3),
        (rounds.HeadPosted, members),
        (rounds.DeliveryPosted, members),
        (rounds.KeyRevealed, 3 * members),
        (rounds.FileCommitted, members),
        (rounds.Confirmed, 2 * members),
        (rounds.VerdictPosted, members),
        (rounds.SumCommitted, members),
        (rounds.PublicationPosted, members),
        (rounds.NoiseOpened, members),
        (rounds.Attested, 3 + members),
        (rounds.Accused, 0),
        (rounds.Answered, 0),
    ):
        assert len(events(small, kind)) == count, kind.__name__
