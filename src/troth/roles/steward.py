"""A member before any round: reads the terms, recomputes what follows from them, then approves.

The contract sees a digest and some integers. Only this check joins them to the document that people
have read, so no software of ours approves without it.
"""

from collections.abc import Mapping

from troth.domain import terms as terms_document
from troth.domain.terms import Terms
from troth.errors import TermsError
from troth.ledger.address import Address
from troth.ledger.bindings import dataset_registry, study_registry
from troth.ledger.bindings.structs import OnChainTerms, Version
from troth.ledger.interface import Call
from troth.privacy.plan import Plan
from troth.round.agreement import require_agreement, require_fit, study_id
from troth.round.evaluation import Evaluated, require_evaluated


def examine(
    document: bytes,
    *,
    chain_id: int,
    registry: Address,
    proposal: bytes,
    digest: bytes,
    integers: OnChainTerms,
    versions: Mapping[bytes, Version],
    evaluated: Evaluated | None = None,
) -> tuple[Terms, Plan]:
    """Read a proposed study and refuse it unless everything that was proposed follows from it.

    Args:
        document: the canonical terms.
        chain_id: the chain it was proposed on.
        registry: the study registry there.
        proposal: the study id on the ledger.
        digest: the terms digest that was proposed.
        integers: the integers that were proposed.
        versions: the dataset versions on the ledger, by id.
        evaluated: the study whose model the terms evaluate, if they do and there is one.

    Raises:
        TermsError: the first thing that does not follow, or does not fit.
    """
    terms = terms_document.decode(document)
    if terms.chain_id != chain_id:
        raise TermsError("chain_id", f"is {terms.chain_id}, this ledger's is {chain_id}")
    require_agreement(terms, digest, integers)
    if study_id(registry, terms) != proposal:
        raise TermsError("document", "the study id on the ledger is not the one that follows")
    _require_versions(terms, versions)
    require_evaluated(terms, evaluated)
    return terms, require_fit(terms)


def _require_versions(terms: Terms, versions: Mapping[bytes, Version]) -> None:
    """What the terms say of each dataset version is what its holder registered.

    The contract knows nothing of the record bound in the terms, on which the norm bound rests.
    """
    for index, site in enumerate(terms.sites):
        found = versions.get(bytes.fromhex(site.version[2:]))
        if found is None:
            raise TermsError(f"sites[{index}].version", "is not registered")
        for name, stated, registered in (
            ("account", Address.parse(site.account), found.holder),
            ("lineage", bytes.fromhex(site.lineage[2:]), found.lineage),
            ("record_bound", site.record_bound, found.record_bound),
        ):
            if stated != registered:
                raise TermsError(f"sites[{index}].{name}", f"is not the registered {registered!r}")


def approvals(terms: Terms, proposal: bytes, member: Address) -> tuple[Call[None], ...]:
    """What a member that has examined the terms sends: its approval, and as holder its grant."""
    held = [site.version for site in terms.sites if Address.parse(site.account) == member]
    grants = (dataset_registry.grant(bytes.fromhex(version[2:]), proposal) for version in held)
    return (study_registry.approve(proposal), *grants)
