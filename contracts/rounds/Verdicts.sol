// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";
import {IRounds} from "./IRounds.sol";
import {Live} from "./Live.sol";
import {Plan, Plans} from "./Plan.sol";
import {Opinion, Record} from "./Record.sol";

/// @title Members' verdicts: one reason code per place
/// @dev The codes are `verdicts` of the transition table, by position. Where shares are replicated one
/// more byte follows: the members whose verifier file the others' files contradict.
library Verdicts {
    using Live for Plan;
    using Plans for Plan;

    uint8 internal constant ACCEPTED = 0;
    uint8 internal constant ABSENT = 1;
    uint8 internal constant UNDELIVERED = 2;
    uint8 internal constant LAST = 8;

    /// @notice Keeps member `j`'s verdict; it is agreed once as many members as a round needs say the
    /// same. No two verdicts can be: more than half of the members are always needed.
    function keep(Plan storage plan, Record storage record, uint256 j, bytes calldata codes)
        external
    {
        uint256 places = plan.places();
        uint256 length = plan.replicated ? places + 1 : places;
        if (codes.length != length) {
            revert IRounds.WrongVerdict(codes.length < length ? codes.length : length);
        }
        uint128 accepted = _accepted(codes, places, record.present, record.delivered);
        uint8 contradicted = plan.replicated ? uint8(codes[places]) : 0;
        if (contradicted & ~record.live != 0) revert IRounds.WrongVerdict(places);
        bytes32 verdict = keccak256(codes);
        Opinion storage opinion = record.opinions[verdict];
        uint8 by = opinion.by | uint8(1 << j);
        (opinion.accepted, opinion.contradicted, opinion.by) = (accepted, contradicted, by);
        if (Bits.count(by) == plan.least) record.verdict = verdict;
    }

    /// @notice Fixes S, once, or says why the round aborts. Who stands against the agreed verdict leaves,
    /// and so do those that it names, if they may. Noise of members that are gone is no part of S; what is
    /// left must be that of as many members as a round needs.
    /// @return reason Of the abort, or None.
    /// @return one Contradicted by the others' files, the first that may not leave, or zero.
    /// @return other The second, or zero.
    function decide(Plan storage plan, Record storage record, bytes32 studyId, uint32 round)
        external
        returns (IRounds.Reason reason, address one, address other)
    {
        Opinion memory agreed = record.opinions[record.verdict];
        if (agreed.by == 0) return (IRounds.Reason.Disagree, one, other);
        plan.drop(record, studyId, round, record.live & ~agreed.by, IRounds.Reason.Disagree);
        uint256 contradicted = record.live & agreed.contradicted;
        if (contradicted != 0) {
            if (!plan.drop(record, studyId, round, contradicted, IRounds.Reason.Disagree)) {
                (one, other) = plan.firstTwo(contradicted);
                return (IRounds.Reason.Disagree, one, other);
            }
        }
        uint128 accepted = plan.grouped(agreed.accepted)
            & (plan.siteBits() | plan.noiseOf(record.live));
        if (Bits.count(plan.owners(accepted)) < plan.least) {
            record.owing = plan.owners(record.delivered & ~agreed.accepted);
            return (IRounds.Reason.Noise, one, other);
        }
        if (!plan.meetsQuorum(accepted)) return (IRounds.Reason.Quorum, one, other);
        record.accepted = accepted;
        record.voters = plan.members + Bits.count(accepted & plan.siteBits());
    }

    /// @dev The bitmap of accepted places. A place that is not present, or not delivered, has one
    /// code only: what the contract knows already is not a member's to judge.
    function _accepted(bytes calldata codes, uint256 places, uint256 present, uint256 delivered)
        private
        pure
        returns (uint128 bitmap)
    {
        for (uint256 i = 0; i < places; ++i) {
            uint8 code = uint8(codes[i]);
            if (!_fits(code, (present >> i) & 1 == 1, (delivered >> i) & 1 == 1)) {
                revert IRounds.WrongVerdict(i);
            }
            if (code == ACCEPTED) bitmap |= uint128(1 << i);
        }
    }

    function _fits(uint8 code, bool isPresent, bool isDelivered) private pure returns (bool) {
        if (!isPresent) return code == ABSENT;
        if (!isDelivered) return code == UNDELIVERED;
        return code == ACCEPTED || (code > UNDELIVERED && code <= LAST);
    }
}
