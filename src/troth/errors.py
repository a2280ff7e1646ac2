"""Every error that Troth raises on purpose, each keeping the values it speaks of.

::

    TrothError                      exit code
    ├── InputError                  2   something a person supplied cannot be used
    │   ├── ParameterError          2   a parameter outside its documented range
    │   └── TermsError              2   terms that are unreadable or contradict themselves
    ├── DecodeError                 -   bytes that are not the one canonical encoding
    ├── EncodingError               -   a value that an honest party cannot encode
    │   └── ShareAgain              -   it can, but not with this randomness
    ├── ReportRejected              -   a proof that does not verify, and which check said so
    ├── StorageError                5
    │   ├── BlobMissing             5   nobody serves the bytes of a digest
    │   ├── BlobMismatch            5   the bytes served do not have the digest asked for
    │   └── SealError               5   a sealed blob that does not open for this holder
    ├── LedgerError                 5
    │   ├── ContractRefused         5   a contract's custom error, with its arguments
    │   ├── WrongChain              5   a transaction or engine of another chain id
    │   └── EngineUnavailable       5   the engine asked for is not installed or not running
    ├── RoundError                  5
    │   ├── TransitionRefused       5   an action that the transition table does not allow
    │   ├── NotFinal                5   a secret-bearing step before its precondition is final
    │   └── OnceOnly                5   a second value where only one may ever exist
    ├── StateFileError              5   a role's own state file that is torn, missing or exposed
    └── AuditError
        ├── BundleFalse             3   the first line of a bundle that lies
        └── NotABundle              4   a damaged or unsafe archive

The exit codes are those of the ``troth`` command (``docs/exit-codes.md``); "-" marks errors that
are always handled before they reach a person.
"""

from typing import Any


class TrothError(Exception):
    """Anything expected to go wrong during normal operation."""

    exit_code = 5


class InputError(TrothError):
    """Something a person supplied cannot be used; the message says what, where, what to do."""

    exit_code = 2


class ParameterError(InputError, ValueError):
    """A parameter outside its documented range, or contradicting another one."""


class TermsError(InputError, ValueError):
    """Terms that are unreadable, incomplete or contradict themselves.

    ``where`` is the path of the field, for example ``sites[2].weight``.
    """

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"terms: {where}: {problem}")
        self.where = where
        self.problem = problem


class DecodeError(TrothError, ValueError):
    """Bytes that are not the one canonical encoding of the value asked for."""


class EncodingError(TrothError, ValueError):
    """A value that an honest party cannot encode (NaN, a norm above the bound, …)."""


class ShareAgain(EncodingError):  # noqa: N818 - it says what to do
    """A wraparound check left its range by chance: share the same vector with fresh randomness."""


class ReportRejected(TrothError):  # noqa: N818 - the field's word for it (VDAF: "rejected")
    """A report whose proof does not verify.

    ``check`` is one of ``norm_equality``, ``validity`` (wraparound included),
    ``joint_randomness`` or ``query`` (the query point t satisfies t^P = 1).
    """

    def __init__(self, check: str, detail: str = "") -> None:
        super().__init__(f"report rejected by {check}" + (f": {detail}" if detail else ""))
        self.check = check


class StorageError(TrothError):
    """The object store or a sealed blob failed us."""


class BlobMissing(StorageError):  # noqa: N818 - named for the fact, as the store reports it
    """Nobody serves the bytes of this digest."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"blob {digest} is not in the store")
        self.digest = digest


class BlobMismatch(StorageError):  # noqa: N818 - named for the fact, as the store reports it
    """The bytes served do not have the digest asked for."""

    def __init__(self, digest: str, found: str) -> None:
        super().__init__(f"blob {digest}: the store served bytes with digest {found}")
        self.digest = digest
        self.found = found


class SealError(StorageError):
    """A sealed blob that does not open for this holder in this context."""


class LedgerError(TrothError):
    """The ledger refused, or cannot be reached."""


class ContractRefused(LedgerError):  # noqa: N818 - the design's word: "the contract refuses"
    """A contract's custom error: ``name`` as in the ABI, ``arguments`` by parameter name."""

    def __init__(self, action: str, name: str, arguments: dict[str, Any]) -> None:
        listed = ", ".join(f"{key}={value}" for key, value in arguments.items())
        super().__init__(f"{action} refused by the contract: {name}({listed})")
        self.action = action
        self.name = name
        self.arguments = arguments


class WrongChain(LedgerError):  # noqa: N818 - named for the fact
    """A transaction or an engine that belongs to another chain id."""

    def __init__(self, expected: int, found: int | None) -> None:
        super().__init__(f"chain id is {found}, expected {expected}")
        self.expected = expected
        self.found = found


class EngineUnavailable(LedgerError):  # noqa: N818 - named for the fact
    """The ledger engine asked for is not installed or does not answer."""


class RoundError(TrothError):
    """The round protocol does not allow this."""


class TransitionRefused(RoundError):  # noqa: N818 - the table's word
    """An action that the transition table does not allow in this state."""

    def __init__(self, state: str, action: str, reason: str) -> None:
        super().__init__(f"{action} in state {state}: {reason}")
        self.state = state
        self.action = action
        self.reason = reason


class NotFinal(RoundError):  # noqa: N818 - named for the fact
    """A secret-bearing step before the ledger state it depends on is final."""


class OnceOnly(RoundError):  # noqa: N818 - named for the rule
    """A second value where, for one round, only one may ever exist."""


class StateFileError(TrothError):
    """A role's own state file is torn, missing, or readable by others."""


class AuditError(TrothError):
    """A bundle does not hold."""


class BundleFalse(AuditError):  # noqa: N818 - the verdict's word
    """The first line of a bundle that lies: where, what it claims and what follows instead."""

    exit_code = 3

    def __init__(self, member: str, position: str, claimed: str, follows: str) -> None:
        super().__init__(f"{member}, {position}: claims {claimed}; what follows is {follows}")
        self.member = member
        self.position = position
        self.claimed = claimed
        self.follows = follows


class NotABundle(AuditError):  # noqa: N818 - the verdict's word
    """A damaged or unsafe archive; nothing inside it was looked at."""

    exit_code = 4
