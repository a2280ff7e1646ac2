"""`troth plan`: terms or a design; what does not fit, what would, and what cannot even be asked."""

import json
import re
from dataclasses import replace

import jsonschema
import pytest

from troth.cli.main import ModeName, VariantName
from troth.cli.plan import arguments
from troth.domain import canonical
from troth.domain.terms import MODES, decode
from troth.privacy.inequalities import checks
from troth.privacy.plan import plan
from troth.privacy.secagg.parameters import VARIANTS
from troth.scenarios.hospital_records import StudyParameters
from troth.scenarios.hospital_study import hospital_design
from troth.scenarios.small_study import Shape, small_study


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
        (b"", ["terms.json", "line 1, column 1"]),
        (b"not JSON", ["terms.json", "line 1, column 1"]),
        (b"\xff\xfe", ["terms.json", "not UTF-8", "line 1"]),
        (b"[]", ["terms.json", "not an object"]),
        (b'{ "rounds": 1 }', ["terms.json", "missing"]),
        (b'{"a":1,"a":2}', ["terms.json", "'a' stands twice"]),
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
    troth("plan", "folder").complained(2, "folder", "is a folder")
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
        ({"mode": "B5"}, ["B5", "B3", "B4"]),
        ({"mode": "B3"}, ["2 members", "mode B3 takes 3"]),
        ({"mode": "B4", "members": 5}, ["5 members", "mode B4 takes 4"]),
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


@pytest.mark.parametrize("name", ["proofs", "proofs_norm_equality"])
@pytest.mark.parametrize("count", [-5, 0, 256])
def test_counts_of_proofs_that_cannot_be(troth, design, name, count):
    option = "--" + name.replace("_", "-")
    troth("plan", *design(**{name: count})).complained(2, f"{option} {count}", "1 to 255")


def test_the_variants_offered_are_those_there_are():
    assert {variant.value for variant in VariantName} == set(VARIANTS)


def test_the_modes_offered_are_those_there_are():
    assert [mode.value for mode in ModeName] == list(MODES)


@pytest.mark.parametrize(("mode", "members"), [("B3", 3), ("B4", 4)])
def test_a_design_with_replicated_shares(troth, design, mode, members):
    asked = design(mode=mode, members=members, honest=None)
    ran = troth("plan", *asked)
    assert ran.code == 0, ran.err
    words = " ".join(ran.out.split())
    assert f"{members} sealed shares of each report, each uploaded once" in words
    assert "any 1 member learns nothing from them" in words
    assert "whoever does not know the noise of 2 members" in words
    found = json.loads(troth("plan", *asked, "--json").out)
    assert (found["design"]["mode"], found["design"]["honest"]) == (mode, 2)
    assert "any 1 member" in found["against"]


def test_a_plan_says_against_whom(troth, design):
    for members, honest, together in ((2, 1, 1), (5, 1, 4), (5, 4, 1)):
        out = troth("plan", *design(members=members, honest=honest)).out
        assert f"at most {together} of its members together" in " ".join(out.split())


@pytest.mark.parametrize("variant", VARIANTS)
def test_nobody_is_shown_a_none(troth, design, variant):
    ran = troth("plan", *design(variant=variant, proofs=None, proofs_norm_equality=None))
    assert ran.code in {0, 1}, ran.err
    assert "None" not in ran.out


def small(**changes):
    """A design that fits the smallest field, but for what is changed."""
    small = replace(
        hospital_design(StudyParameters(), 1),
        record_bounds=(16,), clip=8, scale_bits=3, noise_variance=64, rounds=1, epsilon=10.0,
        proofs=None, proofs_norm_equality=None,
    )  # fmt: skip
    return replace(small, **changes)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_norm_proof_is_sound_enough_in_the_largest_field_only(variant):
    found = {check.name: check.ok for check in checks(small(variant=variant))}
    assert found["soundness"] is (variant == "Pine128")


@pytest.mark.parametrize(
    ("variant", "count"),
    [("Pine64HmacSha256Aes128", 2), ("Pine40HmacSha256Aes128", 3), ("Pine32HmacSha256Aes128", 3)],
)
def test_the_help_says_how_many_norm_proofs_suffice(troth, variant, count):
    for proofs, ok in ((count - 1, False), (count, True)):
        design = small(variant=variant, proofs_norm_equality=proofs)
        assert {check.name: check.ok for check in checks(design)}["soundness"] is ok
    words = " ".join(troth("plan", "--help").out.split())
    assert "2 or more for Field64, 3 for Field40 and Field32" in words


