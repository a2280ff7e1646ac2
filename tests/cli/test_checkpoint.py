"""`troth checkpoint`: members sign and join, a reader who knows them audits."""

import json

import jsonschema
import pytest

from troth.audit.bundle import write_bundle
from troth.ledger.account import Account
from troth.scenarios.small_study import Shape, small_study

FOREIGN = "0x" + "ab" * 20


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a bundle, every member's key file and a list of signers."""
    folder = tmp_path_factory.mktemp("checkpoint")
    small = small_study(folder, Shape(rounds=1))
    small.run()
    ledger, members = small.consortium.ledger, small.consortium.organisations
    write_bundle(folder / "study.zip", ledger, small.consortium.store, members[0].account)
    for number, member in enumerate(members):
        member.account.write(folder / f"{number}.key")
    signers = {
        "format": "troth/signers/v1",
        "members": [str(member.account.address) for member in members],
        "threshold": 2,
    }
    (folder / "signers.json").write_text(json.dumps(signers, indent=2))
    return folder


@pytest.fixture
def sign(troth, made):
    """Sign as the member of this number, into a file of the working folder."""

    def run(number, *more, bundle="study.zip"):
        key, out = made / f"{number}.key", f"{number}.json"
        return troth("checkpoint", "sign", made / bundle, "--key", key, "--out", out, *more)

    return run


def test_from_signatures_to_verified(troth, made, sign, tmp_path):
    for number in range(3):
        ran = sign(number)
        assert ran.code == 0, ran.err
        assert "signed by 1 of 5 members; more than half are 3" in ran.out
    ran = troth("checkpoint", "join", "0.json", "1.json", "2.json", "--out", "all.json")
    assert ran.code == 0, ran.err
    assert [line.split()[:2] for line in ran.out.splitlines()].count(["signed", "by"]) == 3
    ran = troth("audit", made / "study.zip", "--trust", "all.json")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "verdict: verified")
    assert "give --signers" in ran.out
    known = ("--signers", made / "signers.json")
    ran = troth("audit", made / "study.zip", "--trust", "all.json", *known)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "verdict: verified")
    assert "3 members in a checkpoint" in ran.out
    assert "give --signers" not in ran.out
    refused = troth("audit", made / "study.zip", "--trust", "0.json", *known)
    refused.complained(2, "1 by the 5 members", "of 2", "join")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.json",
        "1.json",
        "2.json",
        "all.json",
    ]


def test_json(troth, made, sign, project, tmp_path):
    ran = sign(0, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    schema = json.loads((project / "specs/checkpoint.schema.json").read_text())
    jsonschema.validate(found, schema)
    assert found == json.loads((tmp_path / "0.json").read_bytes())
    assert found["statement"]["headers"] == "ethereum"
    ran = troth("checkpoint", "join", "0.json", "0.json", "--out", "0.json", "--json")
    assert json.loads(ran.out) == found
    ran = sign(1, "--head-hash", FOREIGN, "--json")
    statement = json.loads(ran.out)["statement"]
    assert (statement["headers"], statement["head"]["hash"]) == ("other", FOREIGN)
    ran = troth("checkpoint", "join", "0.json", "1.json", "--out", "both.json")
    ran.complained(2, "checkpoint 2 has another head than the first one")
    assert not (tmp_path / "both.json").exists()


def test_a_false_bundle_is_not_signed(troth, made, sign, tmp_path):
    data = bytearray((made / "study.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(data)
    sign(0, bundle=tmp_path / "changed.zip").complained(2, "changed.zip", "your own node")
    (tmp_path / "note.txt").write_text("no bundle")
    sign(0, bundle=tmp_path / "note.txt").complained(2, "note.txt", "your own node")
    assert not (tmp_path / "0.json").exists()


def test_keys_that_do_not_sign(troth, made, sign, tmp_path):
    Account(b"\x07" * 32).write(tmp_path / "stranger.key")
    sign(0, "--key", tmp_path / "stranger.key").complained(2, "is no member at this block")
    sign(0, "--key", "none.key").complained(2, "--key none.key", "no such file")
    (tmp_path / "open.key").write_text("07" * 32)
    (tmp_path / "open.key").chmod(0o644)
    sign(0, "--key", tmp_path / "open.key").complained(5, "others may read this key")


@pytest.mark.parametrize("text", ["", "ab", "0xAB", "0x" + "00" * 65, "0x"])
def test_a_hash_that_is_none(sign, text):
    sign(0, "--head-hash", text).complained(2, "as the engine says it")


def test_files_that_cannot_be_used(troth, made, sign, tmp_path):
    sign(0, "--out", tmp_path / "none" / "c.json").complained(2, "cannot be written")
    troth("checkpoint", "join", "a.json", "--out", "b.json").complained(2, "a.json", "no such file")
    (tmp_path / "c.json").write_text("{}")
    troth("checkpoint", "join", "c.json", "--out", "b.json").complained(2, "c.json: format: is mis")
    troth("checkpoint", "join", "--out", "b.json").complained(2, "FILE...")
    ran = troth("audit", made / "study.zip", "--signers", made / "signers.json")
    ran.complained(2, "give signers with a checkpoint")
