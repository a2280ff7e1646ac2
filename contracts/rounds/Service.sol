// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Bits} from "./Bits.sol";

/// @title How many members could not fetch each member's blob
/// @dev One byte per member in one word; at most four members can complain of a fifth.
library Service {
    /// @notice `complaints` with one more about each member in `unfetched`.
    function add(uint40 complaints, uint256 unfetched) internal pure returns (uint40) {
        for (uint256 j = 0; unfetched != 0; ++j) {
            complaints += uint40((unfetched & 1) << (8 * j));
            unfetched >>= 1;
        }
        return complaints;
    }

    /// @notice The members that more than half of the others complain of. Two members never name one
    /// another: nobody could tell which of them lies.
    /// @param live Who could complain, and be complained of.
    function unserved(uint40 complaints, uint256 live) internal pure returns (uint256 bitmap) {
        uint256 members = Bits.count(live);
        if (members < 3) return 0;
        for (uint256 j = 0; complaints >> (8 * j) != 0; ++j) {
            uint256 count = uint8(complaints >> (8 * j));
            if (2 * count > members - 1) bitmap |= 1 << j;
        }
    }
}