@pytest.mark.parametrize(
    "changes",
    [
        {"num_wr_checks": 50, "num_wr_successes": 50},
        {"variant": "Pine32HmacSha256Aes128"},
        {"variant": "Pine64", "proofs": None, "proofs_norm_equality": None},
        {"rounds": 25, "proofs_norm_equality": 1},
        {"mode": "B4", "members": 4, "honest": 3, "rounds": 60},
    ],
)
def test_a_printed_command_is_exactly_its_proposal(troth, design, changes):
    asked = design(**changes)
    proposed = [
        item["design"] for item in json.loads(troth("plan", *asked, "--json").out)["proposals"]
    ]
    out = troth("plan", *asked).out
    commands = [line.split()[2:] for line in out.splitlines() if " plan --" in line]
    assert commands
    again = [json.loads(troth("plan", *command, "--json").out)["design"] for command in commands]
    assert again == proposed


def test_arguments_describe_every_field(troth):
    unusual = replace(
        hospital_design(StudyParameters(), 2),
        mode="B3",
        members=3,
        weights=(1, 2),
        num_wr_checks=110,
        num_wr_successes=90,
    )
    shown = json.loads(troth("plan", *arguments(unusual).split(), "--json").out)["design"]
    assert {
        name: tuple(value) if isinstance(value, list) else value for name, value in shown.items()
    } == {name: getattr(unusual, name) for name in shown}
    assert not plan(unusual).fits


def test_a_counted_design_is_described_too(troth):
    counts = replace(
        hospital_design(StudyParameters(), 2),
        dimension=4, clip=1, scale_bits=0, noise_variance=5, rounds=1, counted=True,
    )  # fmt: skip
    ran = troth("plan", *arguments(counts).split(), "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["design"]["counted"] is True
    assert "a record is one count" in troth("plan", *arguments(counts).split()).out


def pretty(value):
    return json.dumps(dict(reversed(value.items())), indent=4).encode()


def test_terms_in_another_layout_are_read_and_the_canonical_form_is_named(troth, terms, tmp_path):
    (tmp_path / "terms.json").write_bytes(pretty(terms))
    ran = troth("plan", "terms.json", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["fits"]
    (note,) = ran.err.splitlines()
    assert note.startswith("troth: note: terms.json: not in canonical form")
    digest = decode(canonical.encode(terms)).digest()
    assert f"0x{digest.hex()}" in note


def test_the_canonical_form_is_written(troth, terms, tmp_path):
    (tmp_path / "terms.json").write_bytes(pretty(terms))
    ran = troth("plan", "terms.json", "--canonical", "terms.json")
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / "terms.json").read_bytes() == canonical.encode(terms)
    again = troth("plan", "terms.json")
    assert (again.code, again.err) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["terms.json"]


def test_a_canonical_form_of_nothing_or_nowhere(troth, written, terms, design, tmp_path):
    troth("plan", *design(), "--canonical", "out").complained(2, "--canonical out", "no terms")
    ran = troth("plan", written(terms), "--canonical", "nowhere/out")
    ran.complained(2, "nowhere/out", "cannot be written")
    troth("plan", tmp_path).complained(2, "is a folder")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9007199254740993"])
def test_numbers_that_no_terms_have(troth, terms, tmp_path, number):
    first = re.search(rb'"shift": *\[\s*([^,\]\s]+)', pretty(terms))
    assert first is not None
    text = pretty(terms)
    start, end = first.span(1)
    (tmp_path / "terms.json").write_bytes(text[:start] + number.encode() + text[end:])
    troth("plan", "terms.json").complained(2, "terms.json")


def test_the_plans_in_the_docs_end_as_the_docs_say(troth, project):
    page = (project / "docs/cli.md").read_text(encoding="utf-8").split("## Two plans")[1]
    fits, does_not = re.findall(r"^ {4}troth (plan --.+)$", page, re.MULTILINE)
    assert troth(*fits.split()).code == 0
    ran = troth(*does_not.split())
    assert ran.code == 1
    assert "It does not fit: soundness." in ran.out
    assert "Would fit: proofs_norm_equality 1 → 2\n" in ran.out
