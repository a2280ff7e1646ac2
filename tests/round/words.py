"""What each party says in each step: an honest one what is right, the others a bounded choice."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.round.holders import REJECTED, absent, judged, shown
from tests.round.positions import (
    FALSE,
    INVALID,
    KEPT,
    OTHER,
    RIGHT,
    SHIFTED,
    SITES,
    Position,
    Truth,
    bent,
    forged,
    shut,
)

from troth.ledger.address import Address
from troth.round.transcript import bits
from troth.round.transitions import Fault, State


def right(here: Position, who: Address, action: str) -> list[Any]:
    """What an honest party posts; nothing where it has nothing to say."""
    choice = _RIGHT.get(action)
    return choice(here, who) if choice else [RIGHT]


def _announced(here: Position, _: Address) -> list[Any]:
    return [] if here.over or here.paused else [RIGHT]


def _opened(here: Position, who: Address) -> list[Any]:
    """Shares that open, and those that somebody has shown since: of noise its owner, in mode A."""
    me, places = here.setting.committee.index(who), set(bits(here.record.present))
    if here.setting.replicated:
        shows = places if shown(here, me) else set()
    else:
        shows = {
            here.setting.noise_place(owner)
            for owner, account in enumerate(here.setting.committee)
            if here.posts.get(("answer", account)) == RIGHT
        }
    return [sum(1 << p for p in places if here.word(p) != shut(me) or p in shows)]


def _fetched(here: Position, who: Address) -> list[Any]:
    stored = "commitFile" if here.record.state is State.COMMITTED else "publish"
    live = {k: here.setting.committee[k] for k in here.record.live}
    served = {k for k, member in live.items() if here.posts[stored, member] != KEPT}
    return [sum(1 << k for k, member in live.items() if k in served or member == who)]


def _codes(here: Position, _: Address) -> list[Any]:
    setting = here.setting
    places = setting.sites + setting.members * setting.terms.noise_candidates
    if setting.replicated:
        return [judged(here, places)]
    return [bytes(_code(here, place) for place in range(places))]


def _code(here: Position, place: int) -> int:
    """The verdict that follows from reports and files."""
    if not here.record.delivered >> place & 1:
        return 1 + (here.record.present >> place & 1)
    files = [here.posts["commitFile", member] for member in here.setting.committee]
    return REJECTED * ((here.word(place) == INVALID) != (forged(place) in files))


def _attested(here: Position, who: Address) -> list[Any]:
    truth = _truth(here)
    spoken = who in here.record.attestations or who in here.record.accusations
    votes = _votes(here, who)
    return [truth.model] if votes and not spoken and not _found(here, who) else []


def _accused(here: Position, who: Address) -> list[Any]:
    found = _found(here, who)
    return [found] if found and _votes(here, who) and who not in here.record.accusations else []


def _found(here: Position, who: Address) -> tuple[Fault, Address] | None:
    """The first fault that a voter finds."""
    truth = _truth(here)
    if truth.fault:
        return truth.fault
    for owner, by in truth.shown:
        accused = here.record.accusations.get(owner)
        if who == owner or (accused and (accused.fault, accused.party) == (Fault.TAG, by)):
            return Fault.TAG, by
    own = dict(truth.own_tags).get(who)
    return (Fault.OWN_TAG, own) if own else None


def _votes(here: Position, who: Address) -> bool:
    return who in here.setting.committee or bool(here.record.accepted >> SITES.index(who) & 1)


def _truth(here: Position) -> Truth:
    assert here.truth is not None
    return here.truth


def _reviewed(here: Position, who: Address) -> list[Any]:
    """An honest site has attested or accused in time, so it has nothing to add."""
    accepted = here.record.accepted >> SITES.index(who) & 1
    return [False] if accepted and not here.honest(who) else []


def _defended(here: Position, who: Address) -> list[Any]:
    return [RIGHT] if here.setting.committee.index(who) in here.record.owing else []


def _resumed(here: Position, _: Address) -> list[Any]:
    return [(1 << here.setting.sites) - 1] if here.paused and not here.over else []


_RIGHT: dict[str, Callable[[Position, Address], list[Any]]] = {
    "announce": _announced,
    "answer": lambda here, who: [RIGHT] * (here.setting.committee.index(who) in here.record.owing),
    "deliver": _opened,
    "confirm": _fetched,
    "judge": _codes,
    "attest": _attested,
    "accuse": _accused,
    "recover": lambda here, _: [absent(here)],
    "review": _reviewed,
    "defend": _defended,
    "resume": _resumed,
}


def optional(here: Position, who: Address) -> Iterator[tuple[Fault, Address]]:
    """What an honest voter may add: that another one's accusation shows nothing."""
    truth, accusations = _truth(here), here.record.accusations
    if who in accusations or not _votes(here, who) or _found(here, who):
        return
    for other, said in accusations.items():
        proven = (said.fault, said.party) == truth.fault or (other, said.party) in truth.shown
        if not here.honest(other) and said.fault is not Fault.OWN_TAG and not proven:
            yield Fault.ACCUSATION, other


