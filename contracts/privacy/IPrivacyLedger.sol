// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title What each dataset lineage may spend, and has spent, in nano-ρ (zCDP)
/// @notice A charge is *reserved* when a round opens, *settled* for ever when the accepted set is fixed,
/// and *released* only when the round aborts before that. A reservation counts as spent in every test.
/// @dev Trap: no function here lowers what is settled, and none may ever be added.
interface IPrivacyLedger {
    struct Account {
        uint64 budget;
        uint64 settled;
        uint64 reserved;
        bool closed;
    }

    event BudgetOpened(bytes32 indexed lineage, uint64 budget);
    event BudgetLowered(bytes32 indexed lineage, uint64 budget);
    event BudgetClosed(bytes32 indexed lineage);
    event BudgetRaiseVoted(bytes32 indexed lineage, uint64 budget, address indexed member, uint32 votes, uint32 needed);
    event BudgetRaised(bytes32 indexed lineage, uint64 budget);
    event Reserved(bytes32 indexed studyId, uint32 indexed round, bytes32 indexed lineage, uint64 nanoRho);
    event Settled(bytes32 indexed studyId, uint32 indexed round, bytes32 indexed lineage, uint64 nanoRho);
    event Released(bytes32 indexed studyId, uint32 indexed round, bytes32 indexed lineage, uint64 nanoRho);

    /// @notice The round asks `asked` of `lineage`, which has `left`.
    error BudgetExceeded(bytes32 lineage, uint64 left, uint64 asked);
    error BudgetExists(bytes32 lineage);
    error NoBudget(bytes32 lineage);
    error BudgetIsClosed(bytes32 lineage);
    error ZeroBudget();
    /// @notice `lower` takes a smaller budget, `voteRaise` a larger one.
    error NotLower(bytes32 lineage, uint64 budget, uint64 asked);
    error NotHigher(bytes32 lineage, uint64 budget, uint64 asked);
    error NotHolder(bytes32 lineage, address account);
    error NotMember(address account);
    error AlreadyVoted(bytes32 lineage, uint64 budget, address member);
    error OnlyRounds(address caller);
    error ReservationExists(bytes32 studyId, uint32 round);
    error NoReservation(bytes32 studyId, uint32 round);
    /// @notice Settling or releasing something else than what was reserved.
    error ReservationDiffers(bytes32 studyId, uint32 round);

    /// @notice The holder opens the budget of its lineage, once.
    function openBudget(bytes32 lineage, uint64 budget) external;
    /// @notice The holder lowers it; below what is spent, nothing is left.
    function lower(bytes32 lineage, uint64 budget) external;
    /// @notice The holder closes it for ever; open reservations still settle or release.
    function close(bytes32 lineage) external;
    /// @notice Vote to raise it. Carried by a quorum of members once the holder is among the voters.
    function voteRaise(bytes32 lineage, uint64 budget) external;

    /// @notice Reserve a round's price on every lineage, or revert and change nothing. Only Rounds.
    function reserve(bytes32 studyId, uint32 round, bytes32[] calldata lineages, uint64[] calldata nanoRho) external;
    /// @notice Settle the reservation for ever. Only Rounds.
    function settle(bytes32 studyId, uint32 round, bytes32[] calldata lineages, uint64[] calldata nanoRho) external;
    /// @notice Release the reservation of a round that aborted before it settled. Only Rounds.
    function release(bytes32 studyId, uint32 round, bytes32[] calldata lineages, uint64[] calldata nanoRho) external;

    function accountOf(bytes32 lineage) external view returns (Account memory);
    /// @notice budget − settled − reserved, 0 when closed, never below 0.
    function leftOf(bytes32 lineage) external view returns (uint64);
}
