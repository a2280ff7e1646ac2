"""Toy studies in any state of their first round: each shape runs once, every test gets a copy."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.roles.staging import ELSEWHERE, copied, in_state

from troth.round.transitions import State
from troth.scenarios.small_study import Shape, SmallStudy, small_study

World = Callable[..., SmallStudy]
_PASSED = [state for state in State if state < State.FINAL and state not in ELSEWHERE]


def _history(shape: Shape, folder: Path) -> dict[State, SmallStudy]:
    """The world at the beginning of every state of an honest round."""
    small = small_study(folder / "running", shape)
    worlds: dict[State, SmallStudy] = {}
    for state in _PASSED:
        if state is not State.ANNOUNCING:
            small.run(in_state(state))
            worlds[state] = copied(small, folder / state.title)
    small.run(lambda view: bool(view.finals))
    return worlds | {State.FINAL: small}


@pytest.fixture(scope="session")
def histories() -> dict[str, dict[State, SmallStudy]]:
    """What `world` has run so far, by shape."""
    return {}


@pytest.fixture
def world(histories, tmp_path, tmp_path_factory) -> World:
    """``world(shape, state)``: a study of this shape at the beginning of a state of its round."""
    made = 0

    def at(shape: Shape, state: State = State.ABSENT) -> SmallStudy:
        nonlocal made
        key = repr(shape)
        if key not in histories:
            histories[key] = _history(shape, tmp_path_factory.mktemp("history"))
        made += 1
        return copied(histories[key][state], tmp_path / f"world-{made}")

    return at
