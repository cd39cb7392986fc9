// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetRegistry} from "../src/AssetRegistry.sol";
import {FeeSettlement} from "../src/FeeSettlement.sol";
import {LicenseRegistry} from "../src/LicenseRegistry.sol";
import {RevenuePool} from "../src/RevenuePool.sol";
import {StakeManager} from "../src/StakeManager.sol";
import {IAtlasToken} from "../src/interfaces/IAtlasToken.sol";
import {IFeeSettlement} from "../src/interfaces/IFeeSettlement.sol";
import {IRevenuePool} from "../src/interfaces/IRevenuePool.sol";
import {
    AssetType,
    Beneficiary,
    BurnScenario,
    LicenseKind,
    RevenueKind,
    StakeRole,
    Violation
} from "../src/libraries/Vocabulary.sol";
import {Protocol} from "./Protocol.t.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice A token that calls back into a contract before it moves anything.
contract HostileToken is ERC20("Hostile", "HOSTILE"), IAtlasToken {
    address private _victim;
    bytes private _call;

    function mint(address holder, uint256 amount) external {
        _mint(holder, amount);
    }

    function attack(address victim, bytes calldata call) external {
        _victim = victim;
        _call = call;
    }

    function burn(uint256 value) external {
        _burn(msg.sender, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_victim != address(0)) {
            (bool succeeded, bytes memory reason) = _victim.call(_call);
            if (!succeeded) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
        }
        super._update(from, to, value);
    }
}

contract ReentrancyTest is Protocol {
    HostileToken private hostile;
    FeeSettlement private fees;
    LicenseRegistry private registry;
    RevenuePool private revenue;
    StakeManager private staking;
    bytes32 private work;

    function setUp() public override {
        super.setUp();
        hostile = new HostileToken();
        AssetRegistry works = new AssetRegistry(alice);
        fees = new FeeSettlement(hostile, treasury, alice);
        registry = new LicenseRegistry(hostile, works, fees, alice);
        revenue = new RevenuePool(hostile, works);
        staking = new StakeManager(hostile, treasury, 0, alice);
        bytes32 slasherRole = staking.SLASHER_ROLE();
        hostile.mint(alice, 1_000);
        vm.startPrank(alice);
        staking.grantRole(slasherRole, alice);
        hostile.approve(address(fees), type(uint256).max);
        hostile.approve(address(registry), type(uint256).max);
        hostile.approve(address(revenue), type(uint256).max);
        hostile.approve(address(staking), type(uint256).max);
        (, work) = works.register(plain(AssetType.Scene));
    }

    /// @dev From here on every move of a token calls `victim`, and the guard is expected to throw it out.
    function attack(address victim, bytes memory call) private {
        hostile.attack(victim, call);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }

    function createPool() private {
        IRevenuePool.Share[] memory shares = new IRevenuePool.Share[](1);
        shares[0] = IRevenuePool.Share(alice, Beneficiary.Creator, 10_000);
        revenue.createPool(work, shares);
    }

    function test_APaymentIsNotReentered() public {
        IFeeSettlement.Leg[] memory none = new IFeeSettlement.Leg[](0);
        attack(address(fees), abi.encodeCall(fees.settle, (BurnScenario.AssetRegistration, 5, 0, none)));
        fees.settle(BurnScenario.AssetRegistration, 5, 0, none);
    }

    function test_AnAcceptanceIsNotReentered() public {
        uint256 offerId = registry.publishOffer(work, LicenseKind.Scene, TERMS, "", 5, 0, false);
        attack(address(registry), abi.encodeCall(registry.accept, (offerId)));
        registry.accept(offerId);
    }

    function test_AReceiptIsNotReentered() public {
        createPool();
        attack(address(revenue), abi.encodeCall(revenue.receiveRevenue, (1, RevenueKind.Viewing, 5, 0)));
        revenue.receiveRevenue(1, RevenueKind.Viewing, 5, 0);
    }

    function test_AClaimIsNotReentered() public {
        createPool();
        revenue.receiveRevenue(1, RevenueKind.Viewing, 5, 0);
        attack(address(revenue), abi.encodeCall(revenue.claim, (1)));
        revenue.claim(1);
    }

    function test_AStakeIsNotReentered() public {
        attack(address(staking), abi.encodeCall(staking.stake, (StakeRole.Studio, 5)));
        staking.stake(StakeRole.Studio, 5);
    }

    function test_AWithdrawalIsNotReentered() public {
        staking.stake(StakeRole.Studio, 5);
        staking.requestUnstake(StakeRole.Studio, 5);
        attack(address(staking), abi.encodeCall(staking.withdraw, (StakeRole.Studio)));
        staking.withdraw(StakeRole.Studio);
    }

    function test_ASlashIsNotReentered() public {
        staking.stake(StakeRole.Studio, 5);
        attack(address(staking), abi.encodeCall(staking.withdraw, (StakeRole.Studio)));
        staking.slash(alice, StakeRole.Studio, Violation.WashTrading, 5, bob, 0);
    }
}
