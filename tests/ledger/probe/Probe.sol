// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IProbe} from "./IProbe.sol";

/// @title A contract with one of everything that the ledger must carry.
contract Probe is IProbe {
    uint256 public immutable limit;
    IProbe public immutable peer;
    mapping(address who => uint256 sum) public total;

    constructor(uint256 limit_, IProbe peer_) {
        limit = limit_;
        peer = peer_;
    }

    function bump(uint256 amount) external {
        uint256 left = limit - total[msg.sender];
        if (amount > left) revert TooMuch(msg.sender, left, amount);
        total[msg.sender] += amount;
        emit Bumped(msg.sender, amount, total[msg.sender]);
    }

    function walk(Path calldata path, bytes calldata note, uint8[3] calldata, bool[] calldata) external {
        emit Walked(path.name, path, note);
    }

    function afterTime(uint64 opens) external {
        if (block.timestamp < opens) revert OutsideWindow(uint64(block.timestamp), opens);
        emit Bumped(msg.sender, 0, total[msg.sender]);
    }

    function failWithText() external pure {
        revert("not today");
    }

    function failWithPanic() external view {
        uint256 none = total[address(this)];
        none -= 1;
    }

    function burn() external view {
        uint256 seed = total[msg.sender];
        while (true) {
            seed = uint256(keccak256(abi.encode(seed)));
        }
    }

    function bumpPeer(uint256 amount) external {
        peer.bump(amount);
    }

    function several(uint64 seed) external view returns (uint64 next, address self, Point memory point) {
        return (seed + 1, address(this), Point(-int64(seed), seed));
    }
}
