// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetRegistry} from "../src/AssetRegistry.sol";
import {AtlasToken} from "../src/AtlasToken.sol";
import {FeeSettlement} from "../src/FeeSettlement.sol";
import {LicenseRegistry} from "../src/LicenseRegistry.sol";
import {RevenuePool} from "../src/RevenuePool.sol";
import {StakeManager} from "../src/StakeManager.sol";
import {IAssetRegistry} from "../src/interfaces/IAssetRegistry.sol";
import {AssetType} from "../src/libraries/Vocabulary.sol";
import {Base} from "./Base.t.sol";

/// @notice The whole protocol, deployed and wired as on a real chain, and the people who use it.
abstract contract Protocol is Base {
    uint64 internal constant COOLDOWN = 7 days;
    bytes32 internal constant CONTENT = keccak256("content");
    bytes32 internal constant TERMS = keccak256("terms");

    address internal immutable foundation = actor("foundation");
    address internal immutable treasury = actor("treasury");
    address internal immutable admin = actor("admin");
    address internal immutable slasher = actor("slasher");
    address internal immutable alice = actor("alice");
    address internal immutable bob = actor("bob");
    address internal immutable carol = actor("carol");

    AtlasToken internal immutable token = new AtlasToken(foundation);
    FeeSettlement internal immutable settlement = new FeeSettlement(token, treasury, admin);
    AssetRegistry internal immutable assets = new AssetRegistry(admin);
    LicenseRegistry internal immutable licenses = new LicenseRegistry(token, assets, settlement, admin);
    RevenuePool internal immutable pool = new RevenuePool(token, assets);
    StakeManager internal immutable stakes = new StakeManager(token, treasury, COOLDOWN, admin);

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        bytes32 slasherRole = stakes.SLASHER_ROLE();
        vm.startPrank(admin);
        assets.setLicenseRegistry(licenses);
        stakes.grantRole(slasherRole, slasher);
        vm.stopPrank();
        endow(alice);
        endow(bob);
        endow(carol);
    }

    /// @notice Gives an account 10,000,000 tokens and lets the protocol pull them.
    function endow(address account) internal {
        vm.prank(foundation);
        vm.assertTrue(token.transfer(account, 10_000_000e18));
        vm.startPrank(account);
        token.approve(address(settlement), type(uint256).max);
        token.approve(address(licenses), type(uint256).max);
        token.approve(address(pool), type(uint256).max);
        token.approve(address(stakes), type(uint256).max);
        vm.stopPrank();
    }

    /// @notice An asset without sources, parents and royalty.
    function plain(AssetType assetType) internal pure returns (IAssetRegistry.Registration memory registration) {
        registration.assetType = assetType;
        registration.contentHash = CONTENT;
    }

    function registerAs(address owner, AssetType assetType) internal returns (bytes32 aaid) {
        vm.prank(owner);
        (, aaid) = assets.register(plain(assetType));
    }
}
