"""Change one thing at a time, repair the manifest, and the audit must find and name it."""

import json
from itertools import takewhile

import pytest

from troth.audit.run import audit
from troth.errors import AuditError, BundleFalse, NotABundle
from troth.learning.model import Model
from troth.ledger.deploy import ORDER
from troth.ledger.evidence import decode_transaction
from troth.scenarios.small_study import DIMENSION
from troth.testing import bundle_edits

KINDS = {
    # How many of each kind a run of the tests tries; a full walk takes many minutes.
    "field_edits": 36,
    "rlp_edits": 24,
    "line_edits": 16,
    "member_edits": 12,
    "blob_edits": 16,
    "vector_edits": 16,
    "manifest_edits": 12,
}


def spread(made, count):
    """About ``count`` of a list, evenly."""
    step = max(1, len(made) // count)
    return made[step // 2 :: step]


def audit_lines(packed):
    """The transactions of the bundle, by line."""
    lines = packed.members["transactions.jsonl"].splitlines()
    return [decode_transaction(bytes.fromhex(json.loads(line)["raw"][2:])) for line in lines]


def finding(path, data, trust=None):
    path.write_bytes(data)
    with pytest.raises(BundleFalse) as caught:
        audit(path, trust)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_edits_are_found_and_named(packed, tmp_path, kind):
    made = list(getattr(bundle_edits, kind)(packed.members))
    assert made
    for edit in spread(made, KINDS[kind]):
        found = finding(tmp_path / "edited.troth", edit.data)
        assert found.member == edit.member, f"{edit}: {found}"
        assert str(found).isprintable()
        assert "\\x" not in str(found)  # bytes are told in hexadecimal, not as Python writes them


def test_every_kind_of_member_is_edited(packed):
    members = packed.members
    made = [
        *bundle_edits.field_edits(members),
        *bundle_edits.blob_edits(members),
        *bundle_edits.manifest_edits(members),
    ]
    assert {edit.member for edit in made} == members.keys()


def test_every_entry_of_every_vector_is_edited(packed):
    """Sums and tags of each member in each final round, and the model of each."""
    study = packed.small.study
    made = list(bundle_edits.vector_edits(packed.members))
    kappa = study.tag_size // study.field.encoded_size
    accepted = 2 + 2 * study.terms.privacy.noise_candidates
    publication = DIMENSION + kappa * (1 + accepted)
    model = -(-len(Model.zeros(DIMENSION).encode()) // 8)
    assert len(made) == 2 * (2 * publication + model)


def test_single_bits_of_the_archive(packed, tmp_path):
    path = tmp_path / "flipped.troth"
    for at, changed in bundle_edits.flips(packed.data, 20):
        path.write_bytes(changed)
        with pytest.raises(AuditError) as caught:
            audit(path)
        assert isinstance(caught.value, BundleFalse | NotABundle), at
        assert str(caught.value), at


def test_a_changed_byte_is_named_with_its_member_and_offset(packed, tmp_path):
    members, data = packed.members, packed.data
    name = "transactions.jsonl"
    start = data.index(members[name])
    at = len(members[name]) // 2
    found = finding(tmp_path / "b", data[: start + at] + b"?" + data[start + at + 1 :])
    line = members[name][:at].count(b"\n")
    assert found.member == name
    assert found.position.startswith(f"line {line + 1}, offset {at} (")
    decoded = audit_lines(packed)[line]
    assert str(decoded.sender) in found.position


def test_a_changed_byte_of_a_transaction_is_told_with_what_it_does(packed, tmp_path):
    members = packed.members
    name = "transactions.jsonl"
    senders = audit_lines(packed)
    lines = members[name].splitlines(keepends=True)
    start = packed.data.index(members[name])
    seen = []
    for number in range(0, len(senders), len(senders) // 6):
        at = sum(map(len, lines[:number])) + 60
        old = packed.data[start + at]
        changed = packed.data[: start + at] + bytes([old ^ 1]) + packed.data[start + at + 1 :]
        found = finding(tmp_path / "b", changed)
        position = f"line {number + 1}, offset {at} ("
        assert found.position.startswith(position)
        assert found.position.endswith(f" of {senders[number].sender})")
        seen.append(found.position.removeprefix(position).split(" of 0x")[0])
    assert seen[0] == f"the deployment of {ORDER[0]}"
    assert all(what.startswith("Rounds.") for what in seen[-3:])


def test_a_changed_byte_of_a_header_is_told_with_its_line(packed, tmp_path):
    content = packed.members["blocks.jsonl"]
    at = len(content) - 9
    start = packed.data.index(content)
    changed = packed.data[: start + at] + b"?" + packed.data[start + at + 1 :]
    found = finding(tmp_path / "b", changed)
    assert found.position == f"line {content.count(10)}, offset {at}"


def test_the_seal_holds_the_last_header_without_a_trust_file(packed, tmp_path):
    blocks = takewhile(
        lambda edit: edit.member == "blocks.jsonl", bundle_edits.rlp_edits(packed.members)
    )
    last = f"line {packed.members['blocks.jsonl'].count(10)}."
    edits = [edit for edit in blocks if edit.what.startswith(last)]
    assert len(edits) >= 20
    for edit in spread(edits, 12):
        assert finding(tmp_path / "b", edit.data).member == "blocks.jsonl"


def test_dropping_the_end_of_the_chain_is_found(packed, tmp_path):
    members = packed.members
    blocks = members["blocks.jsonl"].splitlines(keepends=True)
    lines = members["transactions.jsonl"].splitlines(keepends=True)
    cut = dict(members)
    cut["blocks.jsonl"] = b"".join(blocks[:-1])
    cut["transactions.jsonl"] = b"".join(lines[:-1])
    edit = bundle_edits.Edit("blocks.jsonl", "cut", lambda: cut["blocks.jsonl"], cut)
    assert finding(tmp_path / "b", edit.data).member == "blocks.jsonl"
