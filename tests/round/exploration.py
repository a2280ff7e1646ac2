"""Every schedule of one small round, breadth-first, until nothing new comes.

``schedules.py`` says what may happen and ``properties.py`` what must hold; here is the search, and
what takes all transitions to see: that every way leads to an end, and which rows were taken.
``python -m tests.round.exploration --sites 3`` prints a table, and a shortest way to whatever is
broken.
"""

import argparse
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any

from tests.round.positions import MEMBERS, NAMES, SITES, Position, Setting, bent, forged
from tests.round.properties import broken_by
from tests.round.schedules import Move, start, successors

from troth.ledger.address import ZERO
from troth.ledger.bindings import rounds
from troth.round.transitions import Outcome, State, table

Row = tuple[str, ...]
"""State, action, next state; of an abort the reason, and how many it names."""


@dataclass
class Found:
    """What one exploration saw."""

    positions: int = 0
    transitions: int = 0
    depth: int = 0
    """Transitions to the farthest position, by a shortest way."""
    taken: set[Row] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    """What does not hold, each with a shortest way there, a line for each transition."""


class _Search:
    """Positions are numbered as they are found; of one that was visited only its ways are kept."""

    def __init__(self, first: Position, depth: int | None) -> None:
        self.found = Found()
        self._depth = depth
        self._numbers = {key(first): 0}
        self._came: list[tuple[int, str]] = [(0, "")]
        self._before: list[list[int]] = [[]]
        """From where each is reached with nobody but honest parties, anyone and time."""
        self._ends: list[int] = []
        self._waiting = deque([(0, 0, first)])

    def run(self) -> Found:
        while self._waiting:
            at, self.found.depth, here = self._waiting.popleft()
            unseen = self.found.depth == self._depth
            if unseen or here.record.state.ended or here.record.state is State.ABSENT:
                self._ends.append(at)
            for move, after, events in () if unseen else successors(here):
                if after is not None:
                    self._arrive(at, here, move, after, events)
                elif here.honest(move.who) and not here.frame:
                    self._note(f"an honest party's {move.action} is refused", at, move)
        self.found.positions = len(self._came)
        self._look_for_dead_ends()
        return self.found

    def _arrive(
        self, at: int, here: Position, move: Move, after: Position, events: list[Any]
    ) -> None:
        number = self._numbers.setdefault(key(after), len(self._numbers))
        if number == len(self._came):
            self._came.append((at, str(move)))
            self._before.append([])
            self._waiting.append((number, self.found.depth + 1, after))
        if move.alone:
            self._before[number].append(at)
        for broken in broken_by(here, move, after, events):
            self._note(broken, at, move)
        states = here.record.state.title, after.record.state.title
        aborts = [event for event in events if isinstance(event, rounds.RoundAborted)]
        ends = [part for abort in aborts for part in _end(abort)]
        self.found.taken.add((states[0], move.action, states[1], *ends))
        self.found.transitions += 1

    def _note(self, broken: str, at: int, *last: Move) -> None:
        lines = [f"-> {broken}", *map(str, last)]
        while at:
            at, line = self._came[at]
            lines.append(line)
        self.found.broken.setdefault(broken, "\n".join(reversed(lines)))

    def _look_for_dead_ends(self) -> None:
        """Backwards from all ends: what is not reached has no way that the honest can go alone."""
        reached, ends = set(self._ends), self._ends
        while ends:
            fresh = set(self._before[ends.pop()]) - reached
            reached |= fresh
            ends += fresh
        stuck = [at for at in range(len(self._came)) if at not in reached]
        going = set(chain.from_iterable(self._before))
        for at in [at for at in stuck if at not in going][:1] or stuck[:1]:
            self._note("no way to an end", at)


def explore(setting: Setting, depth: int | None = None) -> Found:
    """All positions that so many transitions reach; without a bound, all that there are."""
    return _Search(start(setting), depth).run()


def rows_of_the_table() -> set[tuple[str, ...]]:
    """Everything that the table lists, as `Found.taken` would show it."""
    listed = set()
    for row in table().rows:
        listed |= _listed(row.source, row.action, row.outcomes)
        if row.when == "never":
            listed.add((row.source.title, row.action, row.source.title))
    for state, outcomes in table().timeouts.items():
        listed |= _listed(state, "expire", outcomes)
    return listed


def steps_without_who_is_missing() -> set[tuple[str, ...]]:
    """What a deadline that passes may lead to where who missed it can leave: as its step does."""
    awaited = {state: table().awaited(state) for state in table().timeouts}
    steps = [_listed(state, "expire", row.outcomes) for state, row in awaited.items() if row]
    return set().union(*steps)


def _listed(state: State, action: str, outcomes: Iterable[Outcome]) -> set[tuple[str, ...]]:
    return {
        (state.title, action, outcome.to.title, *end)
        for outcome in outcomes
        for end in ([()] if outcome.to is not State.ABORTED else _ends(outcome))
    }


