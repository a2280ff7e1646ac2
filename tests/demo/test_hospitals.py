"""The whole story as a person starts it, short, on every engine and in every mode; then the audit
without network.
"""

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
MEMBERS = {"A": 2, "B3": 3, "B4": 4}
ANVIL = PROJECT / "contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"


@pytest.fixture(
    scope="module",
    params=[
        ("embedded", "A", 3),
        pytest.param(("anvil", "A", 3), marks=pytest.mark.anvil),
        ("embedded", "B3", 1),
        ("embedded", "B4", 2),
    ],
    ids=lambda run: f"{run[0]}-{run[1]}",
)
def run(request):
    """Engine, mode and rounds."""
    return request.param


@pytest.fixture(scope="module")
def told(run, tmp_path_factory):
    engine, mode, rounds = run
    if engine == "anvil" and not ANVIL.exists():
        pytest.skip("no anvil in contracts/node_modules: run make contracts")
    out = tmp_path_factory.mktemp(engine)
    command = [str(Path(sys.executable).with_name("troth")), "demo", "hospitals", "--json"]
    options = ["--out", str(out), "--rounds", str(rounds), "--seed", "7"]
    chosen = ["--mode", mode, "--ledger", engine]
    done = subprocess.run(
        [*command, *options, *chosen], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_document_is_the_one_of_its_schema(told):
    schema = json.loads((PROJECT / "specs/demo-result.schema.json").read_text())
    jsonschema.validate(told, schema)


def test_what_was_meant_to_happen_happened(run, told):
    engine, mode, rounds = run
    assert told["ledger"]["engine"] == engine
    assert told["study"] | {"id": ""} == {
        "id": "",
        "rounds": rounds,
        "sites": 5,
        "aggregators": MEMBERS[mode],
        "mode": mode,
        "noise_candidates": 4,
        "variant": "Pine64HmacSha256Aes128",
    }
    assert told["rounds"] == {"final": rounds, "aborted": 0}
    rejected = [{"site": "fifth site", "round": 2, "reason": "norm_equality"}][: rounds - 1]
    accepted = 5 * rounds - len(rejected)
    assert told["reports"] == {"accepted": accepted, "rejected": rejected}
    (refusal,) = told["refusals"]
    assert refusal["action"] == "open"
    assert refusal["study"] != told["study"]["id"]
    assert refusal["asked"] > refusal["left"] > 0
    assert told["audit"]["verdict"] == "verified"
    assert told["audit"]["changed_byte"].startswith("transactions.jsonl")
    assert told["ledger"]["gas_per_report"] <= 80_000
    assert told["ledger"]["calldata_bytes_per_report"] <= 300


def test_the_cheat_is_found_as_the_mode_promises(run, told, verdict):
    _, mode, _ = run
    drill = told["drill"]
    cheat, reason, final = drill["cheat"], drill["reason"], drill["final"]
    assert cheat == "aggregator 2"
    found = (reason, final, drill["named"], drill["other"], drill["accusers"], drill["voters"])
    assert (
        found
        == {
            "A": ("Fault", False, cheat, "", 6, 7),
            "B3": ("Disagree", False, cheat, "aggregator 3", 1, 1),
            "B4": ("Disagree", True, cheat, "", 2, 2),
        }[mode]
    )
    by_study = {"0x" + study.study.hex(): study for study in verdict.studies}
    drilled = by_study[drill["study"]]
    if mode == "B4":
        assert drill["study"] == told["study"]["id"]
        assert drilled.aborts == ()
        assert told["departures"] == [
            {
                "round": 1,
                "member": cheat,
                "state": "Settled",
                "reason": "Disagree",
                "shown": "its sum of share 0 is not the one that the other holders have",
            }
        ]
    else:
        assert drill["study"] != told["study"]["id"]
        assert [abort.reason for abort in drilled.aborts] == [drill["reason"]]
        assert (drilled.rounds_final, drilled.model) == (0, b"")
        assert told["departures"] == []


@pytest.fixture(scope="module")
def verdict(told):
    return audit(Path(told["bundle"]))


def test_the_model_was_tested_on_records_kept_from_training(run, told, verdict):
    _, mode, _ = run
    training, *drill, evaluation, second = verdict.studies
    found = told["evaluation"]
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
    assert right / 114 == told["accuracy"]["troth"]
    price = 100_000_000 if mode == "A" else 62_500_001
    assert found["privacy"]["rho_spent"] == price / 1e9
    drilled = drill[0].nano_rho_spent if drill else 0
    charged = [price] * 4 + [training.nano_rho_spent] * 5 + [drilled] * 5
    assert sorted(entry.settled for entry in verdict.lineages) == sorted(charged)
    assert second.rounds_final == 0


def test_a_stranger_verifies_the_bundle_without_network(told, monkeypatch):
    def no_network(*_args, **_kwargs):
        raise AssertionError("the audit opened a socket")

    monkeypatch.setattr(socket, "socket", no_network)
    bundle, trust = Path(told["bundle"]), Path(told["trust"]).read_bytes()
    assert audit(bundle, trust).verdict == "verified"
    assert audit(bundle).verdict == "consistent"


def test_another_consortiums_trust_file_is_not_satisfied(told):
    trust = json.loads(Path(told["trust"]).read_text())
    trust["head"]["hash"] = "0x" + "00" * 32
    changed = json.dumps(trust, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(BundleFalse, match="last block"):
        audit(Path(told["bundle"]), changed)


def test_nothing_secret_is_left_in_the_folder(run, told):
    _, mode, _ = run
    out = Path(told["bundle"]).parent
    states = list(out.glob("parties/*/*/state"))
    members = MEMBERS[mode]
    drill = 0 if mode == "B4" else 5 + members
    # The study, the drill, the evaluation, the aggregators in the refused one.
    assert len(states) == (5 + members) + drill + (4 + members) + members
    sealed = [path for path in (out / "store").rglob("*") if is_sealed(path)]
    assert sealed == []


def is_sealed(path):
    return path.is_file() and path.read_bytes().startswith(b"troth/sealed")
