"""What each action checks of its sender and its values, notes in the record, and says.

Written in the order of the contract, so that a call that is wrong twice gets the same refusal.
State and time were checked before (`machine`), and where the action leads is decided after.
"""

from collections.abc import Callable, Sequence

from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.ballots import has_voted
from troth.round.call import EMPTY, Call, refusal
from troth.round.record import SITE, Accusation, Attestation, accepted_places
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    bits,
    key_step,
)
from troth.round.transitions import Fault, State

_LEVELS = {
    State.DELIVERED: VERIFY_LEVEL,
    State.SUMMED: CHALLENGE_LEVEL,
    State.HELD: PICK_LEVEL,
}
"""What a reveal gives of the key chain, by the state that waits for it."""


def _announce(call: Call, key_head: bytes, hpke_key_digest: bytes) -> Event:
    study, terms, progress = call.where.study, call.shape.terms, call.progress
    if not call.ask.is_active(study):
        raise refusal("StudyNotActive", study_id=study)
    ended = progress.finals >= terms.rounds or progress.aborts > terms.max_aborts
    if ended or progress.guilty:
        raise refusal("StudyOver", study_id=study)
    if progress.unattributed >= terms.accusations:
        raise refusal("StudyPaused", study_id=study)
    index = call.member()
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
    for member in call.shape.terms.committee:
        call.require_aggregator(member)
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
    index = call.member()
    call.require_aggregator(call.sender)
    call.require_digest(digest)
    call.require_first(said=index in call.record.noise_lists)
    call.record.noise_lists[index] = digest
    return rounds.NoiseReported(*call.key, call.sender, digest)


def _close(call: Call) -> None:
    record = call.record
    record.present = call.shape.noise_bits | sum(1 << site for site in record.reports)
    record.delivered = record.present


def _deliver(call: Call, opened: int) -> Event:
    record, shape = call.record, call.shape
    denier = call.post()
    if opened & ~record.present:
        raise refusal("WrongBitmap", allowed=record.present, given=opened)
    record.delivered &= opened
    record.denials |= {
        (*shape.candidate(place), denier) for place in bits(shape.noise_bits & ~opened)
    }
    return rounds.DeliveryPosted(*call.key, call.sender, opened)


def _answer(call: Call, digest: bytes) -> Event:
    call.post_what_is_owed()
    call.require_digest(digest)
    return rounds.Answered(*call.key, call.sender, digest)


def _reveal(call: Call, value: bytes) -> Event:
    index, level = call.post(), _LEVELS[call.record.state]
    if key_step(call.where, call.sender, level + 1, value) != call.record.key_heads[index]:
        raise refusal("WrongReveal", member=call.sender)
    call.record.key_heads[index] = value
    return rounds.KeyRevealed(*call.key, call.sender, level, value)


def _commit_file(call: Call, digest: bytes) -> Event:
    call.post()
    call.require_digest(digest)
    return rounds.FileCommitted(*call.key, call.sender, digest)


def _confirm(call: Call, fetched: int) -> Event:
    index = call.post()
    every = (1 << call.shape.members) - 1
    if fetched & ~every or not fetched >> index & 1:
        raise refusal("WrongBitmap", allowed=every, given=fetched)
    for member in bits(every & ~fetched):
        call.record.unserved[member] = call.record.unserved.get(member, 0) + 1
    return rounds.Confirmed(*call.key, call.sender, fetched)


def _judge(call: Call, codes: bytes) -> Event:
    call.post()
    accepted, wrong = accepted_places(call.shape, call.record, codes)
    if wrong is not None:
        raise refusal("WrongVerdict", place=wrong)
    call.record.accepted = accepted
    call.record.verdicts.append(codes)
    return rounds.VerdictPosted(*call.key, call.sender, codes)


def _commit_sum(call: Call, digest: bytes) -> Event:
    call.post()
    call.require_digest(digest)
    return rounds.SumCommitted(*call.key, call.sender, digest)


def _publish(call: Call, digest: bytes) -> Event:
    call.post()
    call.require_digest(digest)
    return rounds.PublicationPosted(*call.key, call.sender, digest)


def _open_noise(call: Call, seeds: Sequence[bytes]) -> Event:
    call.post()
    _require_seeds(call, seeds, call.shape.terms.noise_candidates - 1)
    return rounds.NoiseOpened(*call.key, call.sender, tuple(seeds))


def _attest(call: Call, model_digest: bytes, *, tags_right: bool) -> Event:
    record = call.record
    _require_voter(call)
    call.require_first(said=has_voted(record, call.sender))
    call.require_digest(model_digest)
    record.attestations[call.sender] = Attestation(model_digest, tags_right)
    return rounds.Attested(*call.key, call.sender, model_digest, tags_right)


def _accuse(call: Call, fault: int, party: Address, evidence: bytes) -> Event:
    record, shape = call.record, call.shape
    _require_voter(call)
    own_tag_of_no_site = fault == Fault.OWN_TAG and shape.member(call.sender) is not None
    if fault not in set(Fault) - {Fault.NONE} or own_tag_of_no_site:
        raise refusal("WrongFault", fault=fault)
    if fault == Fault.ACCUSATION:
        if party == call.sender or party not in shape.voters(record):
            raise refusal("NotVoter", study_id=call.where.study, account=party)
    elif shape.member(party) is None:
        raise refusal("NotCommittee", study_id=call.where.study, account=party)
    call.require_first(said=call.sender in record.accusations)
    record.attestations.pop(call.sender, None)
    record.accusations[call.sender] = Accusation(Fault(fault), party)
    return rounds.Accused(*call.key, call.sender, fault, party, evidence)


def _review(call: Call, *, tags_right: bool) -> Event:
    record, index = call.record, call.shape.site(call.sender)
    if index not in call.shape.accepted_sites(record):
        raise call.refuse_sender("NotSite")
    attested = record.attestations.get(call.sender)
    spoke = call.sender in record.accusations or (attested is not None and attested.tags_right)
    call.require_first(said=spoke or index in record.reviewed)
    record.reviewed.add(index)
    return rounds.Reviewed(*call.key, call.sender, tags_right)


def _defend(call: Call, seeds: Sequence[bytes]) -> Event:
    record = call.record
    if not record.owing:
        raise refusal("WrongState", state=record.state)
    index = call.post_what_is_owed()
    _require_seeds(call, seeds, call.shape.terms.noise_candidates)
    record.posted.add(index)
    return rounds.NoiseDefended(*call.key, call.sender, tuple(seeds))


def _require_voter(call: Call) -> None:
    if call.sender not in call.shape.voters(call.record):
        raise call.refuse_sender("NotVoter")


def _require_seeds(call: Call, seeds: Sequence[bytes], count: int) -> None:
    if len(seeds) != count or len(set(seeds)) != count or EMPTY in seeds:
        raise refusal("WrongSeeds", member=call.sender)


ACTIONS: dict[str, Callable[..., Event | None]] = {
    "announce": _announce,
    "open": _open,
    "report": _report,
    "reportNoise": _report_noise,
    "close": _close,
    "deliver": _deliver,
    "answer": _answer,
    "reveal": _reveal,
    "commitFile": _commit_file,
    "confirm": _confirm,
    "judge": _judge,
    "commitSum": _commit_sum,
    "publish": _publish,
    "openNoise": _open_noise,
    "attest": _attest,
    "accuse": _accuse,
    "review": _review,
    "defend": _defend,
}
"""By the contract's function; values by the names of the bindings. ``finalise`` has none."""
