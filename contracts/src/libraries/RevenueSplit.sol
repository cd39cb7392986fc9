// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BasisPoints} from "./BasisPoints.sol";

/// @title The split rule "floor-first-listed/1"
/// @notice Everyone gets floor(amount * bps / 10,000); what rounding left over goes out in listed order, 1 wei each,
///         until it is gone. The parts always add up to the amount.
library RevenueSplit {
    /// @param sharesBps shares in listed order; they sum to 10,000, so that the leftover is smaller than their number.
    function split(uint256 amount, uint16[] memory sharesBps) internal pure returns (uint256[] memory parts) {
        parts = new uint256[](sharesBps.length);
        uint256 leftover = amount;
        for (uint256 i = 0; i < sharesBps.length; ++i) {
            parts[i] = BasisPoints.part(amount, sharesBps[i]);
            leftover -= parts[i];
        }
        for (uint256 i = 0; i < leftover; ++i) {
            ++parts[i];
        }
    }
}
