"""Replicated shares (B3, B4): whole rounds, members that stop or bend noise; once is once."""

from dataclasses import replace

import pytest
from tests.roles.replicated_liars import (
    Excusing,
    Loud,
    Negating,
    Recovering,
    Shifting,
    Smearing,
    Swallowing,
    WrongSeeds,
)
from tests.roles.replicated_staging import (
    LIAR,
    SHAPES,
    SITES,
    WAITING,
    begun,
    both_modes,
    computed_once,
    left,
    over,
    owned_noise,
    pair,
    reached,
    released,
    settled,
    stored,
    went_on,
    without,
)
from tests.roles.staging import (
    VERDICTS,
    aborted,
    codes,
    copied,
    events,
    in_state,
    progress,
    saved,
    stepped,
    view_of,
    with_member,
)

from troth.errors import OnceOnly
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.privacy.secagg.pine import Pine
from troth.round.messages import MAX_MESSAGE
from troth.round.transitions import Fault, State
from troth.storage.seal import MAGIC, sealed_size


@pytest.fixture(scope="module", autouse=True)
def _computed_once():
    with computed_once():
        yield


@pytest.fixture
def world(tmp_path, tmp_path_factory):
    """``world(mode, state)``: a study of a mode at the beginning of a state of its first round."""
    return lambda mode, state: copied(begun(mode, state, tmp_path_factory.mktemp), tmp_path / mode)


# Honest rounds.


@both_modes
def test_an_honest_round_ends_with_the_model_that_follows_from_updates_and_noise(world, mode):
    small = world(mode, State.FINAL)
    view = went_on(small, [], noise=range(SHAPES[mode].members))
    assert max(abs(value) for value in owned_noise(small, [])[0]) > 0
    assert left(small) == {}
    voters = {*small.study.sites, *small.study.committee}
    assert view.attestations == dict.fromkeys(voters, view.model_digest)
    assert view.tags_right == dict.fromkeys(voters, True)
    assert codes(view_of(small)) == [0] * (SITES + 2 * SHAPES[mode].members + 1)


@both_modes
def test_an_honest_round_asks_for_each_word_once_and_for_none_of_mode_a(world, mode):
    small, members = world(mode, State.FINAL), SHAPES[mode].members
    for kind, count in (
        (rounds.Reported, SITES),
        (rounds.DeliveryPosted, members),
        (rounds.KeyRevealed, 2 * members),
        (rounds.FileCommitted, members),
        (rounds.Confirmed, members),
        (rounds.VerdictPosted, members),
        (rounds.SumCommitted, members),
        (rounds.PublicationPosted, 0),
        (rounds.NoiseOpened, members),
        (rounds.Recovered, members if mode == "B4" else 0),
        (rounds.Answered, 0),
        (rounds.Dropped, 0),
        (rounds.Attested, SITES + members),
        (rounds.Accused, 0),
    ):
        assert len(events(small, kind)) == count, kind.__name__


@both_modes
def test_every_share_is_uploaded_once_whatever_the_number_of_its_holders(world, mode):
    small, members = world(mode, State.CLOSED), SHAPES[mode].members
    sealed = [blob for blob in stored(small) if blob.startswith(MAGIC)]
    assert len(sealed) == members * (SITES + 2 * members)
    assert {blob[len(MAGIC)] for blob in sealed} == {members - 1}
    study, report = small.study, small.sites[0].state.report
    sizes = [len(small.consortium.store.get(d, max_size=MAX_MESSAGE)) for d in report.sealed]
    assert sizes == [study.share_size(0, share) for share in range(members)]
    envelope = small.consortium.store.get(report.envelope, max_size=MAX_MESSAGE)
    assert len(envelope) <= study.envelope_limit


