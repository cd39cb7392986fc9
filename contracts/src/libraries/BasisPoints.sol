// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Parts of an amount in basis points (1/10,000), always rounded down
library BasisPoints {
    /// @notice The whole: 10,000 basis points.
    uint256 internal constant WHOLE = 10_000;

    /// @notice floor(amount * bps / 10,000), exact for every amount.
    function part(uint256 amount, uint256 bps) internal pure returns (uint256) {
        return Math.mulDiv(amount, bps, WHOLE);
    }
}
