// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";
import {Denials} from "./Denials.sol";
import {IRounds} from "./IRounds.sol";
import {Live} from "./Live.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";

/// @title What comes of a step where every share is held by all members but one (modes B3 and B4)
/// @dev Several members know the same things here, so what they say is compared. `keep…` takes a post
/// in; `decide…` says what comes of them once all live members have posted, after whoever stood against
/// an agreed answer has left the round, if it may. Everyone who has posted is live then: who is missing
/// leaves first. Members are at most four, so the answers to one question fit into a word.
library Replication {
    using Live for Plan;
    using Plans for Plan;

    /// @dev A share has at most three holders, so no more groups of them that say different things.
    uint256 private constant GROUPS = 3;

    /// @notice Steps 4a and 4c: member `j` opened all its shares of the places in `opened`, no others.
    function keepDelivery(Plan storage plan, Record storage record, uint256 j, uint256 opened)
        external
    {
        uint128 unopened = record.present & ~uint128(opened);
        record.lost |= record.unopened & unopened;
        record.unopened |= unopened;
        record.denials = Denials.add(plan, record.denials, j, opened);
        if (record.state == IRounds.State.Answered && unopened & record.delivered != 0) {
            record.deniers |= uint8(1 << j);
        }
    }

    /// @notice Step 4a: what two members could not open is lost. What one could not, it is to learn from
    /// the others' echo. Step 4c: who still denies it leaves; where it may not, its word counts.
    /// @return to Delivered, Contested or Aborted.
    /// @return owner Whose noise is lost, where that aborts the round: too few have theirs in whole.
    /// @return denier Who could not open it.
    function decideDelivery(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) external returns (IRounds.State to, address owner, address denier) {
        bool isFirst = record.state == IRounds.State.Closed;
        uint128 delivered = record.delivered;
        if (isFirst) {
            delivered = plan.grouped(delivered & ~record.lost);
        } else if (!plan.drop(record, studyId, round, record.deniers, IRounds.Reason.Disagree)) {
            delivered = plan.grouped(delivered & ~record.unopened);
        }
        record.delivered = delivered;
        uint256 whole = plan.owners(delivered);
        if (Bits.count(whole) < plan.least) {
            uint256 broken = plan.owners(record.present) & ~whole;
            (owner, denier) = Denials.first(plan, Denials.ownedBy(plan, record.denials, broken));
            return (IRounds.State.Aborted, owner, denier);
        }
        if (isFirst && delivered & record.unopened != 0) to = IRounds.State.Contested;
        else to = IRounds.State.Delivered;
    }

    /// @notice Step 7b: member `j`'s sums, by share without its own index. Only equality counts, so one
    /// byte says which holders of a share posted the same.
    function keepSums(Record storage record, uint256 j, bytes32[] calldata digests) external {
        uint256 sums = record.sums;
        for (uint256 i = 0; i < digests.length; ++i) {
            uint256 group = GROUPS * (i < j ? i : i + 1);
            while (uint8(sums >> (8 * group)) != 0 && record.sumDigests[group] != digests[i]) {
                ++group;
            }
            record.sumDigests[group] = digests[i];
            sums |= 1 << (8 * group + j);
        }
        record.sums = uint96(sums);
    }

    /// @notice Step 7b: a sum that two holders of a share posted is agreed; who posted another leaves.
    /// @return one A holder of the first share whose holders do not all say the same, or zero.
    /// @return other A holder of it that says something else.
    function decideSums(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        external
        returns (address one, address other)
    {
        uint256 sums = record.sums;
        uint256 outvoted;
        for (uint256 group = 0; group < GROUPS * plan.members; ++group) {
            uint256 by = uint8(sums >> (8 * group));
            if (Bits.count(by) >= 2) outvoted |= _holders(record, group / GROUPS) & ~by;
        }
        plan.drop(record, studyId, round, outvoted, IRounds.Reason.Disagree);
        for (uint256 share = 0; share < plan.members; ++share) {
            uint256 holders = _holders(record, share);
            uint256 first = Bits.lowest(holders);
            uint256 group = GROUPS * share;
            while ((sums >> (8 * group + first)) & 1 == 0) ++group;
            uint256 differing = holders & ~(sums >> (8 * group));
            if (differing != 0) {
                return (plan.committee[first], plan.committee[Bits.lowest(differing)]);
            }
        }
    }

    /// @notice Step 10c: member `j` opened the noise of these `owners`. One byte per set of owners says
    /// who posted it.
    function keepRecovery(Plan storage plan, Record storage record, uint256 j, uint256 owners)
        external
    {
        uint256 inSum = plan.owners(record.accepted);
        if (owners & ~inSum != 0) revert IRounds.WrongBitmap(inSum, owners);
        record.recoveries |= uint128(1 << (8 * owners + j));
    }

    /// @notice Step 10c: the owners that most live members name are agreed: of two that say the same one
    /// is honest. Who says otherwise leaves, where it can be spared, and so does who is named; the others'
    /// noise must still be enough.
    /// Trap: a live member that is named is guilty whichever way it leaves, or it could outvote itself.
    /// @return reason Of the abort, or None.
    /// @return party Who opened its seeds wrongly and may not leave, or zero.
    function decideRecovery(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round
    ) external returns (IRounds.Reason reason, address party) {
        (uint256 owners, uint256 by) = _agreedRecovery(record);
        if (by == 0) return (IRounds.Reason.Disagree, address(0));
        plan.guilty |= uint8(record.live & owners);
        plan.drop(record, studyId, round, record.live & ~by, IRounds.Reason.Disagree);
        plan.drop(record, studyId, round, record.live & owners, IRounds.Reason.Fault);
        uint256 wrong = record.live & owners;
        if (wrong != 0) return (IRounds.Reason.Fault, plan.committee[Bits.lowest(wrong)]);
        if (Bits.count(plan.owners(record.accepted) & ~owners) <= plan.honest) {
            return (IRounds.Reason.Noise, address(0));
        }
        record.recovered = uint8(owners);
        emit IRounds.RecoveryFixed(studyId, round, owners);
    }

    /// @dev The bitmap of owners that most live members posted, and those members: none where there is no
    /// such bitmap.
    function _agreedRecovery(Record storage record)
        private
        view
        returns (uint256 owners, uint256 by)
    {
        uint256 recoveries = record.recoveries;
        uint256 live = Bits.count(record.live);
        for (; recoveries != 0; recoveries >>= 8) {
            by = uint8(recoveries);
            if (2 * Bits.count(by) > live) return (owners, by);
            ++owners;
        }
        return (0, 0);
    }

    function _holders(Record storage record, uint256 share) private view returns (uint256) {
        return record.live & ~(1 << share);
    }
}
