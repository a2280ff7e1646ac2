"""One round of a true bundle, bent in memory: what tests of single checks share."""

from dataclasses import replace

import pytest

from troth.audit.reports import verify_files, verify_reports
from troth.audit.sums import published, verify_published
from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import BundleFalse
from troth.learning.model import Model
from troth.ledger.address import ZERO
from troth.round.messages import VerifierFile
from troth.round.publication import decode_publication
from troth.round.transitions import State


def lie(check, *arguments):
    with pytest.raises(BundleFalse) as caught:
        check(*arguments)
    return caught.value


def put(round_, data):
    """Another blob in the bundle; its digest."""
    round_.blobs[digest(data)] = data
    return digest(data)


def everything(round_):
    return published(round_, verify_reports(round_), verify_files(round_))


def examined(round_):
    return verify_published(round_, everything(round_))


def first_model(round_):
    return Model.zeros(round_.study.terms.model.dimension)


def aborted(round_, reason, party=ZERO, other=ZERO):
    """The same round as if it had ended otherwise."""
    round_.view.state = State.ABORTED
    round_.view.aborted = (reason, party)
    round_.view.attestations.clear()
    round_.view.tags_right.clear()
    return replace(round_, other=other)


def stopped_in(round_, state):
    """Let the round have come no further than into a state."""
    before = round_.view.left_before
    round_.view.left_before = {known: gone for known, gone in before.items() if known <= state}


def publication(round_, member):
    data = round_.blobs[round_.view.publications[member]]
    return decode_publication(round_.study, round_.view.accepted, data)


def forge(round_, member, place):
    """A verifier file in which a member's share of one place is that of another."""
    file = records.decode(VerifierFile, round_.blobs[round_.view.files[member]], "file")
    (victim,) = (entry for entry in file.entries if entry.place == place)
    other = next(entry for entry in file.entries if entry.place != place)
    forged = replace(victim, verifier_share=other.verifier_share)
    entries = tuple(forged if entry is victim else entry for entry in file.entries)
    round_.view.files[member] = put(round_, replace(file, entries=entries).encode())
