"""How an operation is answered: its SQL roots by plans on one snapshot, the others by graphql-core.

A Strawberry extension: Strawberry parses, validates and drives, this sets the result. What a document
is (parsed, valid, compiled) is remembered by its hash, so that a known document costs only its SQL.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar, cast

import graphql
import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    is_non_null_type,
)
from graphql.execution import get_variable_values
from graphql.execution.values import VariableValues
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.compiler.bindings import Variables, shape
from atlas.graphql.compiler.compilation import Compilation
from atlas.graphql.compiler.roots import Plan, compile_root
from atlas.graphql.compiler.selections import Selection, Selector
from atlas.graphql.context import RequestContext
from atlas.graphql.errors import BadInput, GraphQLError, InvalidRequest
from atlas.graphql.limits import Limits, check_conditions, check_cost, check_document

KNOWN_DOCUMENTS = 256  # a document and its plan take up to 1 MB
MAX_ERRORS = 20

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Root:
    """One root field of an operation: its plan, or None where graphql-core resolves it."""

    selection: Selection
    plan: Plan | None


@dataclass(frozen=True)
class PlannedOperation:
    """An operation, ready to run: ``rest`` is a document with the roots that have no plan, None without any."""

    roots: tuple[Root, ...]
    rest: DocumentNode | None

    def cost(self, variables: Variables) -> int:
        """How many objects the answer can hold at most."""
        return sum(root.plan.cost(variables) for root in self.roots if root.plan)


class Documents:
    """What is known about documents: the parsed document by its text, its validity, and its plans.

    Shared by the threads of a server; two that meet a new document at once both do the work, and one is kept.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = Lock()
        self._valid: dict[bytes, None] = {}
        self._plans: dict[Hashable, PlannedOperation] = {}
        self._parse = lru_cache(KNOWN_DOCUMENTS)(self._parse_uncached)

    def parse(self, query: str) -> tuple[bytes, DocumentNode]:
        """The hash of a document's text, and the document. Raises graphql.GraphQLSyntaxError and LimitExceeded."""
        return hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest(), self._parse(query)

    def is_valid(self, digest: bytes) -> bool:
        """Whether the document was found valid before."""
        return digest in self._valid

    def accept(self, digest: bytes) -> None:
        """Remember that a document is valid."""
        self._remember(self._valid, digest, None)

    def plan(self, key: Hashable, make: Callable[[], PlannedOperation]) -> PlannedOperation:
        """The operation under ``key``, made when it is not known."""
        planned = self._plans.get(key)
        if planned is None:
            planned = make()
            self._remember(self._plans, key, planned)
        return planned

    def _parse_uncached(self, query: str) -> DocumentNode:
        document = graphql.parse(query, max_tokens=self.limits.tokens)
        check_document(document, self.limits)
        return document

    def _remember(self, memory: dict[Key, Value], key: Key, value: Value) -> None:
        with self._lock:
            if len(memory) >= KNOWN_DOCUMENTS:
                del memory[next(iter(memory))]
            memory[key] = value


class SqlExecution(SchemaExtension):
    """Answers the operation's SQL roots; one instance a request."""

    def __init__(self, documents: Documents) -> None:
        super().__init__()
        self._documents = documents
        self._digest = b""

    def on_parse(self) -> Iterator[None]:  # type: ignore[override]
        """Take the document from memory, or parse and measure it."""
        query = self.execution_context.query
        if query:
            self._digest, document = self._documents.parse(query)
            self.execution_context.graphql_document = document
            self._require_one_operation(document)
        yield

    def _require_one_operation(self, document: DocumentNode) -> None:
        """Strawberry would take the first of several (GraphQL specification, section 6.1, GetOperation)."""
        named = self.execution_context._provided_operation_name  # pyright: ignore[reportPrivateUsage]
        if named is None and sum(isinstance(each, OperationDefinitionNode) for each in document.definitions) > 1:
            raise InvalidRequest("the document has several operations", hint="Set `operationName`.")

    def on_validate(self) -> Iterator[None]:  # type: ignore[override]
        """Validate a document once, and without suggesting names of the schema."""
        context = self.execution_context
        context.validation_rules = ()
        if not self._documents.is_valid(self._digest):
            document = cast("DocumentNode", context.graphql_document)
            errors = graphql.validate(_schema_of(context), document, max_errors=MAX_ERRORS, hide_suggestions=True)
            if not errors:
                self._documents.accept(self._digest)
            context.pre_execution_errors = errors or None
        yield

    def on_execute(self) -> Iterator[None]:  # type: ignore[override]
        """Set the result, unless every root is resolved by graphql-core."""
        context = self.execution_context
        document = cast("DocumentNode", context.graphql_document)
        operation = get_operation_ast(document, context.operation_name)
        if operation is not None:
            request = cast("RequestContext", context.context)
            run = _Run(self._documents, self._digest, _schema_of(context), document, operation, request)
            context.result = cast("Any", run.result(context.variables or {}))
        yield


