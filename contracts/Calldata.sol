// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title One encoding for one call
/// @dev The compiler's decoder takes many encodings of dynamic arguments: moved offsets, gaps,
/// padding that is not zero, bytes at the end. A strict decoder, as an audit's, takes one.
library Calldata {
    /// @notice The arguments are not encoded as `abi.encode` does it.
    error NonCanonicalCalldata();

    /// @notice Refuses a call whose arguments are anything but `encoded`.
    function requireCanonical(bytes memory encoded) internal pure {
        if (keccak256(msg.data[4:]) != keccak256(encoded)) revert NonCanonicalCalldata();
    }
}
