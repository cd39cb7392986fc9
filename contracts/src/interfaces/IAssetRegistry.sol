// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetType} from "../libraries/Vocabulary.sol";
import {ILicenseRegistry} from "./ILicenseRegistry.sol";

/// @title The registry of assets: one ERC-721 token and one AAID each (W1)
interface IAssetRegistry {
    /// @notice What an asset derives from, and the licence that allows it (0: the parent is the caller's own).
    struct Derivation {
        bytes32 parent;
        uint256 licenseId;
    }

    /// @notice A new asset.
    /// @param contentHash SHA-256 of the content; never zero.
    /// @param metadataHash keccak256 of the metadata document behind `metadataUri`.
    /// @param metadataUri printable ASCII, or empty.
    /// @param sources ids of the generation records that the content came out of (W2); all different.
    /// @param parents assets it derives from; all different.
    /// @param royaltyReceiver who ERC-2981 names for a sale; no royalty is set while `royaltyBps` is 0.
    struct Registration {
        AssetType assetType;
        bytes32 contentHash;
        bytes32 metadataHash;
        string metadataUri;
        bytes32[] sources;
        Derivation[] parents;
        address royaltyReceiver;
        uint96 royaltyBps;
    }

    /// @notice An asset as of its latest version.
    struct Asset {
        AssetType assetType;
        uint32 version;
        uint64 registeredAt;
        address creator;
        bytes32 contentHash;
        bytes32 metadataHash;
        string metadataUri;
    }

    /// @notice Version 1 of a new asset.
    event AssetRegistered(
        bytes32 indexed aaid,
        uint256 indexed tokenId,
        address indexed creator,
        AssetType assetType,
        bytes32 contentHash,
        bytes32 metadataHash,
        string metadataUri
    );

    /// @notice A later version of an asset.
    event AssetVersionAdded(
        bytes32 indexed aaid, uint32 version, bytes32 contentHash, bytes32 metadataHash, string metadataUri
    );

    /// @notice A version of an asset comes out of a generation record.
    event AssetSourced(bytes32 indexed aaid, uint32 version, bytes32 indexed recordId);

    /// @notice `child` derives from `parent`, under `licenseId` or 0 for the parent's own owner.
    event DerivativeLinked(bytes32 indexed child, bytes32 indexed parent, uint256 licenseId);

    /// @notice The address given is zero.
    error ZeroAddress();
    /// @notice No asset has this id.
    error UnknownAsset(bytes32 aaid);
    /// @notice `caller` does not own the asset.
    error NotAssetOwner(bytes32 aaid, address caller);
    /// @notice An asset has content: the hash is never zero.
    error MissingContentHash();
    /// @notice A URI is printable ASCII; percent-encode everything else (RFC 3986).
    error MalformedUri();
    /// @notice The list is longer than `maximum`.
    error TooMany(uint256 count, uint256 maximum);
    /// @notice The generation record is named twice.
    error DuplicateSource(bytes32 recordId);
    /// @notice The parent is named twice.
    error DuplicateParent(bytes32 parent);
    /// @notice The licence registry can be set once only.
    error LicenseRegistryAlreadySet();
    /// @notice A licence was named, but there is no licence registry yet to judge it.
    error LicenseRegistryNotSet();

    /// @notice Names the contract that judges licences. Once, by the admin role.
    function setLicenseRegistry(ILicenseRegistry registry) external;

    /// @notice Registers an asset; its token goes to the caller.
    /// @return tokenId 1, 2, 3, ...
    /// @return aaid keccak256(abi.encode(chain id, this contract, tokenId))
    function register(Registration calldata registration) external returns (uint256 tokenId, bytes32 aaid);

    /// @notice Adds a version to an asset of the caller.
    /// @return version 2, 3, 4, ...
    function addVersion(
        uint256 tokenId,
        bytes32 contentHash,
        bytes32 metadataHash,
        string calldata metadataUri,
        bytes32[] calldata sources
    ) external returns (uint32 version);

    /// @notice The licence registry, or the zero address while it is not set.
    function licenseRegistry() external view returns (ILicenseRegistry);

    /// @notice The asset of a token, as of its latest version.
    function assetOf(uint256 tokenId) external view returns (Asset memory);

    /// @notice The AAID of a token.
    function aaidOf(uint256 tokenId) external view returns (bytes32);

    /// @notice The token of an AAID.
    function tokenOf(bytes32 aaid) external view returns (uint256);

    /// @notice Who owns an asset today.
    function ownerOfAsset(bytes32 aaid) external view returns (address);

    /// @notice How many owners an asset has had; who owned it twice counts twice. The same number at two moments says
    ///         that it did not change hands in between.
    function ownershipOf(bytes32 aaid) external view returns (uint64);

    /// @notice The type of an asset.
    function typeOfAsset(bytes32 aaid) external view returns (AssetType);
}
