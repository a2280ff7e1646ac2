"""Following the model: from final rounds and published aggregate shares to the next model.

Members and sites run the same code; the step itself (`round/step.py`) is an auditor's too.
"""

from troth.domain.terms import EvaluationTerms
from troth.errors import DecodeError, EncodingError, ParameterError
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.round.mail import Inbox, Wanted
from troth.round.step import next_model
from troth.round.study import Study
from troth.round.transcript import sum_digest
from troth.round.view import RoundView


def current_model(study: Study, inbox: Inbox, account: Address) -> Model | None:
    """The model after the last final round; in an evaluation the model that is evaluated.

    None while nobody serves its bytes, and for ever when a majority finalised another model than
    this party attested, or something that is no model of the study: it goes no further with them.
    """
    if isinstance(study.terms.model, EvaluationTerms):
        return _fetched(study, bytes.fromhex(study.terms.model.digest[2:]), inbox)
    finals = inbox.view.finals
    if not finals:
        return Model.zeros(study.model_dimension)
    last = finals[-1]
    if last.attestations.get(account, last.model_digest) != last.model_digest:
        return None
    return _fetched(study, last.model_digest, inbox)


def _fetched(study: Study, digest: bytes, inbox: Inbox) -> Model | None:
    """The model of a digest, or None while nobody serves it, or when it is none of the study."""
    (data,) = inbox.take([Wanted(digest, study.model_size)])
    try:
        model = Model.decode(data or b"")
    except DecodeError:
        return None
    return model if model.dimension == study.model_dimension else None


def followed_model(study: Study, view: RoundView, inbox: Inbox, account: Address) -> Model | None:
    """The model that follows from a published round.

    None while a blob cannot be fetched, and for ever when a member published another share than it
    had committed to, or the shares give no sum that the model can take: then nobody honest attests,
    and the round ends without a majority.
    """
    shares = _published_shares(study, view, inbox)
    model = current_model(study, inbox, account)
    if shares is None or model is None:
        return None
    try:
        return next_model(study, view.accepted, shares, model)
    except (DecodeError, EncodingError, ParameterError):
        return None


def _published_shares(study: Study, view: RoundView, inbox: Inbox) -> list[bytes] | None:
    """Every member's aggregate share, each bound by the digest it posted before; else None."""
    where = study.where(view.number)
    size = study.site_pine.output_share_size
    found = inbox.take(Wanted(view.publications[member], size) for member in study.committee)
    shares = []
    for member, share in zip(study.committee, found, strict=True):
        if share is None or len(share) != size:
            return None
        if sum_digest(where, member, view.accepted, share) != view.sums[member]:
            return None
        shares.append(share)
    return shares
