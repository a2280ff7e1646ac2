"""What each action checks of its sender and its values, notes in the record, and says.

Written in the order of the contract, so that a call that is wrong twice gets the same refusal.
State and time were checked before (`machine`), and where the action leads is decided after.
"""

from collections.abc import Callable, Sequence

from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.call import EMPTY, Call, refusal
from troth.round.codes import wrong_place
from troth.round.record import SITE
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    bits,
    key_step,
)
from troth.round.transitions import State
from troth.round.votes import VOTES

_LEVELS = {
    State.DELIVERED: (VERIFY_LEVEL, HEAD_LEVEL),
    State.SUMMED: (CHALLENGE_LEVEL, VERIFY_LEVEL),
    State.HELD: (PICK_LEVEL, CHALLENGE_LEVEL),
}
"""What a reveal gives of the key chain, and what is known of it: by the state that waits for it."""


def _announce(call: Call, key_head: bytes, hpke_key_digest: bytes) -> Event:
    study, terms, progress = call.where.study, call.shape.terms, call.progress
    innocent = set(range(call.shape.members)) - progress.guilty
    if not call.ask.is_active(study):
        raise refusal("StudyNotActive", study_id=study)
    ended = progress.finals >= terms.rounds or progress.aborts > terms.max_aborts
    if ended or len(innocent) < call.shape.least:
        raise refusal("StudyOver", study_id=study)
    if progress.unattributed >= terms.accusations:
        raise refusal("StudyPaused", study_id=study)
    call.record.live = innocent  # as with every announcement: nobody leaves before the last
    index = call.live_member()
    call.require_aggregator(call.sender)
    call.require_digest(key_head, hpke_key_digest)
    call.require_first(said=index in call.record.posted)
    call.record.key_heads[index] = key_head
    call.record.hpke_keys[index] = hpke_key_digest
    return rounds.HeadPosted(*call.key, call.sender, key_head, hpke_key_digest)


def _open(call: Call) -> None:
    study, used = call.where.study, call.progress.used
    if not call.ask.is_active(study):
        raise refusal("StudyNotActive", study_id=study)
    for index in sorted(call.record.live):
        call.require_aggregator(call.shape.terms.committee[index])
    limit = call.shape.terms.accusations
    spent = sum(1 << site for site, count in used.items() if count >= limit)
    enrolled = call.ask.enrolled_sites(study) & ~spent
    if not call.shape.meets_quorum(enrolled):
        raise call.refuse_here("QuorumUnreachable")
    call.record.enrolled = enrolled


def _report(call: Call, digest: bytes) -> Event:
    index = call.shape.site(call.sender)
    if index is None:
        raise call.refuse_sender("NotSite")
    if not call.record.enrolled >> index & 1:
        raise call.refuse_here("NotEnrolled", site=call.sender)
    if not call.ask.roles_of(call.sender) & SITE:
        raise call.refuse_sender("NotSite")
    call.require_digest(digest)
    call.require_first(said=index in call.record.reports)
    call.record.reports[index] = digest
    return rounds.Reported(*call.key, call.sender, digest)


def _report_noise(call: Call, digest: bytes) -> Event:
    index = call.live_member()
    call.require_aggregator(call.sender)
    call.require_digest(digest)
    call.require_first(said=index in call.record.noise_lists)
    call.record.noise_lists[index] = digest
    return rounds.NoiseReported(*call.key, call.sender, digest)


def _deliver(call: Call, opened: int) -> Event:
    index, present = call.post(), call.record.present
    if opened & ~present:
        raise refusal("WrongBitmap", allowed=present, given=opened)
    call.record.words[index] = opened
    return rounds.DeliveryPosted(*call.key, call.sender, opened)


def _answer(call: Call, digest: bytes) -> Event:
    call.require_owing(call.live_member())
    call.require_digest(digest)
    return rounds.Answered(*call.key, call.sender, digest)


