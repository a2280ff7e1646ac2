"""The id of a study joins document and integers; no member approves one without the other."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from troth.domain import terms as document
from troth.domain.terms import MODES
from troth.errors import TermsError
from troth.ledger.address import Address
from troth.ledger.bindings import dataset_registry, study_registry
from troth.ledger.bindings.structs import OnChainTerms
from troth.roles import steward
from troth.round.agreement import on_chain_terms, require_fit, study_design, study_id
from troth.round.transitions import table


def examined(finished, **changes):
    small = finished.small
    terms = small.study.terms
    known = {
        "document": terms.encode(),
        "chain_id": terms.chain_id,
        "registry": small.consortium.deployment.addresses["StudyRegistry"],
        "proposal": small.study.study_id,
        "digest": terms.digest(),
        "integers": on_chain_terms(terms),
        "versions": {
            site.version: finished.ask(dataset_registry.version_of(site.version))
            for site in on_chain_terms(terms).sites
        },
    }
    return steward.examine(**{**known, **changes})


def test_the_study_id_is_the_contracts(finished):
    terms = finished.small.study.terms
    registry = finished.small.consortium.deployment.addresses["StudyRegistry"]
    call = study_registry.study_id_of(terms.digest(), on_chain_terms(terms))
    assert study_id(registry, terms) == finished.ask(call) == finished.small.study.study_id


def test_an_honest_proposal_is_examined_and_planned(finished):
    terms, plan = examined(finished)
    assert terms == finished.small.study.terms
    assert plan.fits


@pytest.mark.parametrize("name", [field.name for field in fields(OnChainTerms)])
def test_integers_that_differ_from_the_terms_are_refused_by_name(finished, name):
    honest = on_chain_terms(finished.small.study.terms)
    other: Any = {
        "windows": replace(honest.windows, report=1),
        "committee": honest.committee[::-1],
        "sites": honest.sites[1:],
    }.get(name)
    change: Any = {name: other if other is not None else getattr(honest, name) + 1}
    changed = replace(honest, **change)
    with pytest.raises(TermsError, match=name):
        examined(finished, integers=changed)


def test_another_document_digest_chain_or_id_is_refused(finished):
    terms = finished.small.study.terms
    for changes, what in (
        ({"document": replace(terms, purpose="another").encode()}, "digest"),
        ({"digest": bytes(32)}, "digest"),
        ({"chain_id": 1}, "chain_id"),
        ({"proposal": bytes(32)}, "study id"),
    ):
        with pytest.raises(TermsError, match=what):
            examined(finished, **changes)


@pytest.mark.parametrize(
    ("name", "value"), [("holder", Address(b"x" * 20)), ("lineage", bytes(32)), ("record_bound", 7)]
)
def test_a_version_that_was_registered_otherwise_is_refused(finished, name, value):
    site = on_chain_terms(finished.small.study.terms).sites[0]
    registered = finished.ask(dataset_registry.version_of(site.version))
    with pytest.raises(TermsError, match="registered"):
        examined(finished, versions={site.version: replace(registered, **{name: value})})


def test_terms_that_do_not_fit_are_refused_before_anyone_approves(finished):
    terms = finished.small.study.terms
    dear = replace(terms, privacy=replace(terms.privacy, epsilon=0.01))
    with pytest.raises(TermsError, match="budget"):
        require_fit(dear)
    loose = replace(terms, secagg=replace(terms.secagg, site_norm_bound=2000))
    with pytest.raises(TermsError, match="site_norm_bound"):
        require_fit(loose)


def test_values_that_no_study_could_have_are_a_matter_of_the_terms(finished):
    terms = finished.small.study.terms
    unknown = replace(terms, secagg=replace(terms.secagg, variant="Pine16"))
    absurd = replace(terms, privacy=replace(terms.privacy, epsilon=1e300))
    for changed in (unknown, absurd):
        with pytest.raises(TermsError, match="parameters"):
            require_fit(changed)


def test_modes_have_the_numbers_of_the_contract_and_the_sizes_of_the_table(finished):
    terms = finished.small.study.terms
    source = Path(__file__).resolve().parents[2] / "contracts/study/Modes.sol"
    numbers = re.findall(r"uint8 internal constant (\w+) = (\d+);", source.read_text())
    assert [name for name, _ in numbers] == list(MODES) == list(table().modes)
    for name, number in numbers:
        assert on_chain_terms(replace(terms, mode=name)).mode == int(number)
        assert table().modes[name].members == MODES[name]


def test_the_plan_knows_the_mode(finished):
    terms = finished.small.study.terms
    committee = (*terms.committee, "0x" + "77" * 20)
    three = replace(terms, mode="B3", committee=committee[:3])
    assert study_design(terms).mode == terms.mode
    assert study_design(three).mode == "B3"


def test_the_document_is_read_back_as_it_was(finished):
    terms = finished.small.study.terms
    assert document.decode(terms.encode()) == terms
