"""Which blobs belong into a bundle: a function of the ledger, with no choice left to a writer.

Whoever writes a bundle packs exactly these blobs, and whoever audits it takes no fewer and no more.
So nobody who hands a bundle over can drop what speaks against a party, or add what the ledger never
spoke of. For each round that has ended, by what the ledger says of it:

=======================================  ===========================================================
the members had the verifier files       noise lists, envelopes of the delivered places, verifier
(it came to Judged)                      files that count: what the verdicts follow from
and the publications (it came to Held;   publications as well: what tags, opened noise and
in B3 and B4 to Picked)                  accusations are compared with; in B the agreed sums
and it is final                          the model as well
any other                                nothing
=======================================  ===========================================================

What is asked for could be had: every member posted that it had opened the shares of each delivered
place, for which it needed envelope and list, and that it had fetched every file and publication. In
a round that ended earlier an honest party may never have got a blob, so nothing is asked for and
nothing is concluded but what the ledger itself says. Seeds of opened noise stand on the ledger.
HPKE keys are not packed, since nothing is recomputed from them: the shares that were sealed to them
are erased.

Three things can be shown that nobody has to have got. A member may accuse another and name
evidence; an owner of denied noise answers with the denied shares; and holders show the noise of a
member that did not open it, where one copy is enough. Such blobs are *offered*: they are
packed where the store serves them, and taken where they are there. Where one is missing an audit
says so and leaves open what it would decide, so leaving it out convicts and clears nobody.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from troth.errors import DecodeError
from troth.ledger.address import ZERO, Address
from troth.round.live import live_members
from troth.round.messages import MAX_MESSAGE, Envelope, decode_envelope, decode_noise_list
from troth.round.published import published_digests
from troth.round.replicated import agreed_recoveries, recovery_of
from troth.round.study import Study
from troth.round.transcript import bits
from troth.round.transitions import Fault, State
from troth.round.view import RoundView


@dataclass(frozen=True)
class Reference:
    """A blob that a round speaks of."""

    round: int
    what: str
    digest: bytes
    max_size: int = MAX_MESSAGE
    """Bytes; a longer one is not it."""


Fetch = Callable[[Reference], bytes]
"""Gives a blob, or raises because it cannot be had."""
Look = Callable[[Reference], bytes | None]
"""Gives a blob if it can be had."""


def belonging(study: Study, view: RoundView, fetch: Fetch, look: Look) -> dict[bytes, bytes]:
    """Every blob of a round that belongs into a bundle, by digest.

    Args:
        study: the study.
        view: the round, folded from the ledger's events.
        fetch: is asked for every blob that has to be there, once or more often.
        look: is asked for every blob that is only offered.
    """
    found = {reference.digest: data for reference, data in _required(study, view, fetch)}
    for reference, data in _offered(study, view, look):
        found[reference.digest] = data
    return found


def judged(view: RoundView) -> bool:
    """Whether a round has ended, and not before the members had the verifier files."""
    return view.state.ended and State.JUDGED in view.left_before


def held(study: Study, view: RoundView) -> bool:
    """Whether a round has ended, and not before the members had what was published.

    A member publishes the sums that were agreed on (B3, B4) before its last reveal.
    """
    last = State.PICKED if study.replicated else State.HELD
    return view.state.ended and last in view.left_before


def _required(study: Study, view: RoundView, fetch: Fetch) -> Iterator[tuple[Reference, bytes]]:
    def take(what: str, digest: bytes) -> tuple[Reference, bytes]:
        reference = Reference(view.number, what, digest)
        return reference, fetch(reference)

    if judged(view):
        yield from _judged_by(study, view, take)
    if held(study, view):
        for digest in published_digests(study, view):
            yield take("publication", digest)
    if view.state is State.FINAL:
        yield take("model", view.model_digest)


def _judged_by(
    study: Study, view: RoundView, take: Callable[[str, bytes], tuple[Reference, bytes]]
) -> Iterator[tuple[Reference, bytes]]:
    """What the verdicts follow from."""
    for place, site in enumerate(study.sites):
        if view.delivered >> place & 1:
            yield take("envelope", view.reports[site])
    for index, member in enumerate(study.committee):
        if not any(view.delivered >> place & 1 for place in study.noise_places(index)):
            continue
        listed = take("noise list", view.noise_lists[member])
        yield listed
        for place, digest in listed_envelopes(study, index, listed[1]).items():
            if view.delivered >> place & 1:
                yield take("envelope", digest)
    for member in live_members(study, view, State.JUDGED):
        yield take("verifier file", view.files[member])


Take = Callable[[str, bytes, int], Iterator[tuple[Reference, bytes]]]
"""Gives a blob of at most so many bytes if it can be had."""


def _offered(study: Study, view: RoundView, look: Look) -> Iterator[tuple[Reference, bytes]]:
    def take(what: str, digest: bytes, limit: int) -> Iterator[tuple[Reference, bytes]]:
        reference = Reference(view.number, what, digest, limit)
        data = look(reference)
        if data is not None and len(data) <= limit:
            yield reference, data

    yield from _recovered(study, view, take, look)
    for digest in evidence(study, view).values():
        yield from take("evidence", digest, study.opened_shares_limit)
    owner = None if study.replicated else denied_owner(view)
    if owner is not None:
        if owner in view.answers:
            yield from take("answer", view.answers[owner], study.opened_shares_limit)
        index = study.committee.index(owner)
        for reference, data in take("noise list", view.noise_lists[owner], study.noise_list_limit):
            yield reference, data
            for place, digest in listed_envelopes(study, index, data).items():
                if any(not opened >> place & 1 for opened in view.opened.values()):
                    yield from take("envelope", digest, study.envelope_limit)


def evidence(study: Study, view: RoundView) -> dict[Address, bytes]:
    """Digests of what members show for their accusations, where publications are there.

    A site can only say that a tag of its own is wrong: no share of its report is ever shown.
    """
    if not held(study, view):
        return {}
    return {
        voter: said.evidence
        for voter, said in view.accusations.items()
        if voter in study.committee and said.fault is Fault.TAG and any(said.evidence)
    }


def recoveries(study: Study, view: RoundView) -> dict[Address, bytes]:
    """Digests of what holders show of noise that its owner did not open, if sums are there."""
    return agreed_recoveries(view) if held(study, view) else {}


def _recovered(
    study: Study, view: RoundView, take: Take, look: Look
) -> Iterator[tuple[Reference, bytes]]:
    """What shows all that it has to, as committed to, and no share of anything else."""
    envelopes = _recovered_envelopes(study, view, look)
    for member, digest in recoveries(study, view).items():
        for reference, data in take("recovery", digest, study.recovery_limit):
            try:
                recovery_of(study, view, envelopes, member, data)
            except DecodeError:
                continue
            yield reference, data


def _recovered_envelopes(study: Study, view: RoundView, look: Look) -> dict[int, Envelope]:
    """Of the noise that holders opened, by place; what cannot be read is left out."""
    found = {}
    for owner in bits(view.recovered):
        name = view.noise_lists[study.committee[owner]]
        listed = look(Reference(view.number, "noise list", name, study.noise_list_limit))
        for place, digest in listed_envelopes(study, owner, listed or b"").items():
            data = look(Reference(view.number, "envelope", digest, study.envelope_limit))
            try:
                found[place] = decode_envelope(data or b"", study, view.number, place)
            except DecodeError:
                continue
    return found


def denied_owner(view: RoundView) -> Address | None:
    """The owner of noise that was denied to the end of the round; None in any other round."""
    reason, party = view.aborted
    return party if reason == "Noise" and party != ZERO else None


def listed_envelopes(study: Study, member: int, data: bytes) -> dict[int, bytes]:
    """Envelope digests on a noise list by place; none if it is no list, its member's lie."""
    try:
        found = decode_noise_list(data, study.terms.privacy.noise_candidates)
    except DecodeError:
        return {}
    return dict(zip(study.noise_places(member), found.envelopes, strict=True))
