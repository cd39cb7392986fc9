// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AtlasToken} from "../src/AtlasToken.sol";
import {FeeSettlement} from "../src/FeeSettlement.sol";
import {IAtlasToken} from "../src/interfaces/IAtlasToken.sol";
import {IFeeSettlement} from "../src/interfaces/IFeeSettlement.sol";
import {Beneficiary, BurnScenario} from "../src/libraries/Vocabulary.sol";
import {Base, Vm} from "./Base.t.sol";
import {Protocol} from "./Protocol.t.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract FeeSettlementTest is Protocol {
    bytes32 private constant REFERENCE = keccak256("generation record");

    function leg(Beneficiary role, address payee, uint256 amount) private pure returns (IFeeSettlement.Leg memory) {
        return IFeeSettlement.Leg({role: role, payee: payee, amount: amount});
    }

    function oneLeg(address payee, uint256 amount) private pure returns (IFeeSettlement.Leg[] memory legs) {
        legs = new IFeeSettlement.Leg[](1);
        legs[0] = leg(Beneficiary.Creator, payee, amount);
    }

    function generationLegs() private view returns (IFeeSettlement.Leg[] memory legs) {
        legs = new IFeeSettlement.Leg[](2);
        legs[0] = leg(Beneficiary.ModelProvider, bob, 70e18);
        legs[1] = leg(Beneficiary.Creator, carol, 10e18);
    }

    /// @dev Plays a worked payment of W16 with one leg and holds the two parts of the fee against the paper.
    function requireWorked(BurnScenario scenario, uint256 amount, uint256 burned, uint256 toTreasury) private {
        uint256 supply = token.totalSupply();
        uint256 net = amount - burned - toTreasury;
        uint256 before = token.balanceOf(bob);
        IFeeSettlement.Leg[] memory legs = net == 0 ? new IFeeSettlement.Leg[](0) : oneLeg(bob, net);
        vm.prank(alice);
        settlement.settle(scenario, amount, REFERENCE, legs);
        vm.assertEq(supply - token.totalSupply(), burned, "burned");
        vm.assertEq(token.balanceOf(treasury), toTreasury, "treasury");
        vm.assertEq(token.balanceOf(bob) - before, net, "beneficiary");
        vm.assertEq(token.balanceOf(address(settlement)), 0, "nothing stays");
    }

    function test_WorkedGeneration100Burns18AndGivesTheTreasury2() public {
        uint256 supply = token.totalSupply();
        (uint256 payer, uint256 provider, uint256 creator) =
            (token.balanceOf(alice), token.balanceOf(bob), token.balanceOf(carol));
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, generationLegs());
        vm.assertEq(payer - token.balanceOf(alice), 100e18);
        vm.assertEq(token.balanceOf(bob) - provider, 70e18);
        vm.assertEq(token.balanceOf(carol) - creator, 10e18);
        vm.assertEq(supply - token.totalSupply(), 18e18);
        vm.assertEq(token.balanceOf(treasury), 2e18);
        vm.assertEq(token.balanceOf(address(settlement)), 0);
    }

    function test_WorkedRegistration50Burns45AndGivesTheTreasury5() public {
        requireWorked(BurnScenario.AssetRegistration, 50e18, 45e18, 5e18);
    }

    function test_WorkedLicence10000Burns900AndGivesTheTreasury100() public {
        requireWorked(BurnScenario.IpLicensing, 10_000e18, 900e18, 100e18);
    }

    function test_WorkedTrade20000Burns540AndGivesTheTreasury60() public {
        requireWorked(BurnScenario.AssetTrading, 20_000e18, 540e18, 60e18);
    }

    function test_RoundingFavoursTheBeneficiaryThenTheTreasury() public {
        // floor(7 * 20%) = 1 wei of fee, floor(1 * 90%) = 0 of it burned.
        requireWorked(BurnScenario.AiGeneration, 7, 0, 1);
    }

    function test_EventsNameThePaymentThenItsLegsInOrder() public {
        IFeeSettlement.Leg[] memory legs = generationLegs();
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.PaymentSettled(1, REFERENCE, alice, BurnScenario.AiGeneration, 100e18, 20e18, 18e18, 2e18);
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.LegPaid(1, Beneficiary.ModelProvider, bob, 70e18);
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.LegPaid(1, Beneficiary.Creator, carol, 10e18);
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_PaymentIdsCountFromOne() public {
        vm.startPrank(alice);
        vm.assertEq(settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, generationLegs()), 1);
        vm.assertEq(settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, generationLegs()), 2);
        vm.assertEq(settlement.paymentCount(), 2);
    }

    function test_FourScenariosOpenWithTheRatesOfThePaper() public view {
        uint16[4] memory rates = [uint16(2_000), 10_000, 1_000, 300];
        BurnScenario[4] memory scenarios = [
            BurnScenario.AiGeneration,
            BurnScenario.AssetRegistration,
            BurnScenario.IpLicensing,
            BurnScenario.AssetTrading
        ];
        for (uint256 i = 0; i < 4; ++i) {
            IFeeSettlement.ScenarioParameters memory parameters = settlement.parametersOf(scenarios[i]);
            vm.assertTrue(parameters.isConfigured);
            vm.assertEq(parameters.feeBps, rates[i]);
            vm.assertEq(parameters.burnBps, 9_000);
        }
    }

    function test_DeploymentAnnouncesTheOpeningRates() public {
        vm.recordLogs();
        FeeSettlement fresh = new FeeSettlement(token, treasury, admin);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 announced;
        for (uint256 i = 0; i < logs.length; ++i) {
            vm.assertEq(logs[i].emitter, address(fresh));
            if (logs[i].topics[0] == IFeeSettlement.ScenarioParametersChanged.selector) ++announced;
        }
        vm.assertEq(announced, 4);
    }

    function test_AScenarioWithoutARateRefusesPayments() public {
        BurnScenario[6] memory closed = [
            BurnScenario.HdExport,
            BurnScenario.ContentDistribution,
            BurnScenario.AdInsertion,
            BurnScenario.StudioCertification,
            BurnScenario.EnterpriseApi,
            BurnScenario.CrossChainPremium
        ];
        for (uint256 i = 0; i < closed.length; ++i) {
            IFeeSettlement.Leg[] memory legs = oneLeg(bob, 1e18);
            vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.ScenarioNotConfigured.selector, closed[i]));
            vm.prank(alice);
            settlement.settle(closed[i], 1e18, REFERENCE, legs);
        }
    }

    function test_TheAdminOpensAScenario() public {
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.ScenarioParametersChanged(BurnScenario.HdExport, 500, 8_000);
        vm.prank(admin);
        settlement.setScenario(BurnScenario.HdExport, 500, 8_000);
        requireWorked(BurnScenario.HdExport, 1_000e18, 40e18, 10e18);
    }

    function test_AScenarioCanBeFreeOfFee() public {
        vm.prank(admin);
        settlement.setScenario(BurnScenario.HdExport, 0, 9_000);
        requireWorked(BurnScenario.HdExport, 1_000e18, 0, 0);
    }

    function testFuzz_NobodyElseSetsRates(address stranger, uint16 feeBps, uint16 burnBps) public {
        vm.assume(stranger != admin);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, bytes32(0))
        );
        vm.prank(stranger);
        settlement.setScenario(BurnScenario.AiGeneration, feeBps, burnBps);
    }

    function test_TheAdminRoleCanBeHandedToATimelock() public {
        address timelock = actor("timelock");
        bytes32 role = settlement.DEFAULT_ADMIN_ROLE();
        vm.startPrank(admin);
        settlement.grantRole(role, timelock);
        settlement.renounceRole(role, admin);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, admin, role));
        settlement.setScenario(BurnScenario.AiGeneration, 0, 0);
        vm.stopPrank();
        vm.prank(timelock);
        settlement.setScenario(BurnScenario.AiGeneration, 0, 0);
    }

    function testFuzz_RatesAboveTheWholeAreRefused(uint16 bps) public {
        uint16 tooHigh = uint16(bound(bps, 10_001, type(uint16).max));
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.RateTooHigh.selector, tooHigh));
        settlement.setScenario(BurnScenario.AiGeneration, tooHigh, 0);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.RateTooHigh.selector, tooHigh));
        settlement.setScenario(BurnScenario.AiGeneration, 0, tooHigh);
    }

    function testFuzz_LegsMustAddUpToTheWei(uint256 paid) public {
        paid = bound(paid, 1, 1_000e18);
        vm.assume(paid != 80e18);
        IFeeSettlement.Leg[] memory legs = oneLeg(bob, paid);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.LegsDoNotAddUp.selector, 80e18, paid));
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_ALegOfNothingIsRefused() public {
        IFeeSettlement.Leg[] memory legs = generationLegs();
        legs[1].amount = 0;
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.InvalidLeg.selector, 1));
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_ALegToNobodyIsRefused() public {
        IFeeSettlement.Leg[] memory legs = oneLeg(address(0), 80e18);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.InvalidLeg.selector, 0));
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_ALegToTheContractItselfIsRefused() public {
        IFeeSettlement.Leg[] memory legs = oneLeg(address(settlement), 80e18);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.InvalidLeg.selector, 0));
        vm.prank(alice);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_APaymentHas256LegsAtMost() public {
        IFeeSettlement.Leg[] memory legs = new IFeeSettlement.Leg[](257);
        for (uint256 i = 0; i < 257; ++i) {
            legs[i] = IFeeSettlement.Leg(Beneficiary.Community, bob, 1e18);
        }
        vm.prank(admin);
        settlement.setScenario(BurnScenario.HdExport, 0, 9_000);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IFeeSettlement.TooManyLegs.selector, 257, 256));
        settlement.settle(BurnScenario.HdExport, 257e18, REFERENCE, legs);
        assembly ("memory-safe") {
            mstore(legs, 256)
        }
        vm.assertEq(settlement.settle(BurnScenario.HdExport, 256e18, REFERENCE, legs), 1);
    }

    function test_APaymentOfNothingIsRefused() public {
        vm.expectRevert(IFeeSettlement.ZeroAmount.selector);
        settlement.settle(BurnScenario.AiGeneration, 0, REFERENCE, new IFeeSettlement.Leg[](0));
    }

    function test_APayerWithoutAllowancePaysNothing() public {
        IFeeSettlement.Leg[] memory legs = oneLeg(bob, 80e18);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(settlement), 0, 100e18)
        );
        vm.prank(foundation);
        settlement.settle(BurnScenario.AiGeneration, 100e18, REFERENCE, legs);
    }

    function test_DeploymentRefusesZeroAddresses() public {
        vm.expectRevert(IFeeSettlement.ZeroAddress.selector);
        new FeeSettlement(IAtlasToken(address(0)), treasury, admin);
        vm.expectRevert(IFeeSettlement.ZeroAddress.selector);
        new FeeSettlement(token, address(0), admin);
        vm.expectRevert(IFeeSettlement.ZeroAddress.selector);
        new FeeSettlement(token, treasury, address(0));
    }

    function testFuzz_NoWeiIsCreatedOrLost(uint256 amount, uint256 feeBps, uint256 burnBps) public {
        amount = bound(amount, 1, 10_000_000e18);
        feeBps = bound(feeBps, 0, 10_000);
        burnBps = bound(burnBps, 0, 10_000);
        vm.prank(admin);
        settlement.setScenario(BurnScenario.AdInsertion, uint16(feeBps), uint16(burnBps));
        (uint256 protocolFee, uint256 burned, uint256 toTreasury) = settlement.quote(BurnScenario.AdInsertion, amount);
        vm.assertEq(protocolFee, amount * feeBps / 10_000);
        vm.assertEq(burned, protocolFee * burnBps / 10_000);
        requireWorked(BurnScenario.AdInsertion, amount, burned, toTreasury);
    }
}

