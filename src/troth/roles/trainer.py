"""A site: trains where its records are, reports once a round, checks what became of its report.

One update leaves in this order: the model of the last final round comes in, `train` turns it into
one vector of integers, `share_report` shares, proves and masks it, `seal_report` seals it, the
report is kept, and only its digest goes to the ledger. The site may then leave. When it comes back
it checks the tags of its own shares and the model: in the last window as a vote, later as a review.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from troth.domain import records
from troth.domain.hashing import digest
from troth.errors import OnceOnly
from troth.learning.model import Model
from troth.ledger.address import Address
from troth.ledger.bindings import rounds
from troth.roles.following import Examine, current_model, publications
from troth.roles.preconditions import require_reserved, within_promise
from troth.roles.reporting import NO_REPORT, KeptReport, Report, round_keys, seal_report
from troth.roles.voting import has_spoken, vote
from troth.round.faults import Tagged, examine, wrong_tags
from troth.round.mail import Inbox, Outbox, Wanted
from troth.round.publication import decode_publication
from troth.round.published import rho_seed
from troth.round.sharing import (
    RandomBytes,
    Sharer,
    Sharing,
    draw_mask_seed,
    share_honestly,
    share_report,
)
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.verdict import round_verify_key
from troth.round.view import RoundView

Train = Callable[[Model, int], NDArray[np.int64]]
"""Local training: the model and the round's number give the site's integer update."""


@dataclass(frozen=True)
class TrainerState:
    """What a site keeps between steps; the blobs that it names are kept beside."""

    round: int = 0
    """The last round that it made a report for; it only grows."""
    report: KeptReport = NO_REPORT
    """That report: after a crash it is sent again, never shared a second time."""
    shares: bytes = b""
    """Digest of its extended shares, one after the other; empty once the round is checked."""


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
        examine_round: Examine = examine,
    ) -> None:
        self.study = study
        self.account = account
        self.place = study.sites.index(account)
        self._train = train
        self._random = random_bytes
        self._sharer = sharer
        self._examine = examine_round

    def step(self, state: TrainerState, inbox: Inbox) -> Outbox[TrainerState]:
        """Report while the round is open, vote at its end, look back on a round that is over."""
        view = inbox.view.current
        if state.shares and state.round < view.number:
            looked_back = self._look_back(state, inbox)
            if looked_back is not None:
                return looked_back
        if view.state is State.OPEN and self._may_report(view, inbox):
            return self._report(state, view, inbox)
        if view.state is State.OPENED and self._may_vote(view, inbox):
            own = None if self.study.replicated else self._own_shares(state, view, inbox)
            ballot = vote(
                self.study, view, inbox, self.account, own=lambda: own, examine_round=self._examine
            )
            return Outbox(state, puts=ballot.puts, posts=ballot.posts)
        return Outbox(state)

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

    def _may_vote(self, view: RoundView, inbox: Inbox) -> bool:
        accepted = bool(view.accepted >> self.place & 1)
        return accepted and not has_spoken(view, self.account) and inbox.now <= view.deadline

    def _report(self, state: TrainerState, view: RoundView, inbox: Inbox) -> Outbox[TrainerState]:
        require_reserved(self.study, view)
        again = state.round == view.number and not state.report.envelope
        if state.round > view.number or again:
            raise OnceOnly(f"round {view.number}: this site has reported in round {state.round}")
        if state.round == view.number and state.report.envelope:
            blobs = state.report.blobs(self.study, self.place, inbox)
            return self._send(state, state.report, view, blobs)
        made = self._make(view, inbox)
        if made is None:
            return Outbox(state)
        sharing, report = made
        own = b"".join(sharing.extended)
        state = TrainerState(view.number, report.kept(), digest(own))
        return self._send(state, report.kept(), view, report.blobs, own)

    def _send(
        self,
        state: TrainerState,
        report: KeptReport,
        view: RoundView,
        blobs: tuple[bytes, ...],
        *own: bytes,
    ) -> Outbox[TrainerState]:
        post = rounds.report(self.study.study_id, view.number, report.envelope)
        return Outbox(state, keeps=(*blobs, *own), puts=blobs, posts=(post,))

    def _make(self, view: RoundView, inbox: Inbox) -> tuple[Sharing, Report] | None:
        """A fresh report, or None while the model or a member's key cannot be fetched."""
        keys = round_keys(self.study, view, inbox, self.study.terms.windows.report)
        model = current_model(self.study, inbox, self.account)
        if keys is None or model is None:
            return None
        where = self.study.where(view.number)
        sharing = share_report(
            self.study,
            where,
            self.place,
            self._train(model, view.number),
            heads=view.heads_digest,
            rand=self._random,
            mask_seed=draw_mask_seed(self._random),
            sharer=self._sharer(view.number),
        )
        report = seal_report(
            self.study, where, self.place, sharing, hpke_keys=keys, random_bytes=self._random
        )
        return sharing, report

    def _own_shares(
        self, state: TrainerState, view: RoundView, inbox: Inbox
    ) -> tuple[int, list[bytes]] | None:
        """Place and extended shares of this site's report, or None when they are lost."""
        if state.round != view.number or not state.shares:
            return None
        sizes = [
            self.study.extended_size(self.place, share)
            for share in range(len(self.study.committee))
        ]
        (data,) = inbox.take([Wanted(state.shares, sum(sizes), keep=True)])
        if data is None:
            return None
        ends = [sum(sizes[: share + 1]) for share in range(len(sizes))]
        pieces = [data[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        return self.place, pieces

    def _look_back(self, state: TrainerState, inbox: Inbox) -> Outbox[TrainerState] | None:
        """After a round: say what became of one's report, unless one had said so, and forget it.

        A mismatch is on the ledger for ever; nothing is summed again. None while a publication
        cannot be fetched: the shares are kept until they have been used, or a new report is made.
        """
        view = inbox.view.rounds[state.round]
        forgotten = TrainerState(state.round)
        own = self._own_shares(state, view, inbox)
        if own is None or not self._owes_review(view):
            return Outbox(forgotten, forget=True)
        right = self._found_right(own, view, inbox)
        if right is None:
            return None
        post = rounds.review(self.study.study_id, view.number, right)
        return Outbox(state, posts=(post,))

    def _owes_review(self, view: RoundView) -> bool:
        accepted = bool(view.accepted >> self.place & 1)
        said = view.tags_right.get(self.account) or self.account in view.accusations
        return (
            view.state is State.FINAL
            and not self.study.replicated
            and accepted
            and not said
            and (self.account not in view.reviews)
        )

    def _found_right(
        self, own: tuple[int, list[bytes]], view: RoundView, inbox: Inbox
    ) -> bool | None:
        """Whether one's own tags are right, whatever others say; None while that cannot be seen."""
        blobs = publications(self.study, view, inbox)
        if None in blobs:
            return None
        found = tuple(decode_publication(self.study, view.accepted, blob or b"") for blob in blobs)
        seed = rho_seed(self.study, view, round_verify_key(self.study, view))
        place, extended = own
        return not wrong_tags(
            self.study, Tagged(self.study.challenge(seed), found), place, extended
        )
