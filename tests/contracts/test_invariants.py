"""What must hold whatever anybody does: random histories of two studies over the same datasets.

The rules mix honest steps with calls of anybody for anything at any time. What is checked comes
from the events and views of the chain alone, not from a second implementation of the rounds.

The same few histories run every time. ``TROTH_HISTORIES=100`` runs so many new ones instead.
"""

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from troth.errors import ContractRefused
from troth.ledger.address import Address
from troth.ledger.bindings import (
    consortium,
    dataset_registry,
    privacy_ledger,
    rounds,
    study_registry,
)
from troth.ledger.interface import Call

SITES = ("s1", "s2", "s3")
A, B3, B4 = range(3)
COMMITTEES = {A: ("a1", "a2"), B3: ("a1", "a2", "a3"), B4: ("a1", "a2", "a3", "a4")}
VOTERS = (*COMMITTEES[B4], *SITES)
ANYBODY = (*VOTERS, "stranger")
# Enough members of the consortium to decide anything: a4 stands in where there is no u1.
DECIDING = ("a1", "s1", "s2", "s4", "u1", "a4")
OPEN, CLOSED, JUDGED, PICKED, OPENED, FINAL, ABORTED = 3, 4, 10, 16, 18, 19, 20
EVERYBODY = ("members",)
# Who does what in which state, when everybody is honest.
HONEST: dict[int, tuple[tuple[str, tuple[str, ...]], ...]] = {
    0: (("announce", EVERYBODY),),
    1: (("announce", EVERYBODY),),
    2: (("open", ("nobody",)),),
    3: (("report", SITES), ("report_noise", EVERYBODY), ("close", ("nobody",))),
    4: (("deliver", EVERYBODY),),
    5: (("answer", EVERYBODY),),
    6: (("deliver", EVERYBODY),),
    7: (("reveal", EVERYBODY),),
    8: (("commit_file", EVERYBODY),),
    9: (("confirm", EVERYBODY),),
    10: (("judge", EVERYBODY),),
    11: (("commit_sum", EVERYBODY),),
    12: (("reveal", EVERYBODY),),
    13: (("publish", EVERYBODY),),
    14: (("confirm", EVERYBODY),),
    15: (("reveal", EVERYBODY),),
    16: (("open_noise", EVERYBODY),),
    17: (("recover", EVERYBODY),),
    18: (("attest", EVERYBODY), ("attest", SITES), ("finalise", ("nobody",))),
}
AFTERWARDS = ("accuse", "review", "defend")
ACTIONS = (
    *dict.fromkeys(action for steps in HONEST.values() for action, _ in steps),
    *AFTERWARDS,
    "expire",
)
SEEN: Counter[str] = Counter()
# The histories went deep enough to mean something when they met all of these. What they meet less
# often (answers, accusations, defences, a study that is over) has tests of its own.
DEEP = (
    "Finalised",
    "RoundAborted",
    "Settled",
    "Released",
    "BudgetRaised",
    "BudgetExceeded",
    "MemberRemoved",
    "NoiseOpened",
    "StudyPaused",
    "TooLate",
    "TooEarly",
    "AlreadyPosted",
    "WrongState",
    "WrongRound",
)
DEEP_IN = {
    A: ("PublicationPosted", "MemberAdmitted"),
    B3: (),
    B4: ("Dropped", "NotLive", "RecoveryFixed"),
}

studies = st.integers(0, 1)
sites = st.sampled_from(SITES)
posts = st.one_of(
    st.none(),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**7),
    st.lists(st.integers(0, 9), min_size=4, max_size=6).map(bytes),
)


