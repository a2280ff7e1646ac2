"""Rounds that abort in many ways, and one that is final in spite of some: who lied, by the bundle.

Whoever hands a bundle over can repair its manifest. What must not be possible is to take evidence
away: above all not what shows who lied in a round that aborted.
"""

import json
import os
from dataclasses import replace
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
from troth.round.publication import decode_publication
from troth.round.transitions import Fault, State
from troth.round.view import StudyView
from troth.scenarios.small_study import DIMENSION, Shape, small_study
from troth.testing.bundle_edits import Edit, blob_edits, member_edits, read_members
from troth.testing.forgers import shard_over_norm

DISAGREES, SILENT, UNJUDGED, EVICTED, DENIED, HONEST, TAGS, FRAUD = range(1, 9)
"""Rounds, by what happens in them."""
LIAR, ACCUSER, LATE = 1, 2, 3
"""Sites, by what they do: report too much; accuse falsely; check only afterwards."""


class Fickle(Aggregator):
    """A member that lies in another way in each round."""

    def _verdict(self, state, view, inbox):
        true = super()._verdict(state, view, inbox)
        return bytes(len(true)) if view.number == DISAGREES else true

    def _verified(self, state, view, inbox):
        made = super()._verified(state, view, inbox)
        if view.number != EVICTED:
            return made
        first, *others = made.file.entries
        victim = next(entry for entry in others if entry.place == self.others_noise)
        forged = replace(victim, verifier_share=first.verifier_share)
        entries = tuple(forged if e is victim else e for e in made.file.entries)
        return replace(made, file=replace(made.file, entries=entries))

    def _opened(self, state, view, inbox):
        opened = super()._opened(state, view, inbox)
        if view.number == DENIED:
            del opened[self.others_noise, self.study.share_of(self.others_noise, self.index)]
        return opened

    def _publish(self, state, view, inbox):
        sent = super()._publish(state, view, inbox)
        if view.number not in (TAGS, FRAUD):
            return sent
        found = decode_publication(self.study, view.accepted, sent.puts[0])
        field, tags = self.study.field, dict(found.tags)
        tags[0] = field.add(tags[0], 1)
        if view.number == TAGS:  # two sites' tags are bent so that they still add up
            tags[LATE] = field.sub(tags[LATE], 1)
        blob = replace(found, tags=tags).encode()
        call = rounds.publish(self.study.study_id, view.number, digest(blob))
        return Outbox(sent.state, keeps=(blob,), puts=(blob,), posts=(call,))

    @property
    def others_noise(self):
        return self.study.noise_place(0, 0)


def vectors(place, number):
    """The liar's updates are far too long."""
    return [100_000 if place == LIAR else number] * DIMENSION


def at(number):
    return lambda view: view.current.number == number


def reaches(number, state):
    return lambda view: view.current.number == number and view.current.state is state


def play(folder):
    """Every round ends as its name says; the last one proves a member at fault."""
    shape = Shape(weights=(1,) * 5, rounds=2, max_aborts=9, accusations=9)
    small = small_study(folder, shape, vectors, {LIAR: shard_over_norm})
    study, first = small.study, small.aggregators[0]
    examine = small.consortium.examine_round
    role = Fickle(study, study.committee[1], os.urandom, examine_round=examine)
    fickle = small.consortium.party(study, role)
    everybody = [*small.sites, first, fickle]
    small.run(at(SILENT), everybody)
    small.run(at(UNJUDGED), [first])
    small.run(reaches(UNJUDGED, State.JUDGED), everybody)
    small.run(at(EVICTED), [*small.sites, first])
    small.run(at(HONEST), everybody)
    small.run(reaches(HONEST, State.OPENED), everybody)
    accusation = rounds.accuse(study.study_id, HONEST, Fault.OPENING, study.committee[0], bytes(32))
    small.consortium.send(small.sites[ACCUSER].account, accusation)
    away = (ACCUSER, LATE)
    small.run(at(TAGS), [*[s for n, s in enumerate(small.sites) if n not in away], first, fickle])
    small.run(lambda view: len(view.aborts) == 7, everybody)
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
def study(played, path):
    """What the audit says of the study."""
    verdict = audit(path, trust_document(played.consortium.ledger))
    assert verdict.verdict == "verified"
    return verdict.studies[0]


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


