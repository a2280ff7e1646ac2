"""Members that lie about a share which others hold too (modes B3 and B4): verifier shares, files.

All holders of a share say the same of it. In B3 two that differ end the round; a member that stands
in every such pair is named alone. In B4 two outvote the third, and the round goes on without it.
"""

from abc import ABC
from dataclasses import replace
from typing import ClassVar

from troth.roles.aggregator import Aggregator
from troth.roles.member import AggregatorState
from troth.round.mail import Inbox, Outbox
from troth.round.messages import VerifierFile
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import RoundView, StudyView
from troth.storage.blobs import LocalBlobs
from troth.testing.adversaries.attack import (
    REPLICATED,
    Observation,
    Outcome,
    Setting,
    argument,
)
from troth.testing.adversaries.member import (
    HONEST,
    LIAR,
    MemberAttack,
    Sent,
    Unrepentant,
    dishonest,
    leaves,
)
from troth.testing.adversaries.member_noise import PassedNoise, PassingNoise
from troth.testing.adversaries.member_replicated import SHARE, served_by_others
from troth.testing.adversaries.member_verdicts import (
    SITE,
    VICTIM,
    Evicting,
    Eviction,
    FileNotItsDigest,
    ForgedVerifierShare,
    Helping,
)
from troth.testing.adversaries.observing import named_by_abort
from troth.testing.adversaries.site_proofs import FAR_TOO_LONG
from troth.testing.adversaries.stage import Stage, in_set, in_state
from troth.testing.adversaries.stores import Diverting, ServedBy, plant

OUTVOTED = {"B4": leaves(State.JUDGED, "Disagree")}
PAIR = ("aggregator 1", "aggregator 2")
"""The holders of the share that a lie is about, in B3."""
ONE_WORD = argument("members that take one holder's word for a share, whatever the others say")


class Trusting(Aggregator):
    """Takes the dishonest member's word for every share that it holds."""

    def _files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> list[VerifierFile]:
        files = super()._files(state, view, inbox)
        liar = self.study.committee[LIAR]
        said = {
            (entry.place, entry.share): entry
            for file in files
            if file.member == liar
            for entry in file.entries
        }
        return [
            replace(
                file,
                entries=tuple(said.get((item.place, item.share), item) for item in file.entries),
            )
            for file in files
        ]