/// @notice Settles random payments in random scenarios with one to four legs.
contract FeeSettlementHandler is Protocol {
    uint256 public burned;
    uint256 public toTreasury;

    function settle(uint256 scenarioSeed, uint256 amount, uint256 legCount) external {
        BurnScenario[4] memory open = [
            BurnScenario.AiGeneration,
            BurnScenario.AssetRegistration,
            BurnScenario.IpLicensing,
            BurnScenario.AssetTrading
        ];
        BurnScenario scenario = open[scenarioSeed % 4];
        amount = bound(amount, 1, token.balanceOf(alice) / 10);
        (uint256 fee, uint256 burning, uint256 remaining) = settlement.quote(scenario, amount);
        burned += burning;
        toTreasury += remaining;
        IFeeSettlement.Leg[] memory legs = split(amount - fee, bound(legCount, 1, 4));
        vm.prank(alice);
        settlement.settle(scenario, amount, bytes32(scenarioSeed), legs);
    }

    function setScenario(uint256 feeBps, uint256 burnBps) external {
        vm.prank(admin);
        settlement.setScenario(
            BurnScenario.AssetTrading, uint16(bound(feeBps, 0, 10_000)), uint16(bound(burnBps, 0, 10_000))
        );
    }

    function parts() external view returns (AtlasToken token_, FeeSettlement settlement_, address treasury_) {
        return (token, settlement, treasury);
    }

    function split(uint256 net, uint256 legCount) private view returns (IFeeSettlement.Leg[] memory legs) {
        if (net < legCount) legCount = net == 0 ? 0 : 1;
        legs = new IFeeSettlement.Leg[](legCount);
        for (uint256 i = 0; i < legCount; ++i) {
            uint256 part = i + 1 == legCount ? net - (net / legCount) * i : net / legCount;
            legs[i] = IFeeSettlement.Leg(Beneficiary.Community, i % 2 == 0 ? bob : carol, part);
        }
    }
}

contract FeeSettlementInvariants is Base {
    FeeSettlementHandler private handler;
    AtlasToken private token;
    FeeSettlement private settlement;
    address private treasury;

    function setUp() public {
        handler = new FeeSettlementHandler();
        handler.setUp();
        (token, settlement, treasury) = handler.parts();
        bytes4[] memory selectors = new bytes4[](2);
        selectors[0] = FeeSettlementHandler.settle.selector;
        selectors[1] = FeeSettlementHandler.setScenario.selector;
        target(address(handler), selectors);
    }

    function invariant_NothingStaysInTheContract() public view {
        vm.assertEq(token.balanceOf(address(settlement)), 0);
    }

    function invariant_TheSupplyFallsByExactlyWhatFeesBurned() public view {
        vm.assertEq(token.totalSupply(), token.MAX_SUPPLY() - handler.burned());
    }

    function invariant_TheTreasuryHasExactlyTheRestOfTheFees() public view {
        vm.assertEq(token.balanceOf(treasury), handler.toTreasury());
    }
}
