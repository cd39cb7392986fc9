// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AtlasToken} from "../src/AtlasToken.sol";
import {StakeManager} from "../src/StakeManager.sol";
import {IAtlasToken} from "../src/interfaces/IAtlasToken.sol";
import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {StakeRole, Violation} from "../src/libraries/Vocabulary.sol";
import {Base} from "./Base.t.sol";
import {Protocol} from "./Protocol.t.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

contract StakeManagerTest is Protocol {
    StakeRole private constant ROLE = StakeRole.ComputeNode;
    bytes32 private constant EVIDENCE = keccak256("evidence");

    function stake(uint256 amount) private {
        vm.prank(alice);
        stakes.stake(ROLE, amount);
    }

    function slash(uint256 amount) private {
        vm.prank(slasher);
        stakes.slash(alice, ROLE, Violation.ComputeCheating, amount, bob, EVIDENCE);
    }

    function total() private view returns (uint256) {
        return stakes.stakeOf(alice, ROLE).total;
    }

    function test_StakesAddUpAndAreAnnounced() public {
        stake(100e18);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Staked(alice, ROLE, 50e18, 150e18);
        stake(50e18);
        vm.assertEq(total(), 150e18);
        vm.assertEq(token.balanceOf(address(stakes)), 150e18);
    }

    function test_RolesAreSeparateStakes() public {
        stake(100e18);
        vm.startPrank(alice);
        stakes.stake(StakeRole.Studio, 30e18);
        vm.assertEq(total(), 100e18);
        vm.assertEq(stakes.stakeOf(alice, StakeRole.Studio).total, 30e18);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StakeTooSmall.selector, 31e18, 30e18));
        stakes.requestUnstake(StakeRole.Studio, 31e18);
    }

    function test_NothingIsNoAmount() public {
        stake(1e18);
        vm.startPrank(alice);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.stake(ROLE, 0);
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        stakes.requestUnstake(ROLE, 0);
        vm.stopPrank();
        vm.expectRevert(IStakeManager.ZeroAmount.selector);
        slash(0);
    }

    function test_AStakeComesBackAfterTheCooldown() public {
        stake(100e18);
        uint256 before = token.balanceOf(alice);
        uint64 availableAt = uint64(block.timestamp) + COOLDOWN;
        vm.expectEmit(address(stakes));
        emit IStakeManager.UnstakeRequested(alice, ROLE, 40e18, availableAt);
        vm.startPrank(alice);
        stakes.requestUnstake(ROLE, 40e18);
        vm.assertEq(total(), 100e18);

        vm.warp(availableAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StillCoolingDown.selector, availableAt));
        stakes.withdraw(ROLE);

        vm.warp(availableAt);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Unstaked(alice, ROLE, 40e18, 60e18);
        vm.assertEq(stakes.withdraw(ROLE), 40e18);
        vm.assertEq(total(), 60e18);
        vm.assertEq(token.balanceOf(alice) - before, 40e18);
        vm.expectRevert(IStakeManager.NothingPending.selector);
        stakes.withdraw(ROLE);
    }

    function test_RequestsAddUpAndStartTheCooldownAnew() public {
        stake(100e18);
        vm.startPrank(alice);
        stakes.requestUnstake(ROLE, 40e18);
        vm.warp(block.timestamp + COOLDOWN - 1);
        stakes.requestUnstake(ROLE, 10e18);
        vm.warp(block.timestamp + COOLDOWN - 1);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StillCoolingDown.selector, block.timestamp + 1));
        stakes.withdraw(ROLE);
        vm.warp(block.timestamp + 1);
        vm.assertEq(stakes.withdraw(ROLE), 50e18);
    }

    function test_WhatIsPendingCannotBeAskedBackTwice() public {
        stake(100e18);
        vm.startPrank(alice);
        stakes.requestUnstake(ROLE, 70e18);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StakeTooSmall.selector, 31e18, 30e18));
        stakes.requestUnstake(ROLE, 31e18);
    }

    function test_WorkedSlashOf100Burns70Treasury20Reporter10() public {
        stake(100e18);
        uint256 supply = token.totalSupply();
        uint256 before = token.balanceOf(bob);
        vm.expectEmit(address(stakes));
        emit IStakeManager.Slashed(alice, ROLE, Violation.ComputeCheating, 100e18, 70e18, 20e18, 10e18, bob, EVIDENCE);
        slash(100e18);
        vm.assertEq(supply - token.totalSupply(), 70e18);
        vm.assertEq(token.balanceOf(treasury), 20e18);
        vm.assertEq(token.balanceOf(bob) - before, 10e18);
        vm.assertEq(total(), 0);
        vm.assertEq(token.balanceOf(address(stakes)), 0);
    }

    function testFuzz_NoWeiOfASlashIsLostAndRoundingBurns(uint256 amount) public {
        amount = bound(amount, 1, 10_000_000e18);
        stake(10_000_000e18);
        uint256 supply = token.totalSupply();
        uint256 before = token.balanceOf(bob);
        slash(amount);
        uint256 burned = supply - token.totalSupply();
        vm.assertEq(token.balanceOf(treasury), amount * 2_000 / 10_000);
        vm.assertEq(token.balanceOf(bob) - before, amount * 1_000 / 10_000);
        vm.assertEq(burned + token.balanceOf(treasury) + token.balanceOf(bob) - before, amount);
        vm.assertLe(amount * 7_000 / 10_000, burned);
        vm.assertEq(token.balanceOf(address(stakes)), 10_000_000e18 - amount);
    }

    function test_ASlashTakesTheActivePartFirst() public {
        stake(100e18);
        vm.prank(alice);
        stakes.requestUnstake(ROLE, 40e18);
        slash(50e18);
        vm.assertEq(total(), 50e18);
        vm.assertEq(stakes.stakeOf(alice, ROLE).pending, 40e18);
    }

    function test_WhatIsPendingCanBeSlashed() public {
        stake(100e18);
        vm.prank(alice);
        stakes.requestUnstake(ROLE, 100e18);
        vm.warp(block.timestamp + COOLDOWN);
        slash(80e18);
        vm.assertEq(stakes.stakeOf(alice, ROLE).pending, 20e18);
        vm.prank(alice);
        vm.assertEq(stakes.withdraw(ROLE), 20e18);
    }

    function test_NoMoreThanTheStakeIsSlashed() public {
        stake(100e18);
        vm.prank(bob);
        stakes.stake(ROLE, 100e18);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StakeTooSmall.selector, 100e18 + 1, 100e18));
        slash(100e18 + 1);
    }

    function test_NobodyIsRewardedForReportingThemselves() public {
        stake(100e18);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.ReporterIsOperator.selector, alice));
        vm.prank(slasher);
        stakes.slash(alice, ROLE, Violation.RevenueFraud, 1e18, alice, EVIDENCE);
    }

    function test_ASlashNamesAReporter() public {
        stake(100e18);
        vm.expectRevert(IStakeManager.ZeroAddress.selector);
        vm.prank(slasher);
        stakes.slash(alice, ROLE, Violation.RevenueFraud, 1e18, address(0), EVIDENCE);
    }

    function test_NoRewardGoesToTheStakeManagerItself() public {
        stake(100e18);
        vm.expectRevert(IStakeManager.ReporterIsStakeManager.selector);
        vm.prank(slasher);
        stakes.slash(alice, ROLE, Violation.RevenueFraud, 1e18, address(stakes), EVIDENCE);
    }

    function testFuzz_ACooldownIsAYearAtMost(uint64 cooldown) public {
        cooldown = uint64(bound(cooldown, 365 days + 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.CooldownTooLong.selector, cooldown, 365 days));
        new StakeManager(token, treasury, cooldown, admin);
        vm.assertEq(new StakeManager(token, treasury, 365 days, admin).cooldown(), 365 days);
    }

    function testFuzz_NobodyElseSlashes(address stranger) public {
        vm.assume(stranger != slasher);
        stake(100e18);
        bytes32 role = stakes.SLASHER_ROLE();
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, role)
        );
        vm.prank(stranger);
        stakes.slash(alice, ROLE, Violation.RevenueFraud, 1e18, bob, EVIDENCE);
    }

    function testFuzz_NobodyWithdrawsForeignStakes(address stranger) public {
        vm.assume(stranger != alice);
        stake(100e18);
        vm.prank(alice);
        stakes.requestUnstake(ROLE, 100e18);
        vm.warp(block.timestamp + COOLDOWN);
        vm.startPrank(stranger);
        vm.expectRevert(IStakeManager.NothingPending.selector);
        stakes.withdraw(ROLE);
        vm.expectRevert(abi.encodeWithSelector(IStakeManager.StakeTooSmall.selector, 1, 0));
        stakes.requestUnstake(ROLE, 1);
    }

    function test_DeploymentRefusesZeroAddresses() public {
        vm.expectRevert(IStakeManager.ZeroAddress.selector);
        new StakeManager(IAtlasToken(address(0)), treasury, COOLDOWN, admin);
        vm.expectRevert(IStakeManager.ZeroAddress.selector);
        new StakeManager(token, address(0), COOLDOWN, admin);
        vm.expectRevert(IStakeManager.ZeroAddress.selector);
        new StakeManager(token, treasury, COOLDOWN, address(0));
    }
}

