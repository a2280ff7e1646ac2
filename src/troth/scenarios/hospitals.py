"""The story of `troth demo hospitals`: one model, a lie, an overspend, and a changed byte.

`play` reads as the story is told. Whatever it shows comes from the ledger, the store or the audit;
nothing is staged beyond the fifth site's lie and the second study's request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from troth.errors import ContractRefused
from troth.learning.logistic import accuracy
from troth.learning.model import Model
from troth.ledger.bindings import rounds
from troth.ledger.client import DevelopmentLedger
from troth.ledger.records import LoggedEvent
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.round.transitions import State
from troth.round.view import StudyView
from troth.scenarios import hospital_baselines
from troth.scenarios.consortium import Consortium, Dataset, RandomBytes
from troth.scenarios.hospital_records import HospitalData, StudyParameters, load
from troth.scenarios.hospital_study import Cast, cast, establish, hospital_terms, trainers
from troth.storage.blobs import BlobStore

if True:
    pass
