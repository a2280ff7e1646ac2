// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

/// @title Who belongs to the consortium, in which roles
/// @notice Members are addresses. Membership changes by vote of the members themselves: there is no
/// owner, no administrator and no upgrade path.
/// @dev Roles are a bit set: 1 site, 2 aggregator, 4 authority, 8 auditor, 16 overseer. A label is
/// only ever seen as a hash: nothing personal goes on the chain.
interface IConsortium {
    /// @notice A member joined, at deployment or by vote.
    event MemberAdmitted(address indexed member, uint8 roles, bytes32 labelHash);
    /// @notice A member was voted out; its roles are gone at once.
    event MemberRemoved(address indexed member);
    /// @notice A member voted for a motion; `votes` of `needed` are in.
    event MotionVoted(bytes32 indexed motion, address indexed member, uint32 votes, uint32 needed);

    /// @notice `account` is not a member now.
    error NotMember(address account);
    /// @notice `account` is a member already.
    error AlreadyMember(address account);
    /// @notice `member` has voted for `motion` already.
    error AlreadyVoted(bytes32 motion, address member);
    /// @notice A role set that is empty or has unknown bits.
    error UnknownRoles(uint8 roles);
    /// @notice The zero address cannot be a member.
    error ZeroMember();
    /// @notice The last member cannot be removed: nobody could ever vote again.
    error LastMember(address member);
    /// @notice A consortium needs a founder.
    error NoMembers();
    /// @notice The founders' lists must be of one length.
    error LengthsDiffer(uint256 members, uint256 roles, uint256 labelHashes);

    /// @notice Whether `account` is a member now.
    function isMember(address account) external view returns (bool);
    /// @notice The role set of `account`; 0 when it is not a member.
    function rolesOf(address account) external view returns (uint8);
    /// @notice Number of members now.
    function activeMembers() external view returns (uint32);
    /// @notice Votes that carry a motion now: floor(active / 2) + 1.
    function quorum() external view returns (uint32);
    /// @notice Counts membership changes. A motion belongs to one epoch: when membership changes,
    /// votes for every open motion lapse, so that nobody's vote outlives their membership.
    function epoch() external view returns (uint32);

    /// @notice Vote to admit `candidate`; the vote that reaches the quorum admits it.
    function voteAdmission(address candidate, uint8 roles, bytes32 labelHash) external;
    /// @notice Vote to remove `member`; the vote that reaches the quorum removes it.
    function voteRemoval(address member) external;
}
