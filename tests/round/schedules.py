"""What may happen next in one small round: by honest parties, by all others, by time, by votes.

`successors` asks `RoundsModel`, as it is, what is accepted. Honest parties do what is right, in any
order, before the deadline passes; the others right or wrong (`_wrong`), or nothing. Of blobs only
what matters is left, as a label in the digest: ``shut to 1`` is a report that member 1 cannot open.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, TypeAlias

from troth.errors import ContractRefused
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings import rounds
from troth.ledger.bindings.structs import OnChainTerms, Site, Windows
from troth.round.machine import Emitted, Progress, RoundsModel
from troth.round.record import RoundRecord
from troth.round.transcript import RoundId, bits, key_chain
from troth.round.transitions import State, table

STUDY, CONTRACT, CHAIN = b"\x05" * 32, Address(b"\xee" * 20), 1
A, B = COMMITTEE = (Address(b"\x01" * 20), Address(b"\x02" * 20))
SITES = tuple(Address(bytes([n]) * 20) for n in (11, 12, 13))
ANYONE = Address(b"\x77" * 20)
NAMES = dict(zip((*COMMITTEE, *SITES, ANYONE), ("A", "B", "s1", "s2", "s3", "anyone"), strict=True))
NOW, PAST, REJECTED = 1, 0, 6
"""A deadline is this very second, so still met, or a past one. And a reason code."""
ARGUMENT = {
    "announce": "key_head", "report": "digest", "reportNoise": "digest", "deliver": "opened",
    "reveal": "value", "commitFile": "digest", "confirmFiles": "fetched", "judge": "codes",
    "commitSum": "digest", "publish": "digest", "attest": "model_digest",
}  # fmt: skip
STOPPED = "study stopped"


def label(text: str) -> bytes:
    """A digest that says what it is of."""
    return text.encode().ljust(32, b".")


_TOLD = ("right", "other", "bent", "invalid", "kept back")
RIGHT, OTHER, BENT, INVALID, KEPT = map(label, _TOLD)


def shut(member: int) -> bytes:
    """A report whose share for one member does not open."""
    return label(f"shut to {member}")


def forged(place: int) -> bytes:
    """A verifier file that turns the verdict at one place around."""
    return label(f"forged at {place}")


@dataclass(frozen=True)
class Setting:
    """Who takes part, who of them is honest, and how often the study may try again."""

    sites: int
    honest: frozenset[Address]
    max_aborts: int = 0

    @cached_property
    def terms(self) -> OnChainTerms:
        """All sites but one are a quorum (of one: that one)."""
        least, windows = max(1, self.sites - 1), Windows(*[1] * 11)
        sites = tuple(Site(account, 1, bytes(32), bytes(32)) for account in SITES[: self.sites])
        figures = (0, 1, 1, 1, self.max_aborts, least, least, 8, 4)
        return OnChainTerms(*figures, windows, COMMITTEE, sites)


@dataclass(frozen=True)
class Position:
    """A round between two transactions, and what of its past the properties ask for."""

    setting: Setting
    enrolled: int
    """Sites that may take part if the round opens now."""
    number: int = 1
    finals: int = 0
    aborts: int = 0
    record: RoundRecord = field(default_factory=RoundRecord)
    posts: dict[tuple[str, Address], bytes] = field(default_factory=dict)
    """What members did, by action; with its value where a later step reads the blob."""
    charges: tuple[str, ...] = ()
    fixed: int | None = None
    """S, once it was said."""
    frame: str = ""
    """A vote since which the other contracts refuse: ``A out``, ``B out`` or `STOPPED`."""
    strayed: frozenset[Address] = frozenset()
    """Members that posted something else than what was right."""

    @property
    def late(self) -> bool:
        return self.record.state in table().windows and self.record.deadline < NOW

    def honest(self, who: Address) -> bool:
        return who in self.setting.honest

    def word(self, place: int) -> bytes:
        """What was reported at a place."""
        sites, record = self.setting.sites, self.record
        return record.reports[place] if place < sites else record.noise_lists[place - sites]

    def code(self, place: int) -> int:
        """The verdict that follows from reports and files."""
        if not self.record.delivered >> place & 1:
            return 1 + (self.record.present >> place & 1)
        turned = any(self.posts["commitFile", member] == forged(place) for member in COMMITTEE)
        return REJECTED * ((self.word(place) == INVALID) != turned)


@dataclass(frozen=True)
class Move:
    """One thing that happens: a call, time, the world around, or the next round."""

    who: Address
    action: str
    value: Any = None
    alone: bool = True
    """Whether it needs nobody but honest parties, anyone and time."""

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, bytes):
            value = value.rstrip(b".").decode() if len(value) == 32 else value.hex()
        elif self.action in ("deliver", "confirmFiles"):
            value = f"{value:b}"
        return f"{NAMES.get(self.who, 'world')}: {self.action} {value or ''}".rstrip()


Next: TypeAlias = tuple[Move, Position | None, list[Any]]
"""A move, where it leads (None: the contract refuses) and its events."""


@dataclass
class Around:
    """The other contracts: they refuse what the frame says, and note every charge."""

    position: Position
    charged: list[str] = field(default_factory=list)

    def roles_of(self, account: Address) -> int:
        return 0 if self.position.frame == f"{NAMES[account]} out" else 3

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
        yield move, after, events
        mine = here.honest(move.who) or (move.action == "open" and any(map(here.honest, COMMITTEE)))
        due |= mine and after is not None
    for move, after in _world(here):
        yield move, after, []
    if state in table().windows and not here.late and not due:
        yield Move(ZERO, "the deadline passes"), _timed(here, PAST), []
    if state.ended and not here.finals and here.aborts <= here.setting.max_aborts:
        fresh = replace(start(here.setting), number=here.number + 1, aborts=here.aborts)
        yield Move(ZERO, "next round"), fresh, []


def _calls(here: Position) -> Iterator[Move]:
    state, sites = here.record.state, SITES[: here.setting.sites]
    parties = {"member": COMMITTEE, "site": sites, "voter": (*COMMITTEE, *sites)}
    for row in table().rows:
        for who in parties.get(row.by, ()) if row.source is state else ():
            right, over = _right(here, who, row.action), here.late or _acted(here, who, row.action)
            if not here.honest(who):  # twice or late, one try shows what all would
                values = [right, *(() if over else _wrong(here, who, row.action))]
                yield from (Move(who, row.action, v, alone=False) for v in values if v is not None)
            elif right is not None and not over:
                yield Move(who, row.action, right)
        if row.by == "anyone" and (row.source is state or state.ended):
            yield Move(ANYONE, row.action)
    yield Move(ANYONE, "expire")


def _world(here: Position) -> Iterator[tuple[Move, Position]]:
    """Votes elsewhere, and grants taken back: what the next steps of a round still ask for."""
    state = here.record.state
    if State.ANNOUNCING <= state <= State.OPEN and not here.frame:
        frames = [f"{NAMES[member]} out" for member in COMMITTEE if here.honest(member)]
        for frame in frames + [STOPPED] * (state is not State.OPEN):
            yield Move(ZERO, frame, alone=False), replace(here, frame=frame)
    for index in bits(here.enrolled) if state is State.ANNOUNCED else ():
        if not here.honest(SITES[index]):
            left = replace(here, enrolled=here.enrolled & ~(1 << index))
            yield Move(SITES[index], "takes its grant back", alone=False), left


def _acted(here: Position, who: Address, action: str) -> bool:
    if who in COMMITTEE:
        return (action, who) in here.posts
    there = here.record.attestations if action == "attest" else here.record.reports
    return (who if action == "attest" else SITES.index(who)) in there


def _right(here: Position, who: Address, action: str) -> Any:
    """What an honest party posts; None: it has nothing to say."""
    record = here.record
    if action == "deliver":
        mine = shut(COMMITTEE.index(who))
        return sum(1 << place for place in bits(record.present) if here.word(place) != mine)
    if action == "confirmFiles":
        there = [m == who or here.posts["commitFile", m] != KEPT for m in COMMITTEE]
        return sum(1 << member for member, served in enumerate(there) if served)
    if action == "judge":
        return bytes(here.code(place) for place in range(here.setting.sites + len(COMMITTEE)))
    if action == "attest":
        voter = who in COMMITTEE or record.accepted >> SITES.index(who) & 1
        if not voter or any(here.posts["publish", m] != RIGHT for m in COMMITTEE):
            return None
        return RIGHT if all(here.posts["commitSum", m] == RIGHT for m in COMMITTEE) else BENT
    return RIGHT


def _wrong(here: Position, who: Address, action: str) -> list[Any]:
    """A bounded choice of what a dishonest party may post instead.

    What a blob holds matters to honest members only; without one there is nothing to choose.
    """
    record, read = here.record, [m for m, a in enumerate(COMMITTEE) if here.honest(a)]
    if action in ("report", "reportNoise"):
        return [shut(m) for m in read] + [INVALID] * bool(read)
    if action == "deliver":
        return [0, *(_right(here, who, action) ^ 1 << place for place in bits(record.present))]
    if action == "commitFile":
        return [*map(forged, bits(record.delivered)), KEPT] if read else []
    if action == "confirmFiles":
        return [1 << COMMITTEE.index(who)]
    if action == "judge":
        codes, sites = _right(here, who, action), here.setting.sites
        siteless = bytes(c or REJECTED * (place < sites) for place, c in enumerate(codes))
        return [siteless, *(_turned(codes, place) for place in bits(record.delivered))]
    return [OTHER]


def _turned(codes: bytes, place: int) -> bytes:
    return codes[:place] + bytes([0 if codes[place] else REJECTED]) + codes[place + 1 :]


def _applied(here: Position, move: Move) -> tuple[Position | None, list[Any]]:
    """A call on the machine."""
    model, around = RoundsModel(CHAIN, CONTRACT), Around(here)
    model.studies[STUDY] = Progress(here.finals, here.aborts, {here.number: here.record})
    given: dict[str, Any] = {"study_id": STUDY, "round": here.number}
    if move.action in ARGUMENT:
        given[ARGUMENT[move.action]] = move.value
    if move.value == RIGHT and move.action in ("announce", "reveal"):
        chain = _chain(here.number, move.who)
        given[ARGUMENT[move.action]] = chain[2 if move.action == "announce" else 1]
    if move.action == "announce":
        given["hpke_key_digest"] = RIGHT
    try:
        emitted = model.apply(move.who, move.action, given, NOW, around)
    except ContractRefused:
        return None, []
    progress, events = model.studies[STUDY], [item.event for item in emitted]
    posts, strayed = dict(here.posts), here.strayed
    if move.who in COMMITTEE:
        posts[move.action, move.who] = move.value
        if not here.honest(move.who) and move.value != _right(here, move.who, move.action):
            strayed |= {move.who}
    said = [event.accepted for event in events if isinstance(event, rounds.AcceptedFixed)]
    after = replace(
        here,
        finals=progress.finals,
        aborts=progress.aborts,
        record=progress.rounds[here.number],
        posts=posts,
        charges=(*here.charges, *around.charged),
        fixed=said[0] if said and here.fixed is None else here.fixed,
        strayed=strayed,
    )
    return _erased(_timed(after, NOW if after.record.deadline >= NOW else PAST)), events


@cache
def _chain(number: int, member: Address) -> tuple[bytes, bytes, bytes]:
    return key_chain(RoundId(CHAIN, CONTRACT, STUDY, number), member, member.ljust(32, b"."))


def _timed(position: Position, deadline: int) -> Position:
    return replace(position, record=replace(position.record, deadline=deadline))


_READ_UNTIL = {"commitFile": State.SETTLED, "commitSum": State.FINAL, "publish": State.FINAL}
_ASKED_UNTIL = {STOPPED: State.OPEN}


def _erased(after: Position) -> Position:
    """Without what nobody reads again: gone, not ignored, so a later reader would not find it."""
    record, state = after.record, after.record.state
    awaited = {row.action for row in table().rows if row.source is state}
    posts = {
        (action, who): value if action in _READ_UNTIL else b""
        for (action, who), value in after.posts.items()
        if action in awaited or state < _READ_UNTIL.get(action, State.ABSENT)
    }
    gone: dict[str, Any] = {"heads_digest": bytes(32), "transcript": bytes(32)}
    gone["verdicts"] = sorted(record.verdicts)
    if state >= State.DELIVERED:
        gone["reports"] = {i: w for i, w in record.reports.items() if record.delivered >> i & 1}
    if state >= State.KEYED:
        gone |= {"key_heads": {}, "hpke_keys": {}}
    if state >= State.SETTLED:
        gone |= {"reports": {}, "noise_lists": {}, "verdicts": [], "denials": set()}
        gone |= {"enrolled": 0, "present": 0, "delivered": 0, "unfetched": False}
    if state.ended:
        gone |= {"posted": set(), "attestations": {}, "accepted": after.fixed or 0}
    return replace(
        after,
        record=replace(record, **gone),
        posts=posts,
        frame=after.frame if state < _ASKED_UNTIL.get(after.frame, State.CLOSED) else "",
        enrolled=after.enrolled if state < State.OPEN else 0,
        strayed=frozenset() if State.SETTLED <= state <= State.FINAL else after.strayed,
    )


def start(setting: Setting) -> Position:
    return Position(setting, (1 << setting.sites) - 1)
