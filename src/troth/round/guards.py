"""The conditions that the table's outcomes ask of a round, and whom an abort names."""

from collections.abc import Callable, Iterable

from troth.ledger.address import Address
from troth.round.ballots import agreed_fault, all_attest, disputing, majority, silent
from troth.round.call import Call
from troth.round.codes import agreed_codes
from troth.round.leaving import (
    agreed_recovery,
    misled,
    missing,
    unserved,
    votes_changed,
    wrong_openers,
)
from troth.round.replication import differing_pair
from troth.round.transcript import bits
from troth.round.transitions import State


def _below_quorum(call: Call) -> bool:
    judged = call.record.state is State.JUDGED
    return not call.shape.meets_quorum(call.record.accepted if judged else call.record.present)


def _shares_missing(call: Call) -> bool:
    words = call.record.of_live(call.record.words).values()
    return any(call.record.delivered & ~word for word in words)


def _blob_unavailable(call: Call) -> bool:
    """Whether complaints weigh: not while so many take part that one word may be false."""
    return any(call.record.unserved.values()) and len(call.record.live) == call.shape.least


def _differing(call: Call) -> tuple[int, ...]:
    if not call.shape.replicated:
        return ()
    return differing_pair(call.record.of_live(call.record.sums), call.shape.members) or ()


def _too_little_noise(call: Call) -> bool:
    record, shape = call.record, call.shape
    unopened = shape.owners(record.accepted) - set(bits(record.recovered))
    return len(unopened) <= shape.honest


def _site_silent(call: Call) -> bool:
    return call.shape.terms.every_site and bool(silent(call.shape, call.record))


GUARDS: dict[str, Callable[[Call], bool]] = {
    "votes changed": votes_changed,
    "noise missing": lambda call: bool(missing(call)),
    "below quorum": _below_quorum,
    "noise lost": lambda call: not call.shape.noise_remains(call.record.delivered),
    "shares missing": _shares_missing,
    "one unserved": lambda call: bool(unserved(call)),
    "blob unavailable": _blob_unavailable,
    "verdicts differ": lambda call: agreed_codes(call.shape, call.record) is None,
    "shares contradicted": lambda call: bool(misled(call)),
    "noise rejected": lambda call: not call.shape.noise_remains(call.record.accepted),
    "sums differ": lambda call: bool(_differing(call)),
    "replicated": lambda call: call.shape.replicated,
    "recoverable": lambda call: call.shape.least < call.shape.members,
    "recoveries differ": lambda call: agreed_recovery(call) is None,
    "openings wrong": lambda call: bool(wrong_openers(call)),
    "too little noise": _too_little_noise,
    "fault agreed": lambda call: agreed_fault(call.shape, call.record) is not None,
    "tag disputed": lambda call: bool(disputing(call.shape, call.record)),
    "site silent": _site_silent,
    "no majority": lambda call: majority(call.shape, call.record) is None,
}
"""The conditions of the table, by the names it gives them."""


def _owner_and_denier(call: Call) -> tuple[int, int]:
    """Of the first noise place that somebody lacks and that is lost: whose it is, who lacks it."""
    record = call.record
    lost = record.present & call.shape.noise_bits & ~record.delivered
    words = record.of_live(record.words)
    place, denier = min(
        (place, member) for member, word in words.items() for place in bits(lost & ~word)
    )
    return min(call.shape.owners(1 << place)), denier


def _members(name: Callable[[Call], Iterable[int]]) -> Callable[[Call], tuple[Address, ...]]:
    """The accounts of members that are given by index."""
    return lambda call: tuple(call.shape.terms.committee[member] for member in name(call))


def _guilty_party(call: Call) -> tuple[Address, ...]:
    agreed = agreed_fault(call.shape, call.record)
    return () if agreed is None else (agreed,)


NAMED: dict[str, Callable[[Call], tuple[Address, ...]]] = {
    "nobody": lambda _: (),
    "missing member": _members(lambda call: sorted(missing(call))[:1]),
    "owner and denier": _members(_owner_and_denier),
    "unserved member": _members(lambda call: sorted(unserved(call))[:1]),
    "contradicted pair": _members(lambda call: sorted(misled(call))[:2]),
    "differing pair": _members(_differing),
    "wrong opener": _members(lambda call: sorted(wrong_openers(call))[:1]),
    "guilty member": _guilty_party,
}
"""Whom an abort names, by the names the table gives."""


def all_in(call: Call) -> bool:
    """Whether nobody is left to wait for in a state that ends by itself or by its deadline."""
    if call.record.state is State.OPEN:
        reported = sum(1 << site for site in call.record.reports)
        return not missing(call) and reported == call.record.enrolled
    return all_attest(call.shape, call.record)
