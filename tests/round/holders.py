"""What honest members say in modes B3 and B4, where each share has several holders.

At most one member lies here, so of three holders of a share two are honest, and of two holders one.
"""

from tests.round.positions import FALSE, INVALID, RIGHT, Position, forged

from troth.round.transcript import bits

REJECTED = 6
"""The reason code of a report that does not verify."""


def shown(here: Position, me: int) -> bool:
    """Whether another holder gives a member the share that was shut to it."""
    others = here.record.live - {me, here.setting.lacks(me)}
    return any(here.posts.get(("answer", here.setting.committee[k])) == RIGHT for k in others)


def judged(here: Position, places: int) -> bytes:
    """The verdict that follows: a file stands unless another holder's word does."""
    setting, record = here.setting, here.record
    outvoted, tied = set[int](), list[set[int]]()
    split = set[int]()
    for k in sorted(record.live):
        word = here.posts["commitFile", setting.committee[k]]
        for place in [place for place in bits(record.delivered) if word == forged(place)]:
            for share in setting.forges(k, place):
                holders = record.live - {share}
                stands = len(holders - {k}) > 1
                outvoted |= {k} if stands else set()
                tied += [] if stands else [holders]
                split |= set() if stands else {place}
    common = set.intersection(*tied) if tied else set()
    contradicted = outvoted | (common or set[int]().union(*tied))
    codes = bytearray(places)
    for place in range(places):
        if not record.delivered >> place & 1:
            codes[place] = 1 + (record.present >> place & 1)
        elif here.word(place) == INVALID or place in split:
            codes[place] = REJECTED
    return bytes((*codes, sum(1 << k for k in contradicted)))


def absent(here: Position) -> int:
    """The owners of noise in S that did not open it, or not what they had reported."""
    setting, record = here.setting, here.record
    owners = [k for k in range(setting.members) if record.accepted >> setting.noise_place(k) & 1]
    opened = {k for k in owners if here.posts.get(("openNoise", setting.committee[k])) == RIGHT}
    return sum(1 << k for k in owners if k not in opened or record.noise_lists[k] == FALSE)
