// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetIds} from "../../src/libraries/AssetIds.sol";
import {Base} from "../Base.t.sol";

contract AssetIdsTest is Base {
    function test_KnownVector() public pure {
        vm.assertEq(
            AssetIds.derive(31_337, 0x5FbDB2315678afecb367f032d93F642f64180aa3, 1),
            0x795f3e80a60304670fd0be61bdaf557730f112756726a2dbb6613750fc782bdd
        );
    }

    function testFuzz_DiffersByChainRegistryAndToken(uint64 chainId, address registry, uint128 tokenId) public pure {
        bytes32 aaid = AssetIds.derive(chainId, registry, tokenId);
        vm.assertTrue(aaid != AssetIds.derive(uint256(chainId) + 1, registry, tokenId));
        vm.assertTrue(aaid != AssetIds.derive(chainId, address(uint160(registry) ^ 1), tokenId));
        vm.assertTrue(aaid != AssetIds.derive(chainId, registry, uint256(tokenId) + 1));
    }
}