@pytest.mark.parametrize(("mode", "dimension"), [("B3", 1_000_000), ("B4", 1_200_000)])
def test_a_long_report_costs_four_bytes_and_little_more_for_each_parameter(mode, dimension):
    """All that a site uploads, with Pine32. Each holder of a share adds its wrapped key once."""
    members = SHAPES[mode].members
    pine = Pine(
        "Pine32HmacSha256Aes128",
        shares=members,
        dimension=dimension,
        num_frac_bits=8,
        l2_norm_bound=8000 * 4,
        proofs=5,
        proofs_norm_equality=3,
        kernels="clear",
    )
    sizes = [sealed_size(pine.input_share_size(share), members - 1) for share in range(members)]
    envelope = 1024 + 512 * members + 2 * pine.public_share_size
    assert 4 < (sum(sizes) + envelope) / dimension <= 4.06


# A member stops.


def crashed(state):
    """Another member for each state."""
    return WAITING.index(state) % 4


@pytest.mark.parametrize("state", WAITING, ids=lambda state: state.title)
def test_b4_goes_on_without_a_member_that_stops_and_says_when(world, state):
    start = State.ABSENT if state is State.ANNOUNCING else state
    small, gone = world("B4", start), crashed(state)
    others = without(small, gone)
    small.run(over, others)
    summed = state >= State.SETTLED  # its noise is in S: the others open all of it
    knew = state >= State.HELD  # it could have seen what it leaves behind
    guilty = 1 << gone if knew else 0
    view = went_on(small, others, noise=set(range(4)) - {gone}, guilty=guilty)
    assert left(small) == {gone: (state, "Withheld")}
    assert view.recovered == (1 << gone if summed else 0)
    assert len(view.attestations) == SITES + 3


def test_b4_goes_on_without_a_member_that_stops_before_it_said_whose_noise_is_missing(world):
    small = world("B4", State.SEEDED)
    others = without(small, 2)
    small.run(over, others)
    went_on(small, others, noise=range(4), guilty=0b0100)
    assert left(small) == {2: (State.SEEDED, "Withheld")}


def test_a_member_that_stopped_before_the_votes_is_not_waited_for(world):
    small = world("B4", State.OPENED)
    others = without(small, 0)
    small.run(over, others)
    went_on(small, others, noise=range(4))
    assert left(small) == {}


def test_who_left_a_round_may_vote_in_it_and_takes_part_in_the_next_one(world):
    small = world("B4", State.SETTLED)
    gone = small.study.committee[3]
    sealed = [blob for party in small.sites for blob in party.state.report.sealed]
    small.run(in_state(State.OPENED), without(small, 3))
    view = small.run()
    assert view.rounds[1].left.keys() == {gone}
    assert gone in view.rounds[1].attestations
    assert view.rounds[2].state is State.FINAL
    assert view.rounds[2].left == {}
    assert view.rounds[2].seeds.keys() == set(small.study.committee)
    assert not any(small.consortium.store.has(blob) for blob in sealed)


@pytest.mark.parametrize("state", WAITING, ids=lambda state: state.title)
def test_b3_ends_cleanly_when_a_member_stops(world, state):
    start = State.ABSENT if state is State.ANNOUNCING else state
    small, gone = world("B3", start), WAITING.index(state) % 3
    view = small.run(aborted, without(small, gone)).rounds[1]
    assert view.aborted == ("Withheld", small.study.committee[gone])
    assert view.left == {}
    assert settled(small) if state >= State.SETTLED else released(small)
    assert progress(small).guilty == (1 << gone if state >= State.HELD else 0)


@pytest.mark.parametrize(
    "state", [State.CLOSED, State.SETTLED, State.HELD], ids=lambda state: state.title
)
def test_b4_ends_cleanly_when_two_members_stop(world, state):
    small = world("B4", state)
    view = small.run(aborted, without(small, 1, 2)).rounds[1]
    assert view.aborted == ("Withheld", small.study.committee[1])
    assert view.left == {}
    assert settled(small) if state >= State.SETTLED else released(small)
    assert progress(small).guilty == (0b0010 if state >= State.HELD else 0)


