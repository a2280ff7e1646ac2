"""From publications and opened noise to the next model, byte by byte.

Nothing is judged here in another way than members and sites judge it (`round/faults.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from troth.audit.evidence import RoundEvidence
from troth.audit.members import BLOBS
from troth.audit.references import recoveries
from troth.domain.hashing import digest
from troth.errors import BundleFalse, DecodeError, EncodingError, ParameterError
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.faults import Examined, examine
from troth.round.messages import Envelope, VerifierFile
from troth.round.openings import ProvenFault
from troth.round.published import PublishedRound, published_digests, published_round
from troth.round.replicated import absent_slots, shown_shares
from troth.round.step import next_model
from troth.round.transcript import PICK_LEVEL
from troth.round.transitions import Fault, State
from troth.round.verdict import round_verify_key

_POST: dict[Fault, type[Event]] = {
    Fault.PUBLICATION: rounds.PublicationPosted,
    Fault.OPENING: rounds.NoiseOpened,
    Fault.VERIFICATION: rounds.FileCommitted,
    Fault.TAG: rounds.PublicationPosted,
}
"""With which post a member told the lie that a fault is."""
_CLAIMED = {
    Fault.PUBLICATION: "a sum that it was bound to, with the tags of all accepted reports",
    Fault.OPENING: "the seeds of its noise",
    Fault.VERIFICATION: "the verifier shares of the reports it had opened",
    Fault.TAG: "the tags of the reports it had opened",
}


def published(
    round_: RoundEvidence, envelopes: Mapping[int, Envelope], files: Sequence[VerifierFile]
) -> PublishedRound:
    """All of a round whose publications every member had, as far as noise was opened.

    A member that withheld its last reveal or its seeds has opened nothing.

    Raises:
        BundleFalse: a publication is missing.
    """
    study, view = round_.study, round_.view
    blobs = [round_.require(name, "publication") for name in published_digests(study, view)]
    picks = {member: bytes(32) for member in study.committee} | view.reveals[PICK_LEVEL]
    reveals, left = {**view.reveals, PICK_LEVEL: picks}, {**view.left_before}
    left.setdefault(State.PICKED, frozenset(view.left))
    return published_round(
        study,
        replace(view, reveals=reveals, left_before=left),
        verify_key=round_verify_key(study, view),
        envelopes=envelopes,
        files=files,
        publications=blobs,
        recovered=shown_shares(
            study,
            view,
            envelopes,
            {m: round_.blobs.get(digest) for m, digest in recoveries(study, view).items()},
        ),
    )


def verify_published(round_: RoundEvidence, found: PublishedRound) -> Examined:
    """Publications, opened noise down to verifier shares and tags, and what they add up to.

    Raises:
        PartyLie: the first member whose word does not follow.
    """
    _require_shown(round_, found)
    try:
        return examine(found)
    except ProvenFault as fault:
        raise round_.lie(
            _POST[fault.fault], fault.party, _CLAIMED[fault.fault], fault.detail
        ) from fault
    except DecodeError as problem:
        raise round_.lie(rounds.Attested, _voter(round_), _model(round_), str(problem)) from problem


def _require_shown(round_: RoundEvidence, found: PublishedRound) -> None:
    """Of noise that holders opened, every share is there, whoever showed it.

    Raises:
        BundleFalse: one is not; that may be whoever wrote the bundle, so nobody is named.
    """
    for place, share in absent_slots(round_.study, round_.view):
        if (place, share) not in found.recovered:
            follows = f"share {share} of the noise at place {place} of round {found.where.round}"
            raise BundleFalse(BLOBS, "members", "nothing", f"{follows}, which holders showed")


def verify_step(round_: RoundEvidence, examined: Examined, model: Model) -> Model:
    """model[t+1], recomputed from model[t] and X = Σ A_j − opened noise; what was finalised.

    Raises:
        PartyLie: sums that give no model, or another one than the final one.
        BundleFalse: the model's bytes are missing.
    """
    view, said, voter = round_.view, _model(round_), _voter(round_)
    try:
        following = next_model(round_.study, view.accepted, examined, model)
    except (EncodingError, ParameterError) as problem:
        raise round_.lie(rounds.Attested, voter, said, f"no model ({problem})") from problem
    true = digest(following.encode())
    if true != view.model_digest:
        raise round_.lie(rounds.Attested, voter, said, f"model 0x{true.hex()}")
    round_.require(true, "model")
    return following


def _model(round_: RoundEvidence) -> str:
    return f"model 0x{round_.view.model_digest.hex()}"


def _voter(round_: RoundEvidence) -> Address:
    """Somebody who attests the final model."""
    view = round_.view
    return next(voter for voter, said in view.attestations.items() if said == view.model_digest)
