"""One toy study that has run to its end, for tests that only look at it."""

from dataclasses import dataclass
from typing import Any

import pytest

from troth.round.view import RoundView
from troth.scenarios.small_study import Shape, SmallStudy, small_study


@dataclass(frozen=True)
class Finished:
    small: SmallStudy
    round: RoundView

    def blob(self, digest: bytes) -> bytes:
        return self.small.consortium.store.get(digest, max_size=2**20)

    def ask(self, call: Any) -> Any:
        return self.small.consortium.ledger.call(call)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    small = small_study(tmp_path_factory.mktemp("finished"), Shape(rounds=1))
    return Finished(small, small.run().rounds[1])
