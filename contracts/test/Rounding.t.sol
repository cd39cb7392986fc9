// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStakeManager} from "../src/interfaces/IStakeManager.sol";
import {RevenueSplit} from "../src/libraries/RevenueSplit.sol";
import {BurnScenario, StakeRole, Violation} from "../src/libraries/Vocabulary.sol";
import {Protocol} from "./Protocol.t.sol";

/// @notice The rounding rules give what the off-chain rights engine gives: vectors/rounding.json holds its results,
///         and a test on the other side holds the file to the engine.
contract RoundingTest is Protocol {
    bytes32 private constant EVIDENCE = keccak256("evidence");

    string private json = vm.readFile("test/vectors/rounding.json");

    function numbers(string memory key) private view returns (uint256[] memory) {
        return vm.parseJsonUintArray(json, key);
    }

    function test_FeesAreThoseOfBurnFloor() public {
        uint256[] memory amounts = numbers(".fees.amounts");
        uint256[] memory feeBps = numbers(".fees.feeBps");
        uint256[] memory burnBps = numbers(".fees.burnBps");
        uint256[] memory fees = numbers(".fees.fees");
        uint256[] memory burned = numbers(".fees.burned");
        uint256[] memory toTreasury = numbers(".fees.toTreasury");
        vm.assertEq(amounts.length, 64);
        vm.startPrank(admin);
        for (uint256 i = 0; i < amounts.length; ++i) {
            settlement.setScenario(BurnScenario.HdExport, uint16(feeBps[i]), uint16(burnBps[i]));
            (uint256 fee, uint256 burn, uint256 rest) = settlement.quote(BurnScenario.HdExport, amounts[i]);
            vm.assertEq(fee, fees[i]);
            vm.assertEq(burn, burned[i]);
            vm.assertEq(rest, toTreasury[i]);
        }
    }

    function test_SlashesAreThoseOfSlashBurnRemainder() public {
        uint256[] memory amounts = numbers(".slashes.amounts");
        uint256[] memory burned = numbers(".slashes.burned");
        uint256[] memory toTreasury = numbers(".slashes.toTreasury");
        uint256[] memory toReporter = numbers(".slashes.toReporter");
        vm.assertEq(amounts.length, 64);
        vm.prank(foundation);
        vm.assertTrue(token.transfer(alice, 600_000_000e18));
        vm.prank(alice);
        stakes.stake(StakeRole.Studio, 600_000_000e18);
        for (uint256 i = 0; i < amounts.length; ++i) {
            vm.expectEmit(address(stakes));
            emit IStakeManager.Slashed(
                alice,
                StakeRole.Studio,
                Violation.RevenueFraud,
                amounts[i],
                burned[i],
                toTreasury[i],
                toReporter[i],
                bob,
                EVIDENCE
            );
            vm.prank(slasher);
            stakes.slash(alice, StakeRole.Studio, Violation.RevenueFraud, amounts[i], bob, EVIDENCE);
        }
    }

    function test_SplitsAreThoseOfFloorFirstListed() public view {
        for (uint256 i = 0; i < 64; ++i) {
            string memory key = string.concat(".splits[", vm.toString(i), "]");
            uint256[] memory sharesBps = numbers(string.concat(key, ".sharesBps"));
            uint256[] memory expected = numbers(string.concat(key, ".parts"));
            uint16[] memory narrow = new uint16[](sharesBps.length);
            for (uint256 j = 0; j < sharesBps.length; ++j) {
                narrow[j] = uint16(sharesBps[j]);
            }
            uint256[] memory parts = RevenueSplit.split(vm.parseJsonUint(json, string.concat(key, ".amount")), narrow);
            vm.assertEq(parts.length, expected.length);
            for (uint256 j = 0; j < parts.length; ++j) {
                vm.assertEq(parts[j], expected[j]);
            }
        }
    }
}
