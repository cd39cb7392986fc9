// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AssetType,
    Beneficiary,
    BurnScenario,
    LicenseKind,
    RevenueKind,
    StakeRole,
    Violation
} from "../../src/libraries/Vocabulary.sol";
import {Base} from "../Base.t.sol";

/// @notice The numbers are a wire format: a member that moves would change the meaning of every past event.
contract VocabularyTest is Base {
    function test_ListsHaveTheirLength() public pure {
        vm.assertEq(uint8(type(AssetType).max), 13);
        vm.assertEq(uint8(type(LicenseKind).max), 5);
        vm.assertEq(uint8(type(RevenueKind).max), 4);
        vm.assertEq(uint8(type(Beneficiary).max), 7);
        vm.assertEq(uint8(type(BurnScenario).max), 9);
        vm.assertEq(uint8(type(StakeRole).max), 5);
        vm.assertEq(uint8(type(Violation).max), 7);
    }

    function test_AssetTypesKeepTheirNumbers() public pure {
        vm.assertEq(uint8(AssetType.Character), 0);
        vm.assertEq(uint8(AssetType.Scene), 1);
        vm.assertEq(uint8(AssetType.WorldModel), 2);
        vm.assertEq(uint8(AssetType.Script), 3);
        vm.assertEq(uint8(AssetType.Storyboard), 4);
        vm.assertEq(uint8(AssetType.Shot), 5);
        vm.assertEq(uint8(AssetType.Voice), 6);
        vm.assertEq(uint8(AssetType.Music), 7);
        vm.assertEq(uint8(AssetType.Style), 8);
        vm.assertEq(uint8(AssetType.Prompt), 9);
        vm.assertEq(uint8(AssetType.ModelConfig), 10);
        vm.assertEq(uint8(AssetType.GenerationLog), 11);
        vm.assertEq(uint8(AssetType.RightsCredential), 12);
        vm.assertEq(uint8(AssetType.RevenueShare), 13);
    }

    function test_LicenseAndRevenueKindsKeepTheirNumbers() public pure {
        vm.assertEq(uint8(LicenseKind.Character), 0);
        vm.assertEq(uint8(LicenseKind.Scene), 1);
        vm.assertEq(uint8(LicenseKind.World), 2);
        vm.assertEq(uint8(LicenseKind.Commercial), 3);
        vm.assertEq(uint8(LicenseKind.Derivative), 4);
        vm.assertEq(uint8(LicenseKind.AdInsertion), 5);
        vm.assertEq(uint8(RevenueKind.Viewing), 0);
        vm.assertEq(uint8(RevenueKind.Subscription), 1);
        vm.assertEq(uint8(RevenueKind.Advertising), 2);
        vm.assertEq(uint8(RevenueKind.Licensing), 3);
        vm.assertEq(uint8(RevenueKind.Trading), 4);
    }

    function test_BeneficiariesKeepTheirNumbers() public pure {
        vm.assertEq(uint8(Beneficiary.Creator), 0);
        vm.assertEq(uint8(Beneficiary.Studio), 1);
        vm.assertEq(uint8(Beneficiary.ModelProvider), 2);
        vm.assertEq(uint8(Beneficiary.ComputeProvider), 3);
        vm.assertEq(uint8(Beneficiary.IpHolder), 4);
        vm.assertEq(uint8(Beneficiary.Distributor), 5);
        vm.assertEq(uint8(Beneficiary.Community), 6);
        vm.assertEq(uint8(Beneficiary.Investor), 7);
    }

    function test_ScenariosKeepTheirNumbers() public pure {
        vm.assertEq(uint8(BurnScenario.AiGeneration), 0);
        vm.assertEq(uint8(BurnScenario.HdExport), 1);
        vm.assertEq(uint8(BurnScenario.AssetRegistration), 2);
        vm.assertEq(uint8(BurnScenario.IpLicensing), 3);
        vm.assertEq(uint8(BurnScenario.AssetTrading), 4);
        vm.assertEq(uint8(BurnScenario.ContentDistribution), 5);
        vm.assertEq(uint8(BurnScenario.AdInsertion), 6);
        vm.assertEq(uint8(BurnScenario.StudioCertification), 7);
        vm.assertEq(uint8(BurnScenario.EnterpriseApi), 8);
        vm.assertEq(uint8(BurnScenario.CrossChainPremium), 9);
    }

    function test_RolesAndViolationsKeepTheirNumbers() public pure {
        vm.assertEq(uint8(StakeRole.ComputeNode), 0);
        vm.assertEq(uint8(StakeRole.ModelProvider), 1);
        vm.assertEq(uint8(StakeRole.Studio), 2);
        vm.assertEq(uint8(StakeRole.IpLicensor), 3);
        vm.assertEq(uint8(StakeRole.ReviewNode), 4);
        vm.assertEq(uint8(StakeRole.DistributionNode), 5);
        vm.assertEq(uint8(Violation.VolumeInflation), 0);
        vm.assertEq(uint8(Violation.WashTrading), 1);
        vm.assertEq(uint8(Violation.ComputeCheating), 2);
        vm.assertEq(uint8(Violation.FraudulentOutput), 3);
        vm.assertEq(uint8(Violation.CopyrightInfringement), 4);
        vm.assertEq(uint8(Violation.IllegalContent), 5);
        vm.assertEq(uint8(Violation.CounterfeitLicense), 6);
        vm.assertEq(uint8(Violation.RevenueFraud), 7);
    }
}
