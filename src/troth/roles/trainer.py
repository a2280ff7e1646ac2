"""A site: trains where its records are, reports once a round, checks the model that follows.

One update leaves in this order: the model of the last final round comes in, `train` turns it into
one vector of integers, `make_report` shares, proves and seals it, the report is stored, and only
its digest goes to the ledger.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import OnceOnly
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.roles.following import current_model, followed_model
from troth.roles.preconditions import require_reserved, within_promise
from troth.roles.reporting import (
    RandomBytes,
    Report,
    Sharer,
    make_report,
    round_keys,
    share_honestly,
)
from troth.round.mail import Inbox, Outbox
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView

Train = Callable[[Model, int], NDArray[np.int64]]
"""Local training: the model and the round's number give the site's integer update."""


@dataclass(frozen=True)
class TrainerState:
    """What a site keeps between steps."""

    round: int = 0
    """The last round that it made a report for."""
    envelope: bytes = b""
    """That report, whole: after a crash it is sent again, never shared a second time."""
    sealed: tuple[bytes, ...] = ()


class Trainer:
    """The role of a site in one study."""

    initial = TrainerState()

    def __init__(
        self,
        study: Study,
        account: Address,
        train: Train,
        random_bytes: RandomBytes,
        *,
        sharer: Callable[[int], Sharer] = lambda _: share_honestly,
    ) -> None:
        self.study = study
        self.account = account
        self.place = study.sites.index(account)
        self._train = train
        self._random = random_bytes
        self._sharer = sharer

    def step(self, state: TrainerState, inbox: Inbox) -> Outbox[TrainerState]:
        """Report while the round is open; attest once its shares are published."""
        view = inbox.view.current
        if view.state is State.OPEN and self._may_report(view, inbox):
            return self._report(state, view, inbox)
        if view.state is State.PUBLISHED and self._may_attest(view, inbox):
            return self._attest(state, view, inbox)
        return Outbox(self._forget(state, view))

    def encode(self, state: TrainerState) -> bytes:
        """Canonical JSON."""
        return records.encode(state)

    def decode(self, data: bytes) -> TrainerState:
        """The state that `encode` wrote."""
        return records.decode(TrainerState, data, "trainer state")

    def _may_report(self, view: RoundView, inbox: Inbox) -> bool:
        enrolled = bool(view.enrolled >> self.place & 1)
        open_to_us = enrolled and self.account not in view.reports and inbox.now <= view.deadline
        return open_to_us and within_promise(self.study, inbox.view, self.place)

    def _may_attest(self, view: RoundView, inbox: Inbox) -> bool:
        accepted = bool(view.accepted >> self.place & 1)
        return accepted and self.account not in view.attestations and inbox.now <= view.deadline

    def _report(self, state: TrainerState, view: RoundView, inbox: Inbox) -> Outbox[TrainerState]:
        require_reserved(self.study, view)
        if state.round > view.number:
            raise OnceOnly(f"round {view.number}: this site has reported in round {state.round}")
        if state.round < view.number:
            report = self._make(view, inbox)
            if report is None:
                return Outbox(state)
            state = TrainerState(view.number, report.envelope, report.sealed)
        post = rounds.report(self.study.study_id, view.number, digest(state.envelope))
        return Outbox(state, puts=(*state.sealed, state.envelope), posts=(post,))

    def _make(self, view: RoundView, inbox: Inbox) -> Report | None:
        """A fresh report, or None while the model or a member's key cannot be fetched."""
        keys = round_keys(self.study, view, inbox)
        model = current_model(self.study, inbox, self.account)
        if keys is None or model is None:
            return None
        return make_report(
            self.study,
            self.study.where(view.number),
            self.place,
            self._train(model, view.number),
            heads=view.heads_digest,
            hpke_keys=keys,
            share_rand=self._random,
            seal_random=self._random,
            sharer=self._sharer(view.number),
        )

    def _attest(self, state: TrainerState, view: RoundView, inbox: Inbox) -> Outbox[TrainerState]:
        model = followed_model(self.study, view, inbox, self.account)
        if model is None:
            return Outbox(state)
        post = rounds.attest(self.study.study_id, view.number, digest(model.encode()))
        return Outbox(state, posts=(post,))

    def _forget(self, state: TrainerState, view: RoundView) -> TrainerState:
        """Drop a report that nothing needs any more; its round's number stays for ever."""
        if state.sealed and view.number > state.round:
            return replace(state, envelope=b"", sealed=())
        return state
