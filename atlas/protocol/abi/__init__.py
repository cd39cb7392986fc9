"""How an event lies in a log, compiled once from its ABI entry (Solidity contract ABI specification).

    topics[0]   keccak256 of the signature, e.g. Transfer(address,address,uint256); not of an anonymous event
    topics[1:]  the indexed parameters, a 32-byte word each; of a dynamic or composite one only its hash
    data        the other parameters: one 32-byte word each when all are elementary and static,
                else heads and tails, as abi.encode lays them out

``compile_abi`` reads record batches into columns, ``compile_event`` one log into Python values. Both read only the
canonical form: padding is zero, a bool is 0 or 1, tails follow each other without gaps and overlaps. Solidity's
``emit`` writes that form and no other; a log in another form may be of another event, and reading it leniently
would give a wrong value where a reason is due. Who knows better sets ``strict=False``: then offsets may point
anywhere after the heads, padding may be anything or missing at the end, and data may follow the last parameter.

A log is not read for one of these reasons:

    short_data     fewer bytes of data than the parameters need
    trailing_data  more bytes of data than the parameters take
    non_canonical  the values are readable, but abi.encode would lay them out in other bytes
    bad_value      a word outside its type's range, or text that is not UTF-8 or holds U+0000
    excessive      not strict, and offsets that point at one place make the values many times their data
"""

from atlas.protocol.abi.decoder import AbiDecoder, Decoded, EventColumns, compile_abi
from atlas.protocol.abi.event import EventType, Parameter, parse_abi
from atlas.protocol.abi.scalar import EventLayout, compile_event
from atlas.protocol.abi.types import AbiType, parse_type
from atlas.protocol.abi.values import python_values

__all__ = [
    "AbiDecoder",
    "AbiType",
    "Decoded",
    "EventColumns",
    "EventLayout",
    "EventType",
    "Parameter",
    "compile_abi",
    "compile_event",
    "parse_abi",
    "parse_type",
    "python_values",
]