def wrong(here: Position, who: Address, action: str) -> list[Any]:
    """A bounded choice of what a dishonest party may post instead.

    What a blob holds matters to honest parties only; without one there is nothing to choose.
    """
    readers = [m for m, account in enumerate(here.setting.committee) if here.honest(account)]
    choice = _WRONG.get(action)
    return choice(here, who, readers) if choice else [OTHER]


def _reports(here: Position, who: Address, readers: list[int]) -> list[Any]:
    false = [FALSE] * (who in here.setting.committee and bool(here.setting.honest))
    return [*map(shut, readers), *[INVALID] * bool(readers), *false]


def _denials(here: Position, who: Address, _: list[int]) -> list[Any]:
    opened = right(here, who, "deliver")[0]
    noise = _noise(here, here.record.present)
    sites = (1 << here.setting.sites) - 1
    if here.record.state is State.ANSWERED:  # sites' bits only shrink: all or none, here
        return [opened & ~sites, *(opened ^ 1 << place for place in noise)]
    return [0, *(opened ^ 1 << place for place in (*bits(here.record.present & sites), *noise))]


def _files(here: Position, _: Address, readers: list[int]) -> list[Any]:
    if not readers:
        return []
    noise = _noise(here, here.record.delivered)
    sites = bits(here.record.delivered & (1 << here.setting.sites) - 1)
    return [*map(forged, (*sites, *noise)), KEPT]


def _verdicts(here: Position, who: Address, _: list[int]) -> list[Any]:
    codes, sites = right(here, who, "judge")[0], here.setting.sites
    siteless = bytes(c or REJECTED * (place < sites) for place, c in enumerate(codes))
    turned = (*bits(here.record.delivered & (1 << sites) - 1), *_noise(here, here.record.delivered))
    blamed = [codes[:-1] + bytes([codes[-1] ^ 1])] * here.setting.replicated
    return [siteless, *(_turned(codes, place) for place in turned), *blamed]


def _noise(here: Position, places: int) -> list[int]:
    """Of each member's noise the first candidate, where it is in a bitmap."""
    first = [here.setting.noise_place(owner) for owner in range(here.setting.members)]
    return [place for place in first if places >> place & 1]


def _turned(codes: bytes, place: int) -> bytes:
    return codes[:place] + bytes([0 if codes[place] else REJECTED]) + codes[place + 1 :]


def _publications(here: Position, who: Address, readers: list[int]) -> list[Any]:
    if not here.setting.honest:
        return []
    if here.posts["commitSum", who] == RIGHT:
        return [OTHER, *[KEPT] * bool(readers)]
    sites = bits(here.record.accepted & (1 << here.setting.sites) - 1)
    return [*map(bent, (*sites, *_noise(here, here.record.accepted)))]


def _recoveries(here: Position, who: Address, _: list[int]) -> list[Any]:
    """Seeds of another member that are not wrong, or wrong ones passed over."""
    me, owners = here.setting.committee.index(who), absent(here)
    turned = [
        1 << k for k, other in enumerate(here.setting.committee) if k != me and here.honest(other)
    ]
    return [owners ^ owner for owner in turned if here.record.accepted][:1]


def _accusations(here: Position, who: Address, _: list[int]) -> list[Any]:
    """One false fault of an honest member, a false accuser among the honest, a site's own tag."""
    voters = [v for v in here.setting.parties if v != who and _votes(here, v)]
    committee = here.setting.committee
    targets = [voter for voter in voters if here.honest(voter)]
    members = [voter for voter in targets if voter in committee][:1]
    replicated = here.setting.replicated
    own = [(Fault.OWN_TAG, committee[0])] * (who not in committee and not replicated)
    accusers = [(Fault.ACCUSATION, target) for target in targets]
    fault = Fault.OPENING if replicated else Fault.PUBLICATION
    return [*((fault, member) for member in members), *accusers, *own]


def _sometimes(here: Position, _: Address, __: list[int]) -> list[Any]:
    return [SHIFTED] * bool(here.setting.honest)


_WRONG: dict[str, Callable[[Position, Address, list[int]], list[Any]]] = {
    "report": _reports,
    "reportNoise": _reports,
    "deliver": _denials,
    "answer": lambda _, __, readers: [OTHER] * bool(readers),
    "commitFile": _files,
    "confirm": lambda here, who, _: [1 << here.setting.committee.index(who)],
    "judge": _verdicts,
    "commitSum": _sometimes,
    "publish": _publications,
    "openNoise": lambda here, _, __: [OTHER] * bool(here.setting.honest),
    "recover": _recoveries,
    "accuse": _accusations,
    "review": lambda *_: [],
    "defend": lambda *_: [],
    "resume": lambda *_: [0],
}
