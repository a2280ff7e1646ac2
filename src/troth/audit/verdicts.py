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
    """Each member whose verdict does not follow, with the first place of it.

    One that the others outvoted has left the round (`departures`).
    """
    for member, posted in round_.view.verdicts.items():
        if member in round_.view.left:
            continue
        for place, (said, follows) in enumerate(zip(posted, codes, strict=True)):
            if said != follows:
                claimed, true = _told(round_, place, said, follows)
                yield round_.lie(rounds.VerdictPosted, member, claimed, true)
                break


def _told(round_: RoundEvidence, place: int, said: int, follows: int) -> tuple[str, str]:
    """A code that was posted, and the one that follows; after the places, whose files are false."""
    if place == len(round_.study.reporters):
        return f"members {said:#b} contradicted", f"{follows:#b}"
    reasons, reporter = table().verdicts, round_.study.reporters[place]
    claimed = f"the verdict {reasons[said]} on the {reporter.role} report of {reporter.party}"
    return claimed, f"the verdict {reasons[follows]}"


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