def offered(view):
    """What the owner of denied noise showed: nobody confirmed that it had it."""
    return next(iter(named(view.rounds[DENIED].answers.values())))


def test_rounds_ended_as_they_were_meant_to(played, study):
    first, fickle = map(str, played.study.committee)
    assert [(a.round, a.reason, a.party, a.other) for a in study.aborts] == [
        (DISAGREES, "Disagree", "", ""),
        (SILENT, "Withheld", fickle, ""),
        (UNJUDGED, "Withheld", fickle, ""),
        (EVICTED, "Noise", "", ""),
        (DENIED, "Noise", first, fickle),
        (TAGS, "Accused", "", ""),
        (FRAUD, "Fault", fickle, ""),
    ]
    assert (study.rounds_final, study.rounds_open) == (1, ())


def test_who_lied_is_named_where_it_can_be_recomputed(played, study):
    first, fickle = map(str, played.study.committee)
    by_round = {abort.round: abort for abort in study.aborts}
    liars = {number: abort.liars for number, abort in by_round.items()}
    assert liars == {
        DISAGREES: (fickle,),
        SILENT: (),
        UNJUDGED: (),
        EVICTED: (fickle,),
        DENIED: (),
        TAGS: (),
        FRAUD: (fickle,),
    }
    assert "the verdict accepted on the site report" in by_round[DISAGREES].fault
    assert "false verifier share" in by_round[EVICTED].fault
    assert f"{first} showed the share that {fickle} denied" in by_round[DENIED].fault
    assert by_round[TAGS].fault == ""
    assert "do not add up" in by_round[FRAUD].fault


def test_sites_whose_word_ended_a_round_are_told(played, study):
    sites = [str(played.study.sites[n]) for n in (0, LATE)]
    assert [list(a.sites) for a in study.aborts if a.round == TAGS] == [sites]
    said = [a for a in study.accusations if a.round == TAGS]
    assert {(a.by, a.fault, a.outcome) for a in said} == {(s, "OwnTag", "open") for s in sites}


def test_accusations_are_judged(played, study):
    first, fickle = map(str, played.study.committee)
    (false,) = (a for a in study.accusations if a.round == HONEST)
    accuser = str(played.study.sites[ACCUSER])
    assert (false.by, false.against, false.outcome) == (accuser, first, "false")
    right = [a for a in study.accusations if a.round == FRAUD]
    assert len(right) >= 4
    assert {(a.fault, a.against, a.outcome) for a in right} == {("Publication", fickle, "shown")}


def test_who_stands_for_a_sum_is_told(played, study):
    (said,) = study.confirmations
    sites = [str(site) for site in played.study.sites]
    assert set(said.right) == {sites[0], sites[4], sites[LATE]}
    assert said.silent == (sites[ACCUSER],)
    assert (said.agreeing, said.voters, said.wrong, said.unchecked) == (4, 6, (), ())
    assert study.flags == ()


def test_lines_say_who_lied_and_whose_word_is_missing(played, path):
    lines = [str(claim) for claim in audit(path).claims]
    fickle, accuser = played.study.committee[1], played.study.sites[ACCUSER]

    def line(*words):
        return [text for text in lines if all(word in text for word in words)]

    for number in (DISAGREES, EVICTED, FRAUD):
        assert line(f"proved: round {number} of 'small study' aborted", str(fickle))
    assert line(f"not covered: round {DENIED} of 'small study' aborted (Noise)")
    assert line(f"proved: round {HONEST}", str(accuser), "falsely of Opening")
    unconfirmed = f"not covered: round {HONEST} of 'small study': sum not confirmed by silent sites"
    assert line(unconfirmed, str(accuser))
    assert line("attested by 3 of 4 sites in round 6", "tags of their own reports")


