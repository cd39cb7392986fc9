"""The protocol's closed lists. A member's place in its list is its number on chain (uint8)."""

from enum import StrEnum
from typing import TypeVar

from atlas.protocol.errors import ProtocolError


class AssetType(StrEnum):
    """W1: nine content assets, then five meta assets (the text says thirteen and lists fourteen)."""

    CHARACTER = "character"
    SCENE = "scene"
    WORLD_MODEL = "world_model"
    SCRIPT = "script"
    STORYBOARD = "storyboard"
    SHOT = "shot"
    VOICE = "voice"
    MUSIC = "music"
    STYLE = "style"
    PROMPT = "prompt"
    MODEL_CONFIG = "model_config"
    GENERATION_LOG = "generation_log"
    RIGHTS_CREDENTIAL = "rights_credential"
    REVENUE_SHARE = "revenue_share"


class LicenseKind(StrEnum):
    """W3: the six kinds of licence."""

    CHARACTER = "character"
    SCENE = "scene"
    WORLD = "world"
    COMMERCIAL = "commercial"
    DERIVATIVE = "derivative"
    AD_INSERTION = "ad_insertion"


class Agent(StrEnum):
    """W9: the twelve production agents."""

    SCRIPT = "script"
    CHARACTER = "character"
    WORLD = "world"
    SCENE = "scene"
    STORYBOARD = "storyboard"
    VIDEO = "video"
    VOICE = "voice"
    MUSIC = "music"
    EDITING = "editing"
    SUBTITLE = "subtitle"
    TRANSLATION = "translation"
    DISTRIBUTION = "distribution"


class RevenueKind(StrEnum):
    """W4: what a work earns from."""

    VIEWING = "viewing"
    SUBSCRIPTION = "subscription"
    ADVERTISING = "advertising"
    LICENSING = "licensing"
    TRADING = "trading"


class Beneficiary(StrEnum):
    """W4 and whitepaper 10.3: who a share or a payment leg belongs to."""

    CREATOR = "creator"
    STUDIO = "studio"
    MODEL_PROVIDER = "model_provider"
    COMPUTE_PROVIDER = "compute_provider"
    IP_HOLDER = "ip_holder"
    DISTRIBUTOR = "distributor"
    COMMUNITY = "community"
    INVESTOR = "investor"


class FeeStream(StrEnum):
    """W15: the twelve sources of protocol revenue."""

    AI_GENERATION = "ai_generation"
    MODEL_CALL = "model_call"
    COMPUTE_MATCHING = "compute_matching"
    ASSET_MINTING = "asset_minting"
    ASSET_TRADING = "asset_trading"
    IP_LICENSING = "ip_licensing"
    CONTENT_DISTRIBUTION = "content_distribution"
    AD_INSERTION = "ad_insertion"
    SUBSCRIPTION = "subscription"
    ENTERPRISE_API = "enterprise_api"
    STUDIO_SAAS = "studio_saas"
    PREMIUM_SERVICE = "premium_service"


class BurnScenario(StrEnum):
    """W16: the ten scenarios whose protocol fee is burned in part."""

    AI_GENERATION = "ai_generation"
    HD_EXPORT = "hd_export"
    ASSET_REGISTRATION = "asset_registration"
    IP_LICENSING = "ip_licensing"
    ASSET_TRADING = "asset_trading"
    CONTENT_DISTRIBUTION = "content_distribution"
    AD_INSERTION = "ad_insertion"
    STUDIO_CERTIFICATION = "studio_certification"
    ENTERPRISE_API = "enterprise_api"
    CROSS_CHAIN_PREMIUM = "cross_chain_premium"


class StakeRole(StrEnum):
    """W17: the roles that stake and can be slashed."""

    COMPUTE_NODE = "compute_node"
    MODEL_PROVIDER = "model_provider"
    STUDIO = "studio"
    IP_LICENSOR = "ip_licensor"
    REVIEW_NODE = "review_node"
    DISTRIBUTION_NODE = "distribution_node"


class Violation(StrEnum):
    """W17: what a stake is slashed for."""

    VOLUME_INFLATION = "volume_inflation"
    WASH_TRADING = "wash_trading"
    COMPUTE_CHEATING = "compute_cheating"
    FRAUDULENT_OUTPUT = "fraudulent_output"
    COPYRIGHT_INFRINGEMENT = "copyright_infringement"
    ILLEGAL_CONTENT = "illegal_content"
    COUNTERFEIT_LICENSE = "counterfeit_license"
    REVENUE_FRAUD = "revenue_fraud"


class Ruling(StrEnum):
    """P8, ERC-792: what an arbitrator decides, by number; 0 is that the arbitrator refuses."""

    REFUSED = "refused"
    CLAIMANT = "claimant"
    RESPONDENT = "respondent"


class Allocation(StrEnum):
    """W14: who the supply was issued to."""

    ECOSYSTEM_AND_CREATORS = "ecosystem_and_creators"
    FOUNDATION_AND_RESERVE = "foundation_and_reserve"
    TEAM_AND_ADVISORS = "team_and_advisors"
    INVESTORS_AND_PARTNERS = "investors_and_partners"
    COMPUTE_AND_MODEL_NODES = "compute_and_model_nodes"
    LIQUIDITY_AND_EXCHANGES = "liquidity_and_exchanges"
    COMMUNITY_AND_AIRDROP = "community_and_airdrop"


class PremiumService(StrEnum):
    """W20: services whose whole price is shared between burn and treasury."""

    STUDIO_CERTIFICATION = "studio_certification"
    FEATURED_PLACEMENT = "featured_placement"
    PREMIUM_IP_REGISTRATION = "premium_ip_registration"
    CHARACTER_PROTECTION = "character_protection"
    BRAND_PROJECT = "brand_project"
    PRIORITY_DISTRIBUTION = "priority_distribution"
    PREMIUM_API = "premium_api"


Member = TypeVar("Member", bound=StrEnum)


def ordinal(member: StrEnum) -> int:
    """The number of ``member`` on chain."""
    return list(type(member)).index(member)


def from_ordinal(vocabulary: type[Member], number: int) -> Member:
    """The member with ``number`` on chain. Raises ProtocolError for a number outside the list."""
    members = list(vocabulary)
    if not 0 <= number < len(members):
        raise ProtocolError(
            f"{vocabulary.__name__} has the numbers 0 to {len(members) - 1}, not {number}",
            hint="The contract emitted a value of a newer protocol version; upgrade this program.",
        )
    return members[number]
