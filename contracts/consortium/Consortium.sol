// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Signed} from "../Signed.sol";
import {IConsortium} from "./IConsortium.sol";
import {Motions} from "./Motions.sol";
import {Roles} from "./Roles.sol";

/// @title The members, kept by the members
contract Consortium is IConsortium, Signed {
    using Motions for Motions.Box;

    enum Kind {
        Admission,
        Removal
    }

    bytes32 private constant MOTION_TYPEHASH = keccak256("troth/motion/v1");

    /// @dev 0 is "not a member": a role set is never empty.
    mapping(address member => uint8 roles) private _roles;
    uint32 private _active;
    uint32 private _epoch;
    Motions.Box private _motions;

    /// @param members The founders; the same address twice is refused.
    /// @param roles The role set of each.
    /// @param labelHashes The hash of each one's display label.
    constructor(address[] memory members, uint8[] memory roles, bytes32[] memory labelHashes) {
        if (members.length == 0) revert NoMembers();
        if (members.length != roles.length || members.length != labelHashes.length) {
            revert LengthsDiffer(members.length, roles.length, labelHashes.length);
        }
        for (uint256 i = 0; i < members.length; ++i) {
            _requireAdmissible(members[i], roles[i]);
            _admit(members[i], roles[i], labelHashes[i]);
        }
    }

    /// @inheritdoc IConsortium
    function voteAdmission(address candidate, uint8 roles, bytes32 labelHash) external signed {
        _requireMember(msg.sender);
        _requireAdmissible(candidate, roles);
        bytes32 motion =
            keccak256(abi.encode(MOTION_TYPEHASH, Kind.Admission, candidate, roles, labelHash, _epoch));
        if (_vote(motion)) {
            ++_epoch;
            _admit(candidate, roles, labelHash);
        }
    }

    /// @inheritdoc IConsortium
    function voteRemoval(address member) external signed {
        _requireMember(msg.sender);
        _requireMember(member);
        if (_active == 1) revert LastMember(member);
        bytes32 motion = keccak256(abi.encode(MOTION_TYPEHASH, Kind.Removal, member, _epoch));
        if (_vote(motion)) {
            ++_epoch;
            --_active;
            delete _roles[member];
            emit MemberRemoved(member);
        }
    }

    /// @inheritdoc IConsortium
    function isMember(address account) public view returns (bool) {
        return _roles[account] != 0;
    }

    /// @inheritdoc IConsortium
    function rolesOf(address account) public view returns (uint8) {
        return _roles[account];
    }

    /// @inheritdoc IConsortium
    function activeMembers() public view returns (uint32) {
        return _active;
    }

    /// @inheritdoc IConsortium
    function quorum() public view returns (uint32) {
        return _active / 2 + 1;
    }

    /// @inheritdoc IConsortium
    function epoch() public view returns (uint32) {
        return _epoch;
    }

    /// @return carried Whether this vote reached the quorum. It can only be reached once: carrying a
    /// motion changes the epoch, and with it the id that further votes would count for.
    function _vote(bytes32 motion) internal returns (bool carried) {
        uint32 votes = _motions.cast(motion, msg.sender);
        if (votes == 0) revert AlreadyVoted(motion, msg.sender);
        uint32 needed = quorum();
        emit MotionVoted(motion, msg.sender, votes, needed);
        return votes >= needed;
    }

    function _admit(address member, uint8 roles, bytes32 labelHash) internal {
        _roles[member] = roles;
        ++_active;
        emit MemberAdmitted(member, roles, labelHash);
    }

    function _requireMember(address account) internal view {
        if (!isMember(account)) revert NotMember(account);
    }

    function _requireAdmissible(address candidate, uint8 roles) internal view {
        if (candidate == address(0)) revert ZeroMember();
        if (!Roles.areKnown(roles)) revert UnknownRoles(roles);
        if (isMember(candidate)) revert AlreadyMember(candidate);
    }
}
