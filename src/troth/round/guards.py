"""The conditions that the table's outcomes ask of a round, and whom an abort names."""

from collections.abc import Callable

from troth.ledger.address import Address
from troth.round.ballots import agreed_fault, all_attest, disputing, majority, silent
from troth.round.call import Call
from troth.round.transitions import State

_LEAST_TO_BLAME = 3
"""Below three members, whoever serves and whoever fetches are one against one."""


def _noise_missing(call: Call) -> bool:
    return len(call.record.noise_lists) < call.shape.members


def _votes_changed(call: Call) -> bool:
    """Whether the round waits for what a vote elsewhere has made impossible to post."""
    if call.record.state is State.OPEN:
        return _noise_missing(call) and not call.is_aggregator(_first_missing(call))
    stopped = not call.ask.is_active(call.where.study)
    return stopped or not call.is_aggregator(_first_missing(call))


def _below_quorum(call: Call) -> bool:
    judged = call.record.state is State.JUDGED
    return not call.shape.meets_quorum(call.record.accepted if judged else call.record.present)


def _noise_rejected(call: Call) -> bool:
    return bool(call.shape.noise_bits & ~call.record.accepted)


def _first_unserved(call: Call) -> Address | None:
    """The first member whose blob more than half of the others could not fetch."""
    others = call.shape.members - 1
    counts = call.record.unserved
    if call.shape.members < _LEAST_TO_BLAME:
        return None
    blamed = (a for j, a in enumerate(call.shape.terms.committee) if counts.get(j, 0) * 2 > others)
    return next(blamed, None)


def _site_silent(call: Call) -> bool:
    return call.shape.terms.every_site and bool(silent(call.shape, call.record))


GUARDS: dict[str, Callable[[Call], bool]] = {
    "votes changed": _votes_changed,
    "noise missing": _noise_missing,
    "below quorum": _below_quorum,
    "noise denied": lambda call: bool(call.record.denials),
    "one unserved": lambda call: _first_unserved(call) is not None,
    "blob unavailable": lambda call: any(call.record.unserved.values()),
    "verdicts differ": lambda call: len(set(call.record.verdicts)) > 1,
    "noise rejected": _noise_rejected,
    "fault agreed": lambda call: agreed_fault(call.shape, call.record) is not None,
    "tag disputed": lambda call: bool(disputing(call.shape, call.record)),
    "site silent": _site_silent,
    "no majority": lambda call: majority(call.shape, call.record) is None,
}
"""The conditions of the table, by the names it gives them."""


def _first_missing(call: Call) -> Address:
    record = call.record
    there = record.noise_lists.keys() if record.state is State.OPEN else record.posted
    return next(a for j, a in enumerate(call.shape.terms.committee) if j not in there)


def _owner_and_denier(call: Call) -> tuple[Address, ...]:
    owner, _, denier = min(call.record.denials)
    return call.shape.terms.committee[owner], call.shape.terms.committee[denier]


def _unserved_member(call: Call) -> tuple[Address, ...]:
    named = _first_unserved(call)
    return () if named is None else (named,)


def _guilty_party(call: Call) -> tuple[Address, ...]:
    agreed = agreed_fault(call.shape, call.record)
    return () if agreed is None else (agreed,)


NAMED: dict[str, Callable[[Call], tuple[Address, ...]]] = {
    "nobody": lambda _: (),
    "missing member": lambda call: (_first_missing(call),),
    "owner and denier": _owner_and_denier,
    "unserved member": _unserved_member,
    "guilty member": _guilty_party,
}
"""Whom an abort names, by the names the table gives."""


def all_in(call: Call) -> bool:
    """Whether nobody is left to wait for in a state that ends by itself or by its deadline."""
    if call.record.state is State.OPEN:
        reported = sum(1 << site for site in call.record.reports)
        return not _noise_missing(call) and reported == call.record.enrolled
    return all_attest(call.shape, call.record)
