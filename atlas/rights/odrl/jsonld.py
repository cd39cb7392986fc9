"""JSON-LD as ODRL is written in it, read into nodes that know their JSON path; nothing is fetched.

    {"@context":["http://www.w3.org/ns/odrl.jsonld",{"ex":"http://example.org/"}],
     "@type":"Set","uid":"ex:policy","permission":[{"action":"read","target":"ex:film"}]}

Read are: the context of ODRL by its address, known here and never fetched; contexts in place that define
prefixes and terms; and the expanded or flattened form, whose keys are IRIs, that any JSON-LD processor writes
(so Turtle and documents with other contexts come in through one). A node object may refer to another of the same
document by its ``@id``. What would change the meaning of a document in ways that are not read here (contexts by
another address, scoped contexts, ``@base``, ``@vocab``, ``@reverse``, a key twice, null) is refused, not ignored.

JSON-LD drops a key that no context knows; here it stays, under its own name, for the reader to report.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn, TypeGuard, cast

from atlas.rights.documents import is_nested
from atlas.rights.errors import InvalidPolicy
from atlas.rights.odrl.names import MISSPELT, ODRL_CONTEXT, ODRL_TERMS, XSD, Term

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 32

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NAME = re.compile(r"@?[A-Za-z_][A-Za-z0-9_]*")
_NODE_KEYS = frozenset({"@id", "@type"})
_CONTEXT_ADDRESSES = frozenset({ODRL_CONTEXT, ODRL_CONTEXT.replace("http:", "https:")})
_TERM_KEYS = frozenset({"@id", "@type", "@container"})
_JSON = Any  # what json.loads gives

Context = Mapping[str, Term]
_EXPANDED: Final[Context] = {}


class Literal(NamedTuple):
    """A value that is no node: its text, and the IRI of its datatype where one is given."""

    text: str
    datatype: str | None
    path: str


class Node(NamedTuple):
    """A thing with a name; as a value it is a mention, and ``Document.found`` has what is said of it."""

    id: str  # an IRI, or "_:" and the path of a thing without a name
    path: str
    types: tuple[str, ...]
    properties: Mapping[str, tuple["Value", ...]]


Value = Literal | Node


class Document(NamedTuple):
    """The nodes of a document."""

    roots: tuple[Node, ...]  # those at the top
    nodes: Mapping[str, Node]  # all that have properties or types, by id

    def found(self, node: Node) -> Node:
        """What the document says of a thing that is mentioned."""
        return self.nodes.get(node.id, node)


def read_document(data: bytes) -> Document:
    """The nodes of a JSON-LD document. Raises InvalidPolicy, naming the JSON path."""
    value = _decode(data)
    reader = _Reader()
    if isinstance(value, dict) and "@graph" in value and set(value) <= {"@context", "@graph"}:
        context = _context(value.get("@context"), _EXPANDED, "$.@context")
        roots = [reader.node(entry, context, place) for entry, place in _entries(value["@graph"], "$.@graph")]
    else:
        roots = [reader.top(entry, place) for entry, place in _entries(value, "$")]
    if not roots:
        refuse("$", "nothing is said")
    nodes = reader.nodes()
    return Document(tuple(nodes.get(node.id, node) for node in roots), nodes)


def refuse(path: str, message: str, hint: str = "") -> NoReturn:
    """Raise InvalidPolicy with the place that it is about."""
    raise InvalidPolicy(f"{path}: {message}", hint=hint)


def step(path: str, key: str | int) -> str:
    """The JSON path of what is under ``key`` at ``path`` (RFC 9535)."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _NAME.fullmatch(key):
        return f"{path}.{key}"
    return f"{path}[{json.dumps(key[:200], ensure_ascii=False)}]"


