// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IRounds} from "./IRounds.sol";

/// @title A member's verdict: one reason code per place
/// @dev The codes are `verdicts` of the transition table, by position.
library Verdicts {
    uint8 internal constant ACCEPTED = 0;
    uint8 internal constant ABSENT = 1;
    uint8 internal constant UNDELIVERED = 2;
    uint8 internal constant LAST = 8;

    /// @notice The bitmap of accepted places. A place that is not present, or not delivered, has one
    /// code only: what the contract knows already is not a member's to judge.
    function accepted(bytes calldata codes, uint256 places, uint256 present, uint256 delivered)
        internal
        pure
        returns (uint128 bitmap)
    {
        if (codes.length != places) {
            revert IRounds.WrongVerdict(codes.length < places ? codes.length : places);
        }
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
