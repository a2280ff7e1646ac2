"""What each check of a round finds when one thing on the ledger or in a blob does not follow."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from troth.audit.agreements import verify_agreements
from troth.audit.bundle import read_bundle
from troth.audit.chain import verify_chain
from troth.audit.deployment import verify_deployment
from troth.audit.evidence import gather
from troth.audit.history import replay
from troth.audit.reports import verify_files, verify_reports
from troth.audit.round_check import check_rounds
from troth.audit.sums import verify_step, verify_sums
from troth.audit.verdicts import verify_verdict_key, verify_verdicts
from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BundleFalse
from troth.learning.model import Model
from troth.round.messages import VerifierFile
from troth.round.transcript import sum_digest
from troth.round.transitions import State


@pytest.fixture(scope="module")
def rounds_of_study(packed):
    bundle = read_bundle(packed.path)
    chain = verify_chain(bundle.blocks, bundle.transactions, bundle.seal)
    deployment = verify_deployment(chain, bundle.contracts)
    history = replay(chain, deployment)
    contract = deployment.addresses["Rounds"]
    agreed = verify_agreements(history, chain.chain_id, contract, bundle.terms)
    studies = {study_id: found.study for study_id, found in agreed.active.items()}
    return list(gather(history, studies, bundle.blobs))


@pytest.fixture
def second(rounds_of_study):
    """Round 2, the first that became final, free to be bent."""
    found = rounds_of_study[1]
    return replace(found, view=copy.deepcopy(found.view), blobs=dict(found.blobs))


def lie(check, *arguments):
    with pytest.raises(BundleFalse) as caught:
        check(*arguments)
    return caught.value


def put(round_, data):
    """Another blob in the bundle; its digest."""
    round_.blobs[digest(data)] = data
    return digest(data)


def test_honest_rounds_hold(rounds_of_study):
    (findings,) = check_rounds(rounds_of_study)
    assert (findings.finals, len(findings.aborts)) == (2, 1)
    assert set(findings.spent.values()) == {2 * 12_800_000}
    assert findings.model is not None


def test_models_are_the_sums_of_what_sites_sent(rounds_of_study, packed):
    """Σ of the accepted vectors and the noise; noise alone tells it from the exact sum."""
    (findings,) = check_rounds(rounds_of_study)
    assert findings.model is not None
    moved = np.abs(findings.model.weights)
    privacy = packed.small.study.terms.privacy
    spread = (2 * 2 * privacy.noise_variance) ** 0.5 / 2**privacy.scale_bits / 64
    assert moved.max() < 12 * spread


@pytest.mark.parametrize(
    ("check", "digests"),
    [
        (verify_reports, lambda view: view.noise_lists),
        (verify_reports, lambda view: view.reports),
        (verify_files, lambda view: view.files),
        (verify_sums, lambda view: view.publications),
    ],
)
def test_missing_blobs_of_a_final_round_are_named(second, check, digests):
    for missing in digests(second.view).values():
        bent = replace(second, blobs={d: b for d, b in second.blobs.items() if d != missing})
        assert lie(check, bent).member == f"blobs/{missing.hex()}"


def test_a_list_that_does_not_decode_is_its_owners_lie(second):
    member = second.study.committee[0]
    second.view.noise_lists[member] = put(second, b"{}")
    found = lie(verify_reports, second)
    assert found.position.endswith("NoiseReported of round 2")
    assert str(member) in found.claimed


def test_a_file_of_another_member_is_its_owners_lie(second):
    first, other = second.study.committee
    second.view.files[first] = second.view.files[other]
    assert str(first) in lie(verify_files, second).claimed


def test_a_verdict_that_does_not_follow_names_member_report_and_reason(second):
    member = second.study.committee[1]
    codes = bytearray(second.view.verdicts[member])
    codes[2] = 0
    second.view.verdicts[member] = bytes(codes)
    found = lie(verify_verdicts, second, verify_reports(second), verify_files(second))
    assert found.position.endswith("VerdictPosted of round 2")
    site = second.study.sites[2]
    assert found.claimed == f"the verdict accepted on the site report of {site}, by {member}"
    assert found.follows == "the verdict norm_equality"


def test_verdicts_follow_from_the_files_alone(second):
    """A file with one verifier share of another place makes that place's verdict another."""
    member = second.study.committee[0]
    file = records.decode(VerifierFile, second.blobs[second.view.files[member]], "file")
    swapped = replace(file.entries[0], verifier_share=file.entries[1].verifier_share)
    second.view.files[member] = put(
        second, replace(file, entries=(swapped, *file.entries[1:])).encode()
    )
    found = lie(verify_verdicts, second, verify_reports(second), verify_files(second))
    assert "accepted on the site report" in found.claimed


