"""The terms of a study: what members agree to before any data moves, as one canonical document.

Every field is enforced by a contract, recomputed by an audit, or shown to the people who vote; none
stands free. Contracts compute with a few of the integers, which travel beside the digest of the
terms (``round/agreement.py`` derives them); this module is only the document and its shape.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from troth.domain import records
from troth.domain.canonical import parse
from troth.domain.hashing import digest
from troth.errors import DecodeError, TermsError

FORMAT = "troth/terms/v1"
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_MOST_SECONDS = 30 * 86_400
_MAY_BE_ZERO = ("max_aborts", "scale_bits", "corrupt_sites")
_MOST_PLACES = 104
CANDIDATES = (2, 4, 8)
"""Noise candidates of a member: a power of two, so that a hash picks one without a bias."""
_BYTES32 = re.compile(r"0x[0-9a-f]{64}")
MODES = {"A": range(2, 6), "B3": range(3, 4), "B4": range(4, 5)}
"""How many members a committee has, by mode; the ledger numbers the modes in this order."""


def most_honest(mode: str, members: int) -> int:
    """The largest h of a committee: a member knows its own noise, so it cannot count on that.

    In B no more than the noise of three members is sure to stay in the sum.
    """
    return (members if mode == "A" else 3) - 1


@dataclass(frozen=True)
class SiteTerms:
    """One data holder and the dataset version it trains on."""

    account: str
    """Its address, in the mixed-case form of ERC-55."""
    weight: int
    """Public weight of its update in the sum, at least 1."""
    version: str
    """Dataset version id."""
    lineage: str
    """Lineage whose budget pays."""
    record_bound: int
    """Most records that the version holds; bounds the norm of its update."""


@dataclass(frozen=True)
class SecaggTerms:
    """Parameters of PINE (draft-chen-cfrg-vdaf-pine, vectors 01)."""

    variant: str
    """For example ``Pine64HmacSha256Aes128``."""
    proofs: int
    """Proofs of the main circuit."""
    proofs_norm_equality: int
    """Proofs of the norm-equality circuit."""
    num_wr_checks: int
    """Wraparound checks."""
    num_wr_successes: int
    """Wraparound checks that must succeed."""
    site_norm_bound: int
    """L2 bound proven of a site's update, in integer units."""
    noise_norm_bound: int
    """L2 bound proven of a noise vector, in integer units."""


@dataclass(frozen=True)
class PrivacyTerms:
    """The private act of one round and what it is accounted as."""

    unit: str
    """Whose presence is hidden: ``record``."""
    neighbours: str
    """``add-or-remove-one``."""
    mechanism: str
    """``discrete-gaussian`` (Canonne, Kamath, Steinke, arXiv 2004.00010 v4)."""
    clip: int
    """Δ: most that one record moves its site's integer sum."""
    scale_bits: int
    """f: model units are multiplied by 2^f and rounded stochastically."""
    noise_variance: int
    """Variance per coordinate of one member's noise, in integer units: σ²/h."""
    honest: int
    """h: members whose noise alone gives the privacy claimed."""
    noise_candidates: int
    """M: noise reports per member and round; all but one are opened before a round is final."""
    delta: float
    """δ at which ε is stated."""
    epsilon: float
    """ε that all rounds together may not exceed, by the figure that the ledger guarantees."""


@dataclass(frozen=True)
class QuorumTerms:
    """What a round needs to go on; tested at close and again on what was accepted."""

    min_sites: int
    min_weight: int


@dataclass(frozen=True)
class FinalityTerms:
    """Whose word makes a round final, and how often a word alone may stop one."""

    corrupt_sites: int
    """Sites assumed to lie together with the whole committee; a round becomes final by the equal
    attestations of more parties than these, and of more than half of all voters."""
    accusations: int
    """Accusations of one site that nobody can check, and aborts that name nobody, before the
    members have to vote."""
    every_site: bool
    """Whether every accepted site must speak, or a majority of voters is enough."""


