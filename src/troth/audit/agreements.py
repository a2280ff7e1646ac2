"""What members agreed to: that the terms, the proposal and the numbers in both say one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from troth.audit.chain import Entry
from troth.audit.history import History
from troth.audit.members import terms_name
from troth.domain import terms as document
from troth.domain.terms import Terms
from troth.errors import BundleFalse, TermsError
from troth.ledger.address import Address
from troth.ledger.bindings import rounds, study_registry
from troth.ledger.interface import Event
from troth.privacy.plan import Plan
from troth.round.agreement import require_agreement, require_fit
from troth.round.evaluation import Evaluated, evaluated_study, require_evaluated
from troth.round.study import Study


@dataclass(frozen=True)
class Agreement:
    """A study that became active, with everything that was recomputed from its terms."""

    study: Study
    plan: Plan
    entry: Entry
    """The proposal."""


@dataclass(frozen=True)
class Agreements:
    """All studies."""

    active: Mapping[bytes, Agreement]
    """By study id, in the order of proposal."""
    idle: tuple[bytes, ...]
    """Proposals that nobody put into force; only their ids were checked."""


def verify_agreements(
    history: History, chain_id: int, contract: Address, documents: Mapping[bytes, bytes]
) -> Agreements:
    """Recompute every active study from its terms.

    Args:
        history: the replayed chain.
        chain_id: its id.
        contract: address of the Rounds contract.
        documents: terms by digest; exactly those of the active studies.

    Raises:
        BundleFalse: terms that are missing, unreadable or unfit, of no active study, or that
            carry other numbers than the contracts computed with.
    """
    events = list(history.events())
    active = {
        event.study_id for _, event in events if isinstance(event, study_registry.StudyActivated)
    }
    agreed: dict[bytes, Agreement] = {}
    idle = []
    unclaimed = set(documents)
    for entry, event in events:
        if not isinstance(event, study_registry.StudyProposed):
            continue
        if event.study_id not in active:
            idle.append(event.study_id)
            continue
        unclaimed.discard(event.terms_digest)
        member = terms_name(event.terms_digest)
        if event.terms_digest not in documents:
            raise BundleFalse(member, "member", "nothing", "the terms of an active study")
        try:
            terms = _recompute(history, event, chain_id, documents[event.terms_digest])
            plan = require_fit(terms)
        except TermsError as problem:
            raise _none_hold(member, "terms that hold", problem) from problem
        agreed[event.study_id] = Agreement(Study(terms, event.study_id, contract), plan, entry)
    for digest in sorted(unclaimed):
        follows = "a document that no study in force names"
        raise BundleFalse(terms_name(digest), "member", "the terms of a study", follows)
    _verify_evaluations(events, agreed)
    return Agreements(agreed, tuple(idle))


def _verify_evaluations(
    events: Sequence[tuple[Entry, Event]], agreed: Mapping[bytes, Agreement]
) -> None:
    """Whatever is evaluated was a final model when the evaluation came into force.

    Raises:
        BundleFalse: terms that evaluate anything else.
    """
    finals: dict[bytes, set[bytes]] = {}
    in_force: set[bytes] = set()
    for _, event in events:
        if isinstance(event, rounds.Finalised):
            finals.setdefault(event.study_id, set()).add(event.model_digest)
        if not isinstance(event, study_registry.StudyActivated):
            continue
        in_force.add(event.study_id)
        terms = agreed[event.study_id].study.terms
        named = evaluated_study(terms)
        evaluated = None
        if named is not None and named in in_force:
            models = frozenset(finals.get(named, ()))
            evaluated = Evaluated(agreed[named].study.terms, models)
        try:
            require_evaluated(terms, evaluated)
        except TermsError as problem:
            member = terms_name(terms.digest())
            raise _none_hold(member, "an evaluation that holds", problem) from problem


def _none_hold(member: str, claimed: str, problem: TermsError) -> BundleFalse:
    follows = f"none ({problem.where}: {problem.problem})"
    return BundleFalse(member, problem.where, claimed, follows)


def _recompute(
    history: History, event: study_registry.StudyProposed, chain_id: int, data: bytes
) -> Terms:
    """The terms, once everything that the proposal says follows from them.

    Raises:
        TermsError: what does not follow.
    """
    terms = document.decode(data)
    if terms.chain_id != chain_id:
        raise TermsError("chain_id", f"is {terms.chain_id}, the chain's is {chain_id}")
    require_agreement(terms, event.terms_digest, history.world.studies.terms[event.study_id])
    for index, site in enumerate(terms.sites):
        registered = history.world.datasets.versions[bytes.fromhex(site.version[2:])].record_bound
        if site.record_bound != registered:
            where = f"sites[{index}].record_bound"
            raise TermsError(where, f"is {site.record_bound}, registered were {registered}")
    return terms