def test_what_everybody_had_is_packed(view, members):
    for number in (DISAGREES, UNJUDGED, EVICTED, HONEST, TAGS, FRAUD):
        round_ = view.rounds[number]
        evidence = [*round_.files.values(), *round_.noise_lists.values(), *round_.reports.values()]
        assert named(evidence) <= packed(members)
    for number in (HONEST, TAGS, FRAUD):
        assert named(view.rounds[number].publications.values()) <= packed(members)


def test_nothing_else_is_packed_whatever_the_store_serves(played, view, members):
    store = played.consortium.store
    for number in (SILENT, UNJUDGED, HONEST):
        unproven = view.rounds[number].hpke_keys.values()
        assert any(store.has(found) for found in unproven)
        assert not named(unproven) & packed(members)


def test_a_blob_that_no_verdict_needs_may_not_be_added(played, view, members, tmp_path):
    """Also where the ledger names it: what is there is no choice of whoever packs."""
    store, tried = played.consortium.store, 0
    for number in (SILENT, UNJUDGED, HONEST):
        for found in view.rounds[number].hpke_keys.values():
            if store.has(found):
                name = f"blobs/{found.hex()}"
                added = Edit(name, "added", partial(store.get, found, max_size=2**20), members)
                assert outcome(added, tmp_path).follows == "a blob that no round needs"
                tried += 1
    assert tried


def test_no_member_can_be_dropped_added_or_emptied(members, view, tmp_path):
    made = [edit for edit in member_edits(members) if edit.member not in shown(view, members)]
    for edit in made[:: max(1, len(made) // 20)]:
        assert outcome(edit, tmp_path).member == edit.member, str(edit)


def shown(view, members):
    """Everything about the denied noise: its round ended before anybody confirmed anything."""
    lists = named(view.rounds[DENIED].noise_lists.values())
    listed = [name for name in members if name in lists]
    envelopes = {
        f"blobs/{found[2:]}" for name in listed for found in json.loads(members[name])["envelopes"]
    }
    return {offered(view), *lists, *envelopes}


def test_no_blob_can_be_changed(members, tmp_path):
    made = list(blob_edits(members))
    for edit in made[:: max(1, len(made) // 16)]:
        assert outcome(edit, tmp_path).member == edit.member, str(edit)


def test_who_judged_falsely_cannot_be_erased(played, view, members, tmp_path):
    """The files of the round that aborted because of it are missed, whichever is taken away."""
    for member in played.study.committee:
        name = f"blobs/{view.rounds[DISAGREES].files[member].hex()}"
        found = outcome(Edit(name, "left out", lambda: None, members), tmp_path)
        assert (found.member, found.position) == (name, "member")
        assert found.follows == f"the verifier file of round {DISAGREES}"


def test_what_was_only_shown_may_be_missing_and_that_is_said(view, members, tmp_path):
    path = tmp_path / "without.troth"
    path.write_bytes(Edit(offered(view), "left out", lambda: None, members).data)
    (study,) = audit(path).studies
    (denied,) = (abort for abort in study.aborts if abort.round == DENIED)
    assert denied.fault == "what was shown of the denied noise is not in this bundle"


def test_a_store_without_what_was_only_shown_still_gives_a_bundle(played, view, members, tmp_path):
    consortium, gone = played.consortium, bytes.fromhex(offered(view).removeprefix("blobs/"))
    consortium.store.delete(gone)
    path, sealer = tmp_path / "b.troth", consortium.organisations[0].account
    try:
        write_bundle(path, consortium.ledger, consortium.store, sealer)
    finally:
        consortium.store.put(members[offered(view)])
    assert packed(members) - packed(read_members(path.read_bytes())) == {offered(view)}


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
