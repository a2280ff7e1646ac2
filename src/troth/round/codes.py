"""A member's verdict as the contract reads it: a reason code per place, then who is contradicted.

The last byte is there only where shares are replicated: a bitmap of the members whose verifier
files those of others contradict.
"""

from troth.round.record import RoundRecord, Shape
from troth.round.replication import agreed
from troth.round.transcript import bits
from troth.round.transitions import table


def wrong_place(shape: Shape, record: RoundRecord, codes: bytes) -> int | None:
    """The first place where a verdict cannot stand; None: it can."""
    size = shape.places + shape.replicated
    if len(codes) != size:
        return min(len(codes), size)
    for place in range(shape.places):
        if not _fits(record, place, codes[place]):
            return place
    beyond = contradicted(shape, codes) - record.live
    return shape.places if beyond else None


def _fits(record: RoundRecord, place: int, code: int) -> bool:
    verdicts = table().verdicts
    name = verdicts[code] if code < len(verdicts) else "unknown"
    if not record.present >> place & 1:
        return name == "absent"
    if not record.delivered >> place & 1:
        return name == "undelivered"
    return name not in ("absent", "undelivered", "unknown")


def accepted(shape: Shape, codes: bytes) -> int:
    """Bitmap of the places that a verdict accepts."""
    name = table().verdicts.index("accepted")
    return sum(1 << place for place in range(shape.places) if codes[place] == name)


def contradicted(shape: Shape, codes: bytes) -> set[int]:
    """The members whose files others contradict, as a verdict says."""
    return set(bits(codes[shape.places])) if shape.replicated else set()


def agreed_codes(shape: Shape, record: RoundRecord) -> bytes | None:
    """The verdict that enough live members have posted; None without one."""
    return agreed(record.of_live(record.verdicts), shape.least)
