"""Studies whose proposal and terms do not say one thing, and evaluations, on a real chain."""

import json
import os
from dataclasses import replace

import jsonschema
import pytest

from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.domain.hashing import digest
from troth.errors import BlobMissing, BundleFalse, TermsError
from troth.learning.model import Model
from troth.ledger.bindings import study_registry
from troth.round.agreement import on_chain_terms
from troth.scenarios.consortium import Dataset
from troth.scenarios.small_study import (
    RECORD_BOUND,
    Shape,
    small_evaluation,
    small_evaluation_terms,
    small_study,
)
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


COUNTS = ([10, 2, 0, 30], [0, 0, 1, 20], [7, 0, 0, 0])


def counts(place, _):
    return COUNTS[place]


@pytest.fixture
def trained(small):
    return small, small.run().finals[-1].model_digest


def test_counts_are_released_under_noise_and_charged_apart(trained, tmp_path, project):
    small, model = trained
    evaluation = small_evaluation(small, model, counts)
    view = evaluation.run()
    verdict = outcome(small, tmp_path)
    training, counted = verdict.studies
    assert (training.model, training.evaluates, training.counts) == (model, b"", ())
    assert (counted.model, counted.evaluates) == (b"", model)
    assert counted.reports_accepted == 3
    for released, true in zip(counted.counts, (17, 2, 1, 50), strict=True):
        assert abs(released - true) <= 2 * evaluation.study.terms.secagg.noise_norm_bound
    blob = small.consortium.store.get(view.finals[0].model_digest, max_size=1000)
    assert Model.decode(blob).weights.tolist() == list(counted.counts)
    accounts = {entry.lineage: entry.settled for entry in verdict.lineages}
    for dataset in evaluation.datasets:
        assert accounts[dataset.lineage] == counted.nano_rho_spent == 100_000_000
    for dataset in small.datasets:
        assert accounts[dataset.lineage] == training.nano_rho_spent != 100_000_000
    lines = "\n".join(str(claim) for claim in verdict.claims)
    assert "proved: 1 evaluations: each of a model that its study had made final" in lines
    assert "not covered: that a site counted right" in lines
    schema = json.loads((project / "specs/audit-result.schema.json").read_text())
    jsonschema.validate(verdict.to_json(), schema)
    terms = json.loads((project / "specs/terms.schema.json").read_text())
    jsonschema.validate(json.loads(evaluation.study.terms.encode()), terms)


def test_without_an_evaluation_the_audit_does_not_speak_of_one(trained, tmp_path):
    small, _ = trained
    assert not [claim for claim in outcome(small, tmp_path).claims if "evaluat" in claim.text]


def test_stewards_do_not_approve_an_evaluation_of_another_model(trained):
    small, _ = trained
    with pytest.raises(TermsError, match="made final"):
        small_evaluation(small, digest(b"another"), counts)


def dishonest(small, **changes):
    """Terms of an evaluation that careless members put into force, on registered datasets."""
    consortium = small.consortium
    holders = consortium.organisations[: len(small.study.sites)]
    datasets = [consortium.register(site, bytes([9] * 32), RECORD_BOUND, 10**9) for site in holders]
    terms = small_evaluation_terms(small, changes.pop("datasets", datasets), changes.pop("model"))
    terms = replace(terms, **changes)
    consortium.store.put(terms.encode())
    put_into_force(small, terms.encode(), on_chain_terms(terms))
    return terms


def found(small, tmp_path):
    with pytest.raises(BundleFalse) as caught:
        outcome(small, tmp_path)
    return caught.value.member, caught.value.position


def test_an_evaluation_of_a_model_that_was_never_final_is_found(trained, tmp_path):
    small, _ = trained
    terms = dishonest(small, model=digest(b"another"))
    assert found(small, tmp_path) == (f"terms/{terms.digest().hex()}.json", "model.digest")


def test_an_evaluation_agreed_before_the_model_was_final_is_found(small, tmp_path):
    attested = small.run(lambda view: bool(view.current.attestations)).current.attestations
    (model,) = set(attested.values())
    terms = dishonest(small, model=model)
    small.run()
    assert found(small, tmp_path) == (f"terms/{terms.digest().hex()}.json", "model.digest")


def test_an_evaluation_on_what_was_trained_on_is_found(trained, tmp_path):
    small, model = trained
    used = [
        Dataset(bytes.fromhex(site.version[2:]), bytes.fromhex(site.lineage[2:]), RECORD_BOUND)
        for site in small.study.terms.sites
    ]
    terms = dishonest(small, model=model, datasets=used)
    assert found(small, tmp_path) == (f"terms/{terms.digest().hex()}.json", "sites[0].version")
