"""The model step of a round, which everybody recomputes: members, sites and auditors alike."""

from collections.abc import Sequence

from troth.domain.terms import EvaluationTerms
from troth.learning.confusion import released
from troth.learning.fedsgd import apply_aggregate
from troth.learning.model import Model
from troth.round.study import Study
from troth.round.verdict import aggregate


def next_model(study: Study, accepted: int, shares: Sequence[bytes], model: Model) -> Model:
    """model[t+1] from model[t] and the aggregate shares of round t: public and reproducible.

    What follows from an evaluation is the counts, whichever model they are about.

    Args:
        study: the study.
        accepted: S.
        shares: every member's encoded aggregate share, in committee order.
        model: model[t].

    Raises:
        DecodeError: a share is not one encoded vector of the field.
        ParameterError: the sum is beyond what the step takes.
    """
    terms = study.terms
    total = aggregate(study, accepted, shares)
    if isinstance(terms.model, EvaluationTerms):
        return released(total)
    return apply_aggregate(
        model,
        total,
        scale_bits=terms.privacy.scale_bits,
        normaliser=terms.model.normaliser,
        learning_rate=terms.model.learning_rate,
        momentum=terms.model.momentum,
    )
