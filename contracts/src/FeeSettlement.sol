// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAtlasToken} from "./interfaces/IAtlasToken.sol";
import {IFeeSettlement} from "./interfaces/IFeeSettlement.sol";
import {BasisPoints} from "./libraries/BasisPoints.sol";
import {BurnScenario} from "./libraries/Vocabulary.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Payments with a protocol fee that is burned in part (W16)
/// @notice Holds no tokens between calls: every payment is handed out to the last wei in the call that brings it.
contract FeeSettlement is IFeeSettlement, AccessControl, ReentrancyGuardTransient {
    using SafeERC20 for IAtlasToken;

    /// @notice The burned part of the protocol fee when the protocol opens: 90% in all ten scenarios.
    uint16 public constant OPENING_BURN_BPS = 9_000;

    /// @notice The most legs of a payment: as many as a pool has shares.
    uint256 public constant MAX_LEGS = 256;

    /// @notice What is paid and burned.
    IAtlasToken public immutable token;
    /// @notice Receives the part of the fee that is not burned. A contract whose control can change hands.
    address public immutable treasury;

    /// @inheritdoc IFeeSettlement
    uint256 public paymentCount;

    mapping(BurnScenario scenario => ScenarioParameters) private _parameters;

    /// @param admin may change the rates: at first a multisig, later a timelock (W25).
    constructor(IAtlasToken token_, address treasury_, address admin) {
        if (address(token_) == address(0) || treasury_ == address(0) || admin == address(0)) revert ZeroAddress();
        token = token_;
        treasury = treasury_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setOpeningRates();
    }

    /// @inheritdoc IFeeSettlement
    function setScenario(BurnScenario scenario, uint16 feeBps, uint16 burnBps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setScenario(scenario, feeBps, burnBps);
    }

    /// @inheritdoc IFeeSettlement
    function settle(BurnScenario scenario, uint256 amount, bytes32 reference_, Leg[] calldata legs)
        external
        nonReentrant
        returns (uint256 paymentId)
    {
        if (amount == 0) revert ZeroAmount();
        (uint256 protocolFee, uint256 burned, uint256 toTreasury) = quote(scenario, amount);
        _requireLegs(legs, amount - protocolFee);

        paymentId = ++paymentCount;
        emit PaymentSettled(paymentId, reference_, msg.sender, scenario, amount, protocolFee, burned, toTreasury);
        for (uint256 i = 0; i < legs.length; ++i) {
            emit LegPaid(paymentId, legs[i].role, legs[i].payee, legs[i].amount);
        }

        token.safeTransferFrom(msg.sender, address(this), amount);
        if (burned != 0) token.burn(burned);
        if (toTreasury != 0) token.safeTransfer(treasury, toTreasury);
        for (uint256 i = 0; i < legs.length; ++i) {
            token.safeTransfer(legs[i].payee, legs[i].amount);
        }
    }

    /// @inheritdoc IFeeSettlement
    function quote(BurnScenario scenario, uint256 amount)
        public
        view
        returns (uint256 protocolFee, uint256 burned, uint256 toTreasury)
    {
        ScenarioParameters memory parameters = _parameters[scenario];
        if (!parameters.isConfigured) revert ScenarioNotConfigured(scenario);
        protocolFee = BasisPoints.part(amount, parameters.feeBps);
        burned = BasisPoints.part(protocolFee, parameters.burnBps);
        toTreasury = protocolFee - burned;
    }

    /// @inheritdoc IFeeSettlement
    function parametersOf(BurnScenario scenario) external view returns (ScenarioParameters memory) {
        return _parameters[scenario];
    }

    /// @dev The fee rates behind the worked payments of W16. The paper names no fee rate for the other six scenarios:
    ///      those stay closed until governance sets one.
    function _setOpeningRates() private {
        _setScenario(BurnScenario.AiGeneration, 2_000, OPENING_BURN_BPS);
        _setScenario(BurnScenario.AssetRegistration, 10_000, OPENING_BURN_BPS);
        _setScenario(BurnScenario.IpLicensing, 1_000, OPENING_BURN_BPS);
        _setScenario(BurnScenario.AssetTrading, 300, OPENING_BURN_BPS);
    }

    function _setScenario(BurnScenario scenario, uint16 feeBps, uint16 burnBps) private {
        if (feeBps > BasisPoints.WHOLE) revert RateTooHigh(feeBps);
        if (burnBps > BasisPoints.WHOLE) revert RateTooHigh(burnBps);
        _parameters[scenario] = ScenarioParameters({feeBps: feeBps, burnBps: burnBps, isConfigured: true});
        emit ScenarioParametersChanged(scenario, feeBps, burnBps);
    }

    function _requireLegs(Leg[] calldata legs, uint256 expected) private view {
        if (legs.length > MAX_LEGS) revert TooManyLegs(legs.length, MAX_LEGS);
        uint256 actual;
        for (uint256 i = 0; i < legs.length; ++i) {
            address payee = legs[i].payee;
            if (legs[i].amount == 0 || payee == address(0) || payee == address(this)) revert InvalidLeg(i);
            actual += legs[i].amount;
        }
        if (actual != expected) revert LegsDoNotAddUp(expected, actual);
    }
}
