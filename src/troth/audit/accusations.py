"""What became of every accusation: shown, false, or open, and why.

Voters accuse on the ledger; nothing they say is taken on trust. What they could recompute is
recomputed here, in the same order, so whoever accused otherwise is an accuser whose word is false.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from troth.audit.evidence import RoundEvidence
from troth.audit.references import evidence
from troth.errors import DecodeError
from troth.ledger.address import Address
from troth.round.faults import Examined, Tagged, require_evidence
from troth.round.messages import decode_opened_shares
from troth.round.openings import ProvenFault
from troth.round.published import PublishedRound
from troth.round.transitions import Fault
from troth.round.view import Accusation

SHOWN, FALSE, OPEN = "shown", "false", "open"
_NOTHING = "nothing published speaks for it"


@dataclass(frozen=True)
class JudgedAccusation:
    """One voter's accusation, and what can be recomputed of it."""

    round: int
    by: str
    fault: str
    """As the contract calls it, for example ``Tag``."""
    against: str
    outcome: str
    """`SHOWN`, `FALSE` or `OPEN`."""
    why: str


def judge_accusations(
    round_: RoundEvidence, found: PublishedRound, outcome: Examined | ProvenFault
) -> list[JudgedAccusation]:
    """Every accusation of a round whose noise is opened, in the order they were posted.

    Args:
        round_: the round.
        found: all that was published.
        outcome: what everybody finds in it without any accusation.
    """
    judge = _Judge(round_, found, outcome)
    judged = []
    for voter, said in round_.view.accusations.items():
        result, why = judge.of(voter, frozenset())
        judged.append(
            JudgedAccusation(
                round=round_.view.number,
                by=str(voter),
                fault=said.fault.title,
                against=str(said.party),
                outcome=result,
                why=why,
            )
        )
    return judged


@dataclass(frozen=True)
class _Judge:
    round_: RoundEvidence
    found: PublishedRound
    outcome: Examined | ProvenFault

    @property
    def _said(self) -> Mapping[Address, Accusation]:
        return self.round_.view.accusations

    def of(self, voter: Address, seen: frozenset[Address]) -> tuple[str, str]:
        """Outcome and reason of one voter's accusation; ``seen`` are those that led to it."""
        said = self._said[voter]
        if said.fault is Fault.OWN_TAG:
            return OPEN, "a site's word about the tag of its own report"
        if isinstance(self.outcome, ProvenFault):
            same = (said.fault, said.party) == (self.outcome.fault, self.outcome.party)
            return (SHOWN, self.outcome.detail) if same else (FALSE, f"it is {self.outcome}")
        if said.fault is Fault.ACCUSATION:
            return self._of_an_accusation(said.party, seen | {voter})
        if said.fault is Fault.TAG and self.outcome.tagged is not None:
            return self._of_a_tag(voter, said.party, self.outcome.tagged)
        return FALSE, _NOTHING

    def _of_an_accusation(self, accuser: Address, seen: frozenset[Address]) -> tuple[str, str]:
        if accuser not in self._said:
            return FALSE, f"{accuser} accused nobody"
        if accuser in seen:
            return OPEN, "the accusations are about each other"
        result, why = self.of(accuser, seen)
        opposite = {SHOWN: FALSE, FALSE: SHOWN, OPEN: OPEN}
        return opposite[result], f"what {accuser} said: {why}"

    def _of_a_tag(self, voter: Address, party: Address, tagged: Tagged) -> tuple[str, str]:
        """A member shows evidence of its own; whoever has seen it accuses as well, without any."""
        members = evidence(self.round_.study, self.round_.view)
        same = (owner for owner in members if self._said[owner].party == party)
        owners = [voter] if voter in members else list(same)
        judged = [self._by_evidence(owner, self._said[owner], tagged) for owner in owners]
        order = (SHOWN, OPEN, FALSE)
        return min(judged, key=lambda found: order.index(found[0]), default=(FALSE, _NOTHING))

    def _by_evidence(self, owner: Address, said: Accusation, tagged: Tagged) -> tuple[str, str]:
        """A member shows the share of its own noise that a tag is wrong of."""
        study, limit = self.round_.study, self.round_.study.opened_shares_limit
        data = self.round_.blobs.get(said.evidence)
        if data is None or len(data) > limit:
            return OPEN, f"the evidence 0x{said.evidence.hex()} is not in this bundle"
        try:
            opened = decode_opened_shares(data, study, owner)
            require_evidence(self.found, tagged, owner, said.party, opened)
        except DecodeError as problem:
            return FALSE, str(problem)
        except ProvenFault as fault:
            return (SHOWN if fault.fault is Fault.TAG else FALSE), fault.detail
        return OPEN, "its evidence decides nothing"