@dataclass(frozen=True)
class WindowTerms:
    """Seconds that each step may take."""

    announce: int
    open: int
    report: int
    deliver: int
    answer: int
    reveal: int
    """Of each of the three reveals."""
    commit_file: int
    confirm: int
    """Of verifier files, and of publications."""
    judge: int
    commit_sum: int
    publish: int
    open_noise: int
    attest: int
    """For attestations and accusations."""


@dataclass(frozen=True)
class ModelTerms:
    """What is trained, and the public constants of the step that an aggregate takes."""

    name: Literal["logistic-regression"]
    """``logistic-regression``."""
    loss: str
    """``logistic``."""
    optimiser: str
    """``sgd-momentum``."""
    dimension: int
    """Coordinates of the model, the intercept included."""
    learning_rate: float
    momentum: float
    normaliser: int
    """Public constant that the aggregate is divided by; never a private count."""


CELLS = 4
"""Numbers of a confusion matrix of two classes."""


@dataclass(frozen=True)
class EvaluationTerms:
    """What is counted, where a study trains nothing and evaluates a model that another one trained.

    Stands in place of the model.
    """

    name: Literal["confusion-counts"]
    """``confusion-counts``: how many records of each label got each prediction."""
    dimension: int
    """4: label 0 predicted 0, label 0 predicted 1, label 1 predicted 0, label 1 predicted 1."""
    study: str
    """Id of the study, on the same ledger, that trained the model."""
    digest: str
    """SHA-256 of the model: one that a round of that study made final."""


@dataclass(frozen=True)
class PreprocessingTerms:
    """Column constants from public data: x becomes (x - shift) / scale."""

    columns: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]


@dataclass(frozen=True)
class Terms:
    """A study, whole. `encode` gives the document that members approve by digest."""

    format: str
    name: str
    purpose: str
    chain_id: int
    mode: str
    """How shares are held. ``A``: one holder each, private if one committee member is honest.
    ``B3``, ``B4``: 3 or 4 members, each holding every share but one, private against any one of
    them; B3 notices what a member bends, B4 names it and goes on without it."""
    committee: tuple[str, ...]
    sites: tuple[SiteTerms, ...]
    rounds: int
    """Rounds that may become final."""
    max_aborts: int
    """Rounds that may abort before the study stops."""
    quorum: QuorumTerms
    finality: FinalityTerms
    windows: WindowTerms
    secagg: SecaggTerms
    privacy: PrivacyTerms
    model: ModelTerms | EvaluationTerms
    preprocessing: PreprocessingTerms

    def encode(self) -> bytes:
        """The RFC 8785 document."""
        return records.encode(self)

    def digest(self) -> bytes:
        """SHA-256 of the document: what the study registry knows the terms by."""
        return digest(self.encode())


def decode(data: bytes) -> Terms:
    """Read terms strictly and check that they do not contradict themselves.

    Raises:
        TermsError: naming the field and what is wrong with it.
    """
    try:
        terms = records.decode(Terms, data, "document")
    except DecodeError as problem:
        raise _unreadable(problem) from problem
    check(terms)
    return terms


def from_any_layout(data: bytes) -> Terms:
    """Read terms that a person laid out: any white space, order of keys and form of a number.

    As strict as `decode` in everything else. What members approve is `Terms.encode` of the result,
    so nothing but a tool for drafting may accept this.

    Raises:
        TermsError: naming the field and what is wrong with it.
    """
    try:
        canonical = records.from_json(Terms, parse(data, "document"), "").encode()
    except DecodeError as problem:
        raise _unreadable(problem) from problem
    except ValueError as problem:  # half of a surrogate pair, which JSON can escape
        raise TermsError("document", f"holds text that UTF-8 cannot hold ({problem})") from problem
    return decode(canonical)


