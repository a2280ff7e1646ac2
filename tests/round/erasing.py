"""What of a position nobody reads again, and what only counts together: erased, to have fewer."""

from dataclasses import replace
from functools import reduce
from operator import and_

from tests.round.positions import (
    CANDIDATES,
    FALSE,
    INVALID,
    KEPT,
    OTHER,
    RIGHT,
    SHIFTED,
    SITES,
    STOPPED,
    Position,
    Setting,
)

from troth.ledger.address import Address
from troth.round.record import Progress, RoundRecord
from troth.round.transcript import bits
from troth.round.transitions import State

READ_UNTIL = {
    "answer": State.ANSWERED,
    "commitFile": State.JUDGED,
    "commitSum": State.OPENED,
    "publish": State.OPENED,
    "openNoise": State.OPENED,
}
"""The last state in which somebody reads what a member did."""
_ASKED_UNTIL = {STOPPED: State.OPEN}


def erased(
    before: Position,
    study: Progress,
    record: RoundRecord,
    posts: dict[tuple[str, Address], bytes],
    charges: tuple[str, ...],
    fixed: int | None,
) -> Position:
    """Without what nobody reads again: gone, not ignored, so a later reader would not find it."""
    state, setting = record.state, before.setting
    posts = {key: value for key, value in posts.items() if state <= READ_UNTIL[key[0]]}
    record.heads_digest = record.transcript = bytes(32)
    _erase_order(setting, record)
    if setting.replicated:
        _erase_who_left(setting, record, posts)
    else:
        _erase_deniers(setting, record)
    if state >= State.DELIVERED:
        record.reports = {i: w for i, w in record.reports.items() if record.delivered >> i & 1}
        record.noise_lists = {j: _opens(word) for j, word in record.noise_lists.items()}
        record.words = {}
    if state >= State.SETTLED:
        record.reports, record.verdicts = {}, {}
        record.noise_lists = {j: _verifies(word) for j, word in record.noise_lists.items()}
        record.enrolled = record.present = record.delivered = 0
    if state is State.PUBLISHED and (end := _unequal(setting, posts)):
        word, blamed = end
        posts = {("commitSum", who): RIGHT for who in setting.committee}
        posts |= {("publish", w): word if w in blamed else RIGHT for w in setting.committee}
        record.noise_lists = dict.fromkeys(record.noise_lists, RIGHT)
    if state >= State.HELD or not setting.replicated:
        record.sums = {}
    if state >= State.PICKED:
        record.key_heads, record.hpke_keys = {}, {}
    if state.ended:
        sites = SITES[: setting.sites] if state is State.FINAL else ()
        record.noise_lists, record.accepted = {}, fixed or 0
        record.live, record.recovered = set(), 0
        record.attestations = {s: a for s, a in record.attestations.items() if s in sites}
        record.accusations = {s: a for s, a in record.accusations.items() if s in sites}
    if state >= State.OPENED:
        record.recoveries = {}
    study.resumptions = 0
    if state is not State.ABSENT or study.unattributed < setting.terms.accusations:
        study.resume_votes = {}
    return replace(
        before,
        study=study,
        record=record,
        posts=posts,
        charges=charges,
        fixed=fixed,
        frame=before.frame if state < _ASKED_UNTIL.get(before.frame, State.CLOSED) else "",
        enrolled=before.enrolled if state < State.OPEN else 0,
        truth=None if state.ended else before.truth,
    )


def _erase_order(setting: Setting, record: RoundRecord) -> None:
    """Who said what, where only whether all say the same counts; else in which order they did."""
    said = sorted(record.verdicts.items())
    if not setting.spares:
        codes = sorted(codes for _, codes in said)
        said = [(member, word) for (member, _), word in zip(said, codes, strict=True)]
    record.verdicts = dict(said)


def _erase_deniers(setting: Setting, record: RoundRecord) -> None:
    """Mode A: before answers whose noise is denied is what counts, after them the first pair."""
    present, noise = record.present, ~((1 << setting.sites) - 1)
    posted = dict.fromkeys(sorted(record.words), present)
    denied = min(
        ((p, k) for k, w in record.words.items() for p in bits(present & noise & ~w)), default=None
    )
    every = reduce(and_, record.words.values(), present)
    if record.state is State.CLOSED and posted:
        owners = {(p - setting.sites) // CANDIDATES for p in bits(present & noise & ~every)}
        lost = sum(1 << setting.noise_place(owner) for owner in owners)
        posted[min(posted)] = (every | noise) & present & ~lost
    elif record.state is State.ANSWERED and denied:
        posted[denied[1]] ^= 1 << denied[0]
        record.delivered = present
    elif record.state is State.ANSWERED:
        record.delivered &= every
    elif record.state is State.CONTESTED:
        posted = {}
    record.words = posted


def _erase_who_left(
    setting: Setting, record: RoundRecord, posts: dict[tuple[str, Address], bytes]
) -> None:
    """Modes B3 and B4: what is left of members that left is the noise that others hold."""
    live = {setting.committee[k] for k in record.live}
    for action, who in [said for said in posts if said[1] not in live]:
        del posts[action, who]
    if record.state > State.ANNOUNCING:
        record.key_heads = record.of_live(record.key_heads)
    if record.state is State.CONTESTED:
        record.words = {}
    if record.state >= State.SETTLED:
        noisy = {k for k in record.live if record.accepted >> setting.noise_place(k) & 1}
        record.noise_lists = {k: w for k, w in record.noise_lists.items() if k in noisy}
    if record.state >= State.HELD:
        for said in [said for said in posts if said[0] != "openNoise"]:
            del posts[said]
    record.words = record.of_live(record.words)
    record.sums = record.of_live(record.sums)


def _unequal(
    setting: Setting, posts: dict[tuple[str, Address], bytes]
) -> tuple[bytes, list[Address]] | None:
    """What decides the rest of the round once all have published, whatever else they posted.

    Blobs that nobody honest can fetch, or else the first that does not add up.
    """
    told = {who: posts["publish", who] for who in setting.committee}
    if kept := [who for who, word in told.items() if word == KEPT]:
        return KEPT, kept
    for who, word in told.items():
        if word == OTHER or (word == RIGHT and posts["commitSum", who] == SHIFTED):
            return OTHER, [who]
    return None


def _opens(word: bytes) -> bytes:
    """What is still true of a list of noise once it is delivered."""
    return word if word in (INVALID, FALSE) else RIGHT


def _verifies(word: bytes) -> bytes:
    """What is still true of it once it is accepted: nothing that its seed gives is invalid."""
    return FALSE if word in (INVALID, FALSE) else RIGHT