def _decode(data: bytes) -> _JSON:
    if len(data) > MAX_BYTES:
        raise InvalidPolicy(f"a policy has at most {MAX_BYTES:,} bytes, got {len(data):,}")
    if is_nested(data, MAX_DEPTH):
        raise InvalidPolicy(f"nested deeper than {MAX_DEPTH} levels")
    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False, default=str).encode()  # half a character has no bytes
        return value
    except (ValueError, RecursionError) as error:
        raise InvalidPolicy(f"not JSON: {str(error)[:200]}", hint="Policies are read as JSON-LD.") from error


def _unique(pairs: list[tuple[str, _JSON]]) -> dict[str, _JSON]:
    """A second ``prohibition`` under the same key would silently replace the first."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidPolicy(f"the key {twice[:100]!r} stands twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise InvalidPolicy(f"{text} is no JSON")


class _Described(NamedTuple):
    """What a document says of one thing, in however many places."""

    path: str
    types: list[str]
    properties: dict[str, list[Value]]


class _Reader:
    """Collects the nodes of one document."""

    def __init__(self) -> None:
        self._found: dict[str, _Described] = {}

    def nodes(self) -> dict[str, Node]:
        """All that have been read, by id."""
        return {
            name: Node(
                name, each.path, tuple(each.types), {key: tuple(under) for key, under in each.properties.items()}
            )
            for name, each in self._found.items()
        }

    def top(self, value: _JSON, path: str) -> Node:
        """An object at the top of a document, which may have a context."""
        if not _is_object(value) or "@context" not in value:
            return self.node(value, _EXPANDED, path)
        context = _context(value["@context"], _EXPANDED, step(path, "@context"))
        return self.node({key: each for key, each in value.items() if key != "@context"}, context, path)

    def node(self, value: _JSON, context: Context, path: str) -> Node:
        """An object, described under its name; what is returned mentions it."""
        if not _is_object(value):
            refuse(path, f"expected a JSON object, got {_quote(value)}")
        name, types = f"_:{path}", list[str]()
        found: list[tuple[str, Value]] = []
        for key, under in value.items():
            place = step(path, key)
            term = _key(key, context, place)
            if term.iri == "@id":
                name = _expand(_text(under, place), context)
            elif term.iri == "@type":
                types.extend(_expand(_text(each, at), context) for each, at in _entries(under, place))
            else:
                found.extend((term.iri, each) for each in self._values(under, term, context, place))
        if types or found:
            self._describe(name, path, types, found)
        return Node(name, path, (), {})

    def _describe(self, name: str, path: str, types: list[str], found: list[tuple[str, Value]]) -> None:
        """A thing may be described in several places of a document: what they say belongs together."""
        described = self._found.setdefault(name, _Described(path, [], {}))
        described.types.extend(types)
        for key, value in found:
            described.properties.setdefault(key, []).append(value)

    def _values(self, value: _JSON, term: Term, context: Context, path: str) -> Iterator[Value]:
        for entry, place in _entries(value, path):
            if _is_object(entry) and "@value" in entry:
                yield _literal(entry, context, place)
            elif isinstance(entry, dict):
                yield self.node(entry, context, place)
            else:
                yield _scalar(entry, term, context, place)


def _entries(value: _JSON, path: str) -> Iterator[tuple[_JSON, str]]:
    """The members of a list or a set, or the value itself."""
    if _is_object(value) and set(value) & {"@list", "@set"}:
        if len(value) > 1:
            refuse(path, "a list says nothing beside its members")
        for key, members in value.items():
            yield from _entries(members, step(path, key))
    elif isinstance(value, list):
        for place, entry in enumerate(cast("list[_JSON]", value)):
            if isinstance(entry, list):
                refuse(step(path, place), "a list in a list is not read")
            yield entry, step(path, place)
    else:
        yield value, path


def _scalar(value: _JSON, term: Term, context: Context, path: str) -> Value:
    if isinstance(value, bool):
        return Literal(str(value).lower(), f"{XSD}boolean", path)
    if isinstance(value, int):
        return Literal(str(value), f"{XSD}integer", path)
    if isinstance(value, Decimal):
        return Literal(str(value), f"{XSD}double", path)
    text = _text(value, path)
    if term.coercion in ("@id", "@vocab"):
        return Node(_expand(text, context), path, (), {})
    return Literal(text, term.coercion, path)


def _literal(value: dict[str, _JSON], context: Context, path: str) -> Literal:
    unread = set(value) - {"@value", "@type", "@language"}
    if unread:
        refuse(path, f"{min(unread)!r} beside @value is not read")
    plain = _scalar(value["@value"], Term(""), context, step(path, "@value"))
    datatype = value.get("@type")
    if datatype is None:
        return Literal(cast("Literal", plain).text, cast("Literal", plain).datatype, path)
    return Literal(cast("Literal", plain).text, _expand(_text(datatype, step(path, "@type")), context), path)


def _key(key: str, context: Context, path: str) -> Term:
    if key in context:
        return context[key]
    if key.startswith("@"):
        if key not in _NODE_KEYS:
            refuse(path, f"{key[:50]!r} is not read", _PROCESSOR)
        return Term(key)
    return Term(_expand(key, context))


def _expand(text: str, context: Context) -> str:
    """The IRI that a term, a compact IRI or an IRI stands for; a name that nothing is known of as it is."""
    if text in context:
        return context[text].iri
    prefix, colon, rest = text.partition(":")
    if colon and prefix in context and not rest.startswith("//"):
        text = f"{context[prefix].iri}{rest}"
    return MISSPELT.get(text, text)


def _context(value: _JSON, context: Context, path: str) -> Context:
    for entry, place in _entries(value, path) if value is not None else ():
        if isinstance(entry, str):
            if entry not in _CONTEXT_ADDRESSES:
                refuse(place, f"the context {entry[:200]!r} is not known here, and none is fetched", _PROCESSOR)
            context = {**context, **ODRL_TERMS}
        elif _is_object(entry):
            context = _define(entry, context, place)
        else:
            refuse(place, f"a context is an address or an object, got {_quote(entry)}")
    return context


def _define(terms: dict[str, _JSON], context: Context, path: str) -> Context:
    """Terms may be defined by prefixes that the same object defines: those come first."""
    known = dict(context)
    for key, value in sorted(terms.items(), key=lambda item: isinstance(item[1], str) and "://" not in item[1]):
        place = step(path, key)
        if key == "@version":
            continue
        if key.startswith("@"):
            refuse(place, f"{key[:50]!r} is not read", _PROCESSOR)
        known[key] = _term(value, known, place)
    return known


def _term(value: _JSON, context: Context, path: str) -> Term:
    if isinstance(value, str):
        return Term(_defined(value, context, path))
    if not _is_object(value) or not set(value) <= _TERM_KEYS or "@id" not in value:
        refuse(path, "a term is defined by an IRI, or by @id, @type and @container", _PROCESSOR)
    if value.get("@container") not in (None, "@set", "@list"):
        refuse(step(path, "@container"), f"{_quote(value['@container'])} is not read", _PROCESSOR)
    coercion = value.get("@type")
    iri = _defined(_text(value["@id"], step(path, "@id")), context, path)
    return Term(iri, None if coercion is None else _expand(_text(coercion, step(path, "@type")), context))


def _defined(text: str, context: Context, path: str) -> str:
    iri = _expand(text, context)
    if ":" not in iri and iri not in ("@id", "@type"):
        refuse(path, f"{text[:100]!r} is no IRI")
    return iri


def _text(value: _JSON, path: str) -> str:
    if not isinstance(value, str):
        refuse(path, f"expected text, got {_quote(value)}")
    return value


def _is_object(value: _JSON) -> TypeGuard[dict[str, _JSON]]:
    return isinstance(value, dict)


def _quote(value: _JSON) -> str:
    return repr(value)[:100]


_PROCESSOR = "Expand the document with any JSON-LD processor first: the expanded form needs no context."
