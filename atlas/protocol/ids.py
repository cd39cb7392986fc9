"""Names of chains, accounts and assets, read strictly and written in one form only.

    eip155:31337                                               a chain (CAIP-2)
    0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed                 an address (EIP-55)
    eip155:1:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed        an account (CAIP-10)
    eip155:1/erc721:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed/7   where an asset's token is (CAIP-19)
    aaid:<64 lower-case hexadecimal digits>                    an ATLAS Asset ID (W1)

An AAID is ``keccak256(abi.encode(uint256 chainId, address registry, uint256 tokenId))``: three
32-byte big-endian words, the address in the last twenty bytes of its word. It needs no registrar:
whoever knows the chain, the registry contract and the token number computes it, on chain and off,
and different tokens have different ids. It does not lead back to them; the CAIP-19 locator does.

Every parser here raises MalformedId and nothing else, whatever text it is given.
"""

import re

from atlas.protocol.errors import MalformedId
from atlas.protocol.keccak import keccak256

ADDRESS_BYTES = 20
AAID_BYTES = 32
UINT256_MAX = 2**256 - 1

_CHAIN = re.compile(r"eip155:([1-9][0-9]{0,31})")  # CAIP-2 allows a reference 32 characters
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_AAID = re.compile(r"aaid:[0-9a-f]{64}")
_TOKEN_ID = re.compile(r"0|[1-9][0-9]{0,77}")


def parse_chain(text: str) -> int:
    """The EIP-155 number in a CAIP-2 name: ``eip155:31337`` gives 31337. Raises MalformedId."""
    match = _CHAIN.fullmatch(text)
    if match is None:
        raise MalformedId(
            f"expected a CAIP-2 chain such as eip155:1, got {_quote(text)}",
            hint="Write the namespace eip155, a colon and the chain number without leading zeros.",
        )
    return int(match[1])


def chain_name(number: int) -> str:
    """The CAIP-2 name of an EIP-155 chain number. Raises MalformedId for a number below 1 or over 32 digits."""
    name = f"eip155:{number}" if 0 < number < 10**32 else "eip155:"
    parse_chain(name)
    return name


def parse_address(text: str) -> bytes:
    """The 20 bytes of ``0x`` and 40 hexadecimal digits; mixed case must be the EIP-55 checksum. Raises MalformedId."""
    if _ADDRESS.fullmatch(text) is None:
        raise MalformedId(
            f"expected an address, got {_quote(text)}", hint="An address is 0x and 40 hexadecimal digits."
        )
    digits = text[2:]
    address = bytes.fromhex(digits)
    uniform = digits in (digits.lower(), digits.upper())
    if not uniform and checksum_address(address) != text:
        raise MalformedId(
            f"the checksum of the address {text} is wrong",
            hint="A digit was mistyped, or write the address in lower case to skip the EIP-55 check.",
        )
    return address


def checksum_address(address: bytes) -> str:
    """An address as EIP-55 writes it. Raises MalformedId unless it has 20 bytes."""
    _require_length("an address", address, ADDRESS_BYTES)
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit for digit, nibble in zip(digits, nibbles, strict=False)
    )


def account_id(chain: str, address: bytes) -> str:
    """The CAIP-10 name of an account, with its address in EIP-55 form. Raises MalformedId."""
    return f"{chain_name(parse_chain(chain))}:{checksum_address(address)}"


def parse_account_id(text: str) -> tuple[str, bytes]:
    """The CAIP-2 chain and the address of a CAIP-10 account. Raises MalformedId."""
    chain, separator, address = text.rpartition(":")
    if not separator:
        raise MalformedId(
            f"expected a CAIP-10 account such as eip155:1:0x..., got {_quote(text)}",
            hint="An account is a chain, a colon and an address.",
        )
    parse_chain(chain)
    return chain, parse_address(address)


def derive_aaid(chain: str, registry: bytes, token_id: int) -> bytes:
    """The 32 bytes of an asset's AAID (W1); the module docstring says how. Raises MalformedId."""
    _require_length("a registry address", registry, ADDRESS_BYTES)
    _require_token_id(token_id)
    return keccak256(parse_chain(chain).to_bytes(32, "big") + bytes(12) + registry + token_id.to_bytes(32, "big"))


def format_aaid(aaid: bytes) -> str:
    """An AAID as text. Raises MalformedId unless it has 32 bytes."""
    _require_length("an AAID", aaid, AAID_BYTES)
    return f"aaid:{aaid.hex()}"


def parse_aaid(text: str) -> bytes:
    """The 32 bytes of an AAID. Raises MalformedId."""
    if _AAID.fullmatch(text) is None:
        raise MalformedId(
            f"expected an AAID, got {_quote(text)}",
            hint="An AAID is aaid: and 64 lower-case hexadecimal digits.",
        )
    return bytes.fromhex(text[5:])


def format_locator(chain: str, registry: bytes, token_id: int) -> str:
    """The CAIP-19 name of an asset's ERC-721 token, ``eip155:1/erc721:0x.../7``. Raises MalformedId."""
    _require_token_id(token_id)
    return f"{chain_name(parse_chain(chain))}/erc721:{checksum_address(registry)}/{token_id}"


def parse_locator(text: str) -> tuple[str, bytes, int]:
    """The chain, registry and token number of a CAIP-19 ERC-721 name. Raises MalformedId."""
    chain, separator, token = text.partition("/erc721:")
    address, slash, digits = token.partition("/")
    if not separator or not slash or _TOKEN_ID.fullmatch(digits) is None:
        raise MalformedId(
            f"expected a CAIP-19 token such as eip155:1/erc721:0x.../7, got {_quote(text)}",
            hint="A locator is a chain, /erc721:, the registry's address, a slash and the token number in decimal.",
        )
    token_id = int(digits)
    _require_token_id(token_id)
    parse_chain(chain)
    return chain, parse_address(address), token_id


def _require_length(what: str, value: bytes, length: int) -> None:
    if len(value) != length:
        raise MalformedId(f"{what} has {length} bytes, got {len(value)}", hint="Pass the raw bytes, not text.")


def _require_token_id(token_id: int) -> None:
    if not 0 <= token_id <= UINT256_MAX:
        raise MalformedId("a token number is a uint256", hint="Pass a number from 0 to 2**256 - 1.")


def _quote(text: str) -> str:
    """``text`` as a message may show it: one line, and never a megabyte."""
    return repr(text if len(text) <= 100 else text[:100] + "...")
