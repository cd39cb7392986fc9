// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAtlasToken} from "./interfaces/IAtlasToken.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

/// @title ATLAS (W14): ERC-20, 18 decimals, 1,000,000,000 issued once
/// @notice There is no owner and no way to mint: after the constructor the supply can only fall.
contract AtlasToken is IAtlasToken, ERC20, ERC20Burnable, ERC20Permit, ERC20Votes {
    /// @notice All the wei that will ever exist.
    uint256 public constant MAX_SUPPLY = 1_000_000_000e18;

    /// @param holder receives the whole supply, to be handed on by the allocation of W14.
    constructor(address holder) ERC20("Atlas", "ATLAS") ERC20Permit("Atlas") {
        _mint(holder, MAX_SUPPLY);
    }

    /// @notice Voting checkpoints are taken by time (ERC-6372): governance counts in days, on chains of any block time.
    function clock() public view override returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @notice The clock in the words of ERC-6372.
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc IAtlasToken
    function burn(uint256 value) public override(IAtlasToken, ERC20Burnable) {
        super.burn(value);
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Votes) {
        super._update(from, to, value);
    }
}
