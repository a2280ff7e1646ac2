"""What was reported in a round: envelopes, the parties behind them, and what may be missing.

A blob that nobody served is no lie by itself: the verdict then says "undelivered" or the round
aborted. But whatever a verdict judged has to be here (`troth.audit.references`), or nobody could
recompute it.
"""

from troth.audit.evidence import RoundEvidence
from troth.errors import DecodeError
from troth.ledger.bindings import rounds
from troth.round.live import live
from troth.round.messages import (
    Envelope,
    VerifierFile,
    decode_envelope,
    decode_noise_list,
    decode_verifier_file,
)
from troth.round.transcript import bits
from troth.round.transitions import State


def verify_reports(round_: RoundEvidence) -> dict[int, Envelope]:
    """The decoded envelopes of the delivered places; one that does not decode is left out.

    Raises:
        BundleFalse: a blob that everybody opened is missing.
    """
    found = {}
    for place, digest in _digests(round_).items():
        data = round_.require(digest, "envelope")
        try:
            found[place] = decode_envelope(data, round_.study, round_.view.number, place)
        except DecodeError:
            continue
    return found


def _digests(round_: RoundEvidence) -> dict[int, bytes]:
    """Envelope digests of the delivered places."""
    study, view = round_.study, round_.view
    digests = {
        place: view.reports[site] for place, site in enumerate(study.sites) if site in view.reports
    }
    for index, member in enumerate(study.committee):
        if not any(view.delivered >> place & 1 for place in study.noise_places(index)):
            continue
        data = round_.require(view.noise_lists[member], "noise list")
        try:
            listed = decode_noise_list(data, study.terms.privacy.noise_candidates)
        except DecodeError as problem:
            raise round_.lie(
                rounds.NoiseReported, member, "a list of noise envelopes", f"none ({problem})"
            ) from problem
        digests.update(zip(study.noise_places(index), listed.envelopes, strict=True))
    return {place: digests[place] for place in bits(view.delivered)}


def verify_files(round_: RoundEvidence) -> list[VerifierFile]:
    """The verifier files of the members that took part, in committee order.

    Raises:
        BundleFalse: a file that was confirmed is missing or does not decode.
    """
    study, view = round_.study, round_.view
    files = []
    for index in live(study, view, State.JUDGED):
        member = study.committee[index]
        data = round_.require(view.files[member], "verifier file")
        try:
            slots = study.slots(view.delivered, index)
            files.append(decode_verifier_file(data, member, slots))
        except DecodeError as problem:
            raise round_.lie(
                rounds.FileCommitted, member, "a verifier file", f"none ({problem})"
            ) from problem
    return files
