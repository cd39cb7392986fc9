// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AssetType, LicenseKind} from "../libraries/Vocabulary.sol";

/// @title Offers and grants of licences on registered assets (W3)
interface ILicenseRegistry {
    /// @notice A licence that anyone may take at `price`.
    /// @param ownership IAssetRegistry.ownershipOf the asset when the offer was published; it holds no longer than that.
    struct Offer {
        bytes32 aaid;
        address licensor;
        uint64 ownership;
        LicenseKind kind;
        bool exclusive;
        bool isOpen;
        uint64 duration;
        uint256 price;
        bytes32 termsHash;
        string termsUri;
    }

    /// @notice A licence; live while not revoked and `startsAt` <= now < `expiresAt` (0 = perpetual).
    struct License {
        uint256 offerId;
        bytes32 aaid;
        address licensor;
        address licensee;
        LicenseKind kind;
        bool exclusive;
        bool isRevoked;
        uint64 startsAt;
        uint64 expiresAt;
        bytes32 termsHash;
        string termsUri;
    }

    /// @notice Anyone may take this licence at `price` wei, for `duration` seconds (0 = perpetual).
    event OfferPublished(
        uint256 indexed offerId,
        bytes32 indexed aaid,
        address indexed licensor,
        LicenseKind kind,
        bytes32 termsHash,
        string termsUri,
        uint256 price,
        uint64 duration,
        bool exclusive
    );

    /// @notice The offer can no longer be taken; grants made from it stay.
    event OfferWithdrawn(uint256 indexed offerId);

    /// @notice A licence is in force; `offerId` is 0 for one that the owner granted directly.
    event LicenseGranted(
        uint256 indexed licenseId,
        uint256 offerId,
        bytes32 indexed aaid,
        address licensor,
        address indexed licensee,
        LicenseKind kind,
        bytes32 termsHash,
        string termsUri,
        uint64 startsAt,
        uint64 expiresAt,
        bool exclusive
    );

    /// @notice The licence ended with this block.
    event LicenseRevoked(uint256 indexed licenseId, address indexed by, bytes32 reasonHash);

    /// @notice The address given is zero.
    error ZeroAddress();
    /// @notice Only the asset's owner may license it.
    error NotAssetOwner(bytes32 aaid, address caller);
    /// @notice A licence of this kind is not given on an asset of this type.
    error KindDoesNotFit(LicenseKind kind, AssetType assetType);
    /// @notice A licence has terms: the hash is never zero.
    error MissingTermsHash();
    /// @notice A URI is printable ASCII; percent-encode everything else (RFC 3986).
    error MalformedUri();
    /// @notice The duration, in seconds, is longer than a century; use 0 for a perpetual licence.
    error DurationTooLong(uint64 duration, uint64 maximum);
    /// @notice No offer has this id.
    error UnknownOffer(uint256 offerId);
    /// @notice The offer was withdrawn.
    error OfferNotOpen(uint256 offerId);
    /// @notice Only the licensor may withdraw an offer.
    error NotLicensor(uint256 offerId, address caller);
    /// @notice The asset changed hands since the offer was published; it belongs to `owner` now, perhaps again.
    error OfferOutdated(uint256 offerId, address owner);
    /// @notice No licence has this id.
    error UnknownLicense(uint256 licenseId);
    /// @notice `caller` is neither an admin nor the licensor of a grant without a price.
    error MayNotRevoke(uint256 licenseId, address caller);
    /// @notice The licence is revoked already.
    error AlreadyRevoked(uint256 licenseId);
    /// @notice Beside an exclusive licence no other of its asset and kind may live: `licenseId` is live.
    error ExclusivityConflict(uint256 licenseId);
    /// @notice The licence does not live any more.
    error LicenseNotLive(uint256 licenseId);
    /// @notice The licence is on another asset, or belongs to somebody else.
    error LicenseMismatch(uint256 licenseId, bytes32 aaid, address licensee);
    /// @notice A licence of this kind does not allow derivatives.
    error KindForbidsDerivatives(uint256 licenseId, LicenseKind kind);

    /// @notice Offers a licence on an asset of the caller to everyone.
    /// @param termsUri printable ASCII, or empty.
    /// @param price in wei; 0 for a licence that is paid by a revenue share.
    /// @param duration in seconds from the acceptance; 0 = perpetual.
    /// @return offerId 1, 2, 3, ...
    function publishOffer(
        bytes32 aaid,
        LicenseKind kind,
        bytes32 termsHash,
        string calldata termsUri,
        uint256 price,
        uint64 duration,
        bool exclusive
    ) external returns (uint256 offerId);

    /// @notice Withdraws an offer of the caller.
    function withdrawOffer(uint256 offerId) external;

    /// @notice Takes an offer: pulls its price from the caller (allowance to this contract) and settles it as an
    ///         ip_licensing payment to the licensor, whose reference is the licence id as 32 bytes.
    /// @return licenseId 1, 2, 3, ...
    function accept(uint256 offerId) external returns (uint256 licenseId);

    /// @notice Grants a licence on an asset of the caller without a price.
    /// @return licenseId 1, 2, 3, ...
    function grant(
        address licensee,
        bytes32 aaid,
        LicenseKind kind,
        bytes32 termsHash,
        string calldata termsUri,
        uint64 duration,
        bool exclusive
    ) external returns (uint256 licenseId);

    /// @notice Ends a living licence now. For the admin role, as the outcome of a dispute, and for the licensor of one
    ///         that nothing was paid for.
    /// @param reasonHash keccak256 of the reasons, kept elsewhere.
    function revoke(uint256 licenseId, bytes32 reasonHash) external;

    /// @notice Drops up to `limit` dead licences from the books of an asset and kind. Changes no licence: it only
    ///         shortens the way of the next exclusive grant when thousands have expired.
    /// @return dropped how many
    function dropDead(bytes32 aaid, LicenseKind kind, uint256 limit) external returns (uint256 dropped);

    /// @notice Returns if the licence is live, on `aaid`, held by `licensee`, and of a kind that allows derivatives
    ///         (character, scene, world, derivative); reverts with the reason otherwise.
    function requireDerivationRight(uint256 licenseId, bytes32 aaid, address licensee) external view;

    /// @notice Whether the licence is in force now; false for an unknown one.
    function isLive(uint256 licenseId) external view returns (bool);

    /// @notice The offer with this id.
    function offerOf(uint256 offerId) external view returns (Offer memory);

    /// @notice The licence with this id.
    function licenseOf(uint256 licenseId) external view returns (License memory);
}
