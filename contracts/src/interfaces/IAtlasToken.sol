// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The ATLAS token, as the protocol's contracts use it (W14)
interface IAtlasToken is IERC20 {
    /// @notice Destroys `value` wei of the caller's tokens; the total supply falls by as much.
    function burn(uint256 value) external;
}
