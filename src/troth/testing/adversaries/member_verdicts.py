"""Members that lie about what they verified, or keep back what a round waits for."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from troth.domain.hashing import digest
from troth.privacy.secagg.messages import InputShare, VerifierState
from troth.privacy.secagg.pine import Pine
from troth.roles.aggregator import Aggregator, AggregatorState
from troth.roles.trainer import Trainer
from troth.roles.verifying import read_envelopes
from troth.round.driver import Party
from troth.round.mail import BlobsWanted, Inbox, Outbox, Wanted
from troth.round.messages import VerifierFile
from troth.round.transcript import report_nonce
from troth.round.transitions import State, table
from troth.round.view import RoundView, StudyView
from troth.testing.adversaries.attack import (
    Actor,
    Attack,
    Observation,
    Outcome,
    Setting,
    argument,
    no_switch,
)
from troth.testing.adversaries.lenient import without_proofs
from troth.testing.adversaries.observing import NOWHERE, attempt, noticed_limit, observe_round
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG, Vector
from troth.testing.adversaries.stage import Stage, ended, in_set, in_state
from troth.testing.adversaries.stores import UncheckedBlobs, plant
from troth.testing.forgers import Report, shard_over_norm

LIAR, HONEST = 1, 0
"""Indices of the two members; places of the site that it helps and of the one that it harms."""
Sent = Outbox[AggregatorState]


class Accepting(Aggregator):
    """Says that it accepts every report."""

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        return bytes(len(super()._verdict(state, view, inbox)))


class Following(Aggregator):
    """Posts the verdict that another member has posted, whatever it says."""

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        own = super()._verdict(state, view, inbox)
        return next(iter(view.verdicts.values()), own)


class FalseAccept(Attack):
    """A member says that it accepts a report which does not verify."""

    name = "false-accept"
    actor = Actor.MEMBER
    expected = Outcome.ATTRIBUTED
    caught = "abort Disagree, then the audit"
    named = ("aggregator 1",)
    wants = "the report is in the accepted set"
    switch = argument("members that post another's verdict instead of their own")
    setting = Setting(vectors={LIAR: FAR_TOO_LONG}, sharers={LIAR: shard_over_norm})

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        study = stage.study
        account = study.committee[LIAR]
        liar = Accepting(without_proofs(study, LIAR), account, os.urandom)
        honest: Party[Any] = stage.aggregators[HONEST]
        if not defended:
            lax = without_proofs(study, LIAR)
            honest = stage.party(Following(lax, study.committee[HONEST], os.urandom))
        view = stage.run(ended, [*stage.sites, stage.party(liar), honest])
        succeeded = in_set(view.rounds[1], LIAR)
        return observe_round(stage, view, account, succeeded=succeeded)


class Evicting(Aggregator):
    """Commits to a wrong verifier share for one report."""

    victim: int
    """Its place."""

    def _verified(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[VerifierFile, dict[int, VerifierState]]:
        file, states = super()._verified(state, view, inbox)
        return spoiled(file, self.victim), states


def spoiled(file: VerifierFile, place: int) -> VerifierFile:
    """The same file with the first element of one verifier share set to zero."""
    entries = tuple(
        replace(entry, verifier_share=bytes(8) + entry.verifier_share[8:])
        if entry.place == place
        else entry
        for entry in file.entries
    )
    return replace(file, entries=entries)


class WrongVerifierShare(Attack):
    """A member publishes a wrong verifier share, so that an honest site's proof fails."""

    name = "wrong-verifier-share"
    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "an honest report is rejected and nobody is named"
    switch = no_switch("a limit in mode A: visible, but nobody can tell who lied")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        account = stage.study.committee[LIAR]
        role = Evicting(stage.study, account, os.urandom)
        role.victim = HONEST
        view = stage.run(ended, [*stage.sites, stage.aggregators[HONEST], stage.party(role)])
        found = view.rounds[1]
        succeeded = found.state is State.FINAL and not in_set(found, HONEST)
        return observe_round(stage, view, account, succeeded=succeeded)


