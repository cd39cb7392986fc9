// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetRegistry} from "../src/AssetRegistry.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {ILicenseRegistry} from "../src/interfaces/ILicenseRegistry.sol";
import {AssetIds} from "../src/libraries/AssetIds.sol";
import {AssetType, LicenseKind} from "../src/libraries/Vocabulary.sol";
import {Protocol} from "./Protocol.t.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

contract AssetRegistryTest is Protocol {
    bytes32 private constant METADATA = keccak256("metadata");
    bytes32 private constant FIRST_RECORD = keccak256("first record");
    bytes32 private constant SECOND_RECORD = keccak256("second record");

    function full() private view returns (IAssetRegistry.Registration memory registration) {
        registration = plain(AssetType.Shot);
        registration.metadataHash = METADATA;
        registration.metadataUri = "ipfs://metadata";
        registration.sources = records();
        registration.royaltyReceiver = carol;
        registration.royaltyBps = 500;
    }

    function records() private pure returns (bytes32[] memory sources) {
        sources = new bytes32[](2);
        sources[0] = FIRST_RECORD;
        sources[1] = SECOND_RECORD;
    }

    function derived(bytes32 parent, uint256 licenseId)
        private
        pure
        returns (IAssetRegistry.Registration memory registration)
    {
        registration = plain(AssetType.Shot);
        registration.parents = new IAssetRegistry.Derivation[](1);
        registration.parents[0] = IAssetRegistry.Derivation(parent, licenseId);
    }

    function idOf(uint256 tokenId) private view returns (bytes32) {
        return AssetIds.derive(block.chainid, address(assets), tokenId);
    }

    function grantTo(address licensee, bytes32 aaid, LicenseKind kind) private returns (uint256) {
        address owner = assets.ownerOfAsset(aaid);
        vm.prank(owner);
        return licenses.grant(licensee, aaid, kind, TERMS, "", 30 days, false);
    }

    function test_AnAssetGoesToItsCreator() public {
        vm.prank(alice);
        (uint256 tokenId, bytes32 aaid) = assets.register(full());
        IAssetRegistry.Asset memory asset = assets.assetOf(tokenId);
        vm.assertEq(assets.ownerOf(tokenId), alice);
        vm.assertEq(assets.ownerOfAsset(aaid), alice);
        vm.assertEq(asset.creator, alice);
        vm.assertEq(asset.version, 1);
        vm.assertEq(asset.registeredAt, block.timestamp);
        vm.assertEq(asset.contentHash, CONTENT);
        vm.assertEq(asset.metadataHash, METADATA);
        vm.assertEq(assets.tokenURI(tokenId), "ipfs://metadata");
        vm.assertTrue(asset.assetType == AssetType.Shot && assets.typeOfAsset(aaid) == AssetType.Shot);
    }

    function test_TokenIdsCountFromOneAndAaidsFollowThem() public {
        vm.startPrank(alice);
        for (uint256 expected = 1; expected <= 3; ++expected) {
            (uint256 tokenId, bytes32 aaid) = assets.register(plain(AssetType.Scene));
            vm.assertEq(tokenId, expected);
            vm.assertEq(aaid, idOf(expected));
            vm.assertEq(assets.aaidOf(tokenId), aaid);
            vm.assertEq(assets.tokenOf(aaid), tokenId);
        }
        vm.assertEq(assets.assetCount(), 3);
    }

    function test_EventsNameTheAssetThenItsSourcesAndParents() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        IAssetRegistry.Registration memory registration = full();
        registration.parents = derived(parent, 0).parents;
        vm.expectEmit(address(assets));
        emit IERC721.Transfer(address(0), alice, 2);
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetRegistered(idOf(2), 2, alice, AssetType.Shot, CONTENT, METADATA, "ipfs://metadata");
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetSourced(idOf(2), 1, FIRST_RECORD);
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetSourced(idOf(2), 1, SECOND_RECORD);
        vm.expectEmit(address(assets));
        emit IAssetRegistry.DerivativeLinked(idOf(2), parent, 0);
        vm.prank(alice);
        assets.register(registration);
    }

    function test_AnAssetWithoutContentIsRefused() public {
        IAssetRegistry.Registration memory registration = full();
        registration.contentHash = 0;
        vm.expectRevert(IAssetRegistry.MissingContentHash.selector);
        assets.register(registration);
    }

    function test_AUriThatReadersCouldNotReadIsRefused() public {
        IAssetRegistry.Registration memory registration = full();
        registration.metadataUri = string(abi.encodePacked("ipfs://", bytes1(0xFF)));
        vm.startPrank(alice);
        vm.expectRevert(IAssetRegistry.MalformedUri.selector);
        assets.register(registration);
        assets.register(full());
        vm.expectRevert(IAssetRegistry.MalformedUri.selector);
        assets.addVersion(1, CONTENT, METADATA, "a\nb", new bytes32[](0));
    }

    function test_OwnershipsAreCounted() public {
        bytes32 aaid = registerAs(alice, AssetType.Shot);
        vm.assertEq(assets.ownershipOf(aaid), 1);
        vm.startPrank(alice);
        assets.transferFrom(alice, alice, 1);
        vm.assertEq(assets.ownershipOf(aaid), 1);
        assets.transferFrom(alice, bob, 1);
        vm.assertEq(assets.ownershipOf(aaid), 2);
        vm.stopPrank();
        vm.prank(bob);
        assets.transferFrom(bob, alice, 1);
        vm.assertEq(assets.ownershipOf(aaid), 3);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, METADATA));
        assets.ownershipOf(METADATA);
    }

    function test_ASourceNamedTwiceIsRefused() public {
        IAssetRegistry.Registration memory registration = full();
        registration.sources[1] = FIRST_RECORD;
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.DuplicateSource.selector, FIRST_RECORD));
        assets.register(registration);
    }

    function test_TooManySourcesAreRefused() public {
        IAssetRegistry.Registration memory registration = full();
        registration.sources = new bytes32[](65);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.TooMany.selector, 65, 64));
        assets.register(registration);
    }

    function test_TooManyParentsAreRefused() public {
        IAssetRegistry.Registration memory registration = full();
        registration.parents = new IAssetRegistry.Derivation[](65);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.TooMany.selector, 65, 64));
        assets.register(registration);
    }

    function test_RoyaltyIsToldByErc2981() public {
        vm.prank(alice);
        (uint256 tokenId,) = assets.register(full());
        (address receiver, uint256 royalty) = assets.royaltyInfo(tokenId, 1_000e18);
        vm.assertEq(receiver, carol);
        vm.assertEq(royalty, 50e18);
    }

    function test_WithoutARateThereIsNoRoyalty() public {
        vm.prank(alice);
        (uint256 tokenId,) = assets.register(plain(AssetType.Music));
        (address receiver, uint256 royalty) = assets.royaltyInfo(tokenId, 1_000e18);
        vm.assertEq(receiver, address(0));
        vm.assertEq(royalty, 0);
    }

    function test_TheStandardInterfacesAreAnnounced() public view {
        vm.assertTrue(assets.supportsInterface(type(IERC721).interfaceId));
        vm.assertTrue(assets.supportsInterface(type(IERC2981).interfaceId));
        vm.assertTrue(assets.supportsInterface(type(IAccessControl).interfaceId));
        vm.assertFalse(assets.supportsInterface(0xffffffff));
    }

    function test_AnOwnerNeedsNoLicence() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        vm.prank(alice);
        (, bytes32 child) = assets.register(derived(parent, 0));
        vm.assertEq(assets.ownerOfAsset(child), alice);
    }

    function test_AStrangerNeedsALicence() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.NotAssetOwner.selector, parent, bob));
        vm.prank(bob);
        assets.register(derived(parent, 0));
    }

    function test_AFormerOwnerNeedsALicence() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        vm.startPrank(alice);
        assets.transferFrom(alice, bob, 1);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.NotAssetOwner.selector, parent, alice));
        assets.register(derived(parent, 0));
    }

    function test_ALiveLicenceAllowsADerivative() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        uint256 licenseId = grantTo(bob, parent, LicenseKind.Derivative);
        vm.expectEmit(address(assets));
        emit IAssetRegistry.DerivativeLinked(idOf(2), parent, licenseId);
        vm.prank(bob);
        assets.register(derived(parent, licenseId));
    }

    function test_SubjectLicencesAllowDerivatives() public {
        AssetType[3] memory types = [AssetType.Character, AssetType.Scene, AssetType.WorldModel];
        LicenseKind[3] memory kinds = [LicenseKind.Character, LicenseKind.Scene, LicenseKind.World];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 parent = registerAs(alice, types[i]);
            uint256 licenseId = grantTo(bob, parent, kinds[i]);
            vm.prank(bob);
            assets.register(derived(parent, licenseId));
        }
    }

    function test_CommercialAndAdLicencesDoNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        LicenseKind[2] memory kinds = [LicenseKind.Commercial, LicenseKind.AdInsertion];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 licenseId = grantTo(bob, parent, kinds[i]);
            vm.expectRevert(
                abi.encodeWithSelector(ILicenseRegistry.KindForbidsDerivatives.selector, licenseId, kinds[i])
            );
            vm.prank(bob);
            assets.register(derived(parent, licenseId));
        }
    }

    function test_AnExpiredLicenceDoesNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        uint256 licenseId = grantTo(bob, parent, LicenseKind.Derivative);
        vm.warp(block.timestamp + 30 days);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseNotLive.selector, licenseId));
        vm.prank(bob);
        assets.register(derived(parent, licenseId));
    }

    function test_ARevokedLicenceDoesNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        uint256 licenseId = grantTo(bob, parent, LicenseKind.Derivative);
        vm.prank(alice);
        licenses.revoke(licenseId, 0);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseNotLive.selector, licenseId));
        vm.prank(bob);
        assets.register(derived(parent, licenseId));
    }

    function test_ALicenceOfSomebodyElseDoesNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        uint256 licenseId = grantTo(bob, parent, LicenseKind.Derivative);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseMismatch.selector, licenseId, parent, carol));
        vm.prank(carol);
        assets.register(derived(parent, licenseId));
    }

    function test_ALicenceOnAnotherAssetDoesNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        uint256 licenseId = grantTo(bob, registerAs(alice, AssetType.Character), LicenseKind.Derivative);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseMismatch.selector, licenseId, parent, bob));
        vm.prank(bob);
        assets.register(derived(parent, licenseId));
    }

    function test_AnUnknownLicenceDoesNot() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.UnknownLicense.selector, 99));
        vm.prank(bob);
        assets.register(derived(parent, 99));
    }

    function testFuzz_AnUnknownParentIsRefused(bytes32 parent) public {
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, parent));
        assets.register(derived(parent, 0));
    }

    function test_AnAssetIsNeverItsOwnParent() public {
        bytes32 next = idOf(1);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, next));
        vm.prank(alice);
        assets.register(derived(next, 0));
    }

    function test_AParentNamedTwiceIsRefused() public {
        bytes32 parent = registerAs(alice, AssetType.Character);
        IAssetRegistry.Registration memory registration = plain(AssetType.Shot);
        registration.parents = new IAssetRegistry.Derivation[](2);
        registration.parents[0] = IAssetRegistry.Derivation(parent, 0);
        registration.parents[1] = IAssetRegistry.Derivation(parent, 0);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.DuplicateParent.selector, parent));
        vm.prank(alice);
        assets.register(registration);
    }

    function test_VersionsCountFromTwoAndKeepTheRest() public {
        vm.startPrank(alice);
        (uint256 tokenId, bytes32 aaid) = assets.register(full());
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetVersionAdded(aaid, 2, keccak256("better"), METADATA, "ipfs://better");
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetSourced(aaid, 2, FIRST_RECORD);
        vm.expectEmit(address(assets));
        emit IAssetRegistry.AssetSourced(aaid, 2, SECOND_RECORD);
        uint32 second = assets.addVersion(tokenId, keccak256("better"), METADATA, "ipfs://better", records());
        uint32 third = assets.addVersion(tokenId, keccak256("best"), METADATA, "ipfs://best", new bytes32[](0));
        IAssetRegistry.Asset memory asset = assets.assetOf(tokenId);
        vm.assertEq(second, 2);
        vm.assertEq(third, 3);
        vm.assertEq(asset.version, 3);
        vm.assertEq(asset.contentHash, keccak256("best"));
        vm.assertEq(asset.creator, alice);
        vm.assertEq(assets.tokenURI(tokenId), "ipfs://best");
    }

    function test_AVersionWithoutContentIsRefused() public {
        registerAs(alice, AssetType.Voice);
        vm.expectRevert(IAssetRegistry.MissingContentHash.selector);
        vm.prank(alice);
        assets.addVersion(1, 0, METADATA, "", new bytes32[](0));
    }

    function testFuzz_NobodyElseAddsAVersion(address stranger) public {
        vm.assume(stranger != alice);
        bytes32 aaid = registerAs(alice, AssetType.Voice);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.NotAssetOwner.selector, aaid, stranger));
        vm.prank(stranger);
        assets.addVersion(1, CONTENT, METADATA, "", new bytes32[](0));
    }

    function test_AnOperatorMovesATokenButAddsNoVersion() public {
        bytes32 aaid = registerAs(alice, AssetType.Voice);
        vm.prank(alice);
        assets.setApprovalForAll(bob, true);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.NotAssetOwner.selector, aaid, bob));
        assets.addVersion(1, CONTENT, METADATA, "", new bytes32[](0));
        assets.transferFrom(alice, carol, 1);
        vm.assertEq(assets.ownerOfAsset(aaid), carol);
    }

    function testFuzz_NobodyElseMovesAToken(address stranger) public {
        vm.assume(stranger != alice && stranger != address(0));
        registerAs(alice, AssetType.Voice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, 1));
        vm.prank(stranger);
        assets.transferFrom(alice, stranger, 1);
    }

    function test_TheLicenceRegistryIsSetOnce() public {
        vm.expectRevert(IAssetRegistry.LicenseRegistryAlreadySet.selector);
        vm.prank(admin);
        assets.setLicenseRegistry(ILicenseRegistry(bob));
        vm.assertEq(address(assets.licenseRegistry()), address(licenses));
    }

    function test_TheLicenceRegistryIsNotTheZeroAddress() public {
        AssetRegistry fresh = new AssetRegistry(admin);
        vm.expectRevert(IAssetRegistry.ZeroAddress.selector);
        vm.prank(admin);
        fresh.setLicenseRegistry(ILicenseRegistry(address(0)));
    }

    function testFuzz_NobodyElseSetsTheLicenceRegistry(address stranger) public {
        vm.assume(stranger != admin);
        AssetRegistry fresh = new AssetRegistry(admin);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, stranger, bytes32(0))
        );
        vm.prank(stranger);
        fresh.setLicenseRegistry(licenses);
    }

    function test_WithoutALicenceRegistryNoLicenceCounts() public {
        AssetRegistry fresh = new AssetRegistry(admin);
        vm.prank(alice);
        (, bytes32 parent) = fresh.register(plain(AssetType.Character));
        vm.expectRevert(IAssetRegistry.LicenseRegistryNotSet.selector);
        vm.prank(bob);
        fresh.register(derived(parent, 1));
    }

    function test_UnknownTokensAndIdsAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        assets.aaidOf(1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        assets.assetOf(1);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        assets.tokenURI(1);
        vm.expectRevert(abi.encodeWithSelector(IAssetRegistry.UnknownAsset.selector, CONTENT));
        assets.tokenOf(CONTENT);
    }

    function test_DeploymentRefusesAZeroAdmin() public {
        vm.expectRevert(IAssetRegistry.ZeroAddress.selector);
        new AssetRegistry(address(0));
    }
}
