"""What a demonstration says, as data: the document of ``specs/demo-result.schema.json``."""

from dataclasses import dataclass
from typing import Any

from troth.domain import records

FORMAT = "troth/demo-result/v1"


@dataclass(frozen=True)
class StudyFacts:
    """What was agreed."""

    id: str
    rounds: int
    sites: int
    aggregators: int
    mode: str
    noise_candidates: int
    """M: noise reports of each aggregator; all but one are opened and checked every round."""
    variant: str


@dataclass(frozen=True)
class Accuracy:
    """Shares of the public records predicted rightly, 0 to 1."""

    pooled: float
    """All records in one place."""
    local: tuple[float, ...]
    """Each hospital alone."""
    federated: float
    """The same rounds without privacy."""
    troth: float


@dataclass(frozen=True)
class Privacy:
    """What was spent, of what."""

    delta: float
    epsilon_guaranteed: float
    """By the charge that the ledger settled."""
    epsilon_tight: float
    """A tighter estimate of the same mechanism (PLD, continuous Gaussian)."""
    rho_spent: float
    rho_budget: float
    assumption: str


@dataclass(frozen=True)
class Matrix:
    """How many records of each kind the model called what."""

    malignant_found: int
    malignant_missed: int
    benign_flagged: int
    benign_cleared: int

    @property
    def sensitivity(self) -> float:
        """Of exact counts: the share of malignant records that is found."""
        return self.malignant_found / (self.malignant_found + self.malignant_missed)

    @property
    def specificity(self) -> float:
        """Of exact counts: the share of benign records that is cleared."""
        return self.benign_cleared / (self.benign_cleared + self.benign_flagged)


@dataclass(frozen=True)
class Rate:
    """A share made of noisy counts, 0 to 1, with the 95 % interval of the noise alone."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """The final model on the records that the hospitals had kept from training."""

    study: str
    model: str
    """Digest of the model, which is in the terms."""
    counts: Matrix
    """As released: noise included, so a count may be below 0."""
    deviation: float
    """Standard deviation of the noise of each count."""
    accuracy: Rate
    sensitivity: Rate
    """Of malignant records: the share found."""
    specificity: Rate
    """Of benign records: the share cleared."""
    public: Matrix
    """The same model on the public records, exact."""
    privacy: Privacy
    """What was spent on the records kept from training, and nowhere else."""


@dataclass(frozen=True)
class RoundCounts:
    """How the rounds ended."""

    final: int
    aborted: int


@dataclass(frozen=True)
class Departure:
    """An aggregator that a final round went on without."""

    round: int
    member: str
    state: str
    """In which the round was."""
    reason: str
    """As the contract calls it, for example ``Disagree``."""
    shown: str
    """What the audit recomputed of it; empty where the ledger says all there is to say."""


@dataclass(frozen=True)
class Rejection:
    """A report that was not accepted."""

    site: str
    round: int
    reason: str


@dataclass(frozen=True)
class Reports:
    """Reports of sites over all final rounds."""

    accepted: int
    rejected: tuple[Rejection, ...]


@dataclass(frozen=True)
class Refusal:
    """Something that a contract refused, with the evidence left on the ledger."""

    action: str
    study: str
    lineage: str
    left: int
    """nano-ρ left on the lineage."""
    asked: int
    """nano-ρ that the round would have cost."""
    reason: str


@dataclass(frozen=True)
class Drill:
    """A round in which an aggregator was told to change its sum."""

    study: str
    """On made-up records; where the round goes on, the study itself."""
    round: int
    final: bool
    """Whether the round went on without the cheat."""
    reason: str
    """Why it did, or why the round ended, as the ledger says."""
    cheat: str
    """Who was told to."""
    named: str
    """Whom the ledger names; empty when nobody."""
    other: str
    """The second where it names two, of whom one lies; empty otherwise."""
    accusers: int
    """Parties that found the cheat themselves and said so."""
    voters: int
    """Parties that could have."""


@dataclass(frozen=True)
class LedgerFacts:
    """What the ledger carried."""

    engine: str
    trust: str
    """What the engine's word is worth."""
    transactions: int
    gas_per_report: int
    """The largest over accepted reports."""
    calldata_bytes_per_report: int


@dataclass(frozen=True)
class ClaimCounts:
    """Claims of the audit by status."""

    proved: int
    attested: int
    not_covered: int


@dataclass(frozen=True)
class AuditFacts:
    """The verdict on the bundle, and on the bundle with one byte changed."""

    verdict: str
    claims: ClaimCounts
    changed_byte: str
    """What the audit says of the copy with one byte changed: where it lies."""


@dataclass(frozen=True)
class DemoResult:
    """Everything that ``troth demo hospitals --json`` prints."""

    format: str
    seed: int
    study: StudyFacts
    accuracy: Accuracy
    privacy: Privacy
    evaluation: Evaluation
    rounds: RoundCounts
    departures: tuple[Departure, ...]
    """Aggregators that rounds of the study went on without."""
    reports: Reports
    refusals: tuple[Refusal, ...]
    drill: Drill
    ledger: LedgerFacts
    bundle: str
    trust: str
    report: str
    audit: AuditFacts
    seconds: dict[str, float]

    def to_json(self) -> Any:
        """The JSON value."""
        return records.to_json(self)
