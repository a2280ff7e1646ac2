// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A library that another one calls.
library Steps {
    function double(uint256 value) external pure returns (uint256) {
        return 2 * value;
    }
}

/// @title A library that works on its caller's storage.
library Sums {
    struct Sum {
        uint256 value;
    }

    function add(Sum storage sum, uint256 amount) external {
        sum.value += Steps.double(amount);
    }
}

/// @title A library that is compiled into its callers.
library Inner {
    function one() internal pure returns (uint256) {
        return 1;
    }
}

/// @title A contract that calls libraries, in two places.
contract Linked {
    uint256 public immutable start;
    Sums.Sum private _sum;

    constructor(uint256 start_) {
        start = start_;
    }

    function add(uint256 amount) external {
        Sums.add(_sum, amount);
        if (amount > start) Sums.add(_sum, Inner.one());
    }

    function total() external view returns (uint256) {
        return start + _sum.value;
    }
}
