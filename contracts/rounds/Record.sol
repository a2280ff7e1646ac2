// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {IRounds} from "./IRounds.sol";

/// @title What is known of one round
/// @dev Trap: no step may read a field of another step's before that step is over. Fields that only one
/// state uses are emptied when the round leaves it (RoundMachine._advance), or are never read again.
struct Record {
    IRounds.State state;
    uint64 deadline;
    /// @dev Members that are still part of the round (see Live).
    uint8 live;
    /// @dev Live members that have done what the present state waits for.
    uint8 posted;
    /// @dev Contested: who must answer. Aborted: owners of rejected noise. Else empty.
    uint8 owing;
    /// @dev Replicated: members whose last word lacks a place that is delivered.
    uint8 deniers;
    /// @dev Replicated: members whose noise the others opened in full.
    uint8 recovered;
    /// @dev N: members and accepted sites.
    uint8 voters;
    /// @dev See Service: who complains of whose blob.
    uint40 complaints;
    uint64 enrolled;
    uint128 present;
    uint128 delivered;
    /// @dev Replicated: places that somebody, and that more than one, could not open at its last word.
    uint128 unopened;
    uint128 lost;
    uint128 accepted;
    /// @dev Sites whose word about their own tags is final.
    uint64 checked;
    /// @dev Accepted sites that say that their own tags are wrong.
    uint64 disputing;
    /// @dev Voters (see Ballots for their order) that attested or accused; that accused.
    uint72 voted;
    uint72 accusers;
    /// @dev See Replication: who posted the same sum of which share.
    uint96 sums;
    /// @dev See Replication: who posted which owners to recover.
    uint128 recoveries;
    /// @dev See Denials: who could not open whose noise.
    uint256 denials;
    bytes32 headsDigest;
    bytes32 transcript;
    /// @dev keccak256 of the codes that enough members posted.
    bytes32 verdict;
    /// @dev The digest that reached the threshold. Trap: voters may take their votes back.
    bytes32 modelDigest;
    /// @dev Of whom enough voters say the same fault.
    address faulty;
    /// @dev The key chain's last value that is known: the head, then what was revealed.
    bytes32[5] keyHeads;
    bytes32[5] hpkeKeyDigests;
    /// @dev One slot per site, then one per member for its list of noise envelopes.
    mapping(uint256 reporter => bytes32) digests;
    mapping(bytes32 verdict => Opinion) opinions;
    /// @dev See Replication: the digest that a group of holders posted.
    mapping(uint256 group => bytes32) sumDigests;
    mapping(uint256 voter => bytes32 modelDigest) attestations;
    mapping(bytes32 modelDigest => uint8) votesFor;
    mapping(address party => uint8) accusations;
}

/// @title A verdict, and the members that posted it
struct Opinion {
    /// @dev Places with the code for accepted.
    uint128 accepted;
    /// @dev Replicated: members whose verifier file the others' files contradict.
    uint8 contradicted;
    uint8 by;
}
