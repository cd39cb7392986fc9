// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LicenseKinds} from "../../src/libraries/LicenseKinds.sol";
import {AssetType, LicenseKind} from "../../src/libraries/Vocabulary.sol";
import {Base} from "../Base.t.sol";

contract LicenseKindsTest is Base {
    function countFits(LicenseKind kind) private pure returns (uint256 count) {
        for (uint8 i = 0; i <= uint8(type(AssetType).max); ++i) {
            if (LicenseKinds.fits(kind, AssetType(i))) ++count;
        }
    }

    function test_ASubjectLicenceFitsItsSubjectOnly() public pure {
        vm.assertTrue(LicenseKinds.fits(LicenseKind.Character, AssetType.Character));
        vm.assertTrue(LicenseKinds.fits(LicenseKind.Scene, AssetType.Scene));
        vm.assertTrue(LicenseKinds.fits(LicenseKind.World, AssetType.WorldModel));
        vm.assertEq(countFits(LicenseKind.Character), 1);
        vm.assertEq(countFits(LicenseKind.Scene), 1);
        vm.assertEq(countFits(LicenseKind.World), 1);
    }

    function test_AdInsertionFitsScenesAndCharacters() public pure {
        vm.assertTrue(LicenseKinds.fits(LicenseKind.AdInsertion, AssetType.Scene));
        vm.assertTrue(LicenseKinds.fits(LicenseKind.AdInsertion, AssetType.Character));
        vm.assertEq(countFits(LicenseKind.AdInsertion), 2);
    }

    function test_CommercialAndDerivativeFitEverything() public pure {
        vm.assertEq(countFits(LicenseKind.Commercial), 14);
        vm.assertEq(countFits(LicenseKind.Derivative), 14);
    }

    function test_CommercialAndAdInsertionForbidDerivatives() public pure {
        vm.assertTrue(LicenseKinds.allowsDerivatives(LicenseKind.Character));
        vm.assertTrue(LicenseKinds.allowsDerivatives(LicenseKind.Scene));
        vm.assertTrue(LicenseKinds.allowsDerivatives(LicenseKind.World));
        vm.assertTrue(LicenseKinds.allowsDerivatives(LicenseKind.Derivative));
        vm.assertFalse(LicenseKinds.allowsDerivatives(LicenseKind.Commercial));
        vm.assertFalse(LicenseKinds.allowsDerivatives(LicenseKind.AdInsertion));
    }
}
