// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

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

    /// @notice 1 + the place of the first member that more than half of the others complain of; 0 when
    /// there is none. Two members never name one another: nobody could tell which of them lies.
    function unserved(uint40 complaints, uint256 members) internal pure returns (uint256) {
        if (members < 3) return 0;
        for (uint256 j = 0; j < members; ++j) {
            uint256 count = uint8(complaints >> (8 * j));
            if (2 * count > members - 1) return j + 1;
        }
        return 0;
    }
}
