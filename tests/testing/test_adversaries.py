"""Every named attack comes out as it says, and succeeds once its defence is left out."""

import re
from pathlib import Path

import pytest

from troth.domain.terms import MODES
from troth.round.transitions import State
from troth.scenarios.attack_stage import SmallStage, Worlds
from troth.scenarios.attacks import listed, play
from troth.testing.adversaries.attack import Must, Outcome, Setting, SwitchKind
from troth.testing.adversaries.catalogue import ATTACKS
from troth.testing.adversaries.stage import in_state

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs/attacks.md").read_text(encoding="utf-8")
BEGIN, END = "<!-- begin table: python -m troth.scenarios.attacks -->\n", "<!-- end table -->"
EVERY = [
    pytest.param(attack, mode, id=f"{attack.name}-{mode}")
    for mode in MODES
    for attack in ATTACKS
    if mode in attack.modes
]
SWITCHABLE = [
    pytest.param(attack, expected.modes[0], id=f"{attack.name}-{expected.modes[0]}")
    for attack, item in zip(ATTACKS, listed().attacks, strict=True)
    if attack.switch.kind is SwitchKind.ARGUMENT
    for expected in item.expected
]
"""One mode of those in which the same must come of an attack; releases play all of them."""


@pytest.fixture(scope="module")
def worlds():
    return Worlds()


@pytest.mark.parametrize(("attack", "mode"), EVERY)
def test_it_comes_out_as_it_says(tmp_path, worlds, attack, mode):
    found, must = play(attack, tmp_path, worlds, mode, defended=True), attack.must(mode)
    assert found.outcome is must.outcome, found
    assert (found.caught, found.named) == (must.caught, must.named)
    assert found.succeeded == (must.outcome is Outcome.LIMIT)


@pytest.mark.parametrize(("attack", "mode"), SWITCHABLE)
def test_it_succeeds_without_the_defence(tmp_path, worlds, attack, mode):
    assert play(attack, tmp_path, worlds, mode, defended=False).succeeded


def test_studies_of_one_world_have_nothing_in_common_but_their_past(tmp_path, worlds):
    first, second = (SmallStage(tmp_path / name, Setting(), worlds) for name in ("a", "b"))
    past = second.ledger.head()
    view = first.run(in_state(State.OPEN))
    assert first.study.study_id == second.study.study_id
    assert first.ledger.block(past.number).ref == past
    assert second.ledger.head() == past
    assert not second.store.has(view.current.hpke_keys[first.study.committee[0]])
    assert first.aggregators[0].state.key
    assert not second.aggregators[0].state.key
    assert second.run(in_state(State.OPEN)).current.heads_digest != view.current.heads_digest


def test_a_study_is_played_again_in_a_place_of_its_own(tmp_path, worlds):
    stage = SmallStage(tmp_path, Setting(candidates=4), worlds)
    stage.run(in_state(State.OPEN))
    fresh = stage.fresh()
    assert fresh.folder != stage.folder
    assert fresh.study.terms.privacy.noise_candidates == 4
    assert fresh.run(lambda _: True).current.state is State.ABSENT


def test_names_are_unique_and_in_kebab_case():
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", name) for name in names)


def test_every_class_is_in_the_catalogue():
    from troth.testing.adversaries.attack import Attack

    def concrete(kind):
        for below in kind.__subclasses__():
            yield from concrete(below)
            if "name" in vars(below):
                yield below

    found = [kind for kind in concrete(Attack) if kind.__module__.startswith("troth.")]
    assert set(found) == set(ATTACKS)


def test_every_attack_says_what_it_does_in_one_sentence():
    for item in listed().attacks:
        assert item.says[0].isupper(), item.name
        for row in item.rows():
            assert "|" not in row[2:-2].replace(" | ", ""), item.name


def musts():
    return [(attack, mode, attack.must(mode)) for attack in ATTACKS for mode in attack.modes]


def test_limits_have_no_switch():
    for attack, mode, must in musts():
        if must.outcome is Outcome.LIMIT:
            assert attack.switch.kind is SwitchKind.NONE, (attack.name, mode)


def test_an_attribution_names_one_and_only_a_limit_may_name_the_wrong_one():
    for attack, mode, must in musts():
        if len(must.named) == 1:
            assert must.outcome in (Outcome.ATTRIBUTED, Outcome.LIMIT), (attack.name, mode)
        attributed = must.outcome is Outcome.ATTRIBUTED
        assert not attributed or must.named == ("aggregator 1",), (attack.name, mode)


def test_what_differs_by_mode_is_said_of_modes_of_the_attack_and_differs():
    for attack in ATTACKS:
        assert attack.otherwise.keys() <= set(attack.modes), attack.name
        usual = Must(attack.expected, attack.caught, attack.named)
        assert all(must != usual for must in attack.otherwise.values()), attack.name
        assert attack.otherwise.keys() < set(attack.modes) or not attack.otherwise, attack.name


def test_the_table_in_the_documents_is_current():
    shown = PAGE.split(BEGIN)[1].split(END)[0]
    assert shown == listed().table(), "paste what python -m troth.scenarios.attacks prints"


def test_the_page_explains_every_outcome_and_mode():
    explained = set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE, flags=re.MULTILINE))
    assert explained == {must.outcome.value for _, _, must in musts()}
    assert {mode for _, mode, _ in musts()} == set(MODES)


def test_where_the_pick_decides_both_ends_are_listed():
    names = {attack.name for attack in ATTACKS}
    kept = {name.removesuffix("-kept") for name in names if name.endswith("-kept")}
    opened = {name.removesuffix("-opened") for name in names if name.endswith("-opened")}
    assert kept
    assert kept <= opened


def test_every_actor_attacks():
    from troth.testing.adversaries.attack import Actor

    assert {attack.actor for attack in ATTACKS} == set(Actor)
