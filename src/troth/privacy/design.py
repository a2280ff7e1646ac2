"""The parameters of a study that must fit each other, and the numbers that no study could have.

What is refused here is absurd rather than unfit: it would make the plan's own arithmetic slow or
impossible. Whether the rest *fits* is for `troth.privacy.inequalities` to say.
"""

from dataclasses import dataclass

from troth.domain.terms import CANDIDATES, MODES, most_honest
from troth.errors import ParameterError
from troth.privacy.dp.discrete_gaussian import noise_bound
from troth.privacy.dp.validate import require_integer, require_probability
from troth.privacy.secagg.parameters import VARIANTS

MOST_INTEGER = 2**128
"""The largest field has that size, so nothing above it could be shared."""

MOST_HONEST = 1000
"""Far above any committee, and so few that adding up over all of them is quick."""

MOST_CHECKS = 10_000
"""A hundred times the usual number of wraparound checks: a limit of time, not of security."""

MOST_EPSILON = 1000
"""An ε of this size, and far below, promises nothing."""

MOST_RHO = 2**120
"""Above it no ε is computed: it would not fit the decimal digits that `dp.accounting` uses."""

LEAST_DELTA = 2.0**-128
"""A smaller δ promises no more: the noise's own tail is far above it."""


@dataclass(frozen=True, slots=True)
class StudyDesign:
    """The parameters of a study that must fit each other.

    Raises:
        ParameterError: A value that no study could have; whether they *fit* is `plan`'s business.
    """

    variant: str
    """PINE variant, for example ``Pine64HmacSha256Aes128``."""
    members: int
    """m: committee members, and shares of every report; each member adds its noise vectors."""
    dimension: int
    """d: coordinates of an update."""
    record_bounds: tuple[int, ...]
    """Most records of each site's dataset version."""
    weights: tuple[int, ...]
    """w_i: public weight of each site in the sum."""
    clip: int
    """Δ: integer L2 bound of one record."""
    scale_bits: int
    """f: integers are model units times 2^f."""
    noise_variance: int
    """σ_h² of each noise vector, per coordinate."""
    honest: int
    """h: members whose noise the guarantee counts on."""
    rounds: int
    """T."""
    delta: float
    """δ at which ε is stated."""
    epsilon: float
    """Largest ε, by the guaranteed figure, that each dataset lineage grants."""
    mode: str = "A"
    """How shares are held: one holder each (A), or all members but one (B3, B4)."""
    noise_candidates: int = 4
    """M: noise vectors of each member in the sum, of which all but one are taken off again."""
    counted: bool = False
    """Whether a record is one count in one coordinate, so that nothing is clipped or rounded."""
    proofs: int | None = None
    """Proofs of PINE's main circuit; None for the variant's default."""
    proofs_norm_equality: int | None = None
    """Proofs of PINE's norm-equality circuit; None for the variant's default."""
    num_wr_checks: int = 100
    """PINE's wraparound checks."""
    num_wr_successes: int = 100
    """Wraparound checks that must succeed."""

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            known = ", ".join(VARIANTS)
            raise ParameterError(f"unknown PINE variant {self.variant!r}; known: {known}")
        for name in ("dimension", "clip", "noise_variance", "rounds"):
            _require_positive(name, getattr(self, name), MOST_INTEGER)
        _require_positive("honest", self.honest, MOST_HONEST)
        _require_committee(self.mode, self.members)
        if self.noise_candidates not in CANDIDATES:
            raise ParameterError(f"noise_candidates is {self.noise_candidates}; it is 2, 4 or 8")
        require_integer("scale_bits", self.scale_bits, least=0, most=127)
        for name in ("num_wr_checks", "num_wr_successes"):
            _require_positive(name, getattr(self, name), MOST_CHECKS)
        _require_promise(self.delta, self.epsilon)
        if not self.record_bounds or len(self.record_bounds) != len(self.weights):
            raise ParameterError(
                f"{len(self.record_bounds)} record bounds and {len(self.weights)} weights: "
                "each site needs one of both"
            )
        for name in ("record_bounds", "weights"):
            for value in getattr(self, name):
                _require_positive(name, value, MOST_INTEGER)
        if self.counted and (self.clip, self.scale_bits) != (1, 0):
            raise ParameterError(
                f"clip is {self.clip} and scale_bits {self.scale_bits}; a record that is counted "
                "is 1 as it is, so these are 1 and 0"
            )
        squares = self.rounds * (max(self.weights) * self.clip) ** 2
        if squares > MOST_RHO * 2 * self.honest * self.noise_variance:
            raise ParameterError(
                "clip, weights and rounds are too large for noise_variance: together they cost "
                "more than 2^120 of ρ"
            )

    @property
    def most_honest(self) -> int:
        """The largest h that can be counted on."""
        return most_honest(self.mode, self.members)

    @property
    def against(self) -> str:
        """Against whom the guarantee holds."""
        if self.mode == "A":
            together = max(self.members - self.honest, 0)
            return (
                f"anybody outside of the committee, and at most {together} of its members together"
            )
        return (
            "shares: any 1 member learns nothing from them; noise: whoever does not know the noise "
            f"of {self.honest} {'member' if self.honest == 1 else 'members'}"
        )

    @property
    def site_norm_bound(self) -> int:
        """B_site: what PINE proves of a site's update, the same for all sites."""
        return max(self.record_bounds) * self.clip

    @property
    def noise_norm_bound(self) -> int:
        """B_noise: what PINE proves of a noise vector; honest noise fits but for 2^-64."""
        return noise_bound(self.noise_variance, self.dimension)

    @property
    def sum_bound(self) -> int:
        """Most that a coordinate of the weighted sum can be, with every noise candidate in it."""
        noise = self.members * self.noise_candidates * self.noise_norm_bound
        return sum(self.weights) * self.site_norm_bound + noise


def _require_positive(name: str, value: int, most: int) -> None:
    """Refuse what is no integer in 1 … most; a number of any length is not written out."""
    if type(value) is int and value > most:
        raise ParameterError(f"{name} is too large: the most is {most}")
    require_integer(name, value, least=1)


def _require_committee(mode: str, members: int) -> None:
    """Refuse a committee that does not have the size of its mode."""
    if mode not in MODES:
        raise ParameterError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    require_integer("members", members, least=2, most=5)
    if members not in MODES[mode]:
        raise ParameterError(f"{members} members; mode {mode} takes {MODES[mode][0]}")


def _require_promise(delta: float, epsilon: float) -> None:
    """Refuse an (ε, δ) that nobody could mean."""
    require_probability("delta", delta)
    if delta < LEAST_DELTA:
        raise ParameterError(f"delta is too small: {delta!r} is below 2^-128")
    if not 0 < epsilon < float("inf"):
        raise ParameterError(f"epsilon must be positive and finite, not {epsilon!r}")
    if epsilon > MOST_EPSILON:
        raise ParameterError(f"epsilon is too large: above {MOST_EPSILON} it promises nothing")