def _unreadable(problem: DecodeError) -> TermsError:
    """The same, as a fault of terms: what is wrong stands after where it is."""
    where, _, what = str(problem).partition(": ")
    return TermsError(where, what)


def check(terms: Terms) -> None:
    """Refuse terms that are well-formed but contradictory or beyond what this version runs.

    Whether the numbers fit the field is a question for the plan (``privacy/plan.py``).

    Raises:
        TermsError: the first field that does not hold.
    """
    for rules in (_names, _parties, _integers, _windows, _limits, _model):
        for where, holds, problem in rules(terms):
            if not holds:
                raise TermsError(where, problem)


_Rule = tuple[str, bool, str]
"""Where, whether it holds, and what is wrong when it does not."""


def _names(terms: Terms) -> Iterator[_Rule]:
    """Names of things that this version knows; anything else is refused, never guessed."""
    for where, value, known in (
        ("format", terms.format, FORMAT),
        ("privacy.unit", terms.privacy.unit, "record"),
        ("privacy.neighbours", terms.privacy.neighbours, "add-or-remove-one"),
        ("privacy.mechanism", terms.privacy.mechanism, "discrete-gaussian"),
    ):
        yield where, value == known, _unknown(value, known)
    yield "mode", terms.mode in MODES, _unknown(terms.mode, *MODES)
    yield "name", 0 < len(terms.name) <= 80, "must have 1 to 80 characters"
    yield "purpose", bool(terms.purpose.strip()), "must say what the model is for"


def _unknown(value: str, *known: str) -> str:
    return f"{value!r} is unknown; this version knows {', '.join(map(repr, known))}"


def _parties(terms: Terms) -> Iterator[_Rule]:
    places = [(f"committee[{i}]", address) for i, address in enumerate(terms.committee)]
    places += [(f"sites[{i}].account", site.account) for i, site in enumerate(terms.sites)]
    seen: set[str] = set()
    for where, address in places:
        yield where, bool(_ADDRESS.fullmatch(address)), f"{address!r} is not an address"
        yield where, address.lower() not in seen, "a party stands twice (a site may not aggregate)"
        seen.add(address.lower())
    for index, site in enumerate(terms.sites):
        for name in ("version", "lineage"):
            well_formed = bool(_BYTES32.fullmatch(getattr(site, name)))
            yield f"sites[{index}].{name}", well_formed, "is not 0x and 64 hexadecimal digits"
    lineages = {site.lineage for site in terms.sites}
    yield "sites", bool(terms.sites), "there is none"
    yield "sites", len(lineages) == len(terms.sites), "two sites share a lineage"
    count, sizes = len(terms.committee), MODES[terms.mode]
    takes = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else f"exactly {sizes[0]}"
    yield "committee", count in sizes, f"{count} members, mode {terms.mode} takes {takes}"


def _integers(terms: Terms) -> Iterator[_Rule]:
    """Every integer but three is a count, a bound or a duration: at least 1."""
    parts: tuple[tuple[str, Any], ...] = (
        ("", terms),
        ("quorum.", terms.quorum),
        ("finality.", terms.finality),
        ("windows.", terms.windows),
        ("secagg.", terms.secagg),
        ("privacy.", terms.privacy),
        ("model.", terms.model),
        *((f"sites[{index}].", site) for index, site in enumerate(terms.sites)),
    )
    for part, value in parts:
        for field in dataclasses.fields(value):
            number = getattr(value, field.name)
            if type(number) is int:
                least = 0 if field.name in _MAY_BE_ZERO else 1
                yield part + field.name, number >= least, f"is {number}, must be >= {least}"


def _windows(terms: Terms) -> Iterator[_Rule]:
    """Each step's window takes three times the transactions of the step, a second each.

    A round whose windows pass before everybody can be on the chain names honest members as silent.
    """
    least = 3 * (len(terms.sites) + len(terms.committee) + 1)
    for field in dataclasses.fields(terms.windows):
        seconds = getattr(terms.windows, field.name)
        yield f"windows.{field.name}", seconds >= least, f"is {seconds} s, needs {least} or more"
        yield f"windows.{field.name}", seconds <= _MOST_SECONDS, "is above 30 days"


