// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IConsortium} from "../consortium/IConsortium.sol";
import {Motions} from "../consortium/Motions.sol";
import {IDatasetRegistry} from "../datasets/IDatasetRegistry.sol";
import {References} from "../References.sol";
import {Signed} from "../Signed.sol";
import {IPrivacyLedger} from "./IPrivacyLedger.sol";

/// @title The budgets, kept
contract PrivacyLedger is IPrivacyLedger, Signed {
    using Motions for Motions.Box;

    /// @dev `revision` counts openings, lowerings and raises. It is 0 only for a lineage without a
    /// budget: `budget` itself cannot say so, since it may be lowered to 0.
    struct Entry {
        uint64 budget;
        uint64 settled;
        uint64 reserved;
        bool closed;
        uint32 revision;
    }

    bytes32 private constant RAISE_TYPEHASH = keccak256("troth/raise/v1");
    /// @dev Stays where a reservation was: a round's price is reserved once, and never again.
    bytes32 private constant DONE = bytes32(uint256(1));

    IConsortium public immutable consortium;
    IDatasetRegistry public immutable datasets;
    address public immutable rounds;

    mapping(bytes32 lineage => Entry) private _entries;
    /// @dev The digest of what is reserved, 0 before and DONE after.
    mapping(bytes32 studyId => mapping(uint32 round => bytes32)) private _reservations;
    Motions.Box private _raises;

    modifier onlyRounds() {
        if (msg.sender != rounds) revert OnlyRounds(msg.sender);
        _;
    }

    constructor(address consortium_, address datasets_, address rounds_) {
        consortium = IConsortium(References.checked(consortium_));
        datasets = IDatasetRegistry(References.checked(datasets_));
        rounds = References.checked(rounds_);
    }

    /// @inheritdoc IPrivacyLedger
    function openBudget(bytes32 lineage, uint64 budget) external signed {
        _requireHolder(lineage);
        if (budget == 0) revert ZeroBudget();
        Entry storage entry = _entries[lineage];
        if (entry.revision != 0) revert BudgetExists(lineage);
        _setBudget(entry, budget);
        emit BudgetOpened(lineage, budget);
    }

    /// @inheritdoc IPrivacyLedger
    function lower(bytes32 lineage, uint64 budget) external signed {
        _requireHolder(lineage);
        Entry storage entry = _usable(lineage);
        if (budget >= entry.budget) revert NotLower(lineage, entry.budget, budget);
        _setBudget(entry, budget);
        emit BudgetLowered(lineage, budget);
    }

    /// @inheritdoc IPrivacyLedger
    function close(bytes32 lineage) external signed {
        _requireHolder(lineage);
        _usable(lineage).closed = true;
        emit BudgetClosed(lineage);
    }

    /// @inheritdoc IPrivacyLedger
    /// @dev The motion binds the epoch of the membership and the revision of the budget. Trap: binding
    /// the budget's value instead would let the votes of a carried raise count a second time once the
    /// holder has lowered the budget back to where it was.
    function voteRaise(bytes32 lineage, uint64 budget) external signed {
        if (!consortium.isMember(msg.sender)) revert NotMember(msg.sender);
        Entry storage entry = _usable(lineage);
        if (budget <= entry.budget) revert NotHigher(lineage, entry.budget, budget);
        bytes32 motion =
            keccak256(abi.encode(RAISE_TYPEHASH, lineage, budget, entry.revision, consortium.epoch()));
        uint32 votes = _raises.cast(motion, msg.sender);
        if (votes == 0) revert AlreadyVoted(lineage, budget, msg.sender);
        uint32 needed = consortium.quorum();
        emit BudgetRaiseVoted(lineage, budget, msg.sender, votes, needed);
        if (votes >= needed && _raises.hasVoted(motion, datasets.holderOfLineage(lineage))) {
            _setBudget(entry, budget);
            emit BudgetRaised(lineage, budget);
        }
    }

    /// @inheritdoc IPrivacyLedger
    function reserve(
        bytes32 studyId,
        uint32 round,
        bytes32[] calldata lineages,
        uint64[] calldata nanoRho
    ) external onlyRounds {
        if (_reservations[studyId][round] != 0) revert ReservationExists(studyId, round);
        _reservations[studyId][round] = _digest(lineages, nanoRho);
        for (uint256 i = 0; i < lineages.length; ++i) {
            Entry storage entry = _usable(lineages[i]);
            uint64 left = _left(entry);
            if (nanoRho[i] > left) revert BudgetExceeded(lineages[i], left, nanoRho[i]);
            entry.reserved += nanoRho[i];
            emit Reserved(studyId, round, lineages[i], nanoRho[i]);
        }
    }

    /// @inheritdoc IPrivacyLedger
    function settle(
        bytes32 studyId,
        uint32 round,
        bytes32[] calldata lineages,
        uint64[] calldata nanoRho
    ) external onlyRounds {
        _end(studyId, round, lineages, nanoRho);
        for (uint256 i = 0; i < lineages.length; ++i) {
            Entry storage entry = _entries[lineages[i]];
            entry.reserved -= nanoRho[i];
            entry.settled += nanoRho[i];
            emit Settled(studyId, round, lineages[i], nanoRho[i]);
        }
    }

    /// @inheritdoc IPrivacyLedger
    function release(
        bytes32 studyId,
        uint32 round,
        bytes32[] calldata lineages,
        uint64[] calldata nanoRho
    ) external onlyRounds {
        _end(studyId, round, lineages, nanoRho);
        for (uint256 i = 0; i < lineages.length; ++i) {
            _entries[lineages[i]].reserved -= nanoRho[i];
            emit Released(studyId, round, lineages[i], nanoRho[i]);
        }
    }

    /// @inheritdoc IPrivacyLedger
    function accountOf(bytes32 lineage) public view returns (Account memory) {
        Entry storage entry = _entries[lineage];
        return Account(entry.budget, entry.settled, entry.reserved, entry.closed);
    }

    /// @inheritdoc IPrivacyLedger
    function leftOf(bytes32 lineage) public view returns (uint64) {
        Entry storage entry = _entries[lineage];
        return entry.closed ? 0 : _left(entry);
    }

    function _setBudget(Entry storage entry, uint64 budget) internal {
        entry.budget = budget;
        ++entry.revision;
    }

    function _end(
        bytes32 studyId,
        uint32 round,
        bytes32[] calldata lineages,
        uint64[] calldata nanoRho
    ) internal {
        bytes32 reservation = _reservations[studyId][round];
        if (reservation == 0 || reservation == DONE) revert NoReservation(studyId, round);
        if (reservation != _digest(lineages, nanoRho)) revert ReservationDiffers(studyId, round);
        _reservations[studyId][round] = DONE;
    }

    function _usable(bytes32 lineage) internal view returns (Entry storage entry) {
        entry = _entries[lineage];
        if (entry.revision == 0) revert NoBudget(lineage);
        if (entry.closed) revert BudgetIsClosed(lineage);
    }

    /// @dev Never below 0: a budget may be lowered under what is spent.
    function _left(Entry storage entry) internal view returns (uint64) {
        return SafeCast.toUint64(
            Math.saturatingSub(entry.budget, uint256(entry.settled) + entry.reserved)
        );
    }

    function _requireHolder(bytes32 lineage) internal view {
        if (datasets.holderOfLineage(lineage) != msg.sender) revert NotHolder(lineage, msg.sender);
    }

    function _digest(bytes32[] calldata lineages, uint64[] calldata nanoRho)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(lineages, nanoRho));
    }
}