def test_b4_with_one_member_gone_is_as_b3(world):
    small = world("B4", State.DELIVERED)
    small.run(in_state(State.SETTLED), without(small, 0))
    view = small.run(aborted, without(small, 0, 3)).rounds[1]
    assert view.aborted == ("Withheld", small.study.committee[3])
    assert left(small) == {0: (State.DELIVERED, "Withheld")}
    assert settled(small)
    assert progress(small).guilty == 0


@pytest.mark.parametrize("liar", [WrongSeeds, Excusing], ids=["", "and denies it"])
def test_b4_with_one_member_gone_names_who_opens_something_else(world, liar):
    """It cannot spare the liar as well; nor would enough noise be left without both."""
    small = world("B4", State.PICKED)
    parties = with_member(small, liar)
    view = small.run(aborted, [*parties[:SITES], *parties[SITES + 1 :]]).rounds[1]
    assert left(small) == {0: (State.PICKED, "Withheld")}
    assert view.aborted == ("Fault", small.study.committee[LIAR])
    assert progress(small).guilty == 1 | 1 << LIAR


def test_b4_with_one_member_gone_ends_where_sums_differ_and_names_a_pair_with_the_liar(world):
    small = world("B4", State.SETTLED)
    parties = with_member(small, Shifting, 3)
    view = small.run(aborted, [*parties[:SITES], *parties[SITES + 1 :]]).rounds[1]
    assert left(small) == {0: (State.SETTLED, "Withheld")}
    assert view.aborted[0] == "Disagree"
    assert pair(small) == (small.study.committee[1], small.study.committee[3])
    assert not any(small.consortium.store.has(it) for them in view.sums.values() for it in them)
    assert progress(small).guilty == 0


# Noise.


def test_b4_leaves_noise_above_its_bound_out_and_keeps_that_of_the_three_others(world):
    small = world("B4", State.OPEN)
    parties = with_member(small, Loud, LIAR)
    small.run(over, parties)
    went_on(small, parties, noise={0, 2, 3})
    place = small.study.noise_place(LIAR, 0)
    assert codes(view_of(small))[place] == VERDICTS.index("norm_equality")
    assert left(small) == {}


def test_who_was_away_when_noise_was_reported_goes_on_after_a_round_that_ended_for_noise(world):
    """Its own was missing, not rejected: there is nothing to defend, and a next round to join."""
    small = world("B4", State.OPEN)
    parties, away = with_member(small, Loud, LIAR), small.aggregators[0]
    view = small.run(aborted, [party for party in parties if party is not away]).rounds[1]
    assert left(small) == {0: (State.OPEN, "Withheld")}
    assert view.aborted == ("Noise", ZERO)
    view = small.run(lambda view: away.account.address in view.current.key_heads, parties)
    assert view.current.number == 2
    assert away.account.address not in view.rounds[1].defences


def test_b3_ends_where_noise_is_above_its_bound(world):
    small = world("B3", State.OPEN)
    view = small.run(aborted, with_member(small, Loud, LIAR)).rounds[1]
    assert view.aborted == ("Noise", ZERO)
    assert released(small)


@pytest.mark.parametrize(
    ("liar", "reason"), [(WrongSeeds, "Fault"), (Excusing, "Disagree")], ids=["", "and denies it"]
)
def test_b4_opens_the_noise_of_who_opens_something_else_and_goes_on_without_it(world, liar, reason):
    small = world("B4", State.PICKED)
    parties = with_member(small, liar)
    view = small.run(over, parties).rounds[1]
    went_on(small, parties, noise={0, 2, 3}, guilty=1 << LIAR)
    assert left(small) == {LIAR: (State.SEEDED, reason)}
    assert view.recovered == 1 << LIAR