def _limits(terms: Terms) -> Iterator[_Rule]:
    privacy, quorum = terms.privacy, terms.quorum
    weight = sum(site.weight for site in terms.sites)
    most = most_honest(terms.mode, len(terms.committee))
    problem = (
        f"is {privacy.honest}, at most {most} in mode {terms.mode}: a member knows its own noise"
    )
    yield "privacy.honest", privacy.honest <= most, problem
    candidates = privacy.noise_candidates
    yield "privacy.noise_candidates", candidates in CANDIDATES, "must be 2, 4 or 8"
    places = len(terms.sites) + len(terms.committee) * candidates
    yield "sites", places <= _MOST_PLACES, f"{places} reports a round, at most {_MOST_PLACES}"
    corrupt = terms.finality.corrupt_sites
    yield "finality.corrupt_sites", corrupt < quorum.min_sites, "must be below quorum.min_sites"
    spared = terms.mode != "B4" or corrupt + 2 <= quorum.min_sites
    problem = "must be 2 below quorum.min_sites in mode B4, where a member may be missing"
    yield "finality.corrupt_sites", spared, problem
    yield "finality.accusations", terms.finality.accusations <= 255, "is above 255"
    yield "privacy.noise_variance", privacy.noise_variance >= 4, "below 4, that is σ < 2: refused"
    yield "rounds", terms.rounds <= 10**6, "is above 10^6"
    yield "max_aborts", terms.max_aborts <= 10**4, "is above 10^4"
    yield "privacy.delta", 0 < privacy.delta < 1, "must lie between 0 and 1"
    yield "privacy.epsilon", 0 < privacy.epsilon < float("inf"), "must be positive"
    yield "quorum.min_sites", quorum.min_sites <= len(terms.sites), "is more than there are sites"
    yield "quorum.min_weight", quorum.min_weight <= weight, "is more than all sites weigh"


def _model(terms: Terms) -> Iterator[_Rule]:
    columns = terms.preprocessing
    lengths = {len(columns.columns), len(columns.shift), len(columns.scale)}
    yield "preprocessing", len(lengths) == 1, "columns, shift and scale differ in length"
    yield "preprocessing.scale", all(value > 0 for value in columns.scale), "must be positive"
    if isinstance(terms.model, EvaluationTerms):
        yield from _evaluation(terms, terms.model)
    else:
        yield from _training(terms.model, len(columns.columns))


def _training(model: ModelTerms, features: int) -> Iterator[_Rule]:
    yield "model.loss", model.loss == "logistic", _unknown(model.loss, "logistic")
    known = "sgd-momentum"
    yield "model.optimiser", model.optimiser == known, _unknown(model.optimiser, known)
    yield "model.learning_rate", 0 < model.learning_rate < float("inf"), "must be positive"
    yield "model.momentum", 0 <= model.momentum < 1, "must be at least 0 and below 1"
    yield "model.dimension", model.dimension == features + 1, "must be columns plus intercept"


def _evaluation(terms: Terms, model: EvaluationTerms) -> Iterator[_Rule]:
    """One record is one count: it moves one of four numbers by one, and nothing is rounded."""
    yield "model.dimension", model.dimension == CELLS, f"must be {CELLS}"
    for name in ("study", "digest"):
        well_formed = bool(_BYTES32.fullmatch(getattr(model, name)))
        yield f"model.{name}", well_formed, "is not 0x and 64 hexadecimal digits"
    yield "privacy.clip", terms.privacy.clip == 1, "must be 1: a record is one count"
    yield "privacy.scale_bits", terms.privacy.scale_bits == 0, "must be 0: counts are whole"
    yield "rounds", terms.rounds == 1, "must be 1: another would count the same again"
