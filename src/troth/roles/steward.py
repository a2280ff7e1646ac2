"""A member before any round: reads the terms, recomputes what follows from them, then approves.

The contract sees a digest and some integers. Only this check joins them to the document that people
have read, so no software of ours approves without it.
"""

from troth.domain import terms as terms_document
from troth.domain.terms import Terms
from troth.errors import TermsError
from troth.ledger.address import Address
from troth.ledger.bindings import dataset_registry, study_registry
from troth.ledger.bindings.structs import OnChainTerms
from troth.ledger.interface import Call
from troth.privacy.plan import Plan
from troth.round.agreement import require_agreement, require_fit, study_id


def examine(
    document: bytes,
    *,
    chain_id: int,
    registry: Address,
    proposal: bytes,
    digest: bytes,
    integers: OnChainTerms,
) -> tuple[Terms, Plan]:
    """Read a proposed study and refuse it unless everything that was proposed follows from it.

    Args:
        document: the canonical terms.
        chain_id: the chain it was proposed on.
        registry: the study registry there.
        proposal: the study id on the ledger.
        digest: the terms digest that was proposed.
        integers: the integers that were proposed.

    Raises:
        TermsError: the first thing that does not follow, or does not fit.
    """
    terms = terms_document.decode(document)
    if terms.chain_id != chain_id:
        raise TermsError("chain_id", f"is {terms.chain_id}, this ledger's is {chain_id}")
    require_agreement(terms, digest, integers)
    if study_id(registry, terms) != proposal:
        raise TermsError("document", "the study id on the ledger is not the one that follows")
    return terms, require_fit(terms)


def approvals(terms: Terms, proposal: bytes, member: Address) -> tuple[Call[None], ...]:
    """What a member that has examined the terms sends: its approval, and as holder its grant."""
    held = [site.version for site in terms.sites if Address.parse(site.account) == member]
    grants = (dataset_registry.grant(bytes.fromhex(version[2:]), proposal) for version in held)
    return (study_registry.approve(proposal), *grants)
