"""From published aggregate shares to the next model, byte by byte."""

from troth.audit.evidence import RoundEvidence
from troth.domain.hashing import digest
from troth.errors import DecodeError, ParameterError
from troth.learning.model import Model
from troth.ledger.bindings import rounds
from troth.round.step import next_model
from troth.round.transcript import sum_digest


def verify_sums(round_: RoundEvidence) -> list[bytes]:
    """Every member's aggregate share, in committee order, each the one it was bound to before.

    Raises:
        BundleFalse: a share is missing, or is not the one its member had committed to.
    """
    view = round_.view
    shares = []
    for member in round_.study.committee:
        share = round_.require(view.publications[member], "aggregate share")
        bound = sum_digest(round_.where, member, view.accepted, share)
        if bound != view.sums[member]:
            said = "the aggregate share that was committed to"
            raise round_.lie(rounds.PublicationPosted, member, said, "another one")
        shares.append(share)
    return shares


def verify_step(round_: RoundEvidence, shares: list[bytes], model: Model) -> Model:
    """model[t+1], recomputed from model[t] and X = Σ A_j, and equal to what was finalised.

    Raises:
        BundleFalse: shares that give no sum, or another model than the final one.
    """
    view = round_.view
    try:
        following = next_model(round_.study, view.accepted, shares, model)
    except (DecodeError, ParameterError) as problem:
        member = round_.study.committee[0]
        said = "an aggregate share that gives a model with the others"
        raise round_.lie(
            rounds.PublicationPosted, member, said, f"no model ({problem})"
        ) from problem
    true = digest(following.encode())
    if true != view.model_digest:
        voter = next(v for v, said in view.attestations.items() if said == view.model_digest)
        said = f"model 0x{view.model_digest.hex()}"
        raise round_.lie(rounds.Attested, voter, said, f"model 0x{true.hex()}")
    round_.require(true, "model")
    return following
