"""The hospitals' drill: one round on made-up records, in which an aggregator is told to cheat.

It shifts one number of its share of the sum by the size of a whole record and publishes everything
else as it should. Whoever checks the tags finds it, and so does everybody: the round ends without a
model, and the ledger names the aggregator. No patient is in the records.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from troth.domain.terms import Terms
from troth.learning.model import Model
from troth.privacy.secagg.outputs import OutputShare
from troth.roles.aggregator import Aggregator, AggregatorState
from troth.roles.following import Examine
from troth.roles.trainer import Trainer
from troth.round.mail import Inbox
from troth.round.publication import Sums
from troth.round.study import Study
from troth.round.transitions import Fault
from troth.round.view import RoundView
from troth.scenarios import result
from troth.scenarios.consortium import Dataset, RandomBytes
from troth.scenarios.hospital_records import DIMENSION, HospitalData, StudyParameters
from troth.scenarios.hospital_study import Cast, hospital_terms
from troth.testing.false_sums import shifted_sums

NAME = "drill on made-up records"
PURPOSE = "See that an aggregator which changes a sum is found and named before it matters"
CHEAT = 1
"""Which aggregator is told to cheat."""


class Cheat(Aggregator):
    """An aggregator that moves one coordinate of its sum by what one whole record could."""

    def _sums(
        self, state: AggregatorState, view: RoundView, inbox: Inbox
    ) -> tuple[Sums, Mapping[int, OutputShare]]:
        sums, outputs = super()._sums(state, view, inbox)
        return shifted_sums(self.study, sums, self.study.terms.privacy.clip), outputs


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


def drill_roles(study: Study, random_bytes: RandomBytes, examine_round: Examine) -> list[Any]:
    """Everybody's role: honest sites, honest aggregators, and the cheat."""
    sites = [
        Trainer(study, account, _nothing, random_bytes, examine_round=examine_round)
        for account in study.sites
    ]
    kinds = [Cheat if index == CHEAT else Aggregator for index in range(len(study.committee))]
    members = [
        kind(study, account, random_bytes, examine_round=examine_round)
        for kind, account in zip(kinds, study.committee, strict=True)
    ]
    return [*sites, *members]


def told(study: Study, players: Cast, view: RoundView) -> result.Drill:
    """What came of it, by the ledger."""
    reason, party = view.aborted
    labels = {item.account.address: item.label for item in players.organisations}
    accusers = [
        labels[voter]
        for voter, accusation in view.accusations.items()
        if accusation.party == party and accusation.fault is not Fault.OWN_TAG
    ]
    return result.Drill(
        study="0x" + study.study_id.hex(),
        reason=reason,
        cheat=labels[study.committee[CHEAT]],
        named=labels.get(party, ""),
        accusers=len(accusers),
        voters=len(view.accusations) + len(view.attestations) + 1,
    )
