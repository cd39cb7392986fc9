// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AtlasToken} from "../src/AtlasToken.sol";
import {RevenuePool} from "../src/RevenuePool.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IAtlasToken} from "../src/interfaces/IAtlasToken.sol";
import {IRevenuePool} from "../src/interfaces/IRevenuePool.sol";
import {AssetType, Beneficiary, RevenueKind} from "../src/libraries/Vocabulary.sol";
import {Base} from "./Base.t.sol";
import {Protocol} from "./Protocol.t.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract RevenuePoolTest is Protocol {
    bytes32 private constant STATEMENT = keccak256("statement");

    bytes32 private work;

    function setUp() public override {
        super.setUp();
        work = registerAs(alice, AssetType.Shot);
    }

    function thirds() private view returns (IRevenuePool.Share[] memory shares) {
        shares = new IRevenuePool.Share[](3);
        shares[0] = IRevenuePool.Share(alice, Beneficiary.Creator, 3_333);
        shares[1] = IRevenuePool.Share(bob, Beneficiary.ComputeProvider, 3_333);
        shares[2] = IRevenuePool.Share(carol, Beneficiary.Investor, 3_334);
    }

    function createPool() private returns (uint256) {
        vm.prank(alice);
        return pool.createPool(work, thirds());
    }

    function expectRefused(IRevenuePool.Share[] memory shares, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(alice);
        pool.createPool(work, shares);
    }

    function test_SharesAreKeptAndAnnouncedInOrder() public {
        vm.expectEmit(address(pool));
        emit IRevenuePool.PoolCreated(1, work, alice);
        vm.expectEmit(address(pool));
        emit IRevenuePool.ShareSet(1, 0, alice, Beneficiary.Creator, 3_333);
        vm.expectEmit(address(pool));
        emit IRevenuePool.ShareSet(1, 1, bob, Beneficiary.ComputeProvider, 3_333);
        vm.expectEmit(address(pool));
        emit IRevenuePool.ShareSet(1, 2, carol, Beneficiary.Investor, 3_334);
        vm.assertEq(createPool(), 1);
        vm.assertEq(pool.poolOf(work), 1);
        vm.assertEq(pool.sharesOf(1).length, 3);
        vm.assertEq(pool.sharesOf(1)[2].payee, carol);
    }

    function testFuzz_NobodyElseFixesTheShares(address stranger) public {
        vm.assume(stranger != alice);
        IRevenuePool.Share[] memory shares = thirds();
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.NotAssetOwner.selector, work, stranger));
        vm.prank(stranger);
        pool.createPool(work, shares);
    }

    function test_SharesAreFixedOnceForGood() public {
        createPool();
        expectRefused(thirds(), abi.encodeWithSelector(IRevenuePool.PoolExists.selector, 1));
        vm.prank(alice);
        assets.transferFrom(alice, bob, 1);
        IRevenuePool.Share[] memory shares = thirds();
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.PoolExists.selector, 1));
        vm.prank(bob);
        pool.createPool(work, shares);
    }

    function testFuzz_SharesMustAddUpToTheWhole(uint16 last) public {
        vm.assume(last != 3_334 && last != 0);
        IRevenuePool.Share[] memory shares = thirds();
        shares[2].shareBps = last;
        expectRefused(shares, abi.encodeWithSelector(IRevenuePool.SharesDoNotAddUp.selector, 6_666 + uint256(last)));
    }

    function test_AnEmptyShareIsRefused() public {
        IRevenuePool.Share[] memory shares = thirds();
        shares[1].shareBps = 0;
        expectRefused(shares, abi.encodeWithSelector(IRevenuePool.InvalidShare.selector, 1));
    }

    function test_AShareOfNobodyIsRefused() public {
        IRevenuePool.Share[] memory shares = thirds();
        shares[0].payee = address(0);
        expectRefused(shares, abi.encodeWithSelector(IRevenuePool.InvalidShare.selector, 0));
        shares[0].payee = address(pool);
        expectRefused(shares, abi.encodeWithSelector(IRevenuePool.InvalidShare.selector, 0));
    }

    function test_OneTo256SharesAreTaken() public {
        expectRefused(
            new IRevenuePool.Share[](0), abi.encodeWithSelector(IRevenuePool.WrongShareCount.selector, 0, 256)
        );
        expectRefused(
            new IRevenuePool.Share[](257), abi.encodeWithSelector(IRevenuePool.WrongShareCount.selector, 257, 256)
        );
        IRevenuePool.Share[] memory shares = new IRevenuePool.Share[](256);
        for (uint160 i = 0; i < 256; ++i) {
            shares[i] = IRevenuePool.Share(address(0xA000 + i), Beneficiary.Community, 39);
        }
        shares[0].shareBps = 10_000 - 39 * 255;
        vm.prank(alice);
        pool.createPool(work, shares);
        vm.prank(bob);
        pool.receiveRevenue(1, RevenueKind.Viewing, 1_000_003, STATEMENT);
        uint256 total;
        for (uint160 i = 0; i < 256; ++i) {
            total += pool.claimable(1, address(0xA000 + i));
        }
        vm.assertEq(total, 1_000_003);
    }

    function test_AnUnknownAssetHasNoPool() public {
        IRevenuePool.Share[] memory shares = thirds();
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, STATEMENT));
        pool.createPool(STATEMENT, shares);
        vm.assertEq(pool.poolOf(STATEMENT), 0);
    }

    function test_AReceiptIsSplitAtOnceFloorFirstListed() public {
        createPool();
        vm.expectEmit(address(pool));
        emit IRevenuePool.RevenueReceived(1, 1, bob, RevenueKind.Advertising, 101, STATEMENT);
        vm.prank(bob);
        vm.assertEq(pool.receiveRevenue(1, RevenueKind.Advertising, 101, STATEMENT), 1);
        vm.assertEq(pool.claimable(1, alice), 34);
        vm.assertEq(pool.claimable(1, bob), 34);
        vm.assertEq(pool.claimable(1, carol), 33);
        vm.assertEq(token.balanceOf(address(pool)), 101);
    }

    function test_ReceiptIdsCountFromOneInEachPool() public {
        createPool();
        bytes32 other = registerAs(alice, AssetType.Music);
        vm.startPrank(alice);
        pool.createPool(other, thirds());
        vm.assertEq(pool.receiveRevenue(1, RevenueKind.Viewing, 5, STATEMENT), 1);
        vm.assertEq(pool.receiveRevenue(1, RevenueKind.Viewing, 5, STATEMENT), 2);
        vm.assertEq(pool.receiveRevenue(2, RevenueKind.Viewing, 5, STATEMENT), 1);
    }

    function test_APayeeListedTwiceGetsBothShares() public {
        IRevenuePool.Share[] memory shares = thirds();
        shares[2].payee = alice;
        vm.startPrank(alice);
        pool.createPool(work, shares);
        pool.receiveRevenue(1, RevenueKind.Viewing, 10_000, STATEMENT);
        vm.assertEq(pool.claimable(1, alice), 6_667);
        vm.assertEq(pool.claimable(1, bob), 3_333);
    }

    function test_AClaimPaysEverythingOnce() public {
        createPool();
        vm.prank(alice);
        pool.receiveRevenue(1, RevenueKind.Viewing, 10_000, STATEMENT);
        uint256 before = token.balanceOf(bob);
        vm.expectEmit(address(pool));
        emit IRevenuePool.RevenueClaimed(1, bob, 3_333);
        vm.startPrank(bob);
        vm.assertEq(pool.claim(1), 3_333);
        vm.assertEq(token.balanceOf(bob) - before, 3_333);
        vm.assertEq(pool.claimable(1, bob), 0);
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.NothingToClaim.selector, 1, bob));
        pool.claim(1);
    }

    function testFuzz_NobodyClaimsWhatAccruedToOthers(address stranger) public {
        vm.assume(stranger != alice && stranger != bob && stranger != carol);
        createPool();
        vm.prank(alice);
        pool.receiveRevenue(1, RevenueKind.Viewing, 10_000, STATEMENT);
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.NothingToClaim.selector, 1, stranger));
        vm.prank(stranger);
        pool.claim(1);
    }

    function test_AReceiptOfNothingIsRefused() public {
        createPool();
        vm.expectRevert(IRevenuePool.ZeroAmount.selector);
        pool.receiveRevenue(1, RevenueKind.Viewing, 0, STATEMENT);
    }

    function testFuzz_AnUnknownPoolIsRefused(uint256 poolId) public {
        vm.assume(poolId != 1);
        createPool();
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.UnknownPool.selector, poolId));
        vm.prank(alice);
        pool.receiveRevenue(poolId, RevenueKind.Viewing, 1, STATEMENT);
        vm.expectRevert(abi.encodeWithSelector(IRevenuePool.UnknownPool.selector, poolId));
        pool.sharesOf(poolId);
    }

    function test_APayerWithoutAllowanceCreditsNobody() public {
        createPool();
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(pool), 0, 5));
        vm.prank(foundation);
        pool.receiveRevenue(1, RevenueKind.Viewing, 5, STATEMENT);
        vm.assertEq(pool.claimable(1, alice), 0);
    }

    function test_DeploymentRefusesZeroAddresses() public {
        vm.expectRevert(IRevenuePool.ZeroAddress.selector);
        new RevenuePool(IAtlasToken(address(0)), assets);
        vm.expectRevert(IRevenuePool.ZeroAddress.selector);
        new RevenuePool(token, IAssetRegistry(address(0)));
    }
}

