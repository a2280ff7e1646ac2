"""What may happen next in one small round: by honest parties, by all others, by time, by votes.

`successors` asks `RoundsModel`, as it is, what is accepted. Honest parties do what is right, in any
order, before the deadline passes; the others right or wrong (``words.py``), or nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any, TypeAlias

from tests.round.erasing import READ_UNTIL, erased
from tests.round.holders import absent
from tests.round.positions import (
    ANYONE,
    CHAIN,
    CONTRACT,
    FALSE,
    NAMES,
    NOW,
    OTHER,
    PAST,
    RIGHT,
    SHIFTED,
    SITES,
    STOPPED,
    STUDY,
    Position,
    Setting,
    Truth,
    bent,
    fresh,
)
from tests.round.words import optional, right, wrong

from troth.errors import ContractRefused
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.bindings.structs import OnChainTerms
from troth.round.machine import Emitted, Progress, RoundsModel
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    RoundId,
    bits,
    key_chain,
)
from troth.round.transitions import Fault, State, table

ARGUMENT = {
    "announce": "key_head", "report": "digest", "reportNoise": "digest", "deliver": "opened",
    "answer": "digest", "reveal": "value", "commitFile": "digest", "confirm": "fetched",
    "judge": "codes", "commitSum": "digests", "publish": "digest", "openNoise": "seeds",
    "recover": "owners", "attest": "model_digest", "review": "tags_right", "defend": "seeds",
    "resume": "restored",
}  # fmt: skip
LEVELS = {
    State.ABSENT: HEAD_LEVEL,
    State.ANNOUNCING: HEAD_LEVEL,
    State.DELIVERED: VERIFY_LEVEL,
    State.SUMMED: CHALLENGE_LEVEL,
    State.HELD: PICK_LEVEL,
}


@dataclass(frozen=True)
class Move:
    """One thing that happens: a call, time, the world around, or the next round."""

    who: Address
    action: str
    value: Any = None
    alone: bool = True
    """Whether it needs nobody but honest parties, anyone and time."""
    due: bool = True
    """Whether an honest party does it before the deadline passes."""

    def __str__(self) -> str:
        return f"{NAMES.get(self.who, 'world')}: {self.action} {self._value()}".rstrip()

    def _value(self) -> str:
        if isinstance(self.value, bytes):
            return self.value.rstrip(b".").decode() if len(self.value) == 32 else self.value.hex()
        if isinstance(self.value, tuple):
            fault, party = self.value
            return f"{fault.title} of {NAMES[party]}"
        bitmaps = ("deliver", "confirm", "recover")
        return f"{self.value:b}" if self.action in bitmaps else str(self.value or "")


Next: TypeAlias = tuple[Move, Position | None, list[Any]]
"""A move, where it leads (None: the contract refuses) and its events."""


@dataclass
class Around:
    """The other contracts: they refuse what the frame says, and note every charge."""

    position: Position
    charged: list[str] = field(default_factory=list)

    def roles_of(self, account: Address) -> int:
        return 0 if self.position.frame == f"{NAMES[account]} out" else 3

    def quorum(self) -> int:
        return len(self.position.setting.parties) // 2 + 1

    def epoch(self) -> int:
        return 0

    def is_active(self, _: bytes) -> bool:
        return self.position.frame != STOPPED

    def terms_of(self, _: bytes) -> OnChainTerms:
        return self.position.setting.terms

    def enrolled_sites(self, _: bytes) -> int:
        return self.position.enrolled

    def charges_of(self, _: bytes, __: int) -> tuple[tuple[bytes, int], ...]:
        return ()

    def charge(self, step: str, *_: Any) -> list[Emitted]:
        self.charged.append(step)
        return []


def successors(here: Position) -> Iterator[Next]:
    """Everything that may happen next."""
    state, due = here.record.state, False
    for move in _calls(here):
        after, events = _applied(here, move)
        for leads in [None] if after is None else _picked(after):
            yield move, leads, events
        honest = here.honest(move.who) and move.due
        opens = move.action == "open" and any(map(here.honest, here.setting.committee))
        due |= (honest or opens) and after is not None
    for move, after in _world(here):
        yield move, after, []
    if state in table().windows and not here.late and not due:
        yield Move(ZERO, "the deadline passes"), _timed(here, PAST), []
    if state.ended and not here.study.finals and here.study.aborts <= here.setting.max_aborts:
        yield Move(ZERO, "next round"), start(here.setting, here.study), []


def _calls(here: Position) -> Iterator[Move]:
    state, setting = here.record.state, here.setting
    sites = SITES[: setting.sites]
    parties = {"member": setting.committee, "owner": setting.committee, "site": sites}
    parties["voter"] = setting.parties
    for row in table().rows:
        for who in parties.get(row.by, ()) if row.source is state else ():
            yield from _by(here, who, row.action)
        if row.by == "anyone" and (row.source is state or state.ended):
            yield Move(ANYONE, row.action)
    yield Move(ANYONE, "expire")
    for who in setting.parties if state is State.ABSENT and here.paused else ():
        yield from _by(here, who, "resume")


def _by(here: Position, who: Address, action: str) -> Iterator[Move]:
    """What one party may do: an honest one once and in time."""
    values = right(here, who, action)
    over = here.late or _acted(here, who, action)
    if here.honest(who):
        if not over:
            yield from (Move(who, action, value) for value in values)
            if action == "accuse":
                yield from (Move(who, action, v, due=False) for v in optional(here, who))
        return
    if here.late and who != next(filter(lambda a: not here.honest(a), here.setting.parties)):
        return  # of those that come late one shows what all would, as does one try to post twice
    if not over:
        values = [*values, *(v for v in wrong(here, who, action) if v not in values)]
    elif not values:
        values = wrong(here, who, action)[:1]
    yield from (Move(who, action, value, alone=False) for value in values)


def _world(here: Position) -> Iterator[tuple[Move, Position]]:
    """Votes elsewhere, and grants taken back: what the next steps of a round still ask for."""
    state = here.record.state
    if State.ANNOUNCING <= state <= State.OPEN and not here.frame:
        honest = [member for member in here.setting.committee if here.honest(member)]
        frames = [f"{NAMES[member]} out" for member in honest]
        for frame in frames + [STOPPED] * (state is not State.OPEN):
            yield Move(ZERO, frame, alone=False), replace(here, frame=frame)
    for index in bits(here.enrolled) if state is State.ANNOUNCED else ():
        if not here.honest(SITES[index]):
            left = replace(here, enrolled=here.enrolled & ~(1 << index))
            yield Move(SITES[index], "takes its grant back", alone=False), left


def _acted(here: Position, who: Address, action: str) -> bool:
    record = here.record
    if action == "accuse":
        return who in record.accusations
    if action == "attest":
        return who in record.attestations or who in record.accusations
    if action == "resume":
        return any(who in voters for voters in here.study.resume_votes.values())
    if who in here.setting.committee:
        there = record.noise_lists.keys() if action == "reportNoise" else record.posted
        return here.setting.committee.index(who) in there
    return SITES.index(who) in (record.reviewed if action == "review" else record.reports)


def _applied(here: Position, move: Move) -> tuple[Position | None, list[Any]]:
    """A call on the machine."""
    model, around = RoundsModel(CHAIN, CONTRACT), Around(here)
    study = here.study
    progress = replace(
        study,
        guilty=set(study.guilty),
        used=dict(study.used),
        resume_votes={motion: set(voters) for motion, voters in study.resume_votes.items()},
        rounds={here.number: here.record},
    )
    model.studies[STUDY] = progress
    given = _given(here, move)
    if move.action != "resume":
        given["round"] = here.number
    try:
        emitted = model.apply(move.who, move.action, given, NOW, around)
    except ContractRefused:
        return None, []
    events, posts = [item.event for item in emitted], dict(here.posts)
    if move.action in READ_UNTIL:
        posts[move.action, move.who] = move.value
    said = [event.accepted for event in events if isinstance(event, rounds.AcceptedFixed)]
    record, progress.rounds = progress.rounds[here.number], {}
    record.deadline = NOW if record.deadline >= NOW else PAST
    fixed = said[0] if said and here.fixed is None else here.fixed
    charges = (*here.charges, *around.charged)
    return erased(here, progress, record, posts, charges, fixed), events


def _given(here: Position, move: Move) -> dict[str, Any]:
    """The arguments of a call."""
    given: dict[str, Any] = {"study_id": STUDY}
    if move.action in ARGUMENT:
        given[ARGUMENT[move.action]] = move.value
    if move.value == RIGHT and move.action in ("announce", "reveal"):
        given[ARGUMENT[move.action]] = _chain(here.number, move.who)[LEVELS[here.record.state]]
    if move.action == "announce":
        given["hpke_key_digest"] = RIGHT
    elif move.action == "openNoise":
        given["seeds"] = (move.value,)
    elif move.action == "commitSum":  # a shifted sum is the first of those that a member holds
        same = here.setting.members - 2 if here.setting.replicated else 0
        given["digests"] = (move.value, *[RIGHT] * same)
    elif move.action == "recover":
        given["digest"] = RIGHT if move.value else bytes(32)
    elif move.action == "defend":
        given["seeds"] = (RIGHT, OTHER)
    elif move.action == "attest":
        # A dishonest site leaves its tags open: so it may come back and say something of them.
        given["tags_right"] = here.honest(move.who) or move.who in here.setting.committee
    elif move.action == "accuse":
        fault, party = move.value
        given |= {"fault": fault, "party": party, "evidence": bytes(32)}
    return given


@cache
def _chain(number: int, member: Address) -> tuple[bytes, ...]:
    return key_chain(RoundId(CHAIN, CONTRACT, STUDY, number), member, member.ljust(32, b"."))


def _timed(position: Position, deadline: int) -> Position:
    return replace(position, record=replace(position.record, deadline=deadline))


def _picked(after: Position) -> Iterator[Position]:
    """What the pick may open of the noise that is not as it should be; then what that shows."""
    if after.record.state is State.PICKED and not after.record.posted:
        setting = after.setting
        places = {bent(setting.noise_place(owner)): owner for owner in range(setting.members)}
        suspect = {owner for owner, word in after.record.noise_lists.items() if word == FALSE}
        suspect |= {places[word] for word in after.posts.values() if word in places}
        for opens in product((False, True), repeat=len(suspect)):
            chosen = {o for o, opened in zip(sorted(suspect), opens, strict=True) if opened}
            words = after.record.noise_lists.items()
            seen = {owner: word if owner in chosen else RIGHT for owner, word in words}
            record = replace(after.record, noise_lists=seen)
            yield replace(after, picked=frozenset(chosen), record=record)
    elif after.record.state is State.OPENED and after.truth is None:
        gone = replace(after.record, noise_lists={}, recovered=0)
        yield replace(after, truth=_truth(after), posts={}, picked=frozenset(), record=gone)
    else:
        yield after


def _truth(after: Position) -> Truth:
    """What follows from all that members posted, in the order in which everybody recomputes it."""
    setting, posts = after.setting, after.posts
    if not setting.honest:
        return Truth()  # there is nobody to find anything out
    if setting.replicated:
        return _truth_without_tags(after)
    sums = {member: posts["commitSum", member] for member in setting.committee}
    told = {member: posts["publish", member] for member in setting.committee}
    noise = {bent(setting.noise_place(owner)): owner for owner in range(setting.members)}
    for who in setting.committee:
        if told[who] == OTHER:
            return Truth((Fault.PUBLICATION, who))
    for owner, who in enumerate(setting.committee):
        if posts["openNoise", who] == OTHER or after.record.noise_lists[owner] == FALSE:
            return Truth((Fault.OPENING, who))
    for who in setting.committee:
        if noise.get(told[who]) in after.picked:
            return Truth((Fault.TAG, who))
    model = SHIFTED if SHIFTED in sums.values() else RIGHT
    return Truth(None, *_told_apart(after, told, noise), model)


def _truth_without_tags(after: Position) -> Truth:
    """Equal sums of at least two holders, of which one is honest, are right."""
    false = absent(after) & ~after.record.recovered
    return Truth((Fault.OPENING, after.setting.committee[min(bits(false))]) if false else None)


def _told_apart(
    after: Position, told: dict[Address, bytes], noise: dict[bytes, int]
) -> tuple[tuple[tuple[Address, Address], ...], tuple[tuple[Address, Address], ...]]:
    """Bent tags that only an honest owner finds: of sites' reports, and of noise that is kept."""
    committee, own, shown = after.setting.committee, {}, {}
    for who in reversed(committee):
        for index, site in enumerate(SITES[: after.setting.sites]):
            if told[who] == bent(index) and after.honest(site):
                own[site] = who
        owner = committee[noise[told[who]]] if told[who] in noise else who
        if owner != who and after.honest(owner):
            shown[owner] = who
    return tuple(sorted(own.items())), tuple(sorted(shown.items()))


def start(setting: Setting, study: Progress | None = None) -> Position:
    """Before a round: of the study's past only what the contract keeps."""
    return fresh(setting, study or Progress())
