"""The word of a member or a site at the end of a round: attest the model, or accuse who lied.

A voter checks everything that is public, then what only it can check: the tags of its own report.
It may take its attestation back for an accusation as long as the window is open, never the other
way round. Source: round protocol, section 4, "Attestation and accusation".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from troth.domain.hashing import digest
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Call
from troth.roles.following import Examine, current_model, follow, followed_model
from troth.round.faults import wrong_tags
from troth.round.mail import Inbox
from troth.round.messages import OPENED_SHARES_FORMAT, OpenedShare, OpenedShares
from troth.round.openings import ProvenFault
from troth.round.study import Study
from troth.round.transitions import Fault
from troth.round.view import RoundView

NOTHING = bytes(32)


@dataclass(frozen=True)
class Ballot:
    """What a voter does in the last window; nothing where it has to wait."""

    puts: tuple[bytes, ...] = ()
    posts: tuple[Call[Any], ...] = ()


def has_spoken(view: RoundView, account: Address) -> bool:
    """Whether a voter has said its last word: while others accuse, it looks at its own again."""
    attested = account in view.attestations and not view.accusations
    return attested or account in view.accusations


def vote(
    study: Study,
    view: RoundView,
    inbox: Inbox,
    account: Address,
    *,
    own: Callable[[], tuple[int, Sequence[bytes]] | None],
    examine_round: Examine,
) -> Ballot:
    """The vote that follows from what a voter can see; run by members and accepted sites.

    Args:
        study: the study.
        view: the round, in `State.OPENED`.
        inbox: the voter's.
        account: the voter.
        own: gives the place of its own report (of a member: of the noise that stays unopened) and
            the report's extended shares by share number; None for a site that has lost them.
            Asked for once, after everything else that is needed has been read; and not where sums
            are compared (B3, B4), since nothing is left there that an owner alone could tell.
        examine_round: the public checks.
    """
    model = current_model(study, inbox, account)
    try:
        followed = follow(study, view, inbox, examine_round)
    except ProvenFault as fault:
        return _accuse(study, view, fault.fault, fault.party, account)
    if followed is None or account in view.attestations:
        return Ballot()
    tagged = followed.examined.tagged
    report = None if tagged is None else own()
    if tagged is not None and report is not None:
        place, extended = report
        wrong = wrong_tags(study, tagged, place, extended)
        # Nobody accuses itself: the share that it holds of its own noise must not be shown.
        others = [member for member in wrong if study.committee[member] != account]
        if others:
            return _own_tag(study, view, account, place, others[0], extended)
    following = None if model is None else followed_model(study, view, model, followed)
    if following is None:
        return Ballot()
    encoded = following.encode()
    checked = tagged is None or report is not None
    post = rounds.attest(study.study_id, view.number, digest(encoded), checked)
    return Ballot((encoded,), (post,))


def _own_tag(
    study: Study,
    view: RoundView,
    account: Address,
    place: int,
    member: int,
    extended: Sequence[bytes],
) -> Ballot:
    """Accuse a member of a false tag of one's own report.

    A site can only say so: no share of its report is ever shown. A member shows the accused one's
    share of its noise, but never the share that it holds itself.
    """
    accused = study.committee[member]
    if study.is_site(place):
        return _accuse(study, view, Fault.OWN_TAG, accused, account)
    shown = OpenedShare(place, accused, extended[study.share_of(place, member)])
    evidence = OpenedShares(OPENED_SHARES_FORMAT, (shown,)).encode()
    ballot = _accuse(study, view, Fault.TAG, accused, account, digest(evidence))
    return Ballot((evidence,), ballot.posts)


def _accuse(
    study: Study,
    view: RoundView,
    fault: Fault,
    party: Address,
    account: Address,
    evidence: bytes = NOTHING,
) -> Ballot:
    if party == account:
        return Ballot()
    post = rounds.accuse(study.study_id, view.number, fault, party, evidence)
    return Ballot((), (post,))
