"""Which blobs belong into a bundle: a function of the ledger, with no choice left to a writer.

Whoever writes a bundle packs exactly these blobs, and whoever audits it takes no fewer and no more.
So nobody who hands a bundle over can drop what speaks against a party, or add what the ledger never
spoke of. For each round, by what the ledger says of it:

================================  ==================================================================
final                             noise lists, envelopes of the delivered places, verifier files,
                                  aggregate shares, the model
aborted, every member having      noise lists, envelopes of the delivered places, verifier files:
confirmed every verifier file     what the verdicts follow from
any other                         nothing
================================  ==================================================================

What is asked for could be had: every member posted that it had opened the shares of each delivered
place, for which it needed envelope and list, and that it had fetched every file. In a round that
ended earlier an honest party may never have got a blob, so nothing is asked for, nothing is taken
and nothing is concluded but what the ledger itself says. The same holds for aggregate shares of a
round that aborted: nobody confirms them. HPKE keys are not packed, since nothing is recomputed from
them: the shares that were sealed to them are erased.
"""

from collections.abc import Callable
from dataclasses import dataclass

from troth.errors import DecodeError
from troth.round.messages import decode_noise_list
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.transitions import State
from troth.round.view import RoundView


@dataclass(frozen=True)
class Reference:
    """A blob that a round needs."""

    round: int
    what: str
    digest: bytes


Fetch = Callable[[Reference], bytes]
"""Gives a blob, or raises because it cannot be had."""


def needed(study: Study, view: RoundView, fetch: Fetch) -> dict[bytes, bytes]:
    """Every blob of a round that belongs into a bundle, by digest.

    Args:
        study: the study.
        view: the round, folded from the ledger's events.
        fetch: is asked for every blob once or more often.
    """
    if not _judged(study, view):
        return {}
    found: dict[bytes, bytes] = {}

    def take(what: str, digest: bytes) -> bytes:
        found[digest] = fetch(Reference(view.number, what, digest))
        return found[digest]

    sites = {place: view.reports.get(site) for place, site in enumerate(study.sites)}
    for place in bits(view.delivered):
        report = sites.get(place)
        if report is not None:
            take("envelope", report)
    for index, member in enumerate(study.committee):
        for candidate, digest in enumerate(
            _listed(study, take("noise list", view.noise_lists[member]))
        ):
            if view.delivered >> study.noise_place(index, candidate) & 1:
                take("envelope", digest)
        take("verifier file", view.files[member])
    if view.state is State.FINAL:
        for member in study.committee:
            take("aggregate share", view.publications[member])
        take("model", view.model_digest)
    return found


def _judged(study: Study, view: RoundView) -> bool:
    """Whether the round has ended, and not before every member had every verifier file."""
    everybody = (1 << len(study.committee)) - 1
    had = [view.confirmed.get(member) == everybody for member in study.committee]
    return view.state.ended and all(had)


def _listed(study: Study, data: bytes) -> tuple[bytes, ...]:
    """The envelopes on a noise list; none if it is no list, which is its member's lie."""
    try:
        return decode_noise_list(data, study.terms.privacy.noise_candidates).envelopes
    except DecodeError:
        return ()
