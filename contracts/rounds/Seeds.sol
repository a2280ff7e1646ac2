// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IRounds} from "./IRounds.sol";

/// @title The seeds of a member's noise, opened in calldata
/// @dev Whether they are the ones behind the reports is recomputed by whoever reads them. Equal seeds
/// would make equal candidates, of which one would stay hidden behind its twin.
library Seeds {
    /// @notice Refuses anything but `count` seeds, none of them zero, no two of them equal.
    function check(bytes32[] calldata seeds, uint256 count) internal view {
        if (seeds.length != count) revert IRounds.WrongSeeds(msg.sender);
        for (uint256 i = 0; i < count; ++i) {
            bool repeated = seeds[i] == 0;
            for (uint256 other = 0; other < i; ++other) {
                if (seeds[other] == seeds[i]) repeated = true;
            }
            if (repeated) revert IRounds.WrongSeeds(msg.sender);
        }
    }
}
