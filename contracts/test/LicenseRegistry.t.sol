// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LicenseRegistry} from "../src/LicenseRegistry.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {IAtlasToken} from "../src/interfaces/IAtlasToken.sol";
import {IFeeSettlement} from "../src/interfaces/IFeeSettlement.sol";
import {ILicenseRegistry} from "../src/interfaces/ILicenseRegistry.sol";
import {AssetType, Beneficiary, BurnScenario, LicenseKind} from "../src/libraries/Vocabulary.sol";
import {Base} from "./Base.t.sol";
import {Protocol} from "./Protocol.t.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

contract LicenseRegistryTest is Protocol {
    bytes32 private constant REASON = keccak256("breach of terms");

    bytes32 private character;

    function setUp() public override {
        super.setUp();
        character = registerAs(alice, AssetType.Character);
    }

    function offer(uint256 price, uint64 duration, bool exclusive) private returns (uint256) {
        vm.prank(alice);
        return licenses.publishOffer(character, LicenseKind.Derivative, TERMS, "data:", price, duration, exclusive);
    }

    function grant(address licensee, uint64 duration, bool exclusive) private returns (uint256) {
        vm.prank(alice);
        return licenses.grant(licensee, character, LicenseKind.Derivative, TERMS, "data:", duration, exclusive);
    }

    function expectConflict(uint256 licenseId) private {
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.ExclusivityConflict.selector, licenseId));
    }

    // Offers

    function test_AnOfferIsKeptAndAnnounced() public {
        vm.expectEmit(address(licenses));
        emit ILicenseRegistry.OfferPublished(
            1, character, alice, LicenseKind.Derivative, TERMS, "data:", 5e18, 30 days, true
        );
        vm.assertEq(offer(5e18, 30 days, true), 1);
        ILicenseRegistry.Offer memory kept = licenses.offerOf(1);
        vm.assertEq(kept.aaid, character);
        vm.assertEq(kept.licensor, alice);
        vm.assertEq(kept.price, 5e18);
        vm.assertEq(kept.duration, 30 days);
        vm.assertTrue(kept.exclusive && kept.isOpen && kept.kind == LicenseKind.Derivative);
        vm.assertEq(offer(5e18, 30 days, true), 2);
    }

    function testFuzz_NobodyElseOffers(address stranger) public {
        vm.assume(stranger != alice);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.NotAssetOwner.selector, character, stranger));
        vm.prank(stranger);
        licenses.publishOffer(character, LicenseKind.Derivative, TERMS, "", 0, 0, false);
    }

    function test_AnUnknownAssetIsNotLicensed() public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, CONTENT));
        vm.prank(alice);
        licenses.publishOffer(CONTENT, LicenseKind.Derivative, TERMS, "", 0, 0, false);
    }

    function test_AKindThatDoesNotFitIsRefused() public {
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.KindDoesNotFit.selector, LicenseKind.Scene, AssetType.Character)
        );
        licenses.publishOffer(character, LicenseKind.Scene, TERMS, "", 0, 0, false);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.KindDoesNotFit.selector, LicenseKind.World, AssetType.Character)
        );
        licenses.grant(bob, character, LicenseKind.World, TERMS, "", 0, false);
    }

    function test_TermsMustHaveAHash() public {
        vm.expectRevert(ILicenseRegistry.MissingTermsHash.selector);
        vm.prank(alice);
        licenses.publishOffer(character, LicenseKind.Character, 0, "", 0, 0, false);
    }

    function test_AUriThatReadersCouldNotReadIsRefused() public {
        string memory hidden = string(abi.encodePacked("ipfs://", bytes1(0xFF)));
        vm.startPrank(alice);
        vm.expectRevert(ILicenseRegistry.MalformedUri.selector);
        licenses.publishOffer(character, LicenseKind.Derivative, TERMS, hidden, 0, 0, false);
        vm.expectRevert(ILicenseRegistry.MalformedUri.selector);
        licenses.grant(bob, character, LicenseKind.Derivative, TERMS, hidden, 0, true);
    }

    function testFuzz_ADurationOverACenturyIsRefused(uint64 duration) public {
        uint64 most = licenses.MAX_DURATION();
        duration = uint64(bound(duration, most + 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.DurationTooLong.selector, duration, most));
        vm.prank(alice);
        licenses.grant(bob, character, LicenseKind.Character, TERMS, "", duration, false);
    }

    function test_AWithdrawnOfferIsNotTaken() public {
        uint256 offerId = offer(5e18, 0, false);
        vm.expectEmit(address(licenses));
        emit ILicenseRegistry.OfferWithdrawn(offerId);
        vm.prank(alice);
        licenses.withdrawOffer(offerId);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.OfferNotOpen.selector, offerId));
        vm.prank(bob);
        licenses.accept(offerId);
        vm.assertFalse(licenses.offerOf(offerId).isOpen);
    }

    function testFuzz_NobodyElseWithdrawsAnOffer(address stranger) public {
        vm.assume(stranger != alice);
        uint256 offerId = offer(5e18, 0, false);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.NotLicensor.selector, offerId, stranger));
        vm.prank(stranger);
        licenses.withdrawOffer(offerId);
    }

    function test_AnUnknownOfferIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UnknownOffer.selector, 7));
        licenses.accept(7);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UnknownOffer.selector, 7));
        licenses.offerOf(7);
    }

    function test_AnOfferDiesWithTheOwnershipOfItsLicensor() public {
        uint256 offerId = offer(5e18, 0, false);
        vm.prank(alice);
        assets.transferFrom(alice, carol, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.OfferOutdated.selector, offerId, carol));
        vm.prank(bob);
        licenses.accept(offerId);
    }

    function test_AnOfferDoesNotComeBackWithTheAsset() public {
        uint256 offerId = offer(5e18, 0, true);
        vm.prank(alice);
        assets.transferFrom(alice, carol, 1);
        vm.prank(carol);
        assets.transferFrom(carol, alice, 1);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.OfferOutdated.selector, offerId, alice));
        vm.prank(bob);
        licenses.accept(offerId);
        uint256 renewed = offer(6e18, 0, true);
        vm.prank(bob);
        licenses.accept(renewed);
    }

    function test_AnOfferOutlivesATransferToOneself() public {
        uint256 offerId = offer(5e18, 0, false);
        vm.prank(alice);
        assets.transferFrom(alice, alice, 1);
        vm.prank(bob);
        vm.assertTrue(licenses.isLive(licenses.accept(offerId)));
    }

    // Acceptance and payment

    function test_WorkedLicenceOf10000Burns900AndGivesTheTreasury100() public {
        uint256 offerId = offer(10_000e18, 365 days, false);
        uint256 supply = token.totalSupply();
        (uint256 licensor, uint256 licensee) = (token.balanceOf(alice), token.balanceOf(bob));
        vm.prank(bob);
        licenses.accept(offerId);
        vm.assertEq(licensee - token.balanceOf(bob), 10_000e18);
        vm.assertEq(token.balanceOf(alice) - licensor, 9_000e18);
        vm.assertEq(supply - token.totalSupply(), 900e18);
        vm.assertEq(token.balanceOf(treasury), 100e18);
        vm.assertEq(token.balanceOf(address(licenses)), 0);
        vm.assertEq(token.allowance(address(licenses), address(settlement)), 0);
    }

    function test_AnAcceptanceGrantsThenPaysWithTheLicenceAsReference() public {
        uint256 offerId = offer(10_000e18, 365 days, true);
        uint64 starts = uint64(block.timestamp);
        vm.expectEmit(address(licenses));
        emit ILicenseRegistry.LicenseGranted(
            1, offerId, character, alice, bob, LicenseKind.Derivative, TERMS, "data:", starts, starts + 365 days, true
        );
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.PaymentSettled(
            1, bytes32(uint256(1)), address(licenses), BurnScenario.IpLicensing, 10_000e18, 1_000e18, 900e18, 100e18
        );
        vm.expectEmit(address(settlement));
        emit IFeeSettlement.LegPaid(1, Beneficiary.IpHolder, alice, 9_000e18);
        vm.prank(bob);
        vm.assertEq(licenses.accept(offerId), 1);
    }

    function test_AFreeLicencePaysNothing() public {
        uint256 offerId = offer(0, 0, false);
        vm.prank(foundation);
        uint256 licenseId = licenses.accept(offerId);
        vm.assertEq(settlement.paymentCount(), 0);
        vm.assertTrue(licenses.isLive(licenseId));
    }

    function test_APriceThatIsAllFeeHasNoLeg() public {
        vm.prank(admin);
        settlement.setScenario(BurnScenario.IpLicensing, 10_000, 9_000);
        uint256 offerId = offer(100e18, 0, false);
        vm.prank(bob);
        licenses.accept(offerId);
        vm.assertEq(token.balanceOf(treasury), 10e18);
    }

    function test_WhoDoesNotPayGetsNoLicence() public {
        uint256 offerId = offer(10_000e18, 0, false);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(licenses), 0, 10_000e18)
        );
        vm.prank(foundation);
        licenses.accept(offerId);
        vm.assertEq(licenses.licenseCount(), 0);
    }

    function testFuzz_NoWeiIsLostInAPayment(uint256 price) public {
        price = bound(price, 1, 1_000_000e18);
        uint256 offerId = offer(price, 0, false);
        uint256 supply = token.totalSupply();
        uint256 before = token.balanceOf(alice);
        vm.prank(bob);
        licenses.accept(offerId);
        uint256 burned = supply - token.totalSupply();
        vm.assertEq(token.balanceOf(alice) - before + burned + token.balanceOf(treasury), price);
        vm.assertEq(token.balanceOf(address(licenses)), 0);
    }

    // Grants and their life

    function test_ADirectGrantHasNoOffer() public {
        uint64 starts = uint64(block.timestamp);
        vm.expectEmit(address(licenses));
        emit ILicenseRegistry.LicenseGranted(
            1, 0, character, alice, bob, LicenseKind.Derivative, TERMS, "data:", starts, 0, false
        );
        uint256 licenseId = grant(bob, 0, false);
        ILicenseRegistry.License memory license = licenses.licenseOf(licenseId);
        vm.assertEq(license.offerId, 0);
        vm.assertEq(license.licensee, bob);
        vm.assertEq(license.expiresAt, 0);
        vm.assertEq(settlement.paymentCount(), 0);
    }

    function testFuzz_NobodyElseGrants(address stranger) public {
        vm.assume(stranger != alice);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.NotAssetOwner.selector, character, stranger));
        vm.prank(stranger);
        licenses.grant(bob, character, LicenseKind.Derivative, TERMS, "", 0, false);
    }

    function test_NobodyIsNoLicensee() public {
        vm.expectRevert(ILicenseRegistry.ZeroAddress.selector);
        vm.prank(alice);
        licenses.grant(address(0), character, LicenseKind.Derivative, TERMS, "", 0, false);
    }

    function testFuzz_ALicenceLivesUntilJustBeforeItsExpiry(uint64 duration) public {
        duration = uint64(bound(duration, 1, licenses.MAX_DURATION()));
        uint256 start = block.timestamp;
        uint256 licenseId = grant(bob, duration, false);
        vm.assertTrue(licenses.isLive(licenseId));
        vm.warp(start + duration - 1);
        vm.assertTrue(licenses.isLive(licenseId));
        vm.warp(start + duration);
        vm.assertFalse(licenses.isLive(licenseId));
    }

    function test_APerpetualLicenceDoesNotExpire() public {
        uint256 licenseId = grant(bob, 0, false);
        vm.warp(block.timestamp + 1_000 * 365 days);
        vm.assertTrue(licenses.isLive(licenseId));
    }

    function testFuzz_AnUnknownLicenceIsNotLive(uint256 licenseId) public {
        vm.assertFalse(licenses.isLive(licenseId));
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UnknownLicense.selector, licenseId));
        licenses.licenseOf(licenseId);
    }

    function test_AGrantOutlivesATransferOfTheAsset() public {
        uint256 licenseId = grant(bob, 0, false);
        vm.prank(alice);
        assets.transferFrom(alice, carol, 1);
        vm.assertTrue(licenses.isLive(licenseId));
    }

    function test_TheLicensorRevokes() public {
        uint256 licenseId = grant(bob, 0, false);
        vm.expectEmit(address(licenses));
        emit ILicenseRegistry.LicenseRevoked(licenseId, alice, REASON);
        vm.prank(alice);
        licenses.revoke(licenseId, REASON);
        vm.assertFalse(licenses.isLive(licenseId));
        vm.assertTrue(licenses.licenseOf(licenseId).isRevoked);
    }

    function test_WhatWasPaidForIsRevokedByTheAdminOnly() public {
        uint256 offerId = offer(10_000e18, 0, true);
        vm.prank(bob);
        uint256 licenseId = licenses.accept(offerId);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.MayNotRevoke.selector, licenseId, alice));
        vm.prank(alice);
        licenses.revoke(licenseId, REASON);
        vm.prank(admin);
        licenses.revoke(licenseId, REASON);
        vm.assertFalse(licenses.isLive(licenseId));
    }

    function test_TheLicensorRevokesWhatWasTakenWithoutAPrice() public {
        uint256 offerId = offer(0, 0, false);
        vm.prank(bob);
        uint256 licenseId = licenses.accept(offerId);
        vm.prank(alice);
        licenses.revoke(licenseId, REASON);
        vm.assertFalse(licenses.isLive(licenseId));
    }

    function test_TheAdminRevokes() public {
        uint256 licenseId = grant(bob, 0, false);
        vm.prank(admin);
        licenses.revoke(licenseId, REASON);
        vm.assertFalse(licenses.isLive(licenseId));
    }

    function testFuzz_NobodyElseRevokes(address stranger) public {
        vm.assume(stranger != alice && stranger != admin);
        uint256 licenseId = grant(bob, 0, false);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.MayNotRevoke.selector, licenseId, stranger));
        vm.prank(stranger);
        licenses.revoke(licenseId, REASON);
    }

    function test_ALicenceIsRevokedOnce() public {
        uint256 licenseId = grant(bob, 0, false);
        vm.startPrank(alice);
        licenses.revoke(licenseId, REASON);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.AlreadyRevoked.selector, licenseId));
        licenses.revoke(licenseId, REASON);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UnknownLicense.selector, 99));
        licenses.revoke(99, REASON);
    }

    function testFuzz_AnExpiredLicenceIsNotRevoked(uint64 late) public {
        uint256 licenseId = grant(bob, 30 days, false);
        vm.warp(block.timestamp + 30 days + late % 365 days);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseNotLive.selector, licenseId));
        vm.prank(alice);
        licenses.revoke(licenseId, REASON);
        vm.assertFalse(licenses.licenseOf(licenseId).isRevoked);
    }

    // Exclusivity

    function test_NothingStandsBesideAnExclusiveLicence() public {
        uint256 exclusive = grant(bob, 30 days, true);
        vm.startPrank(alice);
        expectConflict(exclusive);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, false);
        expectConflict(exclusive);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, true);
    }

    function test_AnExclusiveLicenceStandsBesideNothing() public {
        uint256 plainLicense = grant(bob, 30 days, false);
        expectConflict(plainLicense);
        vm.prank(alice);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, true);
    }

    function test_AnExclusiveOfferIsTakenOnce() public {
        uint256 offerId = offer(10e18, 30 days, true);
        vm.prank(bob);
        uint256 licenseId = licenses.accept(offerId);
        expectConflict(licenseId);
        vm.prank(carol);
        licenses.accept(offerId);
        vm.warp(block.timestamp + 30 days);
        vm.prank(carol);
        licenses.accept(offerId);
    }

    function test_PlainLicencesStandBesideEachOther() public {
        grant(bob, 0, false);
        grant(carol, 0, false);
        vm.assertTrue(licenses.isLive(1) && licenses.isLive(2));
    }

    function test_KindsAndAssetsDoNotConflict() public {
        grant(bob, 0, true);
        bytes32 other = registerAs(alice, AssetType.Character);
        vm.startPrank(alice);
        licenses.grant(carol, character, LicenseKind.Character, TERMS, "", 0, true);
        licenses.grant(carol, other, LicenseKind.Derivative, TERMS, "", 0, true);
    }

    function test_RevocationMakesRoomForAnExclusiveLicence() public {
        uint256 first = grant(bob, 0, false);
        uint256 second = grant(carol, 0, false);
        vm.startPrank(alice);
        licenses.revoke(second, REASON);
        expectConflict(first);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, true);
        licenses.revoke(first, REASON);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, true);
    }

    function test_AnOlderLicenceIsFoundBehindYoungerDeadOnes() public {
        uint256 old = grant(bob, 0, false);
        grant(carol, 1 days, false);
        grant(carol, 2 days, false);
        vm.warp(block.timestamp + 3 days);
        expectConflict(old);
        vm.prank(alice);
        licenses.grant(carol, character, LicenseKind.Derivative, TERMS, "", 0, true);
    }

    function test_DeadLicencesCanBeDroppedInParts() public {
        for (uint256 i = 0; i < 5; ++i) {
            grant(bob, 1 days, false);
        }
        vm.assertEq(licenses.dropDead(character, LicenseKind.Derivative, 10), 0);
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(licenses.dropDead(character, LicenseKind.Derivative, 2), 2);
        vm.assertEq(licenses.dropDead(character, LicenseKind.Derivative, 10), 3);
        vm.assertEq(licenses.licenseOf(5).licensee, bob);
    }

    function test_DeploymentRefusesZeroAddresses() public {
        vm.expectRevert(ILicenseRegistry.ZeroAddress.selector);
        new LicenseRegistry(IAtlasToken(address(0)), assets, settlement, admin);
        vm.expectRevert(ILicenseRegistry.ZeroAddress.selector);
        new LicenseRegistry(token, IAssetRegistry(address(0)), settlement, admin);
        vm.expectRevert(ILicenseRegistry.ZeroAddress.selector);
        new LicenseRegistry(token, assets, IFeeSettlement(address(0)), admin);
        vm.expectRevert(ILicenseRegistry.ZeroAddress.selector);
        new LicenseRegistry(token, assets, settlement, address(0));
    }
}

