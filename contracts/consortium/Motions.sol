// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Counting the members' votes for motions
/// @dev Trap: nothing here takes a vote back, and a carried motion stays carried. So a motion's id
/// must bind whatever ends its life: the epoch of the membership, and the state that it changes.
library Motions {
    struct Box {
        mapping(bytes32 motion => uint32 votes) votes;
        mapping(bytes32 motion => mapping(address member => bool)) voted;
    }

    /// @notice Count the vote of `member`; `votes` is 0 when it had voted before.
    function cast(Box storage box, bytes32 motion, address member) internal returns (uint32 votes) {
        if (box.voted[motion][member]) return 0;
        box.voted[motion][member] = true;
        votes = ++box.votes[motion];
    }

    /// @notice Whether `member` voted for `motion`.
    function hasVoted(Box storage box, bytes32 motion, address member) internal view returns (bool) {
        return box.voted[motion][member];
    }
}