/// @notice Creates pools of random shares among three people, feeds them, claims from them.
contract RevenuePoolHandler is Protocol {
    uint256 public received;
    uint256 public claimed;

    function createPool(uint16 first, uint16 second) external {
        bytes32 work = registerAs(alice, AssetType.Shot);
        IRevenuePool.Share[] memory shares = new IRevenuePool.Share[](4);
        first = uint16(bound(first, 1, 4_999));
        second = uint16(bound(second, 1, 4_999));
        shares[0] = IRevenuePool.Share(alice, Beneficiary.Creator, first);
        shares[1] = IRevenuePool.Share(bob, Beneficiary.Studio, second);
        shares[2] = IRevenuePool.Share(carol, Beneficiary.Investor, 1);
        shares[3] = IRevenuePool.Share(alice, Beneficiary.Community, 9_999 - first - second);
        vm.prank(alice);
        pool.createPool(work, shares);
    }

    function receiveRevenue(uint256 poolId, uint256 amount) external {
        if (pool.poolCount() == 0) return;
        poolId = bound(poolId, 1, pool.poolCount());
        amount = bound(amount, 1, token.balanceOf(bob) / 10);
        received += amount;
        vm.prank(bob);
        pool.receiveRevenue(poolId, RevenueKind.Viewing, amount, bytes32(poolId));
    }

    function claim(uint256 poolId, uint256 who) external {
        if (pool.poolCount() == 0) return;
        poolId = bound(poolId, 1, pool.poolCount());
        address payee = [alice, bob, carol][who % 3];
        if (pool.claimable(poolId, payee) == 0) return;
        vm.prank(payee);
        claimed += pool.claim(poolId);
    }

    function claimable() external view returns (uint256 total) {
        for (uint256 poolId = 1; poolId <= pool.poolCount(); ++poolId) {
            total += pool.claimable(poolId, alice) + pool.claimable(poolId, bob) + pool.claimable(poolId, carol);
        }
    }

    function parts() external view returns (AtlasToken token_, RevenuePool pool_) {
        return (token, pool);
    }
}

