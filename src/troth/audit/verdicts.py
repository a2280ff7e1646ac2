"""Whether the members' verdicts follow from the files they published, report by report."""

from collections.abc import Mapping, Sequence

from troth.audit.evidence import RoundEvidence
from troth.ledger.bindings import rounds
from troth.round.messages import Envelope, VerifierFile
from troth.round.transitions import table
from troth.round.verdict import round_verify_key, verdict


def verify_verdict_key(round_: RoundEvidence) -> bytes:
    """The verify key that the reveals give; no delivered report has a degenerate query under it."""
    view = round_.view
    return round_verify_key(
        round_.study,
        round_.where,
        heads=view.heads_digest,
        transcript=view.transcript,
        delivered=view.delivered,
        reveals=view.reveals,
    )


def verify_verdicts(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> bytes:
    """Recompute the verdict: one reason code for each place.

    Raises:
        BundleFalse: the first member and place whose code does not follow.
    """
    view, reasons = round_.view, table().verdicts
    codes = verdict(
        round_.study,
        present=view.present,
        delivered=view.delivered,
        envelopes=envelopes,
        files=files,
    )
    for member, posted in view.verdicts.items():
        for place, (said, follows) in enumerate(zip(posted, codes, strict=True)):
            if said != follows:
                reporter = round_.study.reporters[place]
                claimed = (
                    f"the verdict {reasons[said]} on the {reporter.role} report of {reporter.party}"
                )
                true = f"the verdict {reasons[follows]}"
                raise round_.lie(rounds.VerdictPosted, member, claimed, true)
    return codes