class Agreeing(Unrepentant, Trusting):
    """Posts the verdict of the others, so that nothing but its file speaks against it."""

    def _judge(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return super()._judge(state, view, inbox) if view.verdicts else Outbox(state)

    def _verdict(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> bytes:
        del state, inbox
        return next(codes for member, codes in view.verdicts.items() if member != self.account)


class Spoiling(Agreeing, Evicting):
    """Commits to wrong verifier shares of some reports."""


class Forging(Agreeing, Helping):
    """Forges its verifier share of a colluding site's report."""


class ForgingNoise(Agreeing, PassingNoise):
    """Forges its verifier share of its own noise."""


class FalseWord(Eviction, ABC):
    """A member that publishes wrong verifier shares which others have right."""

    modes = REPLICATED
    role = Spoiling
    expected = Outcome.ATTRIBUTED
    caught = "abort Disagree"
    named: ClassVar[tuple[str, ...]] = ("aggregator 1",)
    otherwise: ClassVar = OUTVOTED
    switch = ONE_WORD
    careless = Trusting

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether a report of these is out, and nobody is named for it."""
        found = view.rounds[1]
        out = any(not in_set(found, place) for place in self.victims(stage.study))
        unnamed = found.aborted[0] == "Noise" and not named_by_abort(stage)
        return unnamed or (out and bool(found.accepted) and not found.left)


class WrongVerifierShares(FalseWord):
    """A member publishes wrong verifier shares of an honest site's report, all that it holds."""

    name = "replicated-verifier-shares-wrong"
    wants = "an honest report is rejected and nobody is named"

    def victims(self, study: Study) -> tuple[int, ...]:
        """An honest site's."""
        del study
        return (VICTIM,)


class OneWrongVerifierShare(WrongVerifierShares):
    """A member publishes one wrong verifier share of an honest site's report, and a right one."""

    name = "one-replicated-verifier-share-wrong"
    expected = Outcome.DETECTED
    named = PAIR
    shares = (SHARE,)


class ReplicatedNoiseEvicted(FalseWord):
    """A member publishes wrong verifier shares of another's noise, to have it left out."""

    name = "replicated-noise-evicted"
    wants = "the honest member's noise is rejected and nobody is named for it"

    def victims(self, study: Study) -> tuple[int, ...]:
        """All candidates of the honest member."""
        return tuple(study.noise_places(HONEST))


class SomeReplicatedNoiseEvicted(ReplicatedNoiseEvicted):
    """A member publishes wrong verifier shares of one of another's candidates."""

    name = "some-replicated-noise-evicted"

    def victims(self, study: Study) -> tuple[int, ...]:
        """One candidate of the honest member."""
        return (study.noise_place(HONEST, 0),)


class OwnReplicatedNoiseFailed(ReplicatedNoiseEvicted):
    """A member publishes wrong verifier shares of its own noise, so that none of it is opened."""

    name = "own-replicated-noise-made-to-fail"
    wants = "its own noise is rejected and it is not named for it"

    def victims(self, study: Study) -> tuple[int, ...]:
        """All of its own candidates."""
        return tuple(study.noise_places(LIAR))


class ReplicatedForgedShare(ForgedVerifierShare):
    """A site and a member forge a verifier share for an update above the norm bound."""

    name = "replicated-verifier-share-forged"
    modes = REPLICATED
    expected = Outcome.DETECTED
    caught = "abort Disagree"
    named = PAIR
    otherwise: ClassVar = OUTVOTED
    wants = "the report is in the accepted set of a final round"
    switch = ONE_WORD
    setting = Setting(vectors={SITE: FAR_TOO_LONG})
    role = Forging
    careless = Trusting


class ReplicatedForgedNoise(PassedNoise):
    """A member forges a verifier share so that its own noise passes far above the bound."""

    name = "replicated-noise-proof-forged"
    modes = REPLICATED
    expected = Outcome.DETECTED
    caught = "abort Disagree"
    named = PAIR
    otherwise: ClassVar = OUTVOTED
    wants = "the noise is in the accepted set"
    switch = ONE_WORD
    role = ForgingNoise
    careless = Trusting

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether it is."""
        return in_set(view.rounds[1], stage.study.noise_place(LIAR, 0))


class ReplicatedFileNotItsDigest(FileNotItsDigest):
    """A member and the store serve another verifier file than the one it committed to."""

    name = "replicated-file-not-its-digest"
    modes = REPLICATED
    expected = Outcome.ATTRIBUTED
    named = ("aggregator 1",)
    otherwise: ClassVar = {"B4": leaves(State.COMMITTED, "Unavailable")}
    wants = "honest members judge by a file that was not committed to"

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether one says that it has it."""
        fetched = view.rounds[1].fetched.get(stage.study.committee[HONEST], 0)
        return bool(fetched >> LIAR & 1)


class KeepingFile(Unrepentant):
    """Commits to a verifier file and puts it nowhere."""

    file = b""

    def _commit_file(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        outbox = super()._commit_file(state, view, inbox)
        self.file = self._verified(outbox.state, view, inbox).file.encode()
        return outbox

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        return replace(super()._confirm_files(state, view, inbox), puts=())


class ServingOwnFile(Aggregator):
    """Serves its own verifier file only."""

    def _confirm_files(self, state: AggregatorState, view: RoundView, inbox: Inbox) -> Sent:
        own = self._verified(state, view, inbox).file.encode()
        return replace(super()._confirm_files(state, view, inbox), puts=(own,))


class FileServedToSome(MemberAttack):
    """A member serves its verifier file to all others but one, so that this one cannot judge."""

    name = "file-served-to-all-but-one"
    modes = REPLICATED
    expected = Outcome.REFUSED
    caught = "served by others"
    wants = "the round ends, or goes on without the honest one, and the dishonest is not named"
    switch = argument("members that do not serve again what they could fetch")
    role = KeepingFile
    careless = ServingOwnFile

    def play(self, stage: Stage, *, defended: bool) -> Observation:
        """One round; once committed to, all honest members but the last are given the file."""
        role = self.liar(stage, stage.study)
        sites, honest = list(stage.sites), self.honest(stage, defended=defended)
        members = [stage.party(role), *honest]
        view = stage.run(in_state(State.COMMITTED), [*sites, *members])
        name, elsewhere = view.current.files[role.account], stage.folder.with_name("elsewhere")
        plant(elsewhere, name, role.file)
        given = Diverting(stage.store, name, LocalBlobs(elsewhere))
        readers = [ServedBy(party, given) for party in honest[:-1]]
        members = [members[0], *readers, honest[-1]]
        view = stage.run(self.over, [*sites, *members])
        seen = self.observe(stage, view, succeeded=self.reached(stage, view))
        return served_by_others(stage, seen, [name])

    def liar(self, stage: Stage, study: Study) -> KeepingFile:
        """The member."""
        del stage
        return dishonest(KeepingFile, study)

    def reached(self, stage: Stage, view: StudyView) -> bool:
        """Whether somebody else pays."""
        found, account = view.rounds[1], self.account(stage)
        stopped = found.state is State.ABORTED and account not in named_by_abort(stage)
        return stopped or bool(found.left.keys() - {account})
