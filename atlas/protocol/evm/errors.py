"""The errors of what EVM chains prove.

ProtocolError
└── EvmError
    ├── MalformedRlp            bytes that are not the one RLP encoding of a value      exit code 4
    ├── MalformedHeader         RLP that is not a block header of a known fork          exit code 4
    ├── MalformedReceipt        bytes that are not the consensus form of a receipt      exit code 4
    │   └── UnknownReceiptType  ... because the chain's family has no such type
    ├── MalformedProof          a proof document out of form                            exit code 4
    ├── ReceiptsDisagree        receipts that are not those of the header               exit code 1
    ├── InvalidProof            a proof that does not prove what it says                exit code 1
    └── NotProvable             a chain whose blocks do not commit to their receipts    exit code 2
"""

from atlas.protocol.errors import ProtocolError


class EvmError(ProtocolError):
    """Something that an EVM chain's own rules refuse."""


class MalformedRlp(EvmError):
    """Bytes that are not RLP, or not the canonical encoding of their value."""


class MalformedHeader(EvmError):
    """RLP that is not a block header of a fork that is known here."""


class MalformedReceipt(EvmError):
    """Bytes or values that are not a receipt's consensus form."""


class UnknownReceiptType(MalformedReceipt):
    """A typed receipt (EIP-2718) whose type the chain's family does not have; ``receipt_type`` is its number."""

    def __init__(self, receipt_type: int, family: str) -> None:
        super().__init__(
            f"a receipt has the type 0x{receipt_type:02x}, which is not one of the family {family}",
            hint="A fork newer than this program, or a chain of another family: verify this chain by headers.",
        )
        self.receipt_type = receipt_type


class MalformedProof(EvmError):
    """A proof document that is not in its one canonical form."""


class ReceiptsDisagree(EvmError):
    """Receipts that are not the ones a block header commits to."""

    exit_code = 1


class InvalidProof(EvmError):
    """A well-formed proof that does not lead from the root to what it is said to prove."""

    exit_code = 1


class NotProvable(EvmError):
    """The chain's blocks do not commit to receipts in a form that can be recomputed."""

    exit_code = 2