def _ends(outcome: Outcome) -> list[tuple[str, str]]:
    """The reason, and how many may be named."""
    pairs = {"owner and denier": "2", "differing pair": "2", "contradicted pair": "12"}
    many = {"nobody": "0", **pairs}.get(outcome.names, "1")
    return [(outcome.reason, number) for number in many]


def _end(abort: rounds.RoundAborted) -> tuple[str, str]:
    named = [party for party in (abort.party, abort.other) if party != ZERO]
    return table().reasons[abort.reason], str(len(named))


def settings(sites: int, max_aborts: int, members: int = 2, mode: str = "A") -> list[Setting]:
    """Every choice of honest members, at most one liar in B3 and B4, and every number of sites."""
    committee = MEMBERS[:members]
    fewest = 0 if mode == "A" else members - 1
    chosen = chain.from_iterable(combinations(committee, n) for n in range(fewest, members + 1))
    every = sites == 1 and mode == "A"
    return [
        Setting(sites, frozenset((*honest, *SITES[:count])), max_aborts, members, every, mode)
        for honest in chosen
        for count in range(sites + 1)
    ]


def key(here: Position) -> Any:
    """What tells positions apart: sites of one kind are interchangeable."""
    record, posts, sites = here.record, here.posts, here.setting.sites
    committee, study, truth = here.setting.committee, here.study, here.truth
    gathered = (record.enrolled, record.present, record.delivered, record.accepted)
    maps = (here.enrolled, here.fixed or 0, *gathered)
    voters = {party for voters in study.resume_votes.values() for party in voters}
    apart = any(said.party in SITES for said in record.accusations.values())
    own_tags = dict(truth.own_tags) if truth else {}
    columns = sorted(
        (
            (here.honest(site), i if apart else 0, study.used.get(i, 0), i in record.reviewed),
            tuple(bitmap >> i & 1 for bitmap in maps),
            record.reports.get(i, b""),
            _vote(here, site),
            own_tags.get(site, b""),
            site in voters,
            tuple(word >> i & 1 for word in record.words.values()),
            tuple(codes[i] for codes in record.verdicts.values()),
            tuple(posts.get(("commitFile", member)) == forged(i) for member in committee),
            tuple(posts.get(("publish", member)) == bent(i) for member in committee),
        )
        for i, site in enumerate(SITES[:sites])
    )
    of_a_site = {word(i) for i in range(sites) for word in (forged, bent)}
    return (
        tuple(columns),
        (here.number, study.finals, study.aborts, record.state, record.deadline, here.frame),
        (study.unattributed, frozenset(study.guilty), *sorted(study.resume_votes)),
        frozenset(voters.difference(SITES)),
        (here.charges, here.fixed is None, here.picked, record.model_digest),
        tuple(sorted(record.unserved.items())),
        tuple(bitmap >> sites for bitmap in maps),
        tuple((k, word >> sites) for k, word in record.words.items()),
        tuple((k, codes[sites:]) for k, codes in record.verdicts.items()),
        (frozenset(record.live), record.recovered, *sorted(record.recoveries.items())),
        frozenset(record.sums.items()),
        frozenset(record.posted),
        frozenset(record.owing),
        tuple(sorted(record.key_heads.items())),
        tuple(sorted(record.noise_lists.items())),
        tuple(_vote(here, member) for member in committee),
        (truth.fault, truth.shown, truth.model) if truth else (),
        frozenset((k, b"" if value in of_a_site else value) for k, value in posts.items()),
    )


def _vote(here: Position, who: Any) -> tuple[Any, ...]:
    """What a voter says at the end."""
    attested, accused = here.record.attestations.get(who), here.record.accusations.get(who)
    model = (attested.model_digest, attested.tags_right) if attested else ()
    return (model, (int(accused.fault), accused.party) if accused else ())


def main() -> int:
    """A line for each setting, then what is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("--mode", choices=tuple(table().modes), default="A")
    parser.add_argument("--members", type=int, choices=(2, 3), default=2, help="in mode A")
    parser.add_argument("--aborts", type=int, default=0, help="aborts that a study survives")
    parser.add_argument("--depth", type=int, help="most transitions (without: all there are)")
    given = parser.parse_args()
    broken: dict[str, str] = {}
    missing = rows_of_the_table()
    sys.stdout.write("positions  transitions  depth  honest\n")
    members = given.members if given.mode == "A" else table().modes[given.mode].members.start
    for setting in settings(given.sites, given.aborts, members, given.mode):
        found = explore(setting, given.depth)
        broken = {**found.broken, **broken}
        missing -= found.taken if given.depth is None else missing
        honest = " ".join(sorted(NAMES[who] for who in setting.honest)) or "nobody"
        figures = f"{found.positions:9}  {found.transitions:11}  {found.depth:5}"
        sys.stdout.write(f"{figures}  {honest}\n")
    sys.stdout.writelines(f"\n{trace}\n" for trace in broken.values())
    sys.stdout.writelines(f"\nnot reached: {' '.join(row)}\n" for row in sorted(missing))
    return int(bool(broken or missing))


if __name__ == "__main__":
    sys.exit(main())
