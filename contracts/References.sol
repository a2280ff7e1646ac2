// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title The addresses that contracts give one another at deployment
/// @dev They are predicted from the deployer's nonces and immutable. Trap: a predicted address has no
/// code yet when a constructor runs, so only the zero address can be refused here; whether the right
/// contract stands there is checked after deployment, from the chain, by anyone.
library References {
    /// @notice A contract was given the zero address instead of another contract.
    error ZeroReference();

    /// @notice Returns `given`, refusing zero.
    function checked(address given) internal pure returns (address) {
        if (given == address(0)) revert ZeroReference();
        return given;
    }
}