contract RevenuePoolInvariants is Base {
    RevenuePoolHandler private handler;
    AtlasToken private token;
    RevenuePool private pool;

    function setUp() public {
        handler = new RevenuePoolHandler();
        handler.setUp();
        (token, pool) = handler.parts();
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = RevenuePoolHandler.createPool.selector;
        selectors[1] = RevenuePoolHandler.receiveRevenue.selector;
        selectors[2] = RevenuePoolHandler.claim.selector;
        target(address(handler), selectors);
    }

    function invariant_EveryClaimIsCoveredToTheWei() public view {
        vm.assertEq(handler.claimable(), token.balanceOf(address(pool)));
    }

    function invariant_WhatCameInWasPaidOrIsClaimable() public view {
        vm.assertEq(handler.received(), handler.claimed() + handler.claimable());
    }

    function invariant_SharesOfEveryPoolAddUpToTheWhole() public view {
        for (uint256 poolId = 1; poolId <= pool.poolCount(); ++poolId) {
            IRevenuePool.Share[] memory shares = pool.sharesOf(poolId);
            uint256 totalBps;
            for (uint256 i = 0; i < shares.length; ++i) {
                totalBps += shares[i].shareBps;
            }
            vm.assertEq(totalBps, 10_000);
        }
    }

    function invariant_TheSupplyDoesNotChange() public view {
        vm.assertEq(token.totalSupply(), token.MAX_SUPPLY());
    }
}
