"""Rounds of modes B3 and B4 on the model: what members post, who is missing, who leaves."""

from tests.round.game import (
    ANYONE,
    ARGUMENTS,
    B3,
    B4,
    D,
    Game,
)

from troth.ledger.bindings import rounds
from troth.round.transitions import State, table

EVERY_PLACE = 0b11_11_11_11_111
"""Three sites, then two noise candidates of each of four members."""
AWAITED = [
    state
    for state in table().timeouts
    if table().awaited(state) and not State.SUMMED <= state <= State.PUBLISHED
]
"""The states in which rounds of replicated shares wait for members."""


def four(state=State.ABSENT, **changes):
    return Game(study=B4, **changes).reach(state)


def three(state=State.ABSENT):
    return Game(study=B3).reach(state)


def noise(*owners):
    return sum(0b11 << 3 + 2 * owner for owner in owners)


def dropped(events):
    """Whom the events say that left, where and why."""
    found = [event for event in events if isinstance(event, rounds.Dropped)]
    return [(e.member, State(e.in_state), table().reasons[e.reason]) for e in found]


def sums(**other):
    """What four members post over four shares: ``A2="x"`` is another digest of A for share 2."""
    posts = []
    for k, name in enumerate("ABCD"):
        told = [other.get(f"{name}{share}", "right") for share in range(4) if share != k]
        posts.append(tuple(word.encode().ljust(32, b".") for word in told))
    return posts


def awaited(state):
    """What members do in a state."""
    row = table().awaited(state)
    assert row is not None
    return row.action


def post(game, member):
    """A member does what is right in the state that the game is in."""
    state = game.state
    if state is State.ANNOUNCING:
        return game.announce(member)
    if state in (State.DELIVERED, State.HELD):
        return game.reveal(member, 2 if state is State.DELIVERED else 0)
    given = {
        State.CLOSED: {"opened": game.record.present},
        State.ANSWERED: {"opened": game.record.present},
        State.COMMITTED: {"fetched": sum(1 << k for k in game.record.live)},
        State.JUDGED: {"codes": game.codes() + b"\0"},
        State.SETTLED: {"digests": sums()[game.shape.member(member)][: game.shape.members - 1]},
    }
    action = awaited(state)
    return game.act(member, action, **given.get(state, ARGUMENTS[action]))


def without_d(state):
    """Four of which one has left; where noise is disputed, C disputes it."""
    game = four(State.ANNOUNCING)
    without(game, D)
    return game.reach(state)


def without(game, *members):
    """The others do what is right, and the deadline passes."""
    for member in game.live:
        if member not in members and game.shape.member(member) not in game.record.posted:
            post(game, member)
    return game.late().act(ANYONE, "expire")
