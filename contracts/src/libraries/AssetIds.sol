// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ATLAS Asset IDs (W1)
library AssetIds {
    /// @notice The AAID of a token: keccak256(abi.encode(chainId, registry, tokenId)), unique across chains.
    function derive(uint256 chainId, address registry, uint256 tokenId) internal pure returns (bytes32) {
        return keccak256(abi.encode(chainId, registry, tokenId));
    }
}