def test_who_was_at_fault_takes_no_part_in_later_rounds(world):
    """Else it could try false noise in every round, and leave where it is picked."""
    small = world("B4", State.SEEDED)
    small.run(over, without(small, 2))
    view = small.run(lambda view: view.current.state is State.ANNOUNCED).rounds[2]
    assert left(small, 2) == {2: (State.ABSENT, "Fault")}
    assert view.key_heads.keys() == {*small.study.committee} - {small.study.committee[2]}


def test_b3_ends_and_names_who_opens_something_else(world):
    small = world("B3", State.PICKED)
    view = small.run(aborted, with_member(small, WrongSeeds)).rounds[1]
    culprit = small.study.committee[LIAR]
    assert view.aborted == ("Fault", culprit)
    assert {(it.fault, it.party) for it in view.accusations.values()} == {(Fault.OPENING, culprit)}
    assert progress(small).guilty == 1 << LIAR
    assert settled(small)


def test_b4_goes_on_without_who_opens_zeros_which_the_contract_refuses(world):
    small = world("B4", State.PICKED)
    parties = with_member(small, WrongSeeds, seed=bytes(32))
    view = small.run(reached(State.OPENED), parties).current
    assert left(small) == {LIAR: (State.PICKED, "Withheld")}
    assert view.recovered == 1 << LIAR


def test_b3_ends_where_somebody_opens_zeros(world):
    small = world("B3", State.PICKED)
    view = small.run(aborted, with_member(small, WrongSeeds, seed=bytes(32))).rounds[1]
    assert view.aborted == ("Withheld", small.study.committee[LIAR])
    assert progress(small).guilty == 1 << LIAR


@pytest.mark.parametrize("liar", [Recovering, Negating], ids=lambda kind: kind.__name__)
def test_b4_opens_no_noise_on_the_word_of_one(world, liar):
    small = world("B4", State.SEEDED)
    parties = with_member(small, liar, victim=2)
    view = small.run(over, parties).rounds[1]
    went_on(small, parties, noise=range(4))
    assert left(small) == {LIAR: (State.SEEDED, "Disagree")}
    assert view.recovered == 0
    shown = [owners for owners, _ in view.recoveries.values()]
    assert sorted(shown) == [0, 0, 0, 0b100]


def test_nobody_passes_on_what_one_shows_of_noise_that_is_not_missing(world):
    """One more share, leaked later, would open the noise that stays in the sum."""
    small = world("B4", State.SEEDED)
    small.run(in_state(State.OPENED), with_member(small, Recovering, LIAR, victim=2))
    view = view_of(small)
    _, named = view.current.recoveries[small.study.committee[LIAR]]
    blob = small.consortium.store.get(named, max_size=MAX_MESSAGE)
    role, state = saved(small, 0)
    outbox = stepped(small, role, state, view)
    assert outbox.posts
    assert blob not in outbox.puts


@pytest.mark.parametrize("liar", [Smearing, Swallowing], ids=lambda kind: kind.__name__)
def test_two_honest_holders_open_all_the_noise_of_who_stopped(world, liar):
    """What the third one shows, or does not, changes nothing."""
    small = world("B4", State.PICKED)
    parties = [p for k, p in enumerate(with_member(small, liar, 0)) if k != SITES + LIAR]
    small.run(over, parties)
    view = went_on(small, parties, noise={0, 2, 3}, guilty=1 << LIAR)
    assert left(small) == {LIAR: (State.PICKED, "Withheld")}
    assert view.recovered == 1 << LIAR


def test_nobody_shows_noise_while_its_owner_has_opened_it(world):
    small = world("B4", State.SEEDED)
    role, state = saved(small, 0)
    outbox = stepped(small, role, state, view_of(small))
    assert outbox.puts == ()
    assert outbox.state.recovered == 0


