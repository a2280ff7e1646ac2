"""From publications and opened noise to the next model, byte by byte.

Nothing is judged here in another way than members and sites judge it (`round/faults.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from troth.audit.evidence import RoundEvidence
from troth.domain.hashing import digest
from troth.errors import EncodingError, ParameterError
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.ledger.interface import Event
from troth.round.faults import Examined, ProvenFault, examine
from troth.round.messages import Envelope, VerifierFile
from troth.round.published import PublishedRound, published_round
from troth.round.step import next_model
from troth.round.transcript import PICK_LEVEL
from troth.round.transitions import Fault
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
    blobs = [round_.require(view.publications[member], "publication") for member in study.committee]
    picks = {member: bytes(32) for member in study.committee} | view.reveals[PICK_LEVEL]
    seeds: dict[Address, tuple[bytes, ...]] = dict.fromkeys(study.committee, ())
    return published_round(
        study,
        replace(view, reveals={**view.reveals, PICK_LEVEL: picks}, seeds=seeds | view.seeds),
        verify_key=round_verify_key(study, view),
        envelopes=envelopes,
        files=files,
        publications=blobs,
    )


def verify_published(round_: RoundEvidence, found: PublishedRound) -> Examined:
    """Publications, opened noise down to verifier shares and tags, and what they add up to.

    Raises:
        PartyLie: the first member whose word does not follow.
    """
    try:
        return examine(found)
    except ProvenFault as fault:
        raise round_.lie(
            _POST[fault.fault], fault.party, _CLAIMED[fault.fault], fault.detail
        ) from fault


def verify_step(round_: RoundEvidence, examined: Examined, model: Model) -> Model:
    """model[t+1], recomputed from model[t] and X = Σ A_j − opened noise; what was finalised.

    Raises:
        PartyLie: sums that give no model, or another one than the final one.
        BundleFalse: the model's bytes are missing.
    """
    view = round_.view
    said = f"model 0x{view.model_digest.hex()}"
    voter = next(v for v, said in view.attestations.items() if said == view.model_digest)
    try:
        following = next_model(round_.study, view.accepted, examined, model)
    except (EncodingError, ParameterError) as problem:
        raise round_.lie(rounds.Attested, voter, said, f"no model ({problem})") from problem
    true = digest(following.encode())
    if true != view.model_digest:
        raise round_.lie(rounds.Attested, voter, said, f"model 0x{true.hex()}")
    round_.require(true, "model")
    return following
