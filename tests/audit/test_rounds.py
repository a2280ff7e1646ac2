"""What each check of a round finds when one thing on the ledger or in a blob does not follow."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from tests.audit.bending import everything, examined, first_model, forge, lie, publication, put

from troth.audit.confirmations import confirmations
from troth.audit.reports import verify_files, verify_reports
from troth.audit.round_check import check_rounds
from troth.audit.study_claims import flags, study_claims
from troth.audit.sums import verify_published, verify_step
from troth.audit.verdicts import verify_verdicts
from troth.errors import BundleFalse
from troth.round.published import kept_candidates
from troth.round.transcript import PICK_LEVEL, sum_digest
from troth.round.transitions import State
from troth.round.verdict import round_verify_key


def test_honest_rounds_hold(rounds_of_study):
    (findings,) = check_rounds(rounds_of_study)
    assert (findings.finals, len(findings.aborts)) == (2, 1)
    assert set(findings.spent.values()) == {2 * 12_800_000}
    assert findings.model is not None
    assert findings.opened == 2 * 2  # of two members in two rounds, each with two candidates
    assert list(flags(findings)) == []


def test_models_are_the_sums_of_what_sites_sent(rounds_of_study, packed):
    """Σ of the accepted vectors and one noise vector a member; noise alone tells it apart."""
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
        (everything, lambda view: view.publications),
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
    forge(second, second.study.committee[0], 0)
    found = lie(verify_verdicts, second, verify_reports(second), verify_files(second))
    assert "accepted on the site report" in found.claimed


def test_an_envelope_of_another_round_is_no_envelope(rounds_of_study, second):
    site = second.study.sites[0]
    second.view.reports[site] = rounds_of_study[2].view.reports[site]
    assert 0 not in verify_reports(second)
    found = lie(verify_verdicts, second, verify_reports(second), verify_files(second))
    assert found.follows == "the verdict envelope"


def test_the_verify_key_depends_on_every_reveal(second):
    key = round_verify_key(second.study, second.view)
    for member in second.study.committee:
        bent = copy.deepcopy(second.view)
        bent.reveals[2][member] = bytes(32)
        assert round_verify_key(second.study, bent) != key


def test_every_coordinate_of_a_publication_is_bound(second):
    """Each element of each member's sum and tags, one more than it was."""
    element = second.study.field.encoded_size
    for member in second.study.committee:
        true = second.view.publications[member]
        for at in range(0, len(second.blobs[true]), element):
            data = bytearray(second.blobs[true])
            data[at] ^= 1
            second.view.publications[member] = put(second, bytes(data))
            found = lie(examined, second)
            assert found.position.endswith("PublicationPosted of round 2"), at
            assert str(member) in found.claimed
        second.view.publications[member] = true


def test_every_coordinate_that_was_bound_anew_breaks_the_tags(second):
    """The member had committed to the altered sum: then its tags do not add up."""
    element, d = second.study.field.encoded_size, second.study.terms.model.dimension
    member = second.study.committee[1]
    for at in range(0, d * element, element):
        bent = replace(second, view=copy.deepcopy(second.view))
        data = bytearray(bent.blobs[bent.view.publications[member]])
        data[at] ^= 1
        sums = data[: (d * element) + second.study.tag_size]
        bent.view.publications[member] = put(bent, bytes(data))
        bound = sum_digest(bent.where, member, bent.view.accepted, bytes(sums))
        bent.view.sums[member] = (bound,)
        assert "do not add up" in lie(examined, bent).follows


def test_a_publication_that_does_not_decode_is_its_members_lie(second):
    member = second.study.committee[0]
    for data in (b"", b"\xff" * 16, second.blobs[second.view.publications[member]] + b"\0"):
        second.view.publications[member] = put(second, data)
        found = lie(examined, second)
        assert found.position.endswith("PublicationPosted of round 2")
        assert str(member) in found.claimed


@pytest.mark.parametrize("seed", [bytes(32), b"\x07" * 32])
def test_other_seeds_are_their_owners_lie(second, seed):
    member = second.study.committee[1]
    second.view.seeds[member] = (seed,)
    found = lie(examined, second)
    assert found.position.endswith("NoiseOpened of round 2")
    assert "its seed gives another report" in found.follows


