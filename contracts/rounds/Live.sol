// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";
import {IRounds} from "./IRounds.sol";
import {Plan} from "./Plan.sol";
import {Record} from "./Record.sol";

/// @title Who is still part of a round
/// @dev The live set only shrinks. Where every member is needed nobody can leave, and a step that
/// somebody misses, or gets wrong, is left to the table's outcomes.
library Live {
    /// @notice Says who takes no part in a round from its start: whoever was proven at fault before.
    function exclude(Plan storage plan, bytes32 studyId, uint32 round) internal {
        for (uint256 guilty = plan.guilty; guilty != 0; guilty &= guilty - 1) {
            address member = plan.committee[Bits.lowest(guilty)];
            emit IRounds.Dropped(
                studyId, round, member, IRounds.State.Absent, IRounds.Reason.Fault
            );
        }
    }

    /// @notice These members leave the round together, if enough remain; else nobody does.
    /// Trap: complaints are forgotten, those of the rest too: they were part of a count that included
    /// members who are gone.
    /// @param who A bitmap within the live set.
    /// @return Whether somebody left.
    function drop(
        Plan storage plan,
        Record storage record,
        bytes32 studyId,
        uint32 round,
        uint256 who,
        IRounds.Reason reason
    ) internal returns (bool) {
        uint256 rest = record.live & ~who;
        if (who == 0 || Bits.count(rest) < plan.least) return false;
        record.live = uint8(rest);
        record.complaints = 0;
        for (; who != 0; who &= who - 1) {
            address member = plan.committee[Bits.lowest(who)];
            emit IRounds.Dropped(studyId, round, member, record.state, reason);
        }
        return true;
    }
}
