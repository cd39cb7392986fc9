"""From the type of a parameter to the reader of its column."""

from collections.abc import Iterable

from atlas.protocol.abi.reading import Reader, StaticReader, TailReader
from atlas.protocol.abi.statics import StaticList, StaticTuple, WordColumn
from atlas.protocol.abi.tails import ContentReader, ListReader, TupleReader
from atlas.protocol.abi.types import AbiType, ContentType, ListType, TupleType, WordType
from atlas.protocol.abi.words import word_reader


def compile_reader(kind: AbiType, label: str) -> Reader:
    """The reader of ``kind``, called ``label`` where it refuses."""
    match kind:
        case WordType():
            return WordColumn(label, word_reader(kind))
        case ContentType():
            return ContentReader(label, kind.canonical == "string")
        case ListType():
            return _list_reader(kind, label)
        case TupleType():
            return _tuple_reader(kind, label)


def _list_reader(kind: ListType, label: str) -> Reader:
    item = compile_reader(kind.item, f"{label}[]")
    if kind.words is not None and kind.length is not None and isinstance(item, StaticReader):
        return StaticList(item, kind.length, kind.words)
    return ListReader(label, item, kind.length)


def _tuple_reader(kind: TupleType, label: str) -> StaticReader | TailReader:
    names = column_names(kind.names)
    readers = [compile_reader(member, f"{label}.{name}") for member, name in zip(kind.members, names, strict=True)]
    if kind.words is not None:
        return StaticTuple(tuple(each for each in readers if isinstance(each, StaticReader)), names, kind.words)
    members = tuple((f"{label}.{name}", reader) for name, reader in zip(names, readers, strict=True))
    return TupleReader(label, members, names, kind.head_words)


def column_names(names: Iterable[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """A different name for each: a nameless one is called by its place, the second ``x`` is ``x_2``."""
    used = set(taken)
    chosen: list[str] = []
    for place, name in enumerate(names):
        base = name or f"value{place}"
        unique, count = base, 1
        while unique in used:
            count += 1
            unique = f"{base}_{count}"
        used.add(unique)
        chosen.append(unique)
    return tuple(chosen)
