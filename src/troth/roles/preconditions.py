"""What must stand on the final ledger before a role touches or says anything that depends on data.

The inbox holds final events only, so what these functions find there is final.
"""

from troth.errors import NotFinal
from troth.privacy.dp.accounting import nano_rho_budget
from troth.privacy.dp.price import nano_rho
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.view import RoundView, StudyView


def require_reserved(study: Study, view: RoundView) -> None:
    """Refuse to go on unless every enrolled lineage has reserved the round's price.

    Raises:
        NotFinal: a reservation is missing or smaller than the price that the terms give.
    """
    _require_charged(study, view, view.reserved, "reserved")


def require_settled(study: Study, view: RoundView) -> None:
    """Refuse to publish unless the charge of every enrolled lineage is settled for ever.

    Raises:
        NotFinal: a settlement is missing or smaller than the price that the terms give.
    """
    _require_charged(study, view, view.settled, "settled")


def within_promise(study: Study, view: StudyView, place: int) -> bool:
    """Whether one more report keeps this study's charges on the site's lineage within its ε.

    The terms promise ε for the rounds that become final. Rounds that abort after their charge was
    settled cost as much, and the budget of a lineage may allow more than this study promised: so a
    site looks itself.
    """
    lineage = bytes.fromhex(study.terms.sites[place].lineage[2:])
    spent = sum(entry.settled.get(lineage, 0) for entry in view.rounds.values())
    promised = nano_rho_budget(study.terms.privacy.epsilon, study.terms.privacy.delta)
    return spent + round_price(study, place) <= promised


def round_price(study: Study, place: int) -> int:
    """nano-ρ that one round costs the lineage of the site at a place."""
    privacy = study.terms.privacy
    return nano_rho(privacy.clip, study.weight(place), privacy.honest, privacy.noise_variance)


def _require_charged(study: Study, view: RoundView, charged: dict[bytes, int], what: str) -> None:
    for place in bits(view.enrolled):
        lineage = study.terms.sites[place].lineage
        price = round_price(study, place)
        found = charged.get(bytes.fromhex(lineage[2:]), 0)
        if found < price:
            raise NotFinal(
                f"round {view.number}: {found} nano-ρ {what} on lineage {lineage}, needs {price}"
            )
