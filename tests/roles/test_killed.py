"""Processes of parties are killed with SIGKILL after every effect; the round ends all the same."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from multiprocessing import Pipe
from pathlib import Path

import pytest
from tests.conftest import PROJECT
from tests.roles.mortal import Life, World
from tests.roles.staging import TWO_SITES, events, spent, view_of

from troth.errors import LedgerError
from troth.ledger.bindings import privacy_ledger, rounds
from troth.round.transitions import State

NIGHTLY = os.environ.get("TROTH_NIGHTLY") == "1"
_MOST_LIVES = 2000


class Graveyard:
    """Runs lives of parties against the engine of a small study, which survives them all."""

    def __init__(self, small, pipe):
        self.small = small
        self.backend = small.consortium.ledger._backend
        self.pipe = pipe
        deployed = {name: bytes(at) for name, at in small.consortium.deployment.addresses.items()}
        store = small.consortium.folder.parent / "store"
        self.pipe.send(
            World(
                small.study.terms.encode(),
                small.study.study_id,
                deployed,
                self.backend.chain_id,
                self.backend.gas_limit,
                store,
            )
        )
        self.submitted = self.used = 0
        self.said = ""

    def close(self):
        self.pipe.send(None)

    def live(self, party, effects):
        """One life; how it ended: 0 when there was nothing left to do, or minus the signal."""
        self.submitted, self.said = 0, ""
        self.pipe.send(Life(party.account._key.to_bytes(), party._path, effects))
        while True:
            name, arguments, options = self.pipe.recv()
            if name == "ended":
                (code,) = arguments
                return code
            self.pipe.send(self._answer(name, arguments, options))

    def _answer(self, name, arguments, options):
        if name == "said":
            self.said, self.used = arguments
            return None
        try:
            answer = getattr(self.backend, name)(*arguments, **options)
        except LedgerError as problem:
            return problem
        self.submitted += name == "submit" and answer.block is not None
        return answer


@pytest.fixture(scope="module")
def pipe():
    """To the one process whose forks are the parties' lives."""
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "tests.roles.mortal", str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=PROJECT, pass_fds=[theirs.fileno()])
    theirs.close()
    yield ours
    ours.send(None)
    process.wait(timeout=10)
    ours.close()


@pytest.fixture
def graveyard_of(pipe):
    """``graveyard_of(small)``, once in a test."""
    with ExitStack() as stack:

        def made(small):
            graveyard = Graveyard(small, pipe)
            stack.callback(graveyard.close)
            return graveyard

        yield made


def killed_everywhere(graveyard, mortals):
    """Kill each of these parties after its first effect, then after its second, and so on.

    A transaction that stands is a step done, and the count begins again with the next one.
    """
    parties, lives = graveyard.small.parties, 0
    while True:
        moved = False
        for party in parties:
            effects = 1 if party in mortals else 0
            while True:
                code, lives = graveyard.live(party, effects), lives + 1
                assert code in (0, -signal.SIGKILL), graveyard.said
                assert lives < _MOST_LIVES
                moved = moved or bool(graveyard.submitted) or code != 0
                if code == 0:
                    break
                effects = 1 if graveyard.submitted else effects + 1
        if not moved:
            return lives


def require_one_of_each(small):
    """One charge, one report of a site, one key, one word of every kind; and it is final."""
    view, members = view_of(small).rounds[1], len(small.study.committee)
    assert view.state is State.FINAL
    assert all(view.tags_right.values())
    assert len(events(small, privacy_ledger.Settled)) == len(small.datasets)
    assert all(charge > 0 and not held for charge, held in spent(small))
    for kind, count in (
        (rounds.Reported, len(small.study.sites)),
        (rounds.NoiseReported, members),
        (rounds.HeadPosted, members),
        (rounds.KeyRevealed, 3 * members),
        (rounds.SumCommitted, members),
        (rounds.PublicationPosted, members),
        (rounds.NoiseOpened, members),
        (rounds.Attested, len(small.study.sites) + members),
    ):
        assert len(events(small, kind)) == count, kind.__name__


def left_behind(small):
    """Files of parties that are no state file."""
    files = (path for path in small.consortium.folder.rglob("*") if path.is_file())
    return [path.name for path in files if path.name != "state"]


def test_everybody_is_killed_after_every_effect_and_the_round_is_final(world, graveyard_of):
    small = world(TWO_SITES)
    lives = killed_everywhere(graveyard_of(small), small.parties)
    require_one_of_each(small)
    assert lives > 100
    assert left_behind(small) == []


def single_deaths():
    """After how many effects of its whole life a party dies, once."""
    if NIGHTLY:
        return [(who, effects) for who in ("member", "site") for effects in range(1, 130)]
    return [("member", 12), ("member", 31), ("member", 64), ("site", 9)]


@pytest.mark.parametrize(("who", "effects"), single_deaths())
def test_who_is_killed_once_goes_on_where_it_stood(world, graveyard_of, who, effects):
    """The others live on, with what they remember."""
    small = world(TWO_SITES)
    victim = small.aggregators[0] if who == "member" else small.sites[0]
    graveyard, left, deaths, quiet = graveyard_of(small), effects, 0, False
    while not quiet:
        before = graveyard.backend.head()
        for party in small.parties:
            code = graveyard.live(party, left if party is victim else 0)
            if code != 0:
                assert code == -signal.SIGKILL, graveyard.said
                deaths, left = deaths + 1, 0
                assert graveyard.live(party, 0) == 0, graveyard.said
            elif party is victim and left:
                left -= graveyard.used
        quiet = graveyard.backend.head() == before
    assert deaths == 1 or NIGHTLY
    require_one_of_each(small)
    assert left_behind(small) == []


@pytest.mark.parametrize("damage", ["torn", "gone"])
def test_a_state_file_that_did_not_survive_is_recognised(world, graveyard_of, damage):
    small = world(TWO_SITES, State.CLOSED)
    victim = small.aggregators[0]
    path: Path = victim._path
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        path.unlink()
    graveyard = graveyard_of(small)
    before = graveyard.backend.head()
    code = graveyard.live(victim, 0)
    assert graveyard.backend.head() == before  # and it says nothing to anybody
    assert ("torn or altered" in graveyard.said) == (damage == "torn")
    assert ("not in its state file" in graveyard.said) == (damage == "gone")
    assert code == (1 if damage == "torn" else 0)