class HonestNoiseEvicted(Attack):
    """A member publishes a wrong verifier share for another's noise, to have that one named."""

    name = "honest-noise-evicted"
    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = "abort Noise"
    named = ("aggregator 0",)
    wants = "the round ends and only the honest member is named"
    switch = no_switch(
        "a limit in mode A: rejected noise names its owner; nobody can tell who lied"
    )

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        study = stage.study
        role = Evicting(study, study.committee[LIAR], os.urandom)
        role.victim = study.noise_place(HONEST, 0)
        view = stage.run(ended, [*stage.sites, stage.aggregators[HONEST], stage.party(role)])
        seen = observe_round(stage, view, study.committee[LIAR], succeeded=False)
        framed = seen.named == (stage.label(study.committee[HONEST]),)
        return noticed_limit(seen, succeeded=framed)


class Helping(Aggregator):
    """Forges its verifier share so that a colluding site's false proofs add up to nothing."""

    theirs: list[InputShare]
    """The site's input shares, which it told this member."""

    def _verified(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[VerifierFile, dict[int, VerifierState]]:
        file, states = super()._verified(state, view, inbox)
        pine = self.study.pine(LIAR)
        envelope = read_envelopes(self.study, view, inbox)[LIAR]
        nonce = report_nonce(
            self.study.where(view.number), self.study.reporters[LIAR], view.heads_digest
        )
        _, other = pine.verify_init(
            state.verify_key,
            HONEST,
            nonce,
            pine.decode_public_share(envelope.public_share),
            self.theirs[HONEST],
        )
        (own,) = (entry for entry in file.entries if entry.place == LIAR)
        honest = pine.decode_verifier_share(own.verifier_share)
        nothing = pine.field.zeros(len(other.verifiers))
        forged = replace(honest, verifiers=pine.field.sub(nothing, other.verifiers)).encode()
        entries = tuple(
            replace(entry, verifier_share=forged) if entry.place == LIAR else entry
            for entry in file.entries
        )
        return replace(file, entries=entries), states


class ForgedVerifierShare(Attack):
    """A site and a member together pass an update a hundred times above the norm bound."""

    name = "forged-verifier-share"
    actor = Actor.MEMBER
    expected = Outcome.LIMIT
    caught = NOWHERE
    wants = "the report is in the accepted set and the audit finds nothing"
    switch = no_switch("a limit of mode A: integrity needs every member to verify honestly")
    setting = Setting(vectors={LIAR: FAR_TOO_LONG})

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; the site tells the member its input shares, so that it can foresee."""
        del defended
        study, told = stage.study, list[InputShare]()

        def shard(pine: Pine, vector: Vector, nonce: bytes, rand: bytes) -> Report:
            made = shard_over_norm(pine, vector, nonce, rand)
            told[:] = made[1]
            return made

        site = Trainer(
            study, study.sites[LIAR], stage.train(LIAR), os.urandom, sharer=lambda _: shard
        )
        role = Helping(study, study.committee[LIAR], os.urandom)
        role.theirs = told
        sites = [stage.sites[HONEST], stage.party(site), stage.sites[2]]
        view = stage.run(ended, [*sites, stage.aggregators[HONEST], stage.party(role)])
        found = view.rounds[1]
        succeeded = found.state is State.FINAL and in_set(found, LIAR)
        return observe_round(stage, view, study.committee[LIAR], succeeded=succeeded)


class Adapting(Aggregator):
    """Commits to one verifier file and serves another under its digest."""

    serve: Any
    adapted = False

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._confirm_files(state, view, inbox)
        self.adapted = True
        file, _ = self._verified(state, view, inbox)
        self.serve(view.files[self.account], file.encode())
        return replace(outbox, puts=())

    def _verified(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[VerifierFile, dict[int, VerifierState]]:
        file, states = super()._verified(state, view, inbox)
        return (spoiled(file, HONEST) if self.adapted else file), states


class FileNotItsDigest(Attack):
    """A member serves another verifier file than it committed to, after seeing the others'."""

    name = "verifier-file-not-its-digest"
    actor = Actor.MEMBER
    expected = Outcome.DETECTED
    caught = "abort Unavailable"
    wants = "an honest report is rejected by a file that was not committed to"
    switch = argument("a store client that does not compare what it gets with the digest")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        account = stage.study.committee[LIAR]
        if not defended:
            stage.store = UncheckedBlobs(stage.folder)
        role = Adapting(stage.study, account, os.urandom)
        role.serve = lambda name, data: plant(stage.folder, name, data)
        parties = [*stage.sites, stage.party(role), stage.aggregators[HONEST]]
        view = stage.run(ended, parties)
        found = view.rounds[1]
        succeeded = bool(found.accepted) and not in_set(found, HONEST)
        return observe_round(stage, view, account, succeeded=succeeded)


class Withholding(Aggregator):
    """Never reveals its key."""

    def _reveal(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        del view, inbox
        return Outbox(state)


class RevealWithheld(Attack):
    """A member withholds its reveal, so that there is no verify key."""

    name = "reveal-withheld"
    actor = Actor.MEMBER
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    wants = "the round ends and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round."""
        del defended
        account = stage.study.committee[LIAR]
        liar = stage.party(Withholding(stage.study, account, os.urandom))
        view = stage.run(ended, [*stage.sites, stage.aggregators[HONEST], liar])
        unnamed = view.rounds[1].aborted != ("Withheld", account)
        return observe_round(stage, view, account, succeeded=unnamed)


SILENT_STATES = [state for state, row in table().timeouts.items() if row.names == "missing member"]
"""States that wait for every member."""


class CrashAtEachStep(Attack):
    """A member stops at every step in turn, one round each."""

    name = "crash-at-each-step"
    actor = Actor.MEMBER
    expected = Outcome.ATTRIBUTED
    caught = "abort Withheld"
    named = ("aggregator 1",)
    wants = "some round ends and the member is not named"
    switch = no_switch("liveness: nobody can be made to speak, only be named for silence")
    setting = Setting(max_aborts=len(SILENT_STATES))

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """As many rounds as there are steps that wait for members."""
        del defended
        account = stage.study.committee[LIAR]
        others = [*stage.sites, stage.aggregators[HONEST]]
        seen: list[Observation] = []
        for number, state in enumerate(SILENT_STATES, start=1):
            view = stage.run(in_state(state))
            view = stage.run(_ended(number), others)
            unnamed = view.rounds[number].aborted != ("Withheld", account)
            seen.append(observe_round(stage, view, account, succeeded=unnamed, number=number))
        return next((one for one in seen if one != seen[0]), seen[0])


def _ended(number: int) -> Any:
    return lambda view: number in view.rounds and view.rounds[number].state.ended


class SecondVerifyKey(Attack):
    """A ledger that goes back shows a member other reveals, to have its shares queried twice."""

    name = "second-verify-key"
    actor = Actor.MEMBER
    expected = Outcome.REFUSED
    caught = "OnceOnly"
    wants = "an honest member queries one report under two verify keys"
    switch = argument("a member whose state file forgets the verify key of the round")

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """The honest member commits to its file; then the other's reveal is another one."""
        view = stage.run(in_state(State.KEYED))
        role = Aggregator(stage.study, stage.study.committee[HONEST], os.urandom)
        first = stepped(stage, role, stage.aggregators[HONEST].state, view)
        view.current.reveals[stage.study.committee[LIAR]] = digest(b"another reveal")
        state = first.state if defended else replace(first.state, verify_key=b"")
        again = Aggregator(stage.study, stage.study.committee[HONEST], os.urandom)
        posts = [first.posts]
        return attempt(
            lambda: posts.append(stepped(stage, again, state, view).posts),
            lambda: _two_files(posts),
        )


def _two_files(posts: Sequence[Any]) -> bool:
    """Whether two files were committed to, with different digests."""
    committed = {call.arguments for sent in posts for call in sent}
    return len(committed) > 1


def stepped(stage: Stage, role: Aggregator, state: AggregatorState, view: StudyView) -> Sent:
    """One step of a member as the driver would make it, without any effect."""
    blobs: dict[Wanted, bytes | None] = {}
    while True:
        try:
            return role.step(state, Inbox(view, stage.ledger.head().timestamp, blobs))
        except BlobsWanted as request:
            blobs |= {
                wanted: stage.store.get(wanted.digest, max_size=wanted.max_size)
                for wanted in request.wanted
            }
