"""What one round asks of the ledger: gas and bytes of every step, for committees and consortia.

    python -m benchmarks.ledger.bill              # writes results.json and docs/costs.md
    python -m benchmarks.ledger.bill --json       # prints the document and writes nothing
    python -m benchmarks.ledger.bill --render     # docs/costs.md anew from results.json

Real contracts on the embedded engine and the calls of a round in which everybody is honest, with
digests of nothing: a contract sees digests only, so a model's size and what a report says change
nothing. Accounts and digests are fixed, so the same contracts give the same figures on every
machine, and a test compares them.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.ledger.costs import page
from eth_hash.auto import keccak

from troth.domain.terms import FinalityTerms, PreprocessingTerms, QuorumTerms
from troth.ledger import engines
from troth.ledger.account import Account
from troth.ledger.bindings import dataset_registry, rounds, study_registry
from troth.ledger.interface import Call
from troth.ledger.records import Receipt
from troth.privacy.plan import StudyDesign
from troth.round.agreement import on_chain_terms
from troth.round.transcript import (
    CHALLENGE_LEVEL,
    HEAD_LEVEL,
    PICK_LEVEL,
    VERIFY_LEVEL,
    RoundId,
    key_chain,
)
from troth.round.view import StudyView
from troth.scenarios.consortium import AGGREGATOR, SITE, Consortium, Organisation, found
from troth.scenarios.drafting import Draft, draft_terms, logistic_model
from troth.storage.blobs import LocalBlobs

PROJECT = Path(__file__).resolve().parents[2]
RESULTS, PAGE = Path(__file__).with_name("results.json"), PROJECT / "docs" / "costs.md"
SITES, CANDIDATES = (4, 16, 64), 4
COMMITTEES = (("A", 2), ("A", 3), ("A", 4), ("B3", 3), ("B4", 4))
"""Modes with numbers of members."""
ROUNDS = 2
"""The first round of a study writes what later ones find; the last one is billed."""
GENESIS, WINDOW, BUDGET = 1_700_000_000, 3600, 10**9


def _digest(*words: object) -> bytes:
    """Bytes that stand for whatever a party would say."""
    return keccak(" ".join(map(str, words)).encode())


@dataclass
class _Randomness:
    """Fixed bytes where a real consortium draws them."""

    drawn: int = 0

    def __call__(self, size: int) -> bytes:
        self.drawn += 1
        return _digest("random", self.drawn)[:size]


@dataclass
class Step:
    """All calls of one function in a round."""

    name: str
    who: str
    calls: int = 0
    gas: int = 0
    most_gas: int = 0
    calldata: int = 0
    most_calldata: int = 0

    def add(self, receipt: Receipt) -> None:
        """One more."""
        self.calls += 1
        self.gas += receipt.gas_used
        self.most_gas = max(self.most_gas, receipt.gas_used)
        self.calldata += receipt.calldata_size
        self.most_calldata = max(self.most_calldata, receipt.calldata_size)


@dataclass
class Round:
    """One round as honest parties play it, with every receipt."""

    consortium: Consortium
    where: RoundId
    mode: str
    sites: list[Organisation]
    members: list[Organisation]
    steps: list[Step] = field(default_factory=list)

    def play(self) -> list[Step]:
        """From the first announcement to the final model."""
        everybody, one = [*self.members, *self.sites], self.members[:1]
        places = len(self.sites) + len(self.members) * CANDIDATES
        all_places, all_members = (1 << places) - 1, (1 << len(self.members)) - 1

        def said(what: str) -> Callable[[Organisation], tuple[bytes]]:
            return lambda party: (_digest(what, party.label, self.where.round),)

        def revealed(level: int) -> Callable[[Organisation], tuple[bytes]]:
            return lambda member: (self._chain(member)[level],)

        def announced(member: Organisation) -> tuple[bytes, bytes]:
            return self._chain(member)[HEAD_LEVEL], _digest("hpke", member.label)

        def seeds(member: Organisation) -> tuple[tuple[bytes, ...]]:
            opened = range(CANDIDATES - 1)
            return (tuple(_digest("seed", member.label, number) for number in opened),)

        self._all("announce", "member", self.members, rounds.announce, announced)
        self._all("open", "anyone", one, rounds.open)
        self._all("report", "site", self.sites, rounds.report, said("report"))
        self._all("report noise", "member", self.members, rounds.report_noise, said("noise"))
        self._all("close", "anyone", one, rounds.close)
        self._all("deliver", "member", self.members, rounds.deliver, lambda _: (all_places,))
        self._all("reveal h²(k)", "member", self.members, rounds.reveal, revealed(VERIFY_LEVEL))
        self._all("commit a file", "member", self.members, rounds.commit_file, said("file"))
        confirmed = (all_members,)
        self._all("confirm files", "member", self.members, rounds.confirm, lambda _: confirmed)
        codes = bytes(places if self.mode == "A" else places + 1)
        self._all("judge", "member", self.members, rounds.judge, lambda _: (codes,))
        self._all("commit a sum", "member", self.members, rounds.commit_sum, self._sums)
        if self.mode == "A":
            level = revealed(CHALLENGE_LEVEL)
            self._all("reveal h(k)", "member", self.members, rounds.reveal, level)
            self._all("publish", "member", self.members, rounds.publish, said("publication"))
            self._all(
                "confirm publications", "member", self.members, rounds.confirm, lambda _: confirmed
            )
        self._all("reveal k", "member", self.members, rounds.reveal, revealed(PICK_LEVEL))
        self._all("open noise", "member", self.members, rounds.open_noise, seeds)
        if self.mode == "B4":
            nothing = (0, bytes(32))
            self._all("recover", "member", self.members, rounds.recover, lambda _: nothing)
        model = _digest("model", self.where.round)
        self._all("attest", "member, site", everybody, rounds.attest, lambda _: (model, True))
        self._all("finalise", "anyone", one, rounds.finalise)
        return self.steps

    def _sums(self, member: Organisation) -> tuple[tuple[bytes, ...]]:
        """One digest of a member's own; in B the digest of each share that it holds."""
        number, own = self.where.round, self.members.index(member)
        if self.mode == "A":
            return ((_digest("sum", member.label, number),),)
        shares = (share for share in range(len(self.members)) if share != own)
        return (tuple(_digest("sum", share, number) for share in shares),)

    def _chain(self, member: Organisation) -> tuple[bytes, ...]:
        key = _digest("key", member.label, self.where.round)
        return key_chain(self.where, member.account.address, key)

    def _all(
        self,
        name: str,
        who: str,
        parties: list[Organisation],
        function: Callable[..., Call[Any]],
        arguments: Callable[[Organisation], tuple[Any, ...]] = lambda _: (),
    ) -> None:
        step = Step(name, who)
        for party in parties:
            call = function(self.where.study, self.where.round, *arguments(party))
            step.add(self.consortium.send(party.account, call))
        self.steps.append(step)


