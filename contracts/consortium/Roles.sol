// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title The bits of a role set
/// @dev A member's set is never empty, so a role set of 0 says "not a member".
library Roles {
    uint8 internal constant SITE = 1;
    uint8 internal constant AGGREGATOR = 2;
    uint8 internal constant AUTHORITY = 4;
    uint8 internal constant AUDITOR = 8;
    uint8 internal constant OVERSEER = 16;
    uint8 internal constant ALL = SITE | AGGREGATOR | AUTHORITY | AUDITOR | OVERSEER;

    /// @notice Whether `roles` is a set that a member can have.
    function areKnown(uint8 roles) internal pure returns (bool) {
        return roles != 0 && roles & ~ALL == 0;
    }
}
