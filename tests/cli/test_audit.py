"""`troth audit` on a real little bundle: verified, consistent, false, and no bundle at all."""

import json

import jsonschema
import pytest

from troth.audit.bundle import write_bundle
from troth.audit.trust import trust_document
from troth.round.transitions import State
from troth.scenarios.small_study import Shape, small_study


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a bundle and its trust file."""
    folder = tmp_path_factory.mktemp("bundle")
    small = small_study(folder, Shape(rounds=1))
    small.run()
    ledger, members = small.consortium.ledger, small.consortium.organisations
    write_bundle(folder / "study.zip", ledger, small.consortium.store, members[0].account)
    (folder / "trust.json").write_bytes(trust_document(ledger))
    return folder


def test_consistent_without_a_trust_file(troth, made):
    ran = troth("audit", made / "study.zip")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[-1] == "verdict: consistent"
    assert any(line.split()[:1] == ["proved"] for line in lines)
    assert any(line.split()[:2] == ["attested", "by"] for line in lines)
    assert any(line.split()[:2] == ["not", "covered"] for line in lines)
    head = json.loads((made / "trust.json").read_text())["head"]["hash"]
    assert head in ran.out


def test_verified_with_one(troth, made):
    ran = troth("audit", made / "study.zip", "--trust", made / "trust.json")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1] == "verdict: verified"


def test_json(troth, made, project):
    ran = troth("audit", made / "study.zip", "--trust", made / "trust.json", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["verdict"] == "verified"
    schema = json.loads((project / "specs/audit-result.schema.json").read_text())
    jsonschema.validate(found, schema)


def test_what_an_evaluation_released_is_shown(troth, project):
    sample = project / "vectors/bundle/hospitals-small.zip"
    (found,) = [
        study
        for study in json.loads(troth("audit", sample, "--json").out)["studies"]
        if study["counts"]
    ]
    shown = (
        f"{', '.join(map(str, found['counts']))} for model {found['evaluates'][:18]}, with noise"
    )
    assert shown in troth("audit", sample).out


def packed(folder, small):
    """The bundle of a toy study."""
    ledger, members = small.consortium.ledger, small.consortium.organisations
    write_bundle(folder / "study.zip", ledger, small.consortium.store, members[0].account)
    return folder / "study.zip"


def test_whom_a_round_went_on_without(troth, project, tmp_path):
    small = small_study(tmp_path, Shape(rounds=1, mode="B4", members=4))
    *there, gone = small.parties
    small.run(lambda view: view.current.state is State.CLOSED)
    small.run(None, there)
    bundle = packed(tmp_path, small)
    found = json.loads(troth("audit", bundle, "--json").out)
    schema = json.loads((project / "specs/audit-result.schema.json").read_text())
    jsonschema.validate(found, schema)
    (study,) = found["studies"]
    account = str(gone.account.address)
    left = {"round": 1, "member": account, "state": "Closed", "reason": "Withheld", "shown": ""}
    assert study["departures"] == [left]
    shown = f"without         round 1 went on without {account} from Closed on (Withheld)"
    assert shown in troth("audit", bundle).out


def test_why_a_round_ended(troth, tmp_path):
    small = small_study(tmp_path, Shape(rounds=1, max_aborts=0))
    *there, gone = small.parties
    small.run(lambda view: view.current.state is State.CLOSED)
    small.run(None, there)
    named = f"round 1 (Withheld); the ledger names {gone.account.address}"
    assert f"aborted         {named}" in troth("audit", packed(tmp_path, small)).out


@pytest.fixture
def changed(made, tmp_path):
    """A copy with one byte changed in the content of a member."""
    data = bytearray((made / "study.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(data)
    return "changed.zip"


def test_false_names_the_line(troth, changed):
    ran = troth("audit", changed)
    assert ran.code == 3
    lines = ran.out.splitlines()
    assert lines[0] == "verdict: false"
    assert [line.split()[0] for line in lines[1:]] == ["member", "position", "claimed", "follows"]
    line = ran.err.splitlines()[-1]
    assert line.startswith("troth: error: ")
    assert lines[1].split()[1] in line


def test_false_as_json(troth, changed, project):
    ran = troth("audit", changed, "--json")
    assert ran.code == 3
    found = json.loads(ran.out)
    schema = json.loads((project / "specs/audit-false.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    assert found["member"] in ran.err


def test_a_trust_file_of_another_consortium(troth, made, tmp_path):
    trust = json.loads((made / "trust.json").read_text())
    trust["chain_id"] += 1
    (tmp_path / "other.json").write_text(json.dumps(trust, separators=(",", ":"), sort_keys=True))
    ran = troth("audit", made / "study.zip", "--trust", "other.json")
    assert ran.code == 3
    assert "trust file" in ran.out


def test_a_bundle_that_is_a_text_file(troth, tmp_path):
    (tmp_path / "note.txt").write_text("dear auditor")
    troth("audit", "note.txt").complained(4, "note.txt", "not a bundle")
    ran = troth("audit", "note.txt", "--json")
    ran.complained(4, "note.txt")
    assert json.loads(ran.out)["exit_code"] == 4


def test_a_bundle_that_is_cut_off(troth, made, tmp_path):
    data = (made / "study.zip").read_bytes()
    for size in (0, 1, 100, len(data) - 1):
        (tmp_path / "cut.zip").write_bytes(data[:size])
        troth("audit", "cut.zip").complained(4, "cut.zip")


def test_files_that_are_not_there(troth, made, tmp_path):
    troth("audit", "nowhere.zip").complained(2, "nowhere.zip", "no such file")
    troth("audit", tmp_path).complained(2, "is a folder")
    troth("audit", made / "study.zip", "--trust", tmp_path).complained(2, "--trust", "is a folder")
    troth("audit", "/dev/null").complained(2, "/dev/null", "is not a plain file")
    troth("audit", made / "study.zip", "--trust", "nowhere").complained(2, "--trust nowhere")


@pytest.mark.parametrize("content", [b"", b"{}", b"not JSON", b"\xff", b" " * (2**20 + 1)])
def test_a_trust_file_that_is_none(troth, made, tmp_path, content):
    (tmp_path / "trust.json").write_bytes(content)
    troth("audit", made / "study.zip", "--trust", "trust.json").complained(2, "trust")
