// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Acts are signed by their authors
/// @notice Every act is a transaction that its author signed and sent to the contract itself. That is
/// what an audit can check: calldata, signer and effect stand in one transaction. An act passed on by
/// another contract would leave our events in a transaction that says nothing of them. So accounts
/// that are contracts cannot be members.
/// @dev Trap: where a chain lets an account run code of its own (EIP-7702), signer and caller may be
/// one and the call still not be the transaction's. An account with code is refused as well.
abstract contract Signed {
    /// @notice `caller` is not the account that signed the transaction.
    error NotSigner(address caller);

    modifier signed() {
        _requireSigner();
        _;
    }

    function _requireSigner() private view {
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert NotSigner(msg.sender);
    }
}
