// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {ILicenseRegistry} from "./interfaces/ILicenseRegistry.sol";
import {AssetIds} from "./libraries/AssetIds.sol";
import {Uris} from "./libraries/Uris.sol";
import {AssetType} from "./libraries/Vocabulary.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";

/// @title The registry of assets: one ERC-721 token and one AAID each (W1)
/// @notice Nobody but an asset's owner can change it, and no version that was registered ever goes away.
contract AssetRegistry is IAssetRegistry, ERC721, ERC2981, AccessControl {
    /// @notice The most sources of a version and the most parents of an asset; keeps the search for doubles cheap.
    uint256 public constant MAX_LINKS = 64;

    /// @inheritdoc IAssetRegistry
    ILicenseRegistry public licenseRegistry;

    /// @notice How many assets there are; also the last token id.
    uint256 public assetCount;

    mapping(uint256 tokenId => Asset) private _assets;
    mapping(bytes32 aaid => uint256 tokenId) private _tokens;
    mapping(uint256 tokenId => uint64 count) private _ownerships;

    /// @param admin may name the licence registry, once, and nothing else.
    constructor(address admin) ERC721("Atlas Assets", "ATLAS-ASSET") {
        if (admin == address(0)) revert ZeroAddress();
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IAssetRegistry
    function setLicenseRegistry(ILicenseRegistry registry) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (address(registry) == address(0)) revert ZeroAddress();
        if (address(licenseRegistry) != address(0)) revert LicenseRegistryAlreadySet();
        licenseRegistry = registry;
    }

    /// @inheritdoc IAssetRegistry
    function register(Registration calldata registration) external returns (uint256 tokenId, bytes32 aaid) {
        _requireDocument(registration.contentHash, registration.metadataUri);
        tokenId = ++assetCount;
        aaid = AssetIds.derive(block.chainid, address(this), tokenId);
        _tokens[aaid] = tokenId;
        _store(tokenId, registration);
        if (registration.royaltyBps != 0) {
            _setTokenRoyalty(tokenId, registration.royaltyReceiver, registration.royaltyBps);
        }
        // Not _safeMint: the caller asked for the token itself, and no foreign code may run in here.
        _mint(msg.sender, tokenId);

        emit AssetRegistered(
            aaid,
            tokenId,
            msg.sender,
            registration.assetType,
            registration.contentHash,
            registration.metadataHash,
            registration.metadataUri
        );
        _linkSources(aaid, 1, registration.sources);
        _linkParents(aaid, registration.parents);
    }

    /// @inheritdoc IAssetRegistry
    function addVersion(
        uint256 tokenId,
        bytes32 contentHash,
        bytes32 metadataHash,
        string calldata metadataUri,
        bytes32[] calldata sources
    ) external returns (uint32 version) {
        bytes32 aaid = aaidOf(tokenId);
        if (ownerOf(tokenId) != msg.sender) revert NotAssetOwner(aaid, msg.sender);
        _requireDocument(contentHash, metadataUri);
        Asset storage asset = _assets[tokenId];
        version = ++asset.version;
        asset.contentHash = contentHash;
        asset.metadataHash = metadataHash;
        asset.metadataUri = metadataUri;
        emit AssetVersionAdded(aaid, version, contentHash, metadataHash, metadataUri);
        _linkSources(aaid, version, sources);
    }

    /// @inheritdoc IAssetRegistry
    function assetOf(uint256 tokenId) external view returns (Asset memory) {
        _requireOwned(tokenId);
        return _assets[tokenId];
    }

    /// @inheritdoc IAssetRegistry
    function aaidOf(uint256 tokenId) public view returns (bytes32) {
        _requireOwned(tokenId);
        return AssetIds.derive(block.chainid, address(this), tokenId);
    }

    /// @inheritdoc IAssetRegistry
    function tokenOf(bytes32 aaid) public view returns (uint256 tokenId) {
        tokenId = _tokens[aaid];
        if (tokenId == 0) revert UnknownAsset(aaid);
    }

    /// @inheritdoc IAssetRegistry
    function ownerOfAsset(bytes32 aaid) public view returns (address) {
        return ownerOf(tokenOf(aaid));
    }

    /// @inheritdoc IAssetRegistry
    function ownershipOf(bytes32 aaid) external view returns (uint64) {
        return _ownerships[tokenOf(aaid)];
    }

    /// @inheritdoc IAssetRegistry
    function typeOfAsset(bytes32 aaid) external view returns (AssetType) {
        return _assets[tokenOf(aaid)].assetType;
    }

    /// @notice The metadata document of an asset's latest version.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        return _assets[tokenId].metadataUri;
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 interfaceId) public view override(ERC721, ERC2981, AccessControl) returns (bool) {
        return super.supportsInterface(interfaceId);
    }

    /// @dev Counts the owners; a transfer to oneself makes no new one.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = super._update(to, tokenId, auth);
        if (from != to) ++_ownerships[tokenId];
    }

    function _requireDocument(bytes32 contentHash, string calldata metadataUri) private pure {
        if (contentHash == 0) revert MissingContentHash();
        if (!Uris.isWellFormed(metadataUri)) revert MalformedUri();
    }

    function _store(uint256 tokenId, Registration calldata registration) private {
        _assets[tokenId] = Asset({
            assetType: registration.assetType,
            version: 1,
            registeredAt: uint64(block.timestamp),
            creator: msg.sender,
            contentHash: registration.contentHash,
            metadataHash: registration.metadataHash,
            metadataUri: registration.metadataUri
        });
    }

    function _linkSources(bytes32 aaid, uint32 version, bytes32[] calldata sources) private {
        if (sources.length > MAX_LINKS) revert TooMany(sources.length, MAX_LINKS);
        for (uint256 i = 0; i < sources.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (sources[j] == sources[i]) revert DuplicateSource(sources[i]);
            }
            emit AssetSourced(aaid, version, sources[i]);
        }
    }

    function _linkParents(bytes32 child, Derivation[] calldata parents) private {
        if (parents.length > MAX_LINKS) revert TooMany(parents.length, MAX_LINKS);
        for (uint256 i = 0; i < parents.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (parents[j].parent == parents[i].parent) revert DuplicateParent(parents[i].parent);
            }
            _requireDerivationRight(child, parents[i]);
            emit DerivativeLinked(child, parents[i].parent, parents[i].licenseId);
        }
    }

    /// @dev An owner needs no licence for the own asset; everybody else needs one that is live now.
    function _requireDerivationRight(bytes32 child, Derivation calldata derivation) private view {
        bytes32 parent = derivation.parent;
        address owner = ownerOfAsset(parent);
        // The child's own token exists already, so that it must be kept from being its own parent.
        if (parent == child) revert UnknownAsset(parent);
        if (derivation.licenseId == 0) {
            if (owner != msg.sender) revert NotAssetOwner(parent, msg.sender);
            return;
        }
        if (address(licenseRegistry) == address(0)) revert LicenseRegistryNotSet();
        licenseRegistry.requireDerivationRight(derivation.licenseId, parent, msg.sender);
    }
}
