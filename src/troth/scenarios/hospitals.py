"""The story of `troth demo hospitals`: one model, a lie, an overspend, and a changed byte.

`play` reads as the story is told. Whatever it shows comes from the ledger, the store or the audit;
nothing is staged beyond the fifth site's lie and the second study's request.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from troth.audit.bundle import write_bundle
from troth.audit.run import audit
from troth.audit.trust import trust_file
from troth.errors import AuditError, BundleFalse, ContractRefused, InputError, TrothError
from troth.learning.logistic import accuracy
from troth.learning.model import Model
from troth.ledger import engines
from troth.ledger.bindings import rounds
from troth.ledger.records import LoggedEvent
from troth.privacy.dp.accounting import epsilon_guaranteed
from troth.privacy.plan import plan
from troth.round.agreement import study_design
from troth.round.messages import MAX_MESSAGE
from troth.round.study import Study
from troth.round.transitions import State, table
from troth.round.view import StudyView
from troth.scenarios import hospital_baselines, result
from troth.scenarios.consortium import Consortium
from troth.scenarios.hospital_records import HospitalData, StudyParameters, load
from troth.scenarios.hospital_study import Cast, cast, establish, hospital_terms, trainers
from troth.storage.blobs import LocalBlobs

