"""Following the model: from final rounds and published aggregate shares to the next model.

Members and sites run the same code; the step itself (`round/step.py`) is an auditor's too.
"""

from troth.learning.model import Model
from troth.round.mail import Inbox, Wanted
from troth.round.messages import MAX_MESSAGE
from troth.round.step import next_model
from troth.round.study import Study
from troth.round.transcript import sum_digest
from troth.round.view import RoundView


def current_model(study: Study, inbox: Inbox) -> Model | None:
    """The model after the last final round; None while nobody serves its bytes."""
    finals = inbox.view.finals
    if not finals:
        return Model.zeros(study.terms.model.dimension)
    (data,) = inbox.take([Wanted(finals[-1].model_digest, MAX_MESSAGE)])
    return None if data is None else Model.decode(data)


def followed_model(study: Study, view: RoundView, inbox: Inbox) -> Model | None:
    """The model that follows from a published round.

    None while a blob cannot be fetched, and for ever when a member published another share than it
    had committed to: then nobody honest attests, and the round ends without a majority.
    """
    shares = _published_shares(study, view, inbox)
    model = current_model(study, inbox)
    if shares is None or model is None:
        return None
    return next_model(study, view.accepted, shares, model)


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
