// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";
import {IRounds} from "./IRounds.sol";
import {Plan, Plans} from "./Plan.sol";
import {Record} from "./Record.sol";

/// @title Which member could not open which noise candidate
/// @dev A matrix in one word: bit p·m + k says that member k could not open noise place p. The lowest
/// bit set is the first pair, by owner, candidate, denier. m·M·m <= 200 bits.
library Denials {
    using Plans for Plan;

    /// @notice `denials` with those that member `k` adds by opening no more than `opened`.
    function add(Plan storage plan, uint256 denials, uint256 k, uint256 opened)
        internal
        view
        returns (uint256)
    {
        uint256 unopened = (plan.noiseBits() & ~opened) >> plan.sites;
        uint256 members = plan.members;
        for (; unopened != 0; unopened &= unopened - 1) {
            denials |= 1 << (Bits.lowest(unopened) * members + k);
        }
        return denials;
    }

    /// @notice The members that own a denied candidate, in committee order.
    function owners(Plan storage plan, uint256 denials) internal view returns (uint8 bitmap) {
        uint256 width = uint256(plan.candidates) * plan.members;
        for (uint256 j = 0; denials != 0; ++j) {
            if (denials & ((1 << width) - 1) != 0) bitmap |= uint8(1 << j);
            denials >>= width;
        }
    }

    /// @notice What comes of a step of delivery where every share has one holder: denied noise is answered
    /// once, and after that aborts the round.
    function decide(Plan storage plan, Record storage record)
        internal
        view
        returns (IRounds.State to, address owner, address denier)
    {
        if (record.denials == 0) return (IRounds.State.Delivered, owner, denier);
        if (record.state == IRounds.State.Closed) return (IRounds.State.Contested, owner, denier);
        (owner, denier) = first(plan, record.denials);
        to = IRounds.State.Aborted;
    }

    /// @notice Only the denials of these owners' candidates.
    function ownedBy(Plan storage plan, uint256 denials, uint256 members)
        internal
        view
        returns (uint256 kept)
    {
        uint256 width = uint256(plan.candidates) * plan.members;
        uint256 mask = (1 << width) - 1;
        for (; members != 0; members >>= 1) {
            if (members & 1 == 1) kept |= denials & mask;
            mask <<= width;
        }
    }

    /// @notice The first pair: who owns the candidate, and who could not open it.
    function first(Plan storage plan, uint256 denials)
        internal
        view
        returns (address owner, address denier)
    {
        uint256 bit = Bits.lowest(denials);
        uint256 members = plan.members;
        owner = plan.committee[bit / (members * plan.candidates)];
        denier = plan.committee[bit % members];
    }
}
