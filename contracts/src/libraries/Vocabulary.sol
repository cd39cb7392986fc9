// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// The protocol's closed lists. A member's place is its number on the wire (uint8), the same number that every reader
// of the events uses: members are never reordered, and a list only grows at its end.

/// @notice W1: nine content assets, then five meta assets.
enum AssetType {
    Character,
    Scene,
    WorldModel,
    Script,
    Storyboard,
    Shot,
    Voice,
    Music,
    Style,
    Prompt,
    ModelConfig,
    GenerationLog,
    RightsCredential,
    RevenueShare
}

/// @notice W3: the six kinds of licence.
enum LicenseKind {
    Character,
    Scene,
    World,
    Commercial,
    Derivative,
    AdInsertion
}

/// @notice W4: what a work earns from.
enum RevenueKind {
    Viewing,
    Subscription,
    Advertising,
    Licensing,
    Trading
}

/// @notice W4 and whitepaper 10.3: who a share or a payment leg belongs to.
enum Beneficiary {
    Creator,
    Studio,
    ModelProvider,
    ComputeProvider,
    IpHolder,
    Distributor,
    Community,
    Investor
}

/// @notice W16: the ten scenarios whose protocol fee is burned in part.
enum BurnScenario {
    AiGeneration,
    HdExport,
    AssetRegistration,
    IpLicensing,
    AssetTrading,
    ContentDistribution,
    AdInsertion,
    StudioCertification,
    EnterpriseApi,
    CrossChainPremium
}

/// @notice W17: the roles that stake and can be slashed.
enum StakeRole {
    ComputeNode,
    ModelProvider,
    Studio,
    IpLicensor,
    ReviewNode,
    DistributionNode
}

/// @notice W17: what a stake is slashed for.
enum Violation {
    VolumeInflation,
    WashTrading,
    ComputeCheating,
    FraudulentOutput,
    CopyrightInfringement,
    IllegalContent,
    CounterfeitLicense,
    RevenueFraud
}