def _reveal(call: Call, value: bytes) -> Event:
    index = call.post()
    level, known = _LEVELS[call.record.state]
    if call.shape.replicated and level == PICK_LEVEL:
        known = VERIFY_LEVEL  # there was no challenge
    head = value
    for above in range(level + 1, known + 1):
        head = key_step(call.where, call.sender, above, head)
    if head != call.record.key_heads[index]:
        raise refusal("WrongReveal", member=call.sender)
    call.record.key_heads[index] = value
    return rounds.KeyRevealed(*call.key, call.sender, level, value)


def _commit_file(call: Call, digest: bytes) -> Event:
    call.post()
    call.require_digest(digest)
    return rounds.FileCommitted(*call.key, call.sender, digest)


def _confirm(call: Call, fetched: int) -> Event:
    index = call.post()
    every = sum(1 << member for member in call.record.live)
    if fetched & ~every or not fetched >> index & 1:
        raise refusal("WrongBitmap", allowed=every, given=fetched)
    for member in bits(every & ~fetched):
        call.record.unserved[member] = call.record.unserved.get(member, 0) + 1
    return rounds.Confirmed(*call.key, call.sender, fetched)


def _judge(call: Call, codes: bytes) -> Event:
    index = call.post()
    wrong = wrong_place(call.shape, call.record, codes)
    if wrong is not None:
        raise refusal("WrongVerdict", place=wrong)
    call.record.verdicts[index] = codes
    return rounds.VerdictPosted(*call.key, call.sender, codes)


def _commit_sum(call: Call, digests: Sequence[bytes]) -> Event:
    index = call.post()
    if len(digests) != (call.shape.members - 1 if call.shape.replicated else 1):
        raise refusal("WrongSums", member=call.sender)
    call.require_digest(*digests)
    call.record.sums[index] = tuple(digests)
    return rounds.SumCommitted(*call.key, call.sender, tuple(digests))


def _publish(call: Call, digest: bytes) -> Event:
    call.post()
    call.require_digest(digest)
    return rounds.PublicationPosted(*call.key, call.sender, digest)


def _open_noise(call: Call, seeds: Sequence[bytes]) -> Event:
    call.post()
    _require_seeds(call, seeds, call.shape.terms.noise_candidates - 1)
    return rounds.NoiseOpened(*call.key, call.sender, tuple(seeds))


def _recover(call: Call, owners: int, digest: bytes) -> Event:
    index, record = call.post(), call.record
    noisy = sum(1 << owner for owner in call.shape.owners(record.accepted))
    if owners & ~noisy:
        raise refusal("WrongBitmap", allowed=noisy, given=owners)
    if owners:
        call.require_digest(digest)
    record.recoveries[index] = owners
    return rounds.Recovered(*call.key, call.sender, owners, digest)


def _defend(call: Call, seeds: Sequence[bytes]) -> Event:
    record = call.record
    if not record.owing:
        raise refusal("WrongState", state=record.state)
    index = call.member()
    call.require_owing(index)
    _require_seeds(call, seeds, call.shape.terms.noise_candidates)
    record.posted.add(index)
    return rounds.NoiseDefended(*call.key, call.sender, tuple(seeds))


def _require_seeds(call: Call, seeds: Sequence[bytes], count: int) -> None:
    if len(seeds) != count or len(set(seeds)) != count or EMPTY in seeds:
        raise refusal("WrongSeeds", member=call.sender)


ACTIONS: dict[str, Callable[..., Event | None]] = {
    "announce": _announce,
    "open": _open,
    "report": _report,
    "reportNoise": _report_noise,
    "deliver": _deliver,
    "answer": _answer,
    "reveal": _reveal,
    "commitFile": _commit_file,
    "confirm": _confirm,
    "judge": _judge,
    "commitSum": _commit_sum,
    "publish": _publish,
    "openNoise": _open_noise,
    "recover": _recover,
    "defend": _defend,
    **VOTES,
}
"""By the contract's function; values by the names of the bindings.

``close`` and ``finalise`` have none: what they do follows from what others posted.
"""
