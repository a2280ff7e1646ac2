"""One toy study that has run to its end, for tests that only look at it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from troth.errors import StorageError
from troth.roles.following import follow
from troth.round.mail import BlobsWanted, Inbox, Wanted
from troth.round.published import PublishedRound
from troth.round.view import RoundView, StudyView
from troth.scenarios.small_study import Shape, SmallStudy, small_study


@dataclass(frozen=True)
class Finished:
    small: SmallStudy
    round: RoundView

    def blob(self, digest: bytes) -> bytes:
        return self.small.consortium.store.get(digest, max_size=2**20)

    def ask(self, call: Any) -> Any:
        return self.small.consortium.ledger.call(call)

    @cached_property
    def published(self) -> PublishedRound:
        """The round as a voter reads it."""
        view = StudyView(self.small.study.study_id, {1: self.round})
        blobs: dict[Wanted, bytes | None] = {}
        while True:
            try:
                followed = follow(self.small.study, self.round, Inbox(view, 0, blobs))
            except BlobsWanted as request:
                blobs |= {wanted: self._fetch(wanted) for wanted in request.wanted}
                continue
            assert followed is not None
            return followed.published

    def _fetch(self, wanted: Wanted) -> bytes | None:
        try:
            return self.small.consortium.store.get(wanted.digest, max_size=wanted.max_size)
        except StorageError:
            return None


def finished_study(folder, shape: Shape) -> Finished:
    small = small_study(folder, shape)
    return Finished(small, small.run().rounds[1])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    return finished_study(tmp_path_factory.mktemp("finished"), Shape(rounds=1))


@pytest.fixture(scope="module")
def of_three(tmp_path_factory) -> Finished:
    """A round of three members, whose noise has shares that can be shown."""
    shape = Shape(rounds=1, weights=(1, 2), members=3)
    return finished_study(tmp_path_factory.mktemp("three"), shape)
