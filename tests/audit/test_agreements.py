"""Studies whose proposal and terms do not say one thing, on a real chain."""

import os
from dataclasses import replace

import pytest

from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.domain.hashing import digest
from troth.errors import BlobMissing, BundleFalse
from troth.ledger.bindings import study_registry
from troth.round.agreement import on_chain_terms
from troth.scenarios.small_study import Shape, small_study
from troth.testing.bundle_edits import Edit, read_members


@pytest.fixture
def small(tmp_path):
    return small_study(tmp_path, Shape(rounds=1))


def put_into_force(small, document, integers, approvers=None):
    """Propose and approve as careless members would, who check nothing."""
    consortium = small.consortium
    accounts = [organisation.account for organisation in consortium.organisations]
    receipt = consortium.send(accounts[0], study_registry.propose(digest(document), integers))
    study_id = receipt.events[0].event.study_id
    for account in accounts if approvers is None else accounts[:approvers]:
        consortium.send(account, study_registry.approve(study_id))


def outcome(small, tmp_path):
    path = tmp_path / "b.troth"
    consortium = small.consortium
    write_bundle(path, consortium.ledger, consortium.store, consortium.organisations[0].account)
    return audit(path)


def test_a_study_without_rounds_is_consistent(small, tmp_path):
    verdict = outcome(small, tmp_path)
    (study,) = verdict.studies
    assert (study.rounds_final, study.nano_rho_spent, study.epsilon_spent) == (0, 0, 0.0)


@pytest.mark.parametrize("change", [{"clip": 15}, {"noise_variance": 9_999}, {"rounds": 3}])
def test_integers_that_the_terms_do_not_give_are_found(small, tmp_path, change):
    terms = replace(small.study.terms, name="another")
    document = terms.encode()
    small.consortium.store.put(document)
    put_into_force(small, document, replace(on_chain_terms(terms), **change))
    with pytest.raises(BundleFalse) as caught:
        outcome(small, tmp_path)
    assert caught.value.member == f"terms/{digest(document).hex()}.json"
    assert caught.value.position == next(iter(change))


def test_terms_that_cannot_fit_are_found(small, tmp_path):
    terms = small.study.terms
    unfit = replace(terms, secagg=replace(terms.secagg, site_norm_bound=1))
    small.consortium.store.put(unfit.encode())
    put_into_force(small, unfit.encode(), on_chain_terms(unfit))
    with pytest.raises(BundleFalse) as caught:
        outcome(small, tmp_path)
    assert caught.value.position == "secagg.site_norm_bound"


def test_a_record_bound_that_is_not_the_registered_one_is_found(small, tmp_path):
    terms = small.study.terms
    first = replace(terms.sites[0], record_bound=63)
    other = replace(terms, sites=(first, *terms.sites[1:]))
    small.consortium.store.put(other.encode())
    put_into_force(small, other.encode(), on_chain_terms(other))
    with pytest.raises(BundleFalse) as caught:
        outcome(small, tmp_path)
    assert caught.value.position == "sites[0].record_bound"


@pytest.mark.parametrize("document", [b"not terms", b"{}"])
def test_terms_that_nobody_can_read_are_found(small, tmp_path, document):
    small.consortium.store.put(document)
    put_into_force(small, document, on_chain_terms(small.study.terms))
    with pytest.raises(BundleFalse) as caught:
        outcome(small, tmp_path)
    assert caught.value.member == f"terms/{digest(document).hex()}.json"


def test_proposals_that_never_became_active_condemn_nothing(small, tmp_path):
    integers = on_chain_terms(small.study.terms)
    put_into_force(small, b"not terms", integers, approvers=1)
    small.consortium.store.put(b"not terms either")
    put_into_force(small, b"not terms either", integers, approvers=1)
    verdict = outcome(small, tmp_path)
    assert len(verdict.studies) == 1
    assert any("2 proposals that never became active" in str(claim) for claim in verdict.claims)


def test_terms_that_never_became_active_are_not_packed_and_not_taken(small, tmp_path):
    idle = b"not terms"
    small.consortium.store.put(idle)
    put_into_force(small, idle, on_chain_terms(small.study.terms), approvers=1)
    outcome(small, tmp_path)
    path, name = tmp_path / "b.troth", f"terms/{digest(idle).hex()}.json"
    members = read_members(path.read_bytes())
    assert name not in members
    path.write_bytes(Edit(name, "added", lambda: idle, members).data)
    with pytest.raises(BundleFalse, match="a document that no study in force names") as caught:
        audit(path)
    assert caught.value.member == name


def test_a_bundle_without_the_terms_of_an_active_study_is_not_written(small, tmp_path):
    put_into_force(small, os.urandom(32), on_chain_terms(small.study.terms))
    with pytest.raises(BlobMissing):
        outcome(small, tmp_path)
    assert not (tmp_path / "b.troth").exists()
