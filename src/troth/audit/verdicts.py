"""Whether the members' verdicts follow from the files they published, report by report."""

from collections.abc import Iterator, Mapping, Sequence

from troth.audit.evidence import PartyLie, RoundEvidence
from troth.ledger.bindings import rounds
from troth.round.messages import Envelope, VerifierFile
from troth.round.transitions import table
from troth.round.verdict import verdict


def recomputed(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> bytes:
    """The verdict that follows: one reason code for each place."""
    return verdict(
        round_.study,
        present=round_.view.present,
        delivered=round_.view.delivered,
        envelopes=envelopes,
        files=files,
    )


def false_verdicts(round_: RoundEvidence, codes: bytes) -> Iterator[PartyLie]:
    """Each member whose verdict does not follow, with the first place of it."""
    reasons = table().verdicts
    for member, posted in round_.view.verdicts.items():
        for place, (said, follows) in enumerate(zip(posted, codes, strict=True)):
            if said != follows:
                reporter = round_.study.reporters[place]
                claimed = (
                    f"the verdict {reasons[said]} on the {reporter.role} report of {reporter.party}"
                )
                true = f"the verdict {reasons[follows]}"
                yield round_.lie(rounds.VerdictPosted, member, claimed, true)
                break


def verify_verdicts(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> bytes:
    """Recompute the verdict.

    Raises:
        PartyLie: the first member and place whose code does not follow.
    """
    codes = recomputed(round_, envelopes, files)
    for lie in false_verdicts(round_, codes):
        raise lie
    return codes