class _Run:
    """One execution of one operation."""

    def __init__(
        self,
        documents: Documents,
        digest: bytes,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        request: RequestContext,
    ) -> None:
        self._documents = documents
        self._digest = digest
        self._schema = schema
        self._document = document
        self._operation = operation
        self._request = request

    def result(self, given: dict[str, Any]) -> ExecutionResult:
        """The operation's result; errors without a path mean that nothing was executed."""
        coerced = get_variable_values(
            self._schema,
            self._operation.variable_definitions or (),
            given,
            max_errors=MAX_ERRORS,
            hide_suggestions=True,
        )
        if not isinstance(coerced, VariableValues):
            for error in coerced:
                error.extensions = {"code": BadInput.code}
            return ExecutionResult(data=None, errors=coerced)
        variables = coerced.coerced
        name = self._operation.name.value if self._operation.name else None
        shaped = shape(self._operation, self._schema, variables)
        check_conditions(shaped, self._request.limits)
        key = (self._digest, name, shaped)
        planned = self._documents.plan(key, lambda: self._plan(coerced))
        check_cost(planned.cost(variables), self._request.limits)
        return self._answer(planned, given, variables)

    def _plan(self, coerced: VariableValues) -> PlannedOperation:
        selector = Selector(self._document, coerced)
        roots: list[Root] = []
        for selection in selector.roots(self._operation):
            root, plan = ROOTS.get(selection.name), None
            if root is not None:
                plan = compile_root(Compilation(ENTITIES, self._schema, selector, coerced.coerced), root, selection)
            roots.append(Root(selection, plan))
        rest = [node for root in roots if root.plan is None for node in root.selection.nodes]
        return PlannedOperation(tuple(roots), self._reduced(rest) if rest else None)

    def _reduced(self, fields: list[FieldNode]) -> DocumentNode:
        """The document with only these fields at its root."""
        operation = OperationDefinitionNode(
            operation=self._operation.operation,
            name=self._operation.name,
            variable_definitions=self._operation.variable_definitions,
            selection_set=SelectionSetNode(selections=tuple(fields)),
        )
        fragments = [each for each in self._document.definitions if isinstance(each, FragmentDefinitionNode)]
        return DocumentNode(definitions=(operation, *fragments))

    def _answer(self, planned: PlannedOperation, given: dict[str, Any], variables: Variables) -> ExecutionResult:
        others, errors = self._resolve(planned.rest, given)
        data: dict[str, Any] | None = {}
        for root in planned.roots:
            key = root.selection.key
            if root.plan is None:
                data = data if others is not None else None
                value = (others or {}).get(key)
            else:
                value, error = self._read(root, root.plan, variables)
                if error is not None:
                    errors.append(error)
                    data = None if self._required(root) else data
            if data is not None:
                data[key] = value
        return ExecutionResult(data=data, errors=errors or None)

    def _resolve(
        self, rest: DocumentNode | None, given: dict[str, Any]
    ) -> tuple[Mapping[str, Any] | None, list[graphql.GraphQLError]]:
        if rest is None:
            return {}, []
        result = graphql.execute_sync(
            self._schema, rest, variable_values=given, context_value=self._request, hide_suggestions=True
        )
        return result.data, list(result.errors or [])

    def _read(
        self, root: Root, plan: Plan, variables: Variables
    ) -> tuple[orjson.Fragment | None, graphql.GraphQLError | None]:
        try:
            if plan.as_of is not None:
                self._request.snapshot.require(plan.views, plan.as_of(variables))
            found = self._found(plan, variables)
        except BadInput as error:
            return None, _located(error, root.selection)
        return None if found is None else orjson.Fragment(found), None

    def _found(self, plan: Plan, variables: Variables) -> bytes | None:
        """The row's JSON, in the database or else where it was moved to."""
        snapshot, parameters = self._request.snapshot, plan.bind(variables)
        found = snapshot.json(plan.statement, parameters)
        if found is not None or not plan.supplied:
            return found
        row = self._request.entry(snapshot, {name: read(variables) for name, read in plan.key.items()})
        return None if row is None else snapshot.json(plan.statement, parameters | dict(row))

    def _required(self, root: Root) -> bool:
        query = self._schema.query_type
        return query is not None and is_non_null_type(query.fields[root.selection.name].type)


def _located(error: GraphQLError, selection: Selection) -> graphql.GraphQLError:
    return graphql.GraphQLError(str(error), nodes=list(selection.nodes), path=[selection.key], original_error=error)


def _schema_of(context: ExecutionContext) -> GraphQLSchema:
    return context.schema._schema  # pyright: ignore[reportPrivateUsage]
