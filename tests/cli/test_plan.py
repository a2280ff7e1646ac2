"""`troth plan`: terms or a design; what does not fit, what would, and what cannot even be asked."""

import json

import jsonschema
import pytest

from troth.domain import canonical
from troth.testing.small_study import Shape, small_study


@pytest.fixture(scope="session")
def terms(tmp_path_factory):
    """Terms that fit, as JSON."""
    small = small_study(tmp_path_factory.mktemp("study"), Shape(rounds=1))
    return json.loads(small.study.terms.encode())


@pytest.fixture
def written(tmp_path):
    """A terms file of a value."""

    def write(value):
        (tmp_path / "terms.json").write_bytes(canonical.encode(value))
        return "terms.json"

    return write


def test_a_design_that_fits(troth, design):
    ran = troth("plan", *design())
    assert ran.code == 0
    assert "It fits." in ran.out
    assert "ε" in ran.out


def test_sigma_is_the_root_of_the_variance(troth, design):
    by_variance = troth("plan", *design(), "--json")
    by_sigma = troth("plan", *design(noise_variance=None, sigma=1232), "--json")
    assert by_sigma.out == by_variance.out
    rounded = troth("plan", *design(noise_variance=None, sigma=1232.0001), "--json")
    assert json.loads(rounded.out)["design"]["noise_variance"] == 1232**2 + 1


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"clip": 10**8}, "pine_site"),
        ({"noise_variance": 10**20}, "pine_noise"),
        ({"rounds": 25}, "budget"),
        ({"noise_variance": 1}, "noise_floor"),
        ({"honest": 2}, "honest"),
    ],
)
def test_what_does_not_fit_is_explained_and_what_would_is_proposed(troth, design, changes, failed):
    ran = troth("plan", *design(**changes))
    assert ran.code == 1
    (verdict,) = [line for line in ran.out.splitlines() if line.startswith("It does not fit: ")]
    assert failed in verdict
    commands = [line.split()[2:] for line in ran.out.splitlines() if " plan --" in line]
    assert commands
    for command in commands:
        assert troth("plan", *command).code == 0


def test_the_json_follows_its_schema(troth, design, project):
    schema = json.loads((project / "specs/plan-result.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for changes in ({}, {"rounds": 25}, {"noise_variance": 1}, {"clip": 1}, {"clip": 10**17}):
        ran = troth("plan", *design(**changes), "--json")
        jsonschema.validate(json.loads(ran.out), schema)


def test_terms_that_fit(troth, written, terms):
    ran = troth("plan", written(terms), "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["fits"]
    assert found["design"]["rounds"] == terms["rounds"]


def test_terms_that_do_not_fit(troth, written, terms):
    terms = {**terms, "privacy": {**terms["privacy"], "epsilon": 1e-3}}
    ran = troth("plan", written(terms))
    assert ran.code == 1
    assert "budget" in ran.out


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("rounds",), None, ["rounds", "missing"]),
        (("rounds",), "20", ["rounds", "not an integer"]),
        (("rounds",), 0, ["rounds"]),
        (("surprise",), 1, ["surprise", "unknown"]),
        (("privacy", "epsilon"), 0, ["privacy.epsilon", "positive"]),
        (("privacy", "honest"), 2, ["privacy.honest"]),
        (("privacy", "mechanism"), "laplace", ["privacy.mechanism", "laplace"]),
        (("quorum", "min_sites"), 99, ["quorum.min_sites"]),
        (("secagg", "site_norm_bound"), 1, ["secagg.site_norm_bound"]),
        (("secagg", "variant"), "Pine16", ["Pine16"]),
    ],
)
def test_terms_that_cannot_be(troth, written, terms, path, value, words):
    changed = json.loads(json.dumps(terms))
    place = changed
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    troth("plan", written(changed)).complained(2, *words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["terms.json"]),
        (b"not JSON", ["terms.json"]),
        (b"\xff\xfe", ["terms.json", "utf-8"]),
        (b"[]", ["terms.json", "not an object"]),
        (b'{ "rounds": 1 }', ["terms.json", "canonical"]),
        (b'{"a":1,"a":2}', ["terms.json", "repeats"]),
    ],
)
def test_files_that_are_no_terms(troth, tmp_path, content, words):
    (tmp_path / "terms.json").write_bytes(content)
    troth("plan", "terms.json").complained(2, *words)


def test_terms_as_deep_as_a_well(troth_process, tmp_path):
    # A process of its own: the embedded ledger, which other tests load, allows any depth.
    (tmp_path / "terms.json").write_bytes(b"[" * 100_000)
    troth_process("plan", "terms.json").complained(2, "terms.json")


def test_files_that_cannot_be_read(troth, tmp_path):
    troth("plan", "nowhere.json").complained(2, "nowhere.json", "no such file")
    (tmp_path / "folder").mkdir()
    troth("plan", "folder").complained(2, "folder", "no such file")
    (tmp_path / "huge").write_bytes(b" " * (2**22 + 1))
    troth("plan", "huge").complained(2, "huge", "above")


def test_terms_and_options_together(troth):
    troth("plan", "terms.json", "--clip", 4).complained(2, "terms.json", "--clip", "not both")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": None, "rounds": None}, ["--clip", "--rounds"]),
        ({"noise_variance": None}, ["--noise-variance"]),
        ({"sigma": 3}, ["--noise-variance", "--sigma"]),
        ({"noise_variance": None, "sigma": 0}, ["--sigma"]),
        ({"noise_variance": None, "sigma": "inf"}, ["--sigma"]),
        ({"variant": "Pine16"}, ["Pine16", "Pine32HmacSha256Aes128"]),
        ({"members": 1}, ["members"]),
        ({"members": 9}, ["members"]),
        ({"honest": 0}, ["honest"]),
        ({"honest": 10**9}, ["--honest"]),
        ({"rounds": 0}, ["rounds"]),
        ({"epsilon": 0}, ["epsilon"]),
        ({"epsilon": "nan"}, ["epsilon"]),
        ({"delta": 0}, ["delta"]),
        ({"delta": 1}, ["delta"]),
        ({"weight": 0}, ["weights"]),
        ({"record_bound": 0}, ["record_bounds"]),
        ({"clip": 10**400}, ["too large"]),
        ({"epsilon": 1e300}, ["too large"]),
    ],
)
def test_designs_that_cannot_be(troth, design, changes, words):
    troth("plan", *design(**changes)).complained(2, *words)
