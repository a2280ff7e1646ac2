"""The story of `troth demo hospitals`: one model, a lie, an overspend, and a changed byte.

`play` reads as the story is told. Whatever it shows comes from the ledger, the store or the audit;
nothing is staged beyond the fifth site's lie and the second study's request.
"""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

from troth.audit.bundle import write_bundle
from troth.audit.run import Verdict, audit
from troth.audit.trust import trust_document
from troth.errors import AuditError, InputError, RoundError
from troth.learning.logistic import accuracy
from troth.learning.model import Model
from troth.ledger import engines
from troth.ledger.bindings import rounds
from troth.ledger.client import DevelopmentLedger
from troth.privacy.dp.accounting import epsilon_guaranteed, epsilon_tight
from troth.round.messages import MAX_MESSAGE
from troth.scenarios import hospital_baselines, result
from troth.scenarios.hospital_records import HospitalData, StudyParameters, load
from troth.scenarios.hospital_run import Options, Played, rejections, train
from troth.scenarios.hospital_study import cast
from troth.scenarios.progress import Progress
from troth.scenarios.report import render
from troth.scenarios.stopwatch import Stopwatch


def play(options: Options, progress: Progress) -> result.DemoResult:
    """Tell the whole story; leave bundle, trust file and report in the output folder.

    Raises:
        InputError: options that cannot be, or a folder that cannot be written.
        TrothError: anything that the story does not expect.
    """
    watch = Stopwatch()
    folder = _prepare(options)
    with watch.part("data"):
        progress.stage("569 real patient records: 114 public, 455 split over four hospitals")
        data = load(options.seed)
    players = cast(os.urandom)
    funded = [organisation.account.address for organisation in players.organisations]
    with engines.open(options.ledger, timestamp=int(time.time()), funded=funded) as ledger:
        played = train(options, data, ledger, players, progress, watch)
        with watch.part("bundle"):
            progress.stage("Everything public goes into one file that a stranger can check")
            bundle, trust = _pack(folder, played)
        facts = _ledger_facts(ledger, played)
    with watch.part("audit"):
        progress.stage("The audit: offline, without any key")
        verdict = audit(bundle, trust.read_bytes())
        progress.note("done", f"{verdict.verdict}: {bundle}")
    with watch.part("changed byte"):
        lie = _audit_changed_byte(bundle, trust)
        progress.note("false", f"one byte changed: {lie}")
    with watch.part("baselines"):
        progress.stage("The same records without Troth, for comparison")
        compared = _accuracy(options, data, played)
    told = _sum_up(options, played, compared, facts, verdict, lie, watch)
    (folder / "report.html").write_text(render(told, verdict.claims), encoding="utf-8")
    return told
