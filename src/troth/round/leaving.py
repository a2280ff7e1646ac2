"""Who leaves a round: live members that are in the way of the others, where enough others remain.

Only mode B4 can spare anybody. Who left may post nothing more in this round, but still votes.
"""

from collections.abc import Callable

from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.call import Call
from troth.round.codes import agreed_codes, contradicted
from troth.round.replication import Word, agreed, dissenters, outvoted_holders
from troth.round.transcript import bits
from troth.round.transitions import Leave, State, table

_LEAST_TO_BLAME = 3
"""Below three members, whoever serves and whoever fetches are one against one."""


def missing(call: Call) -> set[int]:
    """Live members that have not done what the state waits for."""
    record = call.record
    there = record.noise_lists.keys() if record.state is State.OPEN else record.posted
    return record.live - there


def votes_changed(call: Call) -> bool:
    """Whether the round waits for what a vote elsewhere has made impossible to post."""
    state, waited = call.record.state, sorted(missing(call))
    if not waited or state not in (State.ANNOUNCING, State.OPEN):
        return False
    stopped = state is State.ANNOUNCING and not call.ask.is_active(call.where.study)
    return stopped or not call.is_aggregator(call.shape.terms.committee[waited[0]])


def unserved(call: Call) -> set[int]:
    """Live members whose blob more than half of the others could not fetch."""
    live = call.record.live
    if len(live) < _LEAST_TO_BLAME:
        return set()
    return {j for j in live if call.record.unserved.get(j, 0) * 2 > len(live) - 1}


def misled(call: Call) -> set[int]:
    """Live members whose files the agreed verdict says that others contradict."""
    codes = agreed_codes(call.shape, call.record)
    return set() if codes is None else contradicted(call.shape, codes) & call.record.live


def agreed_recovery(call: Call) -> int | None:
    """The owners whose seeds most live members say are missing or wrong, as a bitmap."""
    record = call.record
    return agreed(record.of_live(record.recoveries), len(record.live) // 2 + 1)


def wrong_openers(call: Call) -> set[int]:
    """Live members among them: they opened noise, but not theirs."""
    return set(bits(agreed_recovery(call) or 0)) & call.record.live


def _deniers(call: Call) -> set[int]:
    words = call.record.of_live(call.record.words)
    return {member for member, word in words.items() if call.record.delivered & ~word}


def _outvoted(call: Call) -> set[int]:
    record = call.record
    if record.state is State.JUDGED:
        return _dissenting(record.of_live(record.verdicts), agreed_codes(call.shape, record))
    return _dissenting(record.of_live(record.recoveries), agreed_recovery(call))


def _dissenting(said: dict[int, Word], word: Word | None) -> set[int]:
    return set() if word is None else dissenters(said, word)


def _outvoted_holders(call: Call) -> set[int]:
    if not call.shape.replicated:
        return set()
    return outvoted_holders(call.record.of_live(call.record.sums), call.shape.members)


LEAVING: dict[str, Callable[[Call], set[int]]] = {
    "missing": lambda call: set() if votes_changed(call) else missing(call),
    "deniers": _deniers,
    "unserved": unserved,
    "outvoted": _outvoted,
    "contradicted": misled,
    "outvoted holders": _outvoted_holders,
    "wrong openers": wrong_openers,
}
"""Members that leave, by the names the table gives."""


def leave(call: Call, leaving: Leave) -> list[Event]:
    """Members leave, all of them or none; empty: nobody does, or too few would remain."""
    record = call.record
    going = LEAVING[leaving.who](call)
    if not going or len(record.live - going) < call.shape.least:
        return []
    record.live -= going
    record.unserved = {}
    number = table().reasons.index(leaving.reason)
    committee = call.shape.terms.committee
    return [
        rounds.Dropped(*call.key, committee[member], record.state, number)
        for member in sorted(going)
    ]
