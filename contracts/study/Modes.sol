// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title How shares are held
library Modes {
    /// @dev One share per member, additive; every member is needed.
    uint8 internal constant A = 0;
    /// @dev Three members, three shares; each member holds all but its own.
    uint8 internal constant B3 = 1;
    /// @dev The same with four; any three members can go on without the fourth.
    uint8 internal constant B4 = 2;
}
