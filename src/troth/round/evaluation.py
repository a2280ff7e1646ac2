"""What an evaluation rests on: a model that another study made final, and records it never saw.

Members check it before they approve, the audit afterwards.
"""

from dataclasses import dataclass

from troth.domain.terms import EvaluationTerms, ModelTerms, Terms
from troth.errors import TermsError


@dataclass(frozen=True)
class Evaluated:
    """The study that an evaluation names, as the ledger knows it."""

    terms: Terms
    models: frozenset[bytes]
    """Digests of the models that its rounds have made final."""


def evaluated_study(terms: Terms) -> bytes | None:
    """Id of the study whose model these terms evaluate, or None where they train one."""
    model = terms.model
    return bytes.fromhex(model.study[2:]) if isinstance(model, EvaluationTerms) else None


def require_evaluated(terms: Terms, evaluated: Evaluated | None) -> None:
    """Refuse an evaluation of anything but a final model, on data that it was not trained on.

    Args:
        terms: of any study; those that train a model need nothing.
        evaluated: the study that they name, or None where the ledger has none in force.

    Raises:
        TermsError: the first field that does not hold.
    """
    model = terms.model
    if not isinstance(model, EvaluationTerms):
        return
    if evaluated is None:
        raise TermsError("model.study", "is no study in force on this ledger")
    if not isinstance(evaluated.terms.model, ModelTerms):
        raise TermsError("model.study", "is a study that trained no model")
    if bytes.fromhex(model.digest[2:]) not in evaluated.models:
        raise TermsError("model.digest", "is no model that a round of that study made final")
    if terms.preprocessing != evaluated.terms.preprocessing:
        raise TermsError("preprocessing", "is not the one that the model was trained with")
    trained_on = {site.version for site in evaluated.terms.sites}
    for index, site in enumerate(terms.sites):
        if site.version in trained_on:
            raise TermsError(f"sites[{index}].version", "is one that the model was trained on")
