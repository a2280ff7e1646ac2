"""What the contracts compute with, derived from the terms; and the id that both together have.

A contract cannot read the terms behind a digest. So members' software derives the integers itself
and refuses to approve a proposal that carries others, and the audit does the same afterwards.
"""

from eth_hash.auto import keccak

from troth.domain.terms import MODES, EvaluationTerms, Terms
from troth.errors import ParameterError, TermsError
from troth.ledger import abi
from troth.ledger.address import Address
from troth.ledger.bindings.structs import ON_CHAIN_TERMS, OnChainTerms, Site, Windows
from troth.privacy.plan import Plan, StudyDesign, plan

STUDY_TYPEHASH = keccak(b"troth/study/v1")
_BYTES32 = abi.FixedBytes(32)
_MODES = {mode: number for number, mode in enumerate(MODES)}


def on_chain_terms(terms: Terms) -> OnChainTerms:
    """The integers of the terms that the contracts compute with."""
    windows = terms.windows
    return OnChainTerms(
        mode=_MODES[terms.mode],
        honest=terms.privacy.honest,
        noise_candidates=terms.privacy.noise_candidates,
        accusations=terms.finality.accusations,
        corrupt_sites=terms.finality.corrupt_sites,
        every_site=terms.finality.every_site,
        rounds=terms.rounds,
        max_aborts=terms.max_aborts,
        min_sites=terms.quorum.min_sites,
        min_weight=terms.quorum.min_weight,
        clip=terms.privacy.clip,
        noise_variance=terms.privacy.noise_variance,
        windows=Windows(**vars(windows)),
        committee=tuple(Address.parse(member) for member in terms.committee),
        sites=tuple(
            Site(
                account=Address.parse(site.account),
                weight=site.weight,
                version=bytes.fromhex(site.version[2:]),
                lineage=bytes.fromhex(site.lineage[2:]),
            )
            for site in terms.sites
        ),
    )


def study_id(registry: Address, terms: Terms) -> bytes:
    """The id that the study registry gives to these terms on their chain."""
    return proposal_id(terms.chain_id, registry, terms.digest(), on_chain_terms(terms))


def proposal_id(chain_id: int, registry: Address, digest: bytes, integers: OnChainTerms) -> bytes:
    """The id of whatever was proposed, as the registry computes it."""
    types = (_BYTES32, abi.Uint(256), abi.AddressType(), _BYTES32, ON_CHAIN_TERMS)
    values = (STUDY_TYPEHASH, chain_id, registry, digest, integers)
    return keccak(abi.encode(types, values))


def study_design(terms: Terms) -> StudyDesign:
    """The parameters of the terms that must fit each other, for `plan`.

    Raises:
        TermsError: a value that no study could have, such as an unknown variant.
    """
    secagg, privacy = terms.secagg, terms.privacy
    try:
        return StudyDesign(
            variant=secagg.variant,
            mode=terms.mode,
            members=len(terms.committee),
            dimension=terms.model.dimension,
            record_bounds=tuple(site.record_bound for site in terms.sites),
            weights=tuple(site.weight for site in terms.sites),
            clip=privacy.clip,
            scale_bits=privacy.scale_bits,
            noise_variance=privacy.noise_variance,
            honest=privacy.honest,
            noise_candidates=privacy.noise_candidates,
            rounds=terms.rounds,
            delta=privacy.delta,
            epsilon=privacy.epsilon,
            counted=isinstance(terms.model, EvaluationTerms),
            proofs=secagg.proofs,
            proofs_norm_equality=secagg.proofs_norm_equality,
            num_wr_checks=secagg.num_wr_checks,
            num_wr_successes=secagg.num_wr_successes,
        )
    except ParameterError as problem:
        raise TermsError("parameters", str(problem)) from problem


def require_fit(terms: Terms) -> Plan:
    """Refuse terms whose numbers do not fit the field, each other, or the ε they promise.

    Returns:
        The plan, which says what a round costs and what all of them guarantee.

    Raises:
        TermsError: the first check of the plan that fails, with its explanation.
    """
    found = plan(study_design(terms))
    for check in found.failed:
        raise TermsError(check.name, check.explanation)
    require_bounds(terms, found.design)
    return found


def require_bounds(terms: Terms, design: StudyDesign) -> None:
    """Refuse terms whose norm bounds are not the two that follow from their other numbers.

    Raises:
        TermsError: naming the bound and what it must be.
    """
    for name in ("site_norm_bound", "noise_norm_bound"):
        stated, needed = getattr(terms.secagg, name), getattr(design, name)
        if stated != needed:
            problem = f"is {stated}, and the other terms make it {needed}; write {needed} there"
            raise TermsError(f"secagg.{name}", problem)


def require_agreement(terms: Terms, digest: bytes, proposed: OnChainTerms) -> None:
    """Refuse a proposal whose digest or integers are not those of the terms one has read.

    Raises:
        TermsError: naming the first field that differs.
    """
    if digest != terms.digest():
        raise TermsError("document", "its digest is not the one proposed")
    derived = on_chain_terms(terms)
    for name in vars(derived):
        if getattr(derived, name) != getattr(proposed, name):
            raise TermsError(name, "the proposal carries another value than the terms")
