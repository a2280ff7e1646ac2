// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Acts are signed by their authors
/// @notice Every act is a transaction that its author signed and sent to the contract itself. That is
/// what an audit can check: calldata, signer and effect stand in one transaction. An act passed on by
/// another contract would leave our events in a transaction that says nothing of them. So accounts
/// that are contracts cannot be members.
/// @dev Trap: where accounts may have code of their own (EIP-7702, from Prague on), signer and caller
/// may be one and the call still not be the transaction's. Our chains run Cancun's rules.
abstract contract Signed {
    /// @notice `caller` is not the account that signed the transaction.
    error NotSigner(address caller);

    modifier signed() {
        _requireSigner();
        _;
    }

    function _requireSigner() private view {
        if (msg.sender != tx.origin) revert NotSigner(msg.sender);
    }
}
