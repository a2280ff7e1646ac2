"""The whole story as a person starts it, short, on every engine; then the audit without network."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from troth.audit.run import audit
from troth.errors import BundleFalse
from troth.scenarios.hospital_records import load

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = 3
ANVIL = PROJECT / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


@pytest.fixture(scope="module", params=["embedded", pytest.param("anvil", marks=pytest.mark.anvil)])
def told(request, tmp_path_factory):
    if request.param == "anvil" and not ANVIL.exists():
        pytest.skip("no anvil in contracts/node_modules: run make contracts")
    out = tmp_path_factory.mktemp(request.param)
    command = [str(Path(sys.executable).with_name("troth")), "demo", "hospitals", "--json"]
    options = ["--out", str(out), "--rounds", str(ROUNDS), "--seed", "7", "--ledger", request.param]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


def test_the_document_is_the_one_of_its_schema(told):
    _, document = told
    schema = json.loads((PROJECT / "specs/demo-result.schema.json").read_text())
    jsonschema.validate(document, schema)


def test_what_was_meant_to_happen_happened(told):
    engine, document = told
    assert document["ledger"]["engine"] == engine
    assert document["study"] | {"id": ""} == {
        "id": "",
        "rounds": ROUNDS,
        "sites": 5,
        "aggregators": 2,
        "mode": "A",
        "noise_candidates": 4,
        "variant": "Pine64HmacSha256Aes128",
    }
    drill = document["drill"]
    assert (drill["reason"], drill["named"]) == ("Fault", drill["cheat"])
    assert (drill["accusers"], drill["voters"]) == (6, 7)
    assert document["rounds"] == {"final": ROUNDS, "aborted": 0}
    rejected = [{"site": "fifth site", "round": 2, "reason": "norm_equality"}]
    assert document["reports"] == {"accepted": 5 * ROUNDS - 1, "rejected": rejected}
    (refusal,) = document["refusals"]
    assert refusal["action"] == "open"
    assert refusal["study"] != document["study"]["id"]
    assert refusal["asked"] > refusal["left"] > 0
    assert document["audit"]["verdict"] == "verified"
    assert document["audit"]["changed_byte"].startswith("transactions.jsonl")
    assert document["ledger"]["gas_per_report"] <= 80_000
    assert document["ledger"]["calldata_bytes_per_report"] <= 300


def test_the_model_was_tested_on_records_kept_from_training(told):
    _, document = told
    verdict = audit(Path(document["bundle"]))
    training, drill, evaluation, second = verdict.studies
    assert [abort.reason for abort in drill.aborts] == ["Fault"]
    found = document["evaluation"]
    assert found["study"] == "0x" + evaluation.study.hex()
    assert found["model"] == "0x" + training.model.hex() == "0x" + evaluation.evaluates.hex()
    assert (evaluation.rounds_final, evaluation.reports_accepted) == (1, 4)
    assert list(found["counts"].values()) == list(evaluation.counts)
    data = load(7)
    exact = sum(map(len, data.held_out))
    noise = 2 * found["deviation"]  # of a sum of four counts
    assert abs(sum(evaluation.counts) - exact) < 7 * noise
    assert found["public"]["malignant_found"] + found["public"]["malignant_missed"] == 42
    assert found["public"]["benign_flagged"] + found["public"]["benign_cleared"] == 72
    right = found["public"]["malignant_found"] + found["public"]["benign_cleared"]
    assert right / 114 == document["accuracy"]["troth"]
    assert found["privacy"]["rho_spent"] == 0.1
    charged = [100_000_000] * 4 + [training.nano_rho_spent] * 5 + [drill.nano_rho_spent] * 5
    assert sorted(entry.settled for entry in verdict.lineages) == sorted(charged)
    assert second.rounds_final == 0


def test_a_stranger_verifies_the_bundle_without_network(told, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise AssertionError("the audit opened a socket")

    monkeypatch.setattr(socket, "socket", no_network)
    _, document = told
    bundle, trust = Path(document["bundle"]), Path(document["trust"]).read_bytes()
    assert audit(bundle, trust).verdict == "verified"
    assert audit(bundle).verdict == "consistent"


def test_another_consortiums_trust_file_is_not_satisfied(told):
    _, document = told
    trust = json.loads(Path(document["trust"]).read_text())
    trust["head"]["hash"] = "0x" + "00" * 32
    changed = json.dumps(trust, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(BundleFalse, match="last block"):
        audit(Path(document["bundle"]), changed)


def test_nothing_secret_is_left_in_the_folder(told):
    _, document = told
    out = Path(document["bundle"]).parent
    states = list(out.glob("parties/*/*/state"))
    # The study, the drill, the evaluation, the aggregators in the refused one.
    assert len(states) == 7 + 7 + 6 + 2
    sealed = [path for path in (out / "store").rglob("*") if is_sealed(path)]
    assert sealed == []


def is_sealed(path):
    return path.is_file() and path.read_bytes().startswith(b"troth/sealed")
