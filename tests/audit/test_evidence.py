"""Which blobs a bundle holds when rounds aborted or were only announced, and that none may change.

Whoever hands a bundle over can repair its manifest. What must not be possible is to take evidence
away: above all not the files that show who judged falsely in a round that aborted.
"""

import os
from functools import partial

import pytest

from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.audit.trust import trust_document
from troth.domain.hashing import digest
from troth.errors import BlobMissing, BundleFalse
from troth.ledger.bindings import rounds
from troth.roles.aggregator import Aggregator
from troth.round.mail import Outbox
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.scenarios.small_study import DIMENSION, Shape, small_study
from troth.testing.bundle_edits import Edit, blob_edits, member_edits, read_members
from troth.testing.forgers import shard_over_norm

DISAGREES, SILENT, UNJUDGED, CONFLICTS, HONEST, ANNOUNCED = range(1, 7)
"""Rounds, by what happens in them."""
LIAR = 1


class Fickle(Aggregator):
    """Accepts every report in one round; publishes what it had not committed to in another."""

    def _verdict(self, state, view, inbox):
        true = super()._verdict(state, view, inbox)
        return bytes(len(true)) if view.number == DISAGREES else true

    def _publish(self, state, view, inbox):
        if view.number != CONFLICTS:
            return super()._publish(state, view, inbox)
        share = bytearray(self._aggregate_share(state, view, inbox))
        share[0] ^= 1
        call = rounds.publish(self.study.study_id, view.number, digest(bytes(share)))
        return Outbox(state, puts=(bytes(share),), posts=(call,))


def vectors(place, number):
    """The liar's updates are far too long; only the first round's verdict on them is false."""
    return [100_000 if place == LIAR else number] * DIMENSION


def at(number):
    return lambda view: view.current.number == number


def play(folder):
    """Four rounds that abort, each in its own way, one final round and one that was announced."""
    shape = Shape(rounds=2, max_aborts=4)
    small = small_study(folder, shape, vectors, {LIAR: shard_over_norm})
    study, first = small.study, small.aggregators[0]
    fickle = small.consortium.party(study, Fickle(study, study.committee[1], os.urandom))
    everybody = [*small.sites, first, fickle]
    small.run(at(SILENT), everybody)
    small.run(at(UNJUDGED), [first])

    def judging(view):
        return view.current.number == UNJUDGED and view.current.state is State.JUDGED

    small.run(judging, everybody)
    small.run(at(CONFLICTS), [*small.sites, first])
    small.run(at(HONEST), everybody)
    small.run(at(ANNOUNCED), everybody)
    small.run(lambda view: view.current.state is State.ANNOUNCED, [first, fickle])
    return small


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return play(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def path(played, tmp_path_factory):
    found = tmp_path_factory.mktemp("bundle") / "b.troth"
    consortium = played.consortium
    write_bundle(found, consortium.ledger, consortium.store, consortium.organisations[0].account)
    return found


@pytest.fixture(scope="module")
def view(played):
    """The study's rounds, by the ledger alone."""
    ledger = played.consortium.ledger
    found = StudyView(played.study.study_id)
    for logged in ledger.events(0, ledger.final().number):
        found.apply(logged.event)
    return found


@pytest.fixture(scope="module")
def members(path):
    return read_members(path.read_bytes())


def named(digests):
    return {f"blobs/{found.hex()}" for found in digests}


def packed(members):
    return {name for name in members if name.startswith("blobs/")}


def test_rounds_ended_as_they_were_meant_to(played, path):
    verdict = audit(path, trust_document(played.consortium.ledger))
    (study,) = verdict.studies
    assert verdict.verdict == "verified"
    assert [(abort.round, abort.reason) for abort in study.aborts] == [
        (DISAGREES, "Disagree"),
        (SILENT, "Withheld"),
        (UNJUDGED, "Withheld"),
        (CONFLICTS, "Conflict"),
    ]
    assert (study.rounds_final, study.rounds_open) == (1, (ANNOUNCED,))
    liar = str(played.study.committee[1])
    assert liar in study.aborts[0].fault
    assert [abort.party for abort in study.aborts[1:]] == [liar, liar, ""]


def test_the_files_of_rounds_that_everybody_could_judge_are_packed(view, members):
    for number in (DISAGREES, UNJUDGED, CONFLICTS, HONEST):
        round_ = view.rounds[number]
        evidence = [*round_.files.values(), *round_.noise_lists.values(), *round_.reports.values()]
        assert named(evidence) <= packed(members)


def test_nothing_else_is_packed_whatever_the_store_serves(played, view, members):
    store = played.consortium.store
    for number in (SILENT, CONFLICTS, ANNOUNCED):
        round_ = view.rounds[number]
        unproven = [*round_.hpke_keys.values(), *round_.publications.values()]
        assert unproven
        assert any(store.has(found) for found in unproven)
        assert not named(unproven) & packed(members)


def test_a_blob_that_no_verdict_needs_may_not_be_added(played, view, members, tmp_path):
    """Also where the ledger names it: what is there is no choice of whoever packs."""
    store, tried = played.consortium.store, 0
    for number in (SILENT, UNJUDGED, CONFLICTS, HONEST, ANNOUNCED):
        for found in view.rounds[number].hpke_keys.values():
            if store.has(found):
                name = f"blobs/{found.hex()}"
                added = Edit(name, "added", partial(store.get, found, max_size=2**20), members)
                assert outcome(added, tmp_path).follows == "a blob that no round needs"
                tried += 1
    assert tried


def test_no_member_can_be_dropped_added_or_emptied(members, tmp_path):
    for edit in member_edits(members):
        assert outcome(edit, tmp_path).member == edit.member, str(edit)


def test_no_blob_can_be_changed(members, tmp_path):
    made = list(blob_edits(members))
    for edit in made[:: max(1, len(made) // 60)]:
        assert outcome(edit, tmp_path).member == edit.member, str(edit)


def test_who_judged_falsely_cannot_be_erased(played, view, members, tmp_path):
    """The files of the round that aborted because of it are missed, whichever is taken away."""
    for member in played.study.committee:
        name = f"blobs/{view.rounds[DISAGREES].files[member].hex()}"
        found = outcome(Edit(name, "left out", lambda: None, members), tmp_path)
        assert (found.member, found.position) == (name, "member")
        assert found.follows == f"the verifier file of round {DISAGREES}"


def test_a_bundle_that_lacks_evidence_is_not_written(played, view, tmp_path):
    consortium = played.consortium
    gone = next(iter(view.rounds[DISAGREES].files.values()))
    data = consortium.store.get(gone, max_size=2**20)
    consortium.store.delete(gone)
    try:
        with pytest.raises(BlobMissing):
            write_bundle(
                tmp_path / "b.troth",
                consortium.ledger,
                consortium.store,
                consortium.organisations[0].account,
            )
    finally:
        consortium.store.put(data)
    assert not list(tmp_path.iterdir())


def outcome(edit, folder):
    """The finding about an edited bundle."""
    path = folder / "edited.troth"
    path.write_bytes(edit.data)
    with pytest.raises(BundleFalse) as caught:
        audit(path)
    return caught.value
