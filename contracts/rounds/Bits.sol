// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Questions asked of a bitmap
library Bits {
    /// @notice The lowest bit set. Trap: 0 for the empty bitmap too, so ask only where one is set.
    function lowest(uint256 bitmap) internal pure returns (uint256) {
        unchecked {
            return Math.log2(bitmap & (0 - bitmap));
        }
    }

    /// @notice Number of bits set.
    function count(uint256 bitmap) internal pure returns (uint8 bits) {
        for (; bitmap != 0; bitmap &= bitmap - 1) {
            ++bits;
        }
    }
}
