// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BasisPoints} from "../../src/libraries/BasisPoints.sol";
import {Base} from "../Base.t.sol";

contract BasisPointsTest is Base {
    function testFuzz_PartIsTheFloorOfTheExactProduct(uint256 amount, uint256 bps) public pure {
        amount = bound(amount, 0, type(uint256).max / 10_000);
        bps = bound(bps, 0, 10_000);
        vm.assertEq(BasisPoints.part(amount, bps), amount * bps / 10_000);
    }

    function testFuzz_TheWholeIsTheAmount(uint256 amount) public pure {
        vm.assertEq(BasisPoints.part(amount, BasisPoints.WHOLE), amount);
    }

    function testFuzz_TwoPartsNeverExceedTheAmount(uint256 amount, uint256 bps) public pure {
        bps = bound(bps, 0, 10_000);
        uint256 rest = amount - BasisPoints.part(amount, bps);
        vm.assertLe(BasisPoints.part(amount, 10_000 - bps), rest);
        vm.assertLe(rest - BasisPoints.part(amount, 10_000 - bps), 1);
    }
}
