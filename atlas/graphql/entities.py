"""The language that the catalog is written in: what a GraphQL type is, and which rows it stands for.

One declaration serves both sides: ``types`` makes Strawberry types of it, ``compiler`` makes SQL of it.
Names are in snake case; clients see them in camel case. Every type and field is described.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strawberry.utils.str_converters import to_camel_case

from atlas.graphql.kinds import ATLAS, BIG_INTEGER, Kind
from atlas.graphql.sources import Source


@dataclass(frozen=True, kw_only=True)
class Member:
    """One field of an entity."""

    name: str
    description: str

    @property
    def graphql_name(self) -> str:
        """The name that clients use."""
        return to_camel_case(self.name)


@dataclass(frozen=True, kw_only=True)
class Column(Member):
    """A value of the row; ``column`` is its name in SQL."""

    kind: Kind
    column: str
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class Final(Member):
    """Whether the block that the row comes from, in the SQL column ``block``, is final on its chain."""

    block: str


@dataclass(frozen=True, kw_only=True)
class Link(Member):
    """Rows of another entity, whose column (key of ``on``) equals this row's column (value of ``on``)."""

    entity: str
    on: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class One(Link):
    """At most one linked row."""


@dataclass(frozen=True, kw_only=True)
class Parts(Link):
    """All linked rows, as a plain list in key order: parts of the row, few by nature."""


@dataclass(frozen=True, kw_only=True)
class Many(Link):
    """The linked rows, as a connection with filters, an order and pages."""


@dataclass(frozen=True, eq=False)
class Entity:
    """A GraphQL object type and its rows; lists of them are in the order of the source's key.

    An entity is equal to itself only: the catalog declares each one once.
    """

    name: str
    description: str
    source: Source
    members: tuple[Member, ...]
    listed: bool = True  # whether it appears in connections, and so has filters and an order
    by_name: Mapping[str, Member] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {member.graphql_name: member for member in self.members})

    @property
    def key(self) -> tuple[str, ...]:
        """The SQL columns that make a row unique."""
        return self.source.key

    @property
    def columns(self) -> tuple[Column, ...]:
        """The fields that are values of the row."""
        return tuple(member for member in self.members if isinstance(member, Column))

    def column(self, name: str) -> Column:
        """The field whose SQL column is called ``name`` and that can be compared."""
        return next(each for each in self.columns if each.column == name and each.kind.comparison != "none")


@dataclass(frozen=True, kw_only=True)
class Root:
    """A field of Query that SQL answers; ``entity`` is the name of its type."""

    name: str
    entity: str
    description: str

    @property
    def graphql_name(self) -> str:
        """The name that clients use."""
        return to_camel_case(self.name) if not self.name.startswith("_") else self.name


@dataclass(frozen=True, kw_only=True)
class Lookup(Root):
    """One row or null; ``arguments`` maps the names of required arguments to the columns they give."""

    arguments: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Listing(Root):
    """A connection over all rows."""


@dataclass(frozen=True, kw_only=True)
class Single(Root):
    """The only row of an entity that has one, or none where it is ``nullable``."""

    nullable: bool = False


def value(name: str, kind: Kind, description: str, *, nullable: bool = False, column: str = "") -> Column:
    """A field for a value of the row; the SQL column has the field's name unless ``column`` says otherwise."""
    return Column(name=name, kind=kind, description=description, nullable=nullable, column=column or name)


def amount(name: str, description: str, *, column: str = "") -> tuple[Column, Column]:
    """Two fields for an amount in wei: ``<name>_wei`` as an integer and ``<name>`` as ATLAS in decimals."""
    source = column or f"{name}_wei"
    return (
        Column(name=f"{name}_wei", kind=BIG_INTEGER, description=f"{description}, in wei.", column=source),
        Column(name=name, kind=ATLAS, description=f"{description}, in ATLAS, exactly.", column=source),
    )


def final(block: str = "block_number") -> Final:
    """The field ``final``, for rows with the columns ``chain`` and ``block``."""
    return Final(
        name="final",
        block=block,
        description="Whether the block it comes from is final on its chain: a reorganisation can no longer undo it.",
    )


def one(name: str, entity: str, on: Mapping[str, str], description: str) -> One:
    """A field for at most one row of ``entity``."""
    return One(name=name, entity=entity, on=on, description=description)


def parts(name: str, entity: str, on: Mapping[str, str], description: str) -> Parts:
    """A field for a plain list of rows of ``entity``."""
    return Parts(name=name, entity=entity, on=on, description=description)


def many(name: str, entity: str, on: Mapping[str, str], description: str) -> Many:
    """A field for a connection over rows of ``entity``."""
    return Many(name=name, entity=entity, on=on, description=description)