/// @notice Three operators stake, ask back, withdraw and are slashed while time passes.
contract StakeManagerHandler is Protocol {
    uint256 public burned;
    uint256 public toTreasury;

    function stake(uint256 who, uint8 role, uint256 amount) external {
        address operator = operatorOf(who);
        amount = bound(amount, 1, token.balanceOf(operator) / 10);
        vm.prank(operator);
        stakes.stake(roleOf(role), amount);
    }

    function requestUnstake(uint256 who, uint8 role, uint256 amount) external {
        address operator = operatorOf(who);
        IStakeManager.Stake memory held = stakes.stakeOf(operator, roleOf(role));
        if (held.total == held.pending) return;
        vm.prank(operator);
        stakes.requestUnstake(roleOf(role), bound(amount, 1, held.total - held.pending));
    }

    function withdraw(uint256 who, uint8 role) external {
        address operator = operatorOf(who);
        IStakeManager.Stake memory held = stakes.stakeOf(operator, roleOf(role));
        if (held.pending == 0) return;
        if (block.timestamp < held.availableAt) vm.warp(held.availableAt);
        vm.prank(operator);
        stakes.withdraw(roleOf(role));
    }

    function slash(uint256 who, uint8 role, uint256 amount) external {
        address operator = operatorOf(who);
        uint256 total = stakes.stakeOf(operator, roleOf(role)).total;
        if (total == 0) return;
        amount = bound(amount, 1, total);
        uint256 supply = token.totalSupply();
        uint256 before = token.balanceOf(treasury);
        vm.prank(slasher);
        stakes.slash(operator, roleOf(role), Violation.WashTrading, amount, foundation, bytes32(amount));
        burned += supply - token.totalSupply();
        toTreasury += token.balanceOf(treasury) - before;
    }

    function staked() external view returns (uint256 total) {
        for (uint256 who = 0; who < 3; ++who) {
            for (uint8 role = 0; role < 6; ++role) {
                total += stakes.stakeOf(operatorOf(who), roleOf(role)).total;
            }
        }
    }

    function pendingIsCovered() external view returns (bool) {
        for (uint256 who = 0; who < 3; ++who) {
            for (uint8 role = 0; role < 6; ++role) {
                IStakeManager.Stake memory held = stakes.stakeOf(operatorOf(who), roleOf(role));
                if (held.pending > held.total) return false;
            }
        }
        return true;
    }

    function parts() external view returns (AtlasToken token_, StakeManager stakes_) {
        return (token, stakes);
    }

    function operatorOf(uint256 who) private view returns (address) {
        return [alice, bob, carol][who % 3];
    }

    function roleOf(uint8 role) private pure returns (StakeRole) {
        return StakeRole(role % 6);
    }
}

contract StakeManagerInvariants is Base {
    StakeManagerHandler private handler;
    AtlasToken private token;
    StakeManager private stakes;

    function setUp() public {
        handler = new StakeManagerHandler();
        handler.setUp();
        (token, stakes) = handler.parts();
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = StakeManagerHandler.stake.selector;
        selectors[1] = StakeManagerHandler.requestUnstake.selector;
        selectors[2] = StakeManagerHandler.withdraw.selector;
        selectors[3] = StakeManagerHandler.slash.selector;
        target(address(handler), selectors);
    }

    function invariant_TheContractHoldsExactlyTheStakes() public view {
        vm.assertEq(token.balanceOf(address(stakes)), handler.staked());
    }

    function invariant_NoMoreIsPendingThanStaked() public view {
        vm.assertTrue(handler.pendingIsCovered());
    }

    function invariant_OnlySlashesLowerTheSupply() public view {
        vm.assertEq(token.totalSupply(), token.MAX_SUPPLY() - handler.burned());
    }
}
