"""From what members published to the next model: everybody recomputes it, an auditor as well.

X is the sum of all aggregate shares, with the noise that is no secret any more taken off again.
"""

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import EvaluationTerms
from troth.learning.confusion import released
from troth.learning.fedsgd import apply_aggregate
from troth.learning.model import Model
from troth.round.faults import Examined
from troth.round.study import Study
from troth.round.transcript import bits


def aggregate(study: Study, accepted: int, examined: Examined) -> NDArray[np.int64]:
    """X: the weighted sum of all accepted updates and of one noise vector of each member.

    Args:
        study: the study.
        accepted: S.
        examined: the sums and the opened noise.

    Returns:
        int64 array of the model's dimension.

    Raises:
        EncodingError: an entry does not fit in 64 bits (possible in Field128 only).
    """
    pine = max(study.site_pine, study.noise_pine, key=lambda pine: pine.parameters.l2_norm_bound)
    weight = sum(study.weight(place) for place in bits(accepted))
    total = pine.unshard_integers(examined.sums, weight)
    for vector in (*examined.opened, *examined.recovered):
        total = total - vector
    return total


def next_model(study: Study, accepted: int, examined: Examined, model: Model) -> Model:
    """model[t+1] from model[t] and the publications of round t: public and reproducible.

    What follows from an evaluation is the counts, whichever model they are about.

    Args:
        study: the study.
        accepted: S.
        examined: the sums and the opened noise.
        model: model[t].

    Raises:
        EncodingError: as `aggregate`.
        ParameterError: the sum is beyond what the step takes.
    """
    terms = study.terms
    total = aggregate(study, accepted, examined)
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