def test_the_pick_depends_on_every_last_reveal(second):
    """Another pick opens other candidates, whose seeds are others."""
    key = round_verify_key(second.study, second.view)
    picks = set()
    for last in range(16):
        bent = copy.deepcopy(second.view)
        bent.reveals[PICK_LEVEL][second.study.committee[0]] = bytes([last]) * 32
        picks.add(kept_candidates(second.study, bent, key))
    assert len(picks) > 1


def test_a_forged_verifier_share_of_opened_noise_is_its_members_lie(second):
    """The file lied; had the verdict been bent to it, the opened noise would show it."""
    found = everything(second)
    opened = found.opened_places(0)[0]
    forge(second, second.study.committee[1], opened)
    with pytest.raises(BundleFalse, match="a false verifier share") as caught:
        verify_published(second, replace(found, files=verify_files(second)))
    assert caught.value.position.endswith("FileCommitted of round 2")


def test_a_bent_tag_of_opened_noise_is_its_members_lie(second):
    """The tags still add up: another one takes the difference."""
    member = second.study.committee[1]
    found = publication(second, member)
    field, tags = second.study.field, dict(found.tags)
    opened = everything(second).opened_places(0)[0]
    tags[0], tags[opened] = field.add(tags[0], 1), field.sub(tags[opened], 1)
    bent = put(second, replace(found, tags=tags).encode())
    index = second.study.committee.index(member)
    true = everything(second)  # of the round as it was: another publication gives another pick
    blobs = list(true.publications)
    blobs[index] = second.blobs[bent]
    with pytest.raises(BundleFalse, match="a false tag of the noise") as caught:
        verify_published(second, replace(true, publications=blobs))
    assert str(member) in caught.value.claimed


def test_a_model_that_does_not_follow_names_who_attested_it(second):
    said = second.view.model_digest = b"\x05" * 32
    voter = second.study.sites[1]
    second.view.attestations[voter] = said
    found = lie(verify_step, second, examined(second), first_model(second))
    assert found.position.endswith("Attested of round 2")
    assert said.hex() in found.claimed
    assert str(voter) in found.claimed


def test_noise_that_stays_in_the_sum_gives_another_model(second):
    """X is the sum less what was opened."""
    whole = replace(examined(second), opened=())
    found = lie(verify_step, second, whole, first_model(second))
    assert found.position.endswith("Attested of round 2")


def test_models_go_on_from_the_last_final_round(rounds_of_study):
    third = rounds_of_study[2]
    assert third.view.state is State.FINAL
    found = lie(verify_step, third, examined(third), first_model(third))
    assert found.position.endswith("of round 3")


def test_the_final_models_bytes_belong_to_the_bundle(second):
    del second.blobs[second.view.model_digest]
    found = lie(verify_step, second, examined(second), first_model(second))
    assert found.member == f"blobs/{second.view.model_digest.hex()}"


def test_what_sites_said_of_their_tags_is_told(second):
    site, other = second.study.sites[:2]
    assert confirmations(second).right == (str(site), str(other))
    second.view.tags_right[site] = False
    said = confirmations(second)
    assert (said.right, said.unchecked) == ((str(other),), (str(site),))
    second.view.reviews[site] = True
    assert confirmations(second).right == (str(site), str(other))
    del second.view.tags_right[other]
    assert confirmations(second).silent == (str(other),)


def test_a_late_mismatch_flags_the_round_and_makes_nothing_false(second):
    site = second.study.sites[0]
    second.view.tags_right[site] = False
    second.view.reviews[site] = False
    (findings,) = check_rounds([second])
    (flag,) = flags(findings)
    assert (flag.round, flag.by) == (2, str(site))
    lines = [str(claim) for claim in study_claims(findings)]
    assert any(line.startswith(f"attested by {site}: round 2 of") for line in lines)


def test_whoever_attests_another_model_is_told(second):
    voter = second.study.sites[0]
    second.view.attestations[voter] = b"\x01" * 32
    (findings,) = check_rounds([second])
    assert [(flag.by, flag.why) for flag in flags(findings)] == [
        (str(voter), "attests another model")
    ]


def test_a_round_that_has_not_ended_asks_for_nothing(second):
    second.view.state = State.KEYED
    (findings,) = check_rounds([second])
    assert findings.open_rounds == [2]
    assert second.belonging() == set()