/// @notice Grants, revokes and lets time pass on one asset, and judges every grant against all licences before it.
contract LicenseRegistryHandler is Protocol {
    bytes32 private character;

    function prepare() external {
        setUp();
        character = registerAs(alice, AssetType.Character);
    }

    function grant(uint256 kindSeed, uint64 duration, bool exclusive) external {
        LicenseKind kind = kindSeed % 2 == 0 ? LicenseKind.Derivative : LicenseKind.Character;
        duration = uint64(bound(duration, 0, 30 days));
        bool allowed = !conflicts(kind, exclusive);
        vm.prank(alice);
        try licenses.grant(bob, character, kind, TERMS, "", duration, exclusive) {
            vm.assertTrue(allowed);
        } catch {
            vm.assertFalse(allowed);
        }
    }

    function revoke(uint256 licenseId) external {
        uint256 count = licenses.licenseCount();
        if (count == 0) return;
        licenseId = bound(licenseId, 1, count);
        if (!licenses.isLive(licenseId)) return;
        vm.prank(alice);
        licenses.revoke(licenseId, 0);
    }

    function dropDead(uint256 limit) external {
        licenses.dropDead(character, LicenseKind.Derivative, limit);
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 20 days));
    }

    function liveBesideExclusive(LicenseKind kind) external view returns (bool) {
        (uint256 live, uint256 exclusive) = census(kind);
        return exclusive != 0 && live > 1;
    }

    function conflicts(LicenseKind kind, bool exclusive) private view returns (bool) {
        (uint256 live, uint256 exclusives) = census(kind);
        return exclusives != 0 || (exclusive && live != 0);
    }

    function census(LicenseKind kind) private view returns (uint256 live, uint256 exclusives) {
        for (uint256 id = 1; id <= licenses.licenseCount(); ++id) {
            ILicenseRegistry.License memory license = licenses.licenseOf(id);
            if (license.kind != kind || !licenses.isLive(id)) continue;
            ++live;
            if (license.exclusive) ++exclusives;
        }
    }
}

contract LicenseRegistryInvariants is Base {
    LicenseRegistryHandler private handler;

    function setUp() public {
        handler = new LicenseRegistryHandler();
        handler.prepare();
        bytes4[] memory selectors = new bytes4[](4);
        selectors[0] = LicenseRegistryHandler.grant.selector;
        selectors[1] = LicenseRegistryHandler.revoke.selector;
        selectors[2] = LicenseRegistryHandler.dropDead.selector;
        selectors[3] = LicenseRegistryHandler.pass.selector;
        target(address(handler), selectors);
    }

    function invariant_NothingLivesBesideAnExclusiveLicence() public view {
        vm.assertFalse(handler.liveBesideExclusive(LicenseKind.Derivative));
        vm.assertFalse(handler.liveBesideExclusive(LicenseKind.Character));
    }
}
