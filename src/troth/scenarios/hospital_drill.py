"""The hospitals' drill: one round in which an aggregator is told to cheat.

It shifts one number of its share of the sum by the size of a whole record and does everything else
as it should. What comes of it depends on the mode:

- A: whoever checks the tags finds it, and so does everybody. The round ends without a model, and
  the ledger names the aggregator.
- B3: the other holder of the share has another sum. The round ends before either is published, and
  the ledger names the two.
- B4: two others hold the share and agree. The liar leaves the round, which goes on without it, so
  the drill is a round of the study itself. In the other modes it is a study of its own on made-up
  records: a round that ends is no model's, and no patient pays for it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import Terms
from troth.errors import RoundError
from troth.learning.model import Model
from troth.ledger.address import ZERO, Address
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.aggregator import Aggregator
from troth.roles.following import Examine
from troth.roles.member import AggregatorState
from troth.roles.replicated import ReplicatedAggregator, aggregator_for
from troth.roles.trainer import Trainer
from troth.roles.verifying import Slot
from troth.round.mail import Inbox
from troth.round.publication import Sums
from troth.round.study import Study
from troth.round.transitions import Fault, State
from troth.round.view import RoundView
from troth.scenarios import result
from troth.scenarios.consortium import Dataset, RandomBytes
from troth.scenarios.hospital_committee import OUTVOTING
from troth.scenarios.hospital_records import DIMENSION, HospitalData, StudyParameters
from troth.scenarios.hospital_study import Cast, hospital_terms
from troth.testing.false_sums import shifted_sums

NAME = "drill on made-up records"
PURPOSE = "See that an aggregator which changes a sum is found and named before it matters"
CHEAT = 1
"""Which aggregator is told to cheat."""
CHEAT_ROUND = 1
"""In which round; where that goes on, it is honest again in the next."""


class Cheat(Aggregator):
    """An aggregator that moves one coordinate of its sum by what one whole record could."""

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        sums, outputs = super()._sums(state, view, inbox)
        return shifted_sums(self.study, sums, self.study.terms.privacy.clip), outputs


class ReplicatedCheat(ReplicatedAggregator):
    """The same where others hold each share, in one round: it moves the first sum that it holds."""

    def _outputs(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> dict[Slot, OutputShare]:
        outputs = super()._outputs(state, view, inbox)
        if view.number != CHEAT_ROUND:
            return outputs
        field, first = self.study.field, min(outputs)
        shift = field.zeros(self.study.site_pine.dimension)
        shift[0] = self.study.terms.privacy.clip
        moved = field.add(outputs[first].values, shift)
        return outputs | {first: OutputShare(field, moved)}


def drill_terms(
    players: Cast,
    datasets: list[Dataset],
    chain_id: int,
    data: HospitalData,
    parameters: StudyParameters,
) -> Terms:
    """The hospitals' own terms, for one round on datasets that are made up."""
    one = replace(parameters, rounds=1)
    return hospital_terms(NAME, PURPOSE, players, datasets, chain_id, data, one)


def _nothing(_: Model, __: int) -> NDArray[np.int64]:
    """What a model learns from made-up records."""
    return np.zeros(DIMENSION, dtype=np.int64)


def drill_sites(study: Study, random_bytes: RandomBytes, examine_round: Examine) -> list[Trainer]:
    """Honest sites with made-up records."""
    return [
        Trainer(study, account, _nothing, random_bytes, examine_round=examine_round)
        for account in study.sites
    ]


def drilled_committee(
    study: Study, random_bytes: RandomBytes, examine_round: Examine
) -> list[Aggregator]:
    """Honest aggregators, and the cheat."""
    cheat = ReplicatedCheat if study.replicated else Cheat
    kinds = [
        cheat if index == CHEAT else aggregator_for(study) for index in range(len(study.committee))
    ]
    return [
        kind(study, account, random_bytes, examine_round=examine_round)
        for kind, account in zip(kinds, study.committee, strict=True)
    ]


def told(study: Study, players: Cast, view: RoundView, other: Address = ZERO) -> result.Drill:
    """What came of it, by the ledger.

    Args:
        study: whose round it was.
        players: who took part.
        view: the round, ended.
        other: the second of two that the ledger names together.

    Raises:
        RoundError: a round that went on with the cheat, or ended where it should go on without, or
            before there was a sum to change.
    """
    labels = {item.account.address: item.label for item in players.organisations}
    cheat = study.committee[CHEAT]
    final, outvoting = view.state is State.FINAL, study.terms.mode in OUTVOTING
    changed = not study.replicated or cheat in view.sums
    if final != outvoting or (final and cheat not in view.left) or not changed:
        raise RoundError(
            f"the drill's round is {view.state.title}, which is not what should come of it"
        )
    reason, party = (view.left[cheat][1], cheat) if final else view.aborted
    finders, watchers = _holders(study, view) if study.replicated else _voters(view, party)
    return result.Drill(
        study="0x" + study.study_id.hex(),
        round=view.number,
        final=final,
        reason=reason,
        cheat=labels[cheat],
        named=labels.get(party, ""),
        other=labels.get(other, ""),
        accusers=finders,
        voters=watchers,
    )


def _voters(view: RoundView, party: Address) -> tuple[int, int]:
    """How many found it and accused the party; how many could have."""
    found = [
        voter
        for voter, accusation in view.accusations.items()
        if accusation.party == party and accusation.fault is not Fault.OWN_TAG
    ]
    return len(found), len(view.accusations) + len(view.attestations) + 1


def _holders(study: Study, view: RoundView) -> tuple[int, int]:
    """How many posted another sum of the share that the cheat changed; how many hold it too."""
    share, *_ = study.shares_of(0, CHEAT)
    posted = {
        index: view.sums[member][study.shares_of(0, index).index(share)]
        for index, member in enumerate(study.committee)
        if index in study.holders(0, share) and member in view.sums
    }
    changed = posted.pop(CHEAT)
    return sum(digest != changed for digest in posted.values()), len(posted)