class Histories(RuleBasedStateMachine):
    """Two studies, three datasets, and whoever comes along."""

    world: Any
    start: Any
    first: tuple[Any, Any]
    prices: tuple[int, ...]
    accounts: dict[str, Address]
    committee: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self.world.restore(self.start)
        self.plays = list(self.first)
        self.changed = True
        self.absent: str | None = None
        self.lineages = self.plays[0].lineages
        self.settled = dict.fromkeys(self.lineages, 0)
        self.reserved: set[tuple[bytes, int]] = set()
        self.paid: set[tuple[bytes, int]] = set()
        self.released: set[tuple[bytes, int]] = set()
        self.reports: set[tuple[bytes, int, bytes]] = set()
        self.ended: dict[tuple[bytes, int], Any] = {}
        self.live: dict[tuple[bytes, int], int] = {}

    def account(self, lineage: bytes) -> Any:
        return self.world.ask(privacy_ledger.account_of(lineage))

    def attempt(self, name: str, call: Call[Any]) -> bool:
        """Send it; if it is taken, check what it logged."""
        try:
            events = self.world.events(name, call)
        except ContractRefused as refused:
            SEEN[refused.name] += 1
            return False
        self.changed = True
        for event in events:
            SEEN[type(event).__name__] += 1
            check = getattr(self, f"on_{type(event).__name__}", None)
            if check is not None:
                check(event, (event.study_id, event.round))
        return True

    def on_Reserved(self, event: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at not in self.paid | self.released
        self.reserved.add(at)
        found = self.account(event.lineage)
        assert found.settled + found.reserved <= found.budget
        assert not found.closed

    def on_Settled(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.reserved
        assert at not in self.released
        self.paid.add(at)

    def on_Released(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.reserved
        assert at not in self.paid
        self.released.add(at)

    def on_SumCommitted(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.paid

    def on_Dropped(self, event: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        left = self.plays[0].terms.committee.index(event.member)
        before = self.live.get(at, self.everybody)
        assert before >> left & 1
        self.live[at] = before & ~(1 << left)

    def on_RecoveryFixed(self, event: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        view = self.world.ask(rounds.round_of(*at))
        assert event.owners & view.live == 0  # who is live opened its noise
        assert view.recovered == event.owners

    def on_PublicationPosted(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.paid

    def on_Reported(self, event: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        report = (*at, bytes(event.site))
        assert report not in self.reports
        self.reports.add(report)

    def on_HeadPosted(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        progress = self.world.ask(rounds.progress_of(at[0]))
        assert progress.guilty.bit_count() <= self.spare
        assert progress.unattributed < self.plays[0].terms.accusations

    def on_Opened(self, event: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert event.enrolled & self.world.ask(rounds.progress_of(at[0])).spent == 0

    def on_NoiseOpened(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.paid

    def on_NoiseDefended(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.released  # it hides nothing any more
        assert self.ended[at].accepted == 0

    def on_Finalised(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        assert at in self.paid
        self.end(at, FINAL)

    def on_RoundAborted(self, _: Any, at: tuple[bytes, int]) -> None:  # noqa: N802 - event name
        self.end(at, ABORTED)
        assert at not in self.reserved or at in self.paid | self.released

    def end(self, at: tuple[bytes, int], state: int) -> None:
        assert at not in self.ended
        view = self.world.ask(rounds.round_of(*at))
        assert (view.state, view.deadline) == (state, 0)
        self.ended[at] = view
        index = next(i for i, play in enumerate(self.plays) if play.study == at[0])
        assert self.plays[index].round == at[1]
        self.plays[index] = self.plays[index].following

    @rule(study=studies, leaves_out=st.sets(st.sampled_from(ANYBODY), max_size=1))
    def a_step_is_taken(self, study: int, leaves_out: set[str]) -> None:
        self.all_do_their_part(study, leaves_out)

    def all_do_their_part(self, study: int, leaves_out: set[str]) -> bool:
        """Everybody who is asked for posts what is right; whether anybody could."""
        play, taken = self.plays[study], False
        for action, names in HONEST[play.state]:
            for name in self.committee if names is EVERYBODY else names:
                if name not in leaves_out:
                    taken = self.attempt(name, play.call(action, name)) or taken
        return taken

    @rule(study=studies, count=st.integers(2, 12))
    def several_steps_go_well(self, study: int, count: int) -> None:
        for _ in range(count):
            if not self.all_do_their_part(study, set()):
                break

    @rule(study=studies, name=st.sampled_from(ANYBODY), post=posts, data=st.data())
    def somebody_does_something_of_this_state(
        self, study: int, name: str, post: Any, data: Any
    ) -> None:
        play = self.plays[study]
        action = data.draw(st.sampled_from([a for a, _ in HONEST[play.state]]))
        self.anybody_does_anything(study, name, action, post, 0)

    @rule(
        study=studies,
        name=st.sampled_from(ANYBODY),
        action=st.sampled_from(ACTIONS),
        post=posts,
        back=st.integers(0, 2),
    )
    def anybody_does_anything(
        self, study: int, name: str, action: str, post: Any, back: int
    ) -> None:
        now = self.plays[study]
        play = type(now)(now.world, now.study, now.terms, max(0, now.round - back))
        if action in ("open", "close", "finalise", "expire"):
            post = None
        elif action in ("deliver", "confirm", "review"):
            post = post if isinstance(post, int) else None
        elif action == "accuse":
            post = None if post is None else self.accusation(post)
        elif action == "recover":
            post = (post, bytes(32)) if isinstance(post, int) else None
        elif action == "commit_sum":
            post = (post,) if isinstance(post, bytes) and len(post) == 32 else None
        elif action == "judge":
            post = post if isinstance(post, bytes) and len(post) < 32 else None
        else:
            post = post if isinstance(post, bytes) and len(post) == 32 else None
        if action in ("announce", "open_noise", "defend"):
            post = None
        elif action == "review":
            post = None if post is None else bool(post % 2)
        self.attempt(name, play.call(action, name, post))

    def accusation(self, post: Any) -> tuple[int, Address, bytes]:
        """Some fault of somebody, made of whatever was drawn."""
        number = post if isinstance(post, int) else sum(post)
        return number % 8, self.accounts[ANYBODY[number % len(ANYBODY)]], bytes(32)

    @rule(study=studies, names=st.sets(st.sampled_from(VOTERS)), fault=st.sampled_from((1, 4, 6)))
    def some_accuse(self, study: int, names: set[str], fault: int) -> None:
        """After honest steps up to there: some say that the first member is at fault."""
        while self.plays[study].state < OPENED and self.all_do_their_part(study, set(SITES)):
            pass
        play = self.plays[study]
        for name in sorted(names):
            self.attempt(name, play.call("accuse", name, (fault, self.accounts["a1"], bytes(32))))
        self.world.pass_deadline()
        self.attempt("nobody", play.call("finalise", "nobody"))

    @rule(study=studies, restored=st.integers(0, 7), voters=st.sampled_from((1, 6)))
    def members_resume(self, study: int, restored: int, voters: int) -> None:
        for name in DECIDING[:voters]:
            self.attempt(name, rounds.resume(self.plays[study].study, restored))

    @rule(study=studies, owners=st.sets(st.sampled_from(COMMITTEES[A]), min_size=1))
    def noise_is_rejected(self, study: int, owners: set[str]) -> None:
        while self.plays[study].state < JUDGED and self.all_do_their_part(study, set()):
            pass
        play = self.plays[study]
        for name in self.committee:
            self.attempt(name, play.call("judge", name, play.rejecting(*owners)))
        for name in self.committee:
            self.attempt(name, play.call("defend", name))

    @rule(study=studies, owners=st.sets(st.sampled_from(COMMITTEES[A])))
    def noise_is_denied(self, study: int, owners: set[str]) -> None:
        while self.plays[study].state < CLOSED and self.all_do_their_part(study, set()):
            pass
        play = self.plays[study]
        denied = sum(play.place(name) for name in owners)
        for name in self.committee:
            self.attempt(name, play.call("deliver", name, play.view.present & ~denied))

    @rule(study=studies, name=st.sampled_from(("a1", "a2")), steps=st.integers(0, PICKED))
    def one_is_missing(self, study: int, name: str, steps: int) -> None:
        """After honest steps up to there, in one step; then it wants to go on."""
        while self.plays[study].state < steps and self.all_do_their_part(study, set()):
            pass
        self.all_do_their_part(study, {name})
        self.somebody_enforces_a_deadline(study, "stranger")
        for _ in range(2):
            self.all_do_their_part(study, set())

    @rule(seconds=st.sampled_from((1, 30, 61, 200)))
    def time_passes(self, seconds: int) -> None:
        self.world.ledger.advance(seconds)

    @rule(study=studies, name=st.sampled_from(("s1", "stranger")))
    def somebody_enforces_a_deadline(self, study: int, name: str) -> None:
        self.world.pass_deadline()
        play = self.plays[study]
        for action in ("close", "finalise", "expire"):
            if self.attempt(name, play.call(action, name)):
                return

    @rule(what=st.sampled_from(("grant", "lower", "raise", "membership")), data=st.data())
    def the_frame_changes(self, what: str, data: Any) -> None:
        name = data.draw(sites)
        if what == "grant":
            self.change_grant(name, data.draw(studies))
        elif what == "lower":
            self.lower_budget(name, data.draw(st.integers(0, 4)))
        elif what == "raise":
            self.raise_budget(name, data.draw(st.integers(1, 2**26)))
        else:
            name = data.draw(st.sampled_from(("s3", "s5", "a2", "a3")))
            for _ in range(data.draw(st.integers(1, 2))):  # for good, or there and back
                self.change_membership(name)

    def change_grant(self, name: str, study: int) -> None:
        arguments = (self.world.versions[name], self.plays[study].study)
        granted = self.world.ask(dataset_registry.is_granted(*arguments))
        change = dataset_registry.revoke if granted else dataset_registry.grant
        assert self.attempt(name, change(*arguments))

    def lower_budget(self, name: str, quarters: int) -> None:
        lineage = self.world.versions[name]
        budget = self.account(lineage).budget
        assert self.attempt(name, privacy_ledger.lower(lineage, budget * quarters // 4)) == (
            budget > 0 and quarters < 4
        )

    def raise_budget(self, name: str, more: int) -> None:
        lineage = self.world.versions[name]
        budget = self.account(lineage).budget + more
        for voter in (*DECIDING, "a3", "s5", "a2", name):
            self.attempt(voter, privacy_ledger.vote_raise(lineage, budget))
        assert (self.account(lineage).budget == budget) == (name != self.absent)

    def change_membership(self, name: str) -> None:
        """One is voted out, or whoever was out is voted back in."""
        call = consortium.vote_removal(self.accounts[name])
        if self.absent is not None:
            roles = 2 if self.absent.startswith("a") else 1
            call = consortium.vote_admission(self.accounts[self.absent], roles, bytes(32))
        for voter in [voter for voter in DECIDING if voter in self.world.members]:
            assert self.attempt(voter, call)
        self.absent = name if self.absent is None else None

    @precondition(lambda self: self.changed)
    @invariant()
    def the_accounts_are_right(self) -> None:
        """Settled never falls; reserved is what the rounds that are open cost."""
        self.changed = False
        expected = dict.fromkeys(self.lineages, 0)
        for play in self.plays:
            view = play.view
            self.the_live_set_only_shrinks(play, view.live)
            if OPEN <= view.state <= JUDGED:
                for index, lineage in enumerate(self.lineages):
                    if view.enrolled >> index & 1:
                        expected[lineage] += self.prices[index]
        for lineage in self.lineages:
            found = self.account(lineage)
            assert found.reserved == expected[lineage]
            assert found.settled >= self.settled[lineage]
            self.settled[lineage] = found.settled

    def the_live_set_only_shrinks(self, play: Any, live: int) -> None:
        """It changes by what events say, and enough remain."""
        assert live in (0, self.live.get((play.study, play.round), self.everybody))
        assert live == 0 or live.bit_count() >= len(self.committee) - self.spare

    @property
    def spare(self) -> int:
        """Members that a round can go on without."""
        return 1 if self.plays[0].terms.mode == B4 else 0

    @property
    def everybody(self) -> int:
        """The whole committee."""
        return (1 << len(self.committee)) - 1

    def teardown(self) -> None:
        for play in self.plays:
            assert self.world.ask(rounds.current_round(play.study)) == play.round
        for at, view in self.ended.items():
            assert self.world.ask(rounds.round_of(*at)) == view


@pytest.mark.parametrize(("mode", "examples"), [(A, 18), (B3, 5), (B4, 8)])
def test_random_histories_break_no_promise(request, account, mode, examples):
    world = request.getfixturevalue(("world", "trio", "quartet")[mode])
    common = {
        "sites": tuple(world.site(name, weight) for weight, name in enumerate(SITES, 1)),
        "min_sites": 2,
        "min_weight": 3,
        "rounds": 3,
        "max_aborts": 6,
        "accusations": 1,
    }
    plays = (world.start("one", **common), world.start("two", **common))
    for play in plays:  # more approvals than needed: a bystander may leave
        for name in ("a1", "a2", "a4" if mode == B4 else "u1"):
            world.send(name, study_registry.approve(play.study))
    prices = world.ask(study_registry.charges_of(plays[0].study, 0b111)).nano_rho
    for name, price in zip(SITES, prices, strict=True):
        world.send(name, privacy_ledger.lower(world.versions[name], 4 * price))

    class Here(Histories):
        pass

    Here.world, Here.start, Here.first = world, world.snapshot(), plays
    Here.prices, Here.committee = prices, COMMITTEES[mode]
    Here.accounts = {name: account(name).address for name in (*ANYBODY, "s5")}
    SEEN.clear()
    fresh = int(os.environ.get("TROTH_HISTORIES", "0"))
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=fresh or examples,
            derandomize=not fresh,
            database=None,
            stateful_step_count=40,
            deadline=None,
            phases=[Phase.generate],  # shrinking would take minutes; the steps are printed
            suppress_health_check=list(HealthCheck),
        ),
    )
    wanted = {*DEEP, *DEEP_IN[mode]}
    assert fresh or wanted <= set(SEEN), wanted - set(SEEN)