def test_nobody_shows_noise_where_too_little_would_be_left(world):
    small = world("B4", State.SEEDED)
    role, state = saved(small, 0)
    view = view_of(small)
    for member in small.study.committee[1:3]:
        del view.current.seeds[member]
    (blob,) = stepped(small, role, state, view).puts
    assert blob == b'{"format":"troth/recovery/v1","shares":[]}'


def test_a_holder_shows_what_it_holds_of_missing_noise_and_nothing_else(world):
    small = world("B4", State.SEEDED)
    role, state = saved(small, 0)
    view = view_of(small)
    del view.current.seeds[small.study.committee[3]]
    (blob,) = stepped(small, role, state, view).puts
    noise = saved(small, 3)[1].noise
    for number, kept in enumerate(noise):
        place = small.study.noise_place(3, number)
        made = kept.again(small.study, small.study.where(1), place, view.current.heads_digest)
        lacked, *held = (share.hex() for share in made.sharing.extended)
        assert lacked not in blob.decode()
        assert all(share in blob.decode() for share in held)
    assert blob.decode().count('"place"') == len(noise) * 3


# Once, and once only: also after a restart.


def again(role, state):
    """The state as a restarted party reads it."""
    return role.decode(role.encode(state))


@both_modes
def test_a_second_set_of_sums_is_refused(world, mode):
    """Another history may fix another S; the difference of two sums would be an update."""
    small = world(mode, State.SETTLED)
    role, state = saved(small)
    once = stepped(small, role, state, view_of(small)).state
    assert len(once.sums) == 32 * (SHAPES[mode].members - 1)
    same = stepped(small, role, again(role, once), view_of(small))
    assert len(same.posts) == 1
    with pytest.raises(OnceOnly, match="second sum"):
        role._bind(again(role, once), view_of(small).current, (b"x" * 32,) * 3)


@both_modes
def test_another_sum_than_the_one_it_is_bound_to_is_never_published(world, mode):
    small = world(mode, State.HELD)
    role, state = saved(small)
    other = replace(state, sums=state.sums[:-1] + bytes([state.sums[-1] ^ 1]))
    with pytest.raises(OnceOnly, match="second sum"):
        stepped(small, role, again(role, other), view_of(small))


@both_modes
def test_no_sum_is_published_that_others_do_not_agree_on(world, mode):
    small = world(mode, State.HELD)
    role, state = saved(small)
    view = view_of(small)
    for member in small.study.committee:
        view.current.sums[member] = (b"x" * 32, *view.current.sums[member][1:])
    with pytest.raises(OnceOnly, match="second sum"):
        stepped(small, role, again(role, state), view)


def test_noise_of_another_owner_is_not_shown_after_that_of_one(world):
    small = world("B4", State.SEEDED)
    role, state = saved(small, 0)
    view = view_of(small)
    seeds = dict(view.current.seeds)
    del view.current.seeds[small.study.committee[3]]
    once = stepped(small, role, state, view).state
    assert once.recovered == 0b1000
    assert stepped(small, role, again(role, once), view).state == once
    for gone in (set(), {1}, {1, 3}):
        there = [small.study.committee[k] for k in range(4) if k not in gone]
        view.current.seeds = {member: seeds[member] for member in there}
        with pytest.raises(OnceOnly, match="other noise is opened"):
            stepped(small, role, again(role, once), view)


@both_modes
def test_a_second_pick_is_refused(world, mode):
    small = world(mode, State.PICKED)
    role, state = saved(small)
    view = view_of(small)
    once = stepped(small, role, state, view).state
    other = tuple(1 - number for number in once.opened)
    with pytest.raises(OnceOnly, match="second pick"):
        stepped(small, role, again(role, replace(once, opened=other)), view)


def test_noise_that_was_opened_is_never_summed(world):
    small = world("B4", State.SETTLED)
    role, state = saved(small)
    opened = replace(state, opened=(0, 1))
    with pytest.raises(OnceOnly):
        stepped(small, role, again(role, opened), view_of(small))
