"""EIP-712 typed structured data: what a wallet shows and signs with ``eth_signTypedData_v4``.

    digest     keccak256("\\x19\\x01" || domain separator || hash of the struct)
    domain     {"name": "Atlas Ledger", "version": "1"}

The domain names no chain and no contract: what is signed names its asset by an AAID, which commits to both
(``atlas.protocol.ids``), and the signature holds in every copy of the log. What names a grant by its ledger position
means that of this log: in a ledger that is no copy it may be another's. Encoding is eth-account's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from eth_account.messages import encode_typed_data

from atlas.protocol.keccak import keccak256

DOMAIN: Final[Mapping[str, str]] = {"name": "Atlas Ledger", "version": "1"}
_DOMAIN_TYPE = [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}]


class Member(msgspec.Struct, frozen=True):
    """One member of a typed struct: its name and its Solidity type."""

    name: str
    type: str


def typed_data(name: str, members: Sequence[Member], message: Mapping[str, object]) -> dict[str, Any]:
    """The JSON object that ``eth_signTypedData_v4`` takes: a struct called ``name`` with ``message`` in it."""
    return {
        "types": {"EIP712Domain": _DOMAIN_TYPE, name: msgspec.to_builtins(members)},
        "primaryType": name,
        "domain": dict(DOMAIN),
        "message": dict(message),
    }


def typed_digest(name: str, members: Sequence[Member], message: Mapping[str, object]) -> bytes:
    """The 32 bytes that are signed. ``message`` has a value of its type for every member."""
    signable = encode_typed_data(full_message=typed_data(name, members, message))
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)
