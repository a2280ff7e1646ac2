"""What voters may say of a round's result: each action's checks, as in ``actions.py``.

What the votes decide is in ``ballots.py``.
"""

from collections.abc import Callable

from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.ballots import has_voted
from troth.round.call import Call, refusal
from troth.round.record import Accusation, Attestation
from troth.round.transitions import Fault

_WITHOUT_TAGS = {Fault.OPENING, Fault.VERIFICATION, Fault.ACCUSATION}
"""What a party can be accused of where sums are compared, and nothing is published after them."""


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
    known = _WITHOUT_TAGS if shape.replicated else set(Fault) - {Fault.NONE}
    own_tag_of_no_site = fault == Fault.OWN_TAG and shape.member(call.sender) is not None
    if fault not in known or own_tag_of_no_site:
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


def _require_voter(call: Call) -> None:
    if call.sender not in call.shape.voters(call.record):
        raise call.refuse_sender("NotVoter")


VOTES: dict[str, Callable[..., Event]] = {
    "attest": _attest,
    "accuse": _accuse,
    "review": _review,
}
"""By the contract's function; values by the names of the bindings."""
