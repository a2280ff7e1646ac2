// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title What the ledger's behaviour suite needs from a contract.
interface IProbe {
    struct Point {
        int64 x;
        uint256 y;
    }

    struct Path {
        bytes32 name;
        Point[] points;
        string label;
    }

    event Bumped(address indexed who, uint256 indexed amount, uint256 total);
    event Walked(bytes32 indexed name, Path path, bytes note);

    error TooMuch(address who, uint256 left, uint256 asked);
    error OutsideWindow(uint64 time, uint64 opens);

    /// @notice Adds to the caller's total.
    function bump(uint256 amount) external;

    /// @notice Emits a path; shows every kind of argument.
    function walk(Path calldata path, bytes calldata note, uint8[3] calldata three, bool[] calldata flags) external;

    /// @notice Succeeds only from `opens` on.
    function afterTime(uint64 opens) external;

    /// @notice Fails with a reason string, as other people's contracts do.
    function failWithText() external;

    /// @notice Fails by an overflow check.
    function failWithPanic() external;

    /// @notice Uses whatever gas it is given.
    function burn() external;

    /// @notice Asks the peer to bump, so that the peer's error comes through.
    function bumpPeer(uint256 amount) external;

    function total(address who) external view returns (uint256);

    function limit() external view returns (uint256);

    function several(uint64 seed) external view returns (uint64 next, address self, Point memory point);
}
