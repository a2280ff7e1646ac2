// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title The digests that bind a round
/// @dev Each binds the chain, the contract, the study and the round, so that nothing said in one of
/// them can be replayed in another. `address(this)` is the contract that inlines this library.
library Digests {
    bytes32 internal constant HEADS_TYPEHASH = keccak256("troth/heads/v1");
    bytes32 internal constant KEY_TYPEHASH = keccak256("troth/key/v1");
    bytes32 internal constant TRANSCRIPT_TYPEHASH = keccak256("troth/transcript/v1");

    /// @notice Key heads and HPKE keys, both in committee order.
    function heads(
        bytes32 studyId,
        uint32 round,
        bytes32[] memory keyHeads,
        bytes32[] memory hpkeKeyDigests
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                HEADS_TYPEHASH,
                block.chainid,
                address(this),
                studyId,
                round,
                keyHeads,
                hpkeKeyDigests
            )
        );
    }

    /// @notice T: one report per site in terms order, zero where there is none, and one list of noise
    /// envelopes per member. The study's id binds the terms, the heads' digest binds the keys.
    function transcript(
        bytes32 studyId,
        uint32 round,
        bytes32 headsDigest,
        bytes32[] memory reports,
        bytes32[] memory noiseLists
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                TRANSCRIPT_TYPEHASH,
                block.chainid,
                address(this),
                studyId,
                round,
                headsDigest,
                reports,
                noiseLists
            )
        );
    }

    /// @notice One step of a member's key chain.
    function keyStep(bytes32 studyId, uint32 round, address member, uint8 level, bytes32 value)
        internal
        view
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                KEY_TYPEHASH, block.chainid, address(this), studyId, round, member, level, value
            )
        );
    }
}
