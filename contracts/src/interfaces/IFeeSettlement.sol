// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Beneficiary, BurnScenario} from "../libraries/Vocabulary.sol";

/// @title Payments with a protocol fee that is burned in part (W16)
interface IFeeSettlement {
    /// @notice The rates of a scenario; a scenario that is not configured takes no payments.
    struct ScenarioParameters {
        uint16 feeBps;
        uint16 burnBps;
        bool isConfigured;
    }

    /// @notice One beneficiary's part of a payment, in wei.
    struct Leg {
        Beneficiary role;
        address payee;
        uint256 amount;
    }

    /// @notice A gross `amount` was paid; `protocolFee` = `burned` + `toTreasury`, the rest went to the legs.
    /// @param reference_ what was paid for: a generation record, an AAID or another id of 32 bytes.
    event PaymentSettled(
        uint256 indexed paymentId,
        bytes32 indexed reference_,
        address indexed payer,
        BurnScenario scenario,
        uint256 amount,
        uint256 protocolFee,
        uint256 burned,
        uint256 toTreasury
    );

    /// @notice One beneficiary's part, emitted in the listed order right after PaymentSettled.
    event LegPaid(uint256 indexed paymentId, Beneficiary indexed role, address indexed payee, uint256 amount);

    /// @notice The rates of a scenario from here on; past payments keep the rates of their day.
    event ScenarioParametersChanged(BurnScenario indexed scenario, uint16 feeBps, uint16 burnBps);

    /// @notice The token or the treasury given to the constructor is the zero address.
    error ZeroAddress();
    /// @notice A rate is larger than 10,000 basis points.
    error RateTooHigh(uint256 bps);
    /// @notice The scenario has no fee rate yet; governance sets it by `setScenario`.
    error ScenarioNotConfigured(BurnScenario scenario);
    /// @notice A payment is of at least 1 wei.
    error ZeroAmount();
    /// @notice The leg at `index` pays nothing, or pays nobody, or pays this contract.
    error InvalidLeg(uint256 index);
    /// @notice A payment has at most `maximum` legs.
    error TooManyLegs(uint256 count, uint256 maximum);
    /// @notice The legs must add up to the amount less the protocol fee.
    error LegsDoNotAddUp(uint256 expected, uint256 actual);

    /// @notice Sets the rates of a scenario. Only for the admin role.
    function setScenario(BurnScenario scenario, uint16 feeBps, uint16 burnBps) external;

    /// @notice Pulls `amount` wei from the caller (by allowance), burns and hands out the protocol fee, pays the legs.
    /// @param legs 256 at most; they add up to `amount` less the protocol fee of `quote`, to the wei.
    /// @return paymentId 1, 2, 3, ...
    function settle(BurnScenario scenario, uint256 amount, bytes32 reference_, Leg[] calldata legs)
        external
        returns (uint256 paymentId);

    /// @notice The fee of a payment of `amount` wei today, by the rule "burn-floor/1": floor(amount * feeBps / 10,000),
    ///         of which floor(fee * burnBps / 10,000) is burned and the rest goes to the treasury.
    function quote(BurnScenario scenario, uint256 amount)
        external
        view
        returns (uint256 protocolFee, uint256 burned, uint256 toTreasury);

    /// @notice The rates of a scenario today.
    function parametersOf(BurnScenario scenario) external view returns (ScenarioParameters memory);

    /// @notice How many payments were settled; also the id of the last one.
    function paymentCount() external view returns (uint256);
}
