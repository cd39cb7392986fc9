// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetType, LicenseKind} from "./Vocabulary.sol";

/// @title What the six kinds of licence are about (W3)
library LicenseKinds {
    /// @notice Whether a licence of `kind` can be given on an asset of `assetType`: commercial and derivative ones on
    ///         any, the others on their own subject, ad insertion on a scene or a character.
    function fits(LicenseKind kind, AssetType assetType) internal pure returns (bool) {
        if (kind == LicenseKind.Character) return assetType == AssetType.Character;
        if (kind == LicenseKind.Scene) return assetType == AssetType.Scene;
        if (kind == LicenseKind.World) return assetType == AssetType.WorldModel;
        if (kind == LicenseKind.AdInsertion) return assetType == AssetType.Scene || assetType == AssetType.Character;
        return true;
    }

    /// @notice Whether the holder may register derivatives: commercial exploitation and ad insertion use a work as
    ///         it is.
    function allowsDerivatives(LicenseKind kind) internal pure returns (bool) {
        return kind != LicenseKind.Commercial && kind != LicenseKind.AdInsertion;
    }
}
