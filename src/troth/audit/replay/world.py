"""All five contracts together: what any transaction to any of them must do.

The World is told who calls what and when, and answers with the events, in order, or with the
custom error. It is compared with the embedded engine on random calls in the contracts' own tests,
so an audit that replays a chain with it checks the chain against the contracts' sources.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troth.audit.replay.consortium import ConsortiumModel
from troth.audit.replay.datasets import DatasetsModel
from troth.audit.replay.privacy import PrivacyModel
from troth.audit.replay.studies import StudiesModel
from troth.errors import ContractRefused
from troth.ledger.address import ZERO, Address
from troth.ledger.bindings.structs import OnChainTerms
from troth.ledger.interface import Call
from troth.round.machine import Emitted, RoundsModel


@dataclass(frozen=True)
class Outcome:
    """What a transaction must have done."""

    events: tuple[Emitted, ...]
    """Its events, in order; none when it was refused."""
    refusal: ContractRefused | None

    @property
    def status(self) -> int:
        """As in the receipt: 1 for success, 0 for a revert."""
        return 1 if self.refusal is None else 0


class World:
    """The contracts of one deployment. Copy it with ``copy.deepcopy``.

    Args:
        chain_id: the chain.
        addresses: where each contract lives, by name.
    """

    def __init__(self, chain_id: int, addresses: Mapping[str, Address]) -> None:
        self.consortium = ConsortiumModel()
        self.datasets = DatasetsModel(chain_id, addresses["DatasetRegistry"], self.consortium)
        self.studies = StudiesModel(
            chain_id, addresses["StudyRegistry"], self.consortium, self.datasets
        )
        self.privacy = PrivacyModel(self.consortium, self.datasets)
        self.rounds = RoundsModel(chain_id, addresses["Rounds"])

    def construct(self, contract: str, arguments: Mapping[str, Any]) -> Outcome:
        """What the deployment of one contract does; ``arguments`` by parameter name."""
        if contract != "Consortium":
            zero = ZERO in arguments.values()
            return Outcome((), ContractRefused(contract, "ZeroReference", {}) if zero else None)
        try:
            return Outcome(tuple(self.consortium.construct(**arguments)), None)
        except ContractRefused as refusal:
            return Outcome((), refusal)

    def apply(self, sender: Address, call: Call[Any], now: int) -> Outcome:
        """What one call does.

        Args:
            sender: who signed the transaction.
            call: the call, of one of the five contracts.
            now: timestamp of the block.
        """
        if call.function.reads:
            return Outcome((), None)
        try:
            return Outcome(tuple(self._dispatch(sender, call, now)), None)
        except ContractRefused as refusal:
            return Outcome((), ContractRefused(call.action, refusal.name, refusal.arguments))

    def _dispatch(self, sender: Address, call: Call[Any], now: int) -> list[Emitted]:
        name, given = call.function.solidity_name, call.named
        if call.contract == "Rounds":
            return self.rounds.apply(sender, name, given, now, self)
        return _ACTIONS[call.contract, name](self, sender, given)

    # What the Rounds contract asks of the others (round.call.Surroundings)

    def roles_of(self, account: Address) -> int:
        """Role set of a member; 0 when it is none."""
        return self.consortium.roles_of(account)

    def quorum(self) -> int:
        """Votes that carry a motion of the consortium now."""
        return self.consortium.quorum

    def epoch(self) -> int:
        """How often the consortium's membership has changed."""
        return self.consortium.epoch

    def is_active(self, study_id: bytes) -> bool:
        """Whether a study is active now."""
        return self.studies.is_active(study_id)

    def terms_of(self, study_id: bytes) -> OnChainTerms | None:
        """A study's integers; None when there is no such study."""
        return self.studies.terms.get(study_id)

    def enrolled_sites(self, study_id: bytes) -> int:
        """Bitmap of the sites whose roles and grants stand now."""
        return self.studies.enrolled_sites(study_id)

    def charges_of(self, study_id: bytes, sites: int) -> tuple[tuple[bytes, int], ...]:
        """Lineage and nano-ρ of each site in a bitmap."""
        return self.studies.charges_of(study_id, sites)

    def charge(
        self, step: str, study_id: bytes, number: int, charges: Sequence[tuple[bytes, int]]
    ) -> list[Emitted]:
        """``reserve``, ``settle`` or ``release`` a round's price on the privacy ledger."""
        return self.privacy.charge(step, study_id, number, charges)


_Action = Callable[[World, Address, dict[str, Any]], list[Emitted]]


def _only_rounds(world: World, sender: Address, _: dict[str, Any]) -> list[Emitted]:
    raise world.privacy.refuse_caller(sender)


def _grant(world: World, sender: Address, given: dict[str, Any]) -> list[Emitted]:
    return world.datasets.grant(sender, **given, terms=world.terms_of(given["study_id"]))


_ACTIONS: dict[tuple[str, str], _Action] = {
    ("Consortium", "voteAdmission"): lambda w, s, a: w.consortium.vote_admission(s, **a),
    ("Consortium", "voteRemoval"): lambda w, s, a: w.consortium.vote_removal(s, **a),
    ("DatasetRegistry", "register"): lambda w, s, a: w.datasets.register(s, **a),
    ("DatasetRegistry", "grant"): _grant,
    ("DatasetRegistry", "revoke"): lambda w, s, a: w.datasets.revoke(s, **a),
    ("StudyRegistry", "propose"): lambda w, s, a: w.studies.propose(s, **a),
    ("StudyRegistry", "approve"): lambda w, s, a: w.studies.approve(s, **a),
    ("PrivacyLedger", "openBudget"): lambda w, s, a: w.privacy.open_budget(s, **a),
    ("PrivacyLedger", "lower"): lambda w, s, a: w.privacy.lower(s, **a),
    ("PrivacyLedger", "close"): lambda w, s, a: w.privacy.close(s, **a),
    ("PrivacyLedger", "voteRaise"): lambda w, s, a: w.privacy.vote_raise(s, **a),
    ("PrivacyLedger", "reserve"): _only_rounds,
    ("PrivacyLedger", "settle"): _only_rounds,
    ("PrivacyLedger", "release"): _only_rounds,
}
"""Every function that changes anything, except those of Rounds, which its own table lists."""