def test_an_envelope_of_another_round_is_no_envelope(rounds_of_study, second):
    site = second.study.sites[0]
    second.view.reports[site] = rounds_of_study[2].view.reports[site]
    assert 0 not in verify_reports(second)
    found = lie(verify_verdicts, second, verify_reports(second), verify_files(second))
    assert found.follows == "the verdict envelope"


def test_the_verify_key_depends_on_every_reveal(second):
    key = verify_verdict_key(second)
    for member in second.study.committee:
        bent = copy.deepcopy(second.view)
        bent.reveals[member] = bytes(32)
        assert verify_verdict_key(replace(second, view=bent)) != key


def test_a_share_that_was_not_committed_to_is_its_members_lie(second):
    member = second.study.committee[1]
    second.view.publications[member] = put(second, bytes(16))
    found = lie(verify_sums, second)
    assert found.position.endswith("PublicationPosted of round 2")
    assert str(member) in found.claimed


def test_a_model_that_does_not_follow_names_who_attested_it(second):
    member = second.study.committee[0]
    share = bytearray(second.blobs[second.view.publications[member]])
    share[0] ^= 1  # the lie that this version cannot attribute, once it is committed to
    second.view.publications[member] = put(second, bytes(share))
    second.view.sums[member] = sum_digest(second.where, member, second.view.accepted, bytes(share))
    model = Model.zeros(second.study.terms.model.dimension)
    found = lie(verify_step, second, verify_sums(second), model)
    assert found.position.endswith("Attested of round 2")
    assert second.view.model_digest.hex() in found.claimed


def test_shares_that_are_no_vectors_are_found(second):
    member = second.study.committee[0]
    share = b"\xff" * 16
    second.view.publications[member] = put(second, share)
    second.view.sums[member] = sum_digest(second.where, member, second.view.accepted, share)
    model = Model.zeros(second.study.terms.model.dimension)
    assert "gives a model" in lie(verify_step, second, verify_sums(second), model).claimed


def test_models_go_on_from_the_last_final_round(rounds_of_study):
    third = rounds_of_study[2]
    zero = Model.zeros(third.study.terms.model.dimension)
    assert third.view.state is State.FINAL
    assert lie(verify_step, third, verify_sums(third), zero).position.endswith("of round 3")


def test_the_final_models_bytes_belong_to_the_bundle(second):
    del second.blobs[second.view.model_digest]
    model = Model.zeros(second.study.terms.model.dimension)
    found = lie(verify_step, second, verify_sums(second), model)
    assert found.member == f"blobs/{second.view.model_digest.hex()}"


def test_an_aborted_rounds_false_verdict_is_told_but_condemns_nothing(second):
    member = second.study.committee[1]
    second.view.state = State.ABORTED
    second.view.aborted = ("Disagree", member)
    codes = bytearray(second.view.verdicts[member])
    codes[0] = 5
    second.view.verdicts[member] = bytes(codes)
    (findings,) = check_rounds([second])
    (abort,) = findings.aborts
    assert (abort.reason, abort.party) == ("Disagree", str(member))
    assert str(member) in abort.fault
