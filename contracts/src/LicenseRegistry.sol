// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IAtlasToken} from "./interfaces/IAtlasToken.sol";
import {IFeeSettlement} from "./interfaces/IFeeSettlement.sol";
import {ILicenseRegistry} from "./interfaces/ILicenseRegistry.sol";
import {LicenseKinds} from "./libraries/LicenseKinds.sol";
import {Uris} from "./libraries/Uris.sol";
import {Beneficiary, BurnScenario, LicenseKind} from "./libraries/Vocabulary.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Offers and grants of licences on registered assets (W3)
/// @notice Two live licences of one asset and kind never stand beside each other when one of them is exclusive.
contract LicenseRegistry is ILicenseRegistry, AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IAtlasToken;

    /// @notice The longest licence that is not perpetual: a century of Julian years.
    uint64 public constant MAX_DURATION = 36_525 days;

    /// @notice Says who owns an asset.
    IAssetRegistry public immutable assets;
    /// @notice Takes the payments.
    IFeeSettlement public immutable settlement;
    /// @notice What is paid with.
    IAtlasToken public immutable token;

    /// @notice How many offers there are; also the last offer id.
    uint256 public offerCount;
    /// @notice How many licences there are; also the last licence id.
    uint256 public licenseCount;

    mapping(uint256 offerId => Offer) private _offers;
    mapping(uint256 licenseId => License) private _licenses;

    /// @dev The licences of an asset and kind, oldest first; dead ones are dropped from the end when an exclusive
    ///      grant looks for a living one.
    mapping(bytes32 aaid => mapping(LicenseKind kind => uint256[] licenseIds)) private _granted;
    /// @dev The last exclusive licence of an asset and kind.
    mapping(bytes32 aaid => mapping(LicenseKind kind => uint256 licenseId)) private _exclusive;

    /// @param admin may revoke licences, as the outcome of a dispute.
    constructor(IAtlasToken token_, IAssetRegistry assets_, IFeeSettlement settlement_, address admin) {
        if (address(token_) == address(0) || address(assets_) == address(0)) revert ZeroAddress();
        if (address(settlement_) == address(0) || admin == address(0)) revert ZeroAddress();
        token = token_;
        assets = assets_;
        settlement = settlement_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc ILicenseRegistry
    function publishOffer(
        bytes32 aaid,
        LicenseKind kind,
        bytes32 termsHash,
        string calldata termsUri,
        uint256 price,
        uint64 duration,
        bool exclusive
    ) external returns (uint256 offerId) {
        _requireLicensable(aaid, kind, duration);
        _requireTerms(termsHash, termsUri);
        offerId = ++offerCount;
        _offers[offerId] = Offer({
            aaid: aaid,
            licensor: msg.sender,
            ownership: assets.ownershipOf(aaid),
            kind: kind,
            exclusive: exclusive,
            isOpen: true,
            duration: duration,
            price: price,
            termsHash: termsHash,
            termsUri: termsUri
        });
        emit OfferPublished(offerId, aaid, msg.sender, kind, termsHash, termsUri, price, duration, exclusive);
    }

    /// @inheritdoc ILicenseRegistry
    function withdrawOffer(uint256 offerId) external {
        Offer storage offer = _openOffer(offerId);
        if (offer.licensor != msg.sender) revert NotLicensor(offerId, msg.sender);
        offer.isOpen = false;
        emit OfferWithdrawn(offerId);
    }

    /// @inheritdoc ILicenseRegistry
    function accept(uint256 offerId) external nonReentrant returns (uint256 licenseId) {
        Offer memory offer = _openOffer(offerId);
        if (assets.ownershipOf(offer.aaid) != offer.ownership) {
            revert OfferOutdated(offerId, assets.ownerOfAsset(offer.aaid));
        }
        licenseId = _grant(
            License({
                offerId: offerId,
                aaid: offer.aaid,
                licensor: offer.licensor,
                licensee: msg.sender,
                kind: offer.kind,
                exclusive: offer.exclusive,
                isRevoked: false,
                startsAt: uint64(block.timestamp),
                expiresAt: _expiry(offer.duration),
                termsHash: offer.termsHash,
                termsUri: offer.termsUri
            })
        );
        if (offer.price != 0) _pay(offer.licensor, offer.price, bytes32(licenseId));
    }

    /// @inheritdoc ILicenseRegistry
    function grant(
        address licensee,
        bytes32 aaid,
        LicenseKind kind,
        bytes32 termsHash,
        string calldata termsUri,
        uint64 duration,
        bool exclusive
    ) external returns (uint256 licenseId) {
        if (licensee == address(0)) revert ZeroAddress();
        _requireLicensable(aaid, kind, duration);
        _requireTerms(termsHash, termsUri);
        return _grant(
            License({
                offerId: 0,
                aaid: aaid,
                licensor: msg.sender,
                licensee: licensee,
                kind: kind,
                exclusive: exclusive,
                isRevoked: false,
                startsAt: uint64(block.timestamp),
                expiresAt: _expiry(duration),
                termsHash: termsHash,
                termsUri: termsUri
            })
        );
    }

    /// @inheritdoc ILicenseRegistry
    function revoke(uint256 licenseId, bytes32 reasonHash) external {
        License storage license = _license(licenseId);
        // Direct grants have offer 0, and no price. Who sold a licence does not take it back and keep the money.
        bool isLicensors = license.licensor == msg.sender && _offers[license.offerId].price == 0;
        if (!isLicensors && !hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) revert MayNotRevoke(licenseId, msg.sender);
        if (license.isRevoked) revert AlreadyRevoked(licenseId);
        if (!isLive(licenseId)) revert LicenseNotLive(licenseId);
        license.isRevoked = true;
        emit LicenseRevoked(licenseId, msg.sender, reasonHash);
    }

    /// @inheritdoc ILicenseRegistry
    function dropDead(bytes32 aaid, LicenseKind kind, uint256 limit) public returns (uint256 dropped) {
        uint256[] storage granted = _granted[aaid][kind];
        while (dropped < limit && granted.length != 0 && !isLive(granted[granted.length - 1])) {
            granted.pop();
            ++dropped;
        }
    }

    /// @inheritdoc ILicenseRegistry
    function requireDerivationRight(uint256 licenseId, bytes32 aaid, address licensee) external view {
        License storage license = _license(licenseId);
        if (license.aaid != aaid || license.licensee != licensee) revert LicenseMismatch(licenseId, aaid, licensee);
        if (!LicenseKinds.allowsDerivatives(license.kind)) revert KindForbidsDerivatives(licenseId, license.kind);
        if (!isLive(licenseId)) revert LicenseNotLive(licenseId);
    }

    /// @inheritdoc ILicenseRegistry
    function isLive(uint256 licenseId) public view returns (bool) {
        License storage license = _licenses[licenseId];
        if (license.licensee == address(0) || license.isRevoked || block.timestamp < license.startsAt) return false;
        return license.expiresAt == 0 || block.timestamp < license.expiresAt;
    }

    /// @inheritdoc ILicenseRegistry
    function offerOf(uint256 offerId) external view returns (Offer memory offer) {
        offer = _offers[offerId];
        if (offer.licensor == address(0)) revert UnknownOffer(offerId);
    }

    /// @inheritdoc ILicenseRegistry
    function licenseOf(uint256 licenseId) external view returns (License memory) {
        return _license(licenseId);
    }

    function _grant(License memory license) private returns (uint256 licenseId) {
        _requireExclusivity(license);
        licenseId = ++licenseCount;
        _licenses[licenseId] = license;
        _granted[license.aaid][license.kind].push(licenseId);
        if (license.exclusive) _exclusive[license.aaid][license.kind] = licenseId;
        emit LicenseGranted(
            licenseId,
            license.offerId,
            license.aaid,
            license.licensor,
            license.licensee,
            license.kind,
            license.termsHash,
            license.termsUri,
            license.startsAt,
            license.expiresAt,
            license.exclusive
        );
    }

    /// @dev An exclusive grant meets no living licence at all, any other grant no living exclusive one.
    function _requireExclusivity(License memory license) private {
        uint256 exclusiveId = _exclusive[license.aaid][license.kind];
        if (isLive(exclusiveId)) revert ExclusivityConflict(exclusiveId);
        if (!license.exclusive) return;
        dropDead(license.aaid, license.kind, type(uint256).max);
        uint256[] storage granted = _granted[license.aaid][license.kind];
        if (granted.length != 0) revert ExclusivityConflict(granted[granted.length - 1]);
    }

    function _pay(address licensor, uint256 price, bytes32 reference_) private {
        (uint256 protocolFee,,) = settlement.quote(BurnScenario.IpLicensing, price);
        uint256 net = price - protocolFee;
        IFeeSettlement.Leg[] memory legs = new IFeeSettlement.Leg[](net == 0 ? 0 : 1);
        if (net != 0) {
            legs[0] = IFeeSettlement.Leg({role: Beneficiary.IpHolder, payee: licensor, amount: net});
        }
        token.safeTransferFrom(msg.sender, address(this), price);
        token.forceApprove(address(settlement), price);
        settlement.settle(BurnScenario.IpLicensing, price, reference_, legs);
    }

    function _requireLicensable(bytes32 aaid, LicenseKind kind, uint64 duration) private view {
        if (assets.ownerOfAsset(aaid) != msg.sender) revert NotAssetOwner(aaid, msg.sender);
        if (!LicenseKinds.fits(kind, assets.typeOfAsset(aaid))) revert KindDoesNotFit(kind, assets.typeOfAsset(aaid));
        if (duration > MAX_DURATION) revert DurationTooLong(duration, MAX_DURATION);
    }

    function _requireTerms(bytes32 termsHash, string calldata termsUri) private pure {
        if (termsHash == 0) revert MissingTermsHash();
        if (!Uris.isWellFormed(termsUri)) revert MalformedUri();
    }

    function _openOffer(uint256 offerId) private view returns (Offer storage offer) {
        offer = _offers[offerId];
        if (offer.licensor == address(0)) revert UnknownOffer(offerId);
        if (!offer.isOpen) revert OfferNotOpen(offerId);
    }

    function _license(uint256 licenseId) private view returns (License storage license) {
        license = _licenses[licenseId];
        if (license.licensee == address(0)) revert UnknownLicense(licenseId);
    }

    function _expiry(uint64 duration) private view returns (uint64) {
        return duration == 0 ? 0 : uint64(block.timestamp) + duration;
    }
}