def bill(sites: int, mode: str, members: int) -> dict[str, Any]:
    """The last round of a study with so many sites and members."""
    with tempfile.TemporaryDirectory() as folder:
        consortium, study = _study(Path(folder), sites, mode, members)
        steps: list[Step] = []
        for number in range(1, ROUNDS + 1):
            where = RoundId(
                consortium.ledger.chain_id, consortium.deployment.addresses["Rounds"], study, number
            )
            parties = list(consortium.organisations)
            steps = Round(consortium, where, mode, parties[:sites], parties[sites:]).play()
        view = StudyView(study)
        for logged in consortium.ledger.events(0, consortium.ledger.final().number):
            view.apply(logged.event)
    if len(view.finals) != ROUNDS:
        raise RuntimeError(f"{len(view.finals)} rounds of {ROUNDS} became final")
    return {
        "sites": sites,
        "mode": mode,
        "members": members,
        "transactions": sum(step.calls for step in steps),
        "gas": sum(step.gas for step in steps),
        "calldata": sum(step.calldata for step in steps),
        "steps": [vars(step) for step in steps],
    }


def _study(folder: Path, sites: int, mode: str, members: int) -> tuple[Consortium, bytes]:
    """A consortium with one active study; nobody examines terms that nobody trains by."""
    organisations = [_organisation(f"site {number}", SITE) for number in range(sites)]
    organisations += [_organisation(f"member {n}", AGGREGATOR) for n in range(members)]
    funded = [item.account.address for item in organisations]
    ledger = engines.open("embedded", timestamp=GENESIS, funded=funded)
    store = LocalBlobs(folder / "store")
    consortium = found(ledger, store, organisations, folder, _Randomness())
    datasets = [
        consortium.register(site, _digest("root", site.label), 1000, BUDGET)
        for site in organisations[:sites]
    ]
    design = StudyDesign(
        variant="Pine64HmacSha256Aes128",
        mode=mode,
        members=members,
        dimension=4,
        record_bounds=(1000,) * sites,
        weights=(1,) * sites,
        clip=16,
        scale_bits=4,
        noise_variance=10**6,
        honest=1,
        noise_candidates=CANDIDATES,
        rounds=ROUNDS,
        delta=1e-6,
        epsilon=1.0,
        proofs=2,
        proofs_norm_equality=2,
    )
    draft = Draft(
        name="bill",
        purpose="benchmark",
        sites=organisations[:sites],
        datasets=datasets,
        aggregators=organisations[sites:],
        quorum=QuorumTerms(min_sites=sites, min_weight=1),
        finality=FinalityTerms(corrupt_sites=1, accusations=2, every_site=True),
        max_aborts=0,
        window=WINDOW,
        model=logistic_model(4, learning_rate=0.1, momentum=0.0, normaliser=1000),
        preprocessing=PreprocessingTerms(
            columns=("a", "b", "c"), shift=(0.0,) * 3, scale=(1.0,) * 3
        ),
    )
    terms = draft_terms(draft, design, ledger.chain_id)
    proposal = study_registry.propose(terms.digest(), on_chain_terms(terms))
    (logged,) = consortium.send(organisations[-1].account, proposal).events
    if not isinstance(logged.event, study_registry.StudyProposed):
        raise TypeError(f"proposing a study gave {logged.event}")
    study = logged.event.study_id
    for organisation in organisations:
        consortium.send(organisation.account, study_registry.approve(study))
    for site, dataset in zip(organisations, datasets, strict=False):
        consortium.send(site.account, dataset_registry.grant(dataset.version, study))
    return consortium, study


def _organisation(label: str, roles: int) -> Organisation:
    return Organisation(label, roles, Account(_digest("account", label)))


def bills() -> Iterator[dict[str, Any]]:
    """All of them."""
    for sites in SITES:
        for mode, members in COMMITTEES:
            yield bill(sites, mode, members)


def main() -> None:
    """Measure, write, print."""
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("--json", action="store_true", help="print the document, write nothing")
    line.add_argument("--render", action="store_true", help="measure nothing")
    options = line.parse_args()
    if options.render:
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
        PAGE.write_text(page(document), encoding="utf-8")
        return
    document = {
        "schema": 2,
        "candidates": CANDIDATES,
        "versions": {name: version(name) for name in ("troth", "py-evm")},
        "bills": list(bills()),
    }
    text = json.dumps(document, indent=1) + "\n"
    if options.json:
        print(text)
        return
    RESULTS.write_text(text, encoding="utf-8")
    PAGE.write_text(page(document), encoding="utf-8")
    print(f"{RESULTS.name} and {PAGE.name} written")


if __name__ == "__main__":
    main()
