"""Random schedules of honest, crashing, slow and lying parties over real contracts and roles.

Every example starts from a copy of one agreed study. What must hold, whoever lies: a round is final
only by enough equal attestations, nothing is released without a charge, honest parties can always
bring a round to an end, nobody honest is named alone or found guilty, and honest parties never
attest two models of one round. `TROTH_NIGHTLY=1` runs as many examples as ten thousand transactions
take.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.roles.staging import TWO_SITES, copied, events, progress

from troth.errors import ContractRefused
from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.round.driver import Driver
from troth.round.transitions import Fault, State
from troth.round.view import StudyView
from troth.scenarios.small_study import Shape, SmallStudy, constant, site_parties, small_study

NIGHTLY = os.environ.get("TROTH_NIGHTLY") == "1"
BUDGET, PER_EXAMPLE = (10_000 if NIGHTLY else 300), 30
"""Transactions of all examples together, and about how many one takes."""
ENOUGH = 25
"""Seconds in which every honest party gets its turn."""
SHAPES = (TWO_SITES, Shape(rounds=1, weights=(1, 1, 1), max_aborts=3))
"""Two studies: one whose honest voters can name a liar, one in which silence is borne."""
LIES = st.sampled_from((
    "announce", "deliver none", "answer", "early key", "file", "confirm none", "accept none",
    "accept all", "sum", "publish", "seeds", "attest", "accuse", "own tag", "report", "noise",
    "expire", "close", "finalise", "review", "defend", "resume",
))  # fmt: skip
BYTES = st.binary(min_size=32, max_size=32).filter(any)
worlds: list[SmallStudy] = []
"""The agreed studies, one for each shape."""
made = {"transactions": 0, "final": 0, "aborted": 0}
"""What all examples together came to."""


def resume(study_id: bytes, _: int, restored: int) -> Call[Any]:
    """A vote to go on, of which no round is told."""
    return rounds.resume(study_id, restored & 1)


class Schedules(RuleBasedStateMachine):
    """One study; the last member or the last site, or nobody, lies."""

    @initialize(
        shape=st.sampled_from(range(len(SHAPES))),
        liar=st.sampled_from(("nobody", "nobody", "member", "site")),
    )
    def agree(self, shape, liar):
        self.folder = Path(tempfile.mkdtemp(prefix="schedule-"))
        self.small = copied(worlds[shape], self.folder / "world")
        self.number = {"nobody": None, "member": -1, "site": len(self.small.sites) - 1}[liar]
        self.liar = None if self.number is None else self.small.parties[self.number].account
        self.driver = Driver(
            self.small.consortium.ledger,
            self.small.consortium.store,
            StudyView(self.small.study.study_id),
            [],
        )
        self.driver.refresh()
        self.sent = 0
        self.running = True

    def honest(self):
        return [party for party in self.small.parties if party.account is not self.liar]

    @rule(data=st.data(), turns=st.integers(1, 12))
    def turn(self, data, turns):
        """Some parties do a step each, in any order; a liar may play by the rules too."""
        for _ in range(turns):
            self.tick(data.draw(st.sampled_from(self.small.parties)))

    @rule()
    def everybody(self):
        """Every party has a turn."""
        for party in self.small.parties:
            self.tick(party)

    def tick(self, party):
        self.sent += len(self.driver.tick(party))

    @rule(number=st.integers(0, 4))
    def crash(self, number):
        """A party is gone and comes back with what it has on disk."""
        small, index = self.small, number % len(self.small.parties)
        if index < len(small.sites):
            small.sites[index] = site_parties(small.consortium, small.study, constant, {})[index]
        else:
            index -= len(small.sites)
            small.aggregators[index] = small.consortium.aggregators(small.study)[index]

    @precondition(lambda self: self.liar is not None)
    @rule(lie=LIES, noise=BYTES, bitmap=st.integers(0, 2**8))
    def lie(self, lie, noise, bitmap):
        """The liar says something that the contract may or may not take."""
        study, current = self.small.study, self.driver.view.current
        assert self.liar is not None
        others = [account for account in study.committee if account != self.liar.address]
        codes = bytes(len(study.reporters))
        seeds = (noise,) * (study.terms.privacy.noise_candidates - 1)
        lies: dict[str, tuple[Callable[..., Call[Any]], tuple[Any, ...]]] = {
            "announce": (rounds.announce, (noise, noise)),
            "deliver none": (rounds.deliver, (current.present & bitmap,)),
            "answer": (rounds.answer, (noise,)),
            "early key": (rounds.reveal, (noise,)),
            "file": (rounds.commit_file, (noise,)),
            "confirm none": (rounds.confirm, (1 << len(study.committee) - 1,)),
            "accept none": (rounds.judge, (b"\x01" * len(codes),)),
            "accept all": (rounds.judge, (codes,)),
            "sum": (rounds.commit_sum, ((noise,),)),
            "publish": (rounds.publish, (noise,)),
            "seeds": (rounds.open_noise, (seeds,)),
            "attest": (rounds.attest, (noise, True)),
            "accuse": (rounds.accuse, (Fault(1 + bitmap % 4), others[0], noise)),
            "own tag": (rounds.accuse, (Fault.OWN_TAG, others[0], bytes(32))),
            "report": (rounds.report, (noise,)),
            "noise": (rounds.report_noise, (noise,)),
            "expire": (rounds.expire, ()),
            "close": (rounds.close, ()),
            "finalise": (rounds.finalise, ()),
            "review": (rounds.review, (False,)),
            "defend": (rounds.defend, ((noise, bytes(31) + b"\x01"),)),
            "resume": (resume, (bitmap,)),
        }
        function, arguments = lies[lie]
        call = function(study.study_id, current.number, *arguments)
        try:
            self.small.consortium.ledger.send(self.liar, call)
        except ContractRefused:
            return
        self.sent += 1
        self.driver.refresh()

    @rule(part=st.integers(2, 4))
    def wait(self, part):
        """Nobody does anything for a while, but no honest party until it is too late."""
        ledger = self.small.consortium.ledger
        left = self.driver.view.current.deadline - ledger.head().timestamp
        if left // 2 > ENOUGH:
            ledger.advance(left // part)
            self.driver.refresh()

    @precondition(lambda self: self.driver.view.current.state is not State.ABSENT)
    @rule()
    def move_on(self):
        """Honest parties do all they can, while time passes, in the end a deadline."""
        before = (self.driver.view.current.number, self.driver.view.current.state)
        self.small.run(
            lambda view: (view.current.number, view.current.state) != before, self.honest()
        )
        self.driver.refresh()

    @invariant()
    def what_must_hold(self):
        if not getattr(self, "running", False):
            return
        self.driver.refresh()
        require_nothing_broken(self.small, self.liar, self.driver.view)

    def teardown(self):
        if not getattr(self, "running", False):
            return
        try:
            self.require_an_end()
            self.driver.refresh()
        finally:
            made["transactions"] += len(self.small.consortium.receipts) + self.sent
            made["final"] += len(self.driver.view.finals)
            made["aborted"] += len(self.driver.view.aborts)
            shutil.rmtree(self.folder, ignore_errors=True)

    def require_an_end(self):
        """From wherever it stands, honest parties alone bring the round to an end."""
        number = self.driver.view.current.number
        if self.driver.view.current.state is not State.ABSENT:
            view = self.small.run(lambda view: view.current.number > number, self.honest())
            require_nothing_broken(self.small, self.liar, view)


def require_nothing_broken(small, liar, view):
    """Check what the ledger says of every round so far."""
    study = small.study
    honest = {party.account.address for party in small.parties if party.account is not liar}
    for found in view.rounds.values():
        sites = (found.accepted & (1 << len(study.sites)) - 1).bit_count()
        voters, members = sites + len(study.committee), len(study.committee)
        corrupt = study.terms.finality.corrupt_sites
        if found.state is State.FINAL:
            votes = [v for v in found.attestations.values() if v == found.model_digest]
            assert len(votes) >= max(voters // 2, members + corrupt) + 1
        if found.publications or found.state is State.FINAL:
            assert found.settled.keys() == found.reserved.keys()
            assert found.settled
        models = {m for voter, m in found.attestations.items() if voter in honest}
        assert len(models) <= 1
        assert found.state is not State.FINAL or models == {found.model_digest}
        for voter, accusation in found.accusations.items():
            assert voter not in honest or accusation.party not in honest
    if view.aborts:
        for event in events(small, rounds.RoundAborted):
            named = {event.party, event.other} - {ZERO}
            assert len(named) != 1 or not named & honest
    guilty = progress(small).guilty
    assert all(not guilty >> n & 1 for n, member in enumerate(study.committee) if member in honest)


@pytest.fixture(scope="module")
def agreed(tmp_path_factory):
    worlds[:] = [
        small_study(tmp_path_factory.mktemp("agreed") / "world", shape) for shape in SHAPES
    ]


def test_no_schedule_breaks_what_must_hold(agreed):
    run_state_machine_as_test(
        Schedules,
        settings=settings(
            max_examples=BUDGET // PER_EXAMPLE,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # an example takes seconds: it is told as it was found
            database=None,
        ),
    )
    assert made["transactions"] > BUDGET // 3
    assert made["aborted"] + made["final"] > BUDGET // 100
    assert made["final"] > 0 or not NIGHTLY
