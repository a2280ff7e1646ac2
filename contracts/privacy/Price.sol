// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.35;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title What one round costs one dataset, in nano-ρ (zCDP)
/// @dev A record of a site with weight w moves the weighted sum by w·Δ. The noise that must carry the
/// claim is that of `honest` members, each a discrete Gaussian of variance σ_h² per coordinate:
/// ρ = (w·Δ)² / (2·h·σ_h²) (Canonne–Kamath–Steinke, arXiv 2004.00010 v4, Theorem 14, for h = 1).
/// A sum of h > 1 discrete Gaussians is not quite one: one nano more covers the difference τ for
/// σ_h >= 2 (Kairouz–Liu–Steinke, arXiv 2102.06387 v3, Theorem 1). Always rounded up: a filter that
/// rounds down promises more than it keeps.
library Price {
    uint256 internal constant NANO = 1e9;

    /// @dev Cannot overflow: 10^9·(2^32·2^64)² < 2^222. Trap: the result may exceed 64 bits; whoever
    /// takes the terms in must refuse that.
    function nanoRho(uint32 weight, uint64 clip, uint8 honest, uint128 noiseVariance)
        internal
        pure
        returns (uint256)
    {
        uint256 moved = uint256(weight) * clip;
        uint256 rho = Math.ceilDiv(NANO * moved * moved, 2 * uint256(honest) * noiseVariance);
        return honest > 1 ? rho + 1 : rho;
    }
}
