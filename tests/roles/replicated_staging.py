"""What the tests of modes B3 and B4 share: each mode runs once, and everything is looked at."""

from collections import defaultdict
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from tests.roles.staging import copied, events, progress, spent, view_of

from troth.learning.model import Model
from troth.ledger.bindings import rounds
from troth.privacy.secagg.pine import Pine
from troth.round import openings
from troth.round.candidate import candidate
from troth.round.messages import MAX_MESSAGE
from troth.round.published import kept_candidates, owners_of_noise
from troth.round.transcript import bits
from troth.round.transitions import State
from troth.round.verdict import round_verify_key
from troth.scenarios.small_study import Shape, SmallStudy, constant, small_study

WEIGHTS = (1, 2)
SITES = len(WEIGHTS)
SHAPES = {
    mode: Shape(
        rounds=2,
        weights=WEIGHTS,
        min_sites=least,
        mode=mode,
        members=members,
        honest=2,
        max_aborts=1,
    )
    for mode, members, least in (("B3", 3, 1), ("B4", 4, 2))
}
WAITING = [
    State.ANNOUNCING,
    State.OPEN,
    State.CLOSED,
    State.DELIVERED,
    State.KEYED,
    State.COMMITTED,
    State.JUDGED,
    State.SETTLED,
    State.HELD,
    State.PICKED,
]
"""States of an honest round that wait for members, in both modes."""
LIAR = 1


def beyond(state):
    return lambda view: view.current.state is not state


def history(shape, folder):
    """The first round of an honest study, at the beginning of every state that it passes."""
    small = small_study(folder / "running", shape)
    worlds = {State.ABSENT: copied(small, folder / "new")}
    while not (seen := view_of(small)).finals:
        view = small.run(beyond(seen.current.state))
        state = view.rounds[1].state
        worlds[state] = copied(small, folder / state.title)
    return worlds


_HISTORIES: dict[str, dict[State, SmallStudy]] = {}


def begun(mode, state, new_folder):
    """The snapshot of a study of a mode at the beginning of a state of its first round.

    Args:
        mode: of the study. Each is run once, whoever asks.
        state: one that an honest round passes.
        new_folder: makes a folder that stays, from a name.
    """
    if mode not in _HISTORIES:
        _HISTORIES[mode] = history(SHAPES[mode], new_folder(mode))
    return _HISTORIES[mode][state]


_COMPUTED: dict[str, dict[Any, Any]] = defaultdict(dict)


def remember(patch, owner, name, key):
    """Let a pure function compute each thing once: the tests ask for the same over and over."""
    function, found = getattr(owner, name), _COMPUTED[name]

    def remembered(*arguments):
        asked = key(*arguments)
        if asked not in found:
            found[asked] = function(*arguments)
        return found[asked]

    patch.setattr(owner, name, remembered)


@contextmanager
def computed_once():
    """Verifier shares and noise are functions of what is passed in, whoever asks."""
    with pytest.MonkeyPatch.context() as patch:
        remember(
            patch,
            Pine,
            "verify_init",
            lambda _, key, share, nonce, public, own: (
                (key, share, nonce, public.encode(), own.encode())
            ),
        )
        remember(
            patch,
            openings,
            "candidate",
            lambda study, where, place, seed, heads: (study.study_id, where, place, seed, heads),
        )
        yield


def over(view):
    """Whether the first round has ended."""
    return view.current.number > 1


def reached(state):
    """Whether the first round has come so far, or has ended."""
    return lambda view: view.current.state >= state or over(view)


def without(small, *members):
    """All parties but some members."""
    return [*small.sites, *(p for k, p in enumerate(small.aggregators) if k not in members)]


def left(small, number=1):
    """Who left a round, by index: in which state, and why."""
    gone = view_of(small).rounds[number].left
    return {small.study.committee.index(member): found for member, found in gone.items()}


def pair(small):
    (event,) = events(small, rounds.RoundAborted)
    return event.party, event.other


def released(small):
    return spent(small) == [(0, 0)] * SITES


def settled(small):
    return all(charge > 0 and not held for charge, held in spent(small))


def owned_noise(small, parties):
    """Noise vectors of a round that are secret still, by owner: whoever knows all can tell."""
    study, view = small.study, view_of(small).rounds[1]
    kept = kept_candidates(study, view, round_verify_key(study, view))
    states = {party.account.address: party.state for party in (*small.aggregators, *parties)}
    found = {}
    for owner in owners_of_noise(study, view.accepted):
        if not view.recovered >> owner & 1:
            noise = states[study.committee[owner]].noise[kept[owner]]
            place = study.noise_place(owner, kept[owner])
            found[owner] = candidate(
                study, study.where(1), place, noise.seed, view.heads_digest
            ).vector
    return found


def went_on(small, parties, *, sites=range(SITES), noise=None, guilty=0):
    """The first round is final, and its model is what these sites and the noise come to.

    Exactly: every noise vector that stays in the sum is known here.

    Args:
        small: the study.
        parties: those that ran it.
        sites: places of the sites in S.
        noise: owners of the noise in the sum.
        guilty: bitmap of the members that are off the committee for it.
    """
    view = view_of(small).rounds[1]
    assert view.state is State.FINAL
    assert [place for place in bits(view.accepted) if small.study.is_site(place)] == list(sites)
    secret = owned_noise(small, parties)
    assert len(secret) > SHAPES["B4"].honest
    assert noise is None or sorted(secret) == sorted(noise)
    total = sum(WEIGHTS[place] * np.array(constant(place, 1)) for place in sites)
    total = total + sum(secret.values())
    data = small.consortium.store.get(view.model_digest, max_size=MAX_MESSAGE)
    np.testing.assert_array_equal(Model.decode(data).weights, -total / (64 * 16))
    assert settled(small)
    assert progress(small).guilty == guilty
    return view


def stored(small):
    """All blobs of the store."""
    folder = small.consortium.folder.parent / "store"
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


both_modes = pytest.mark.parametrize("mode", SHAPES)
"""Runs a test in B3 and in B4."""
