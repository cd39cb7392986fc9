"""The schema: the catalog's types and roots, and the roots that have resolvers of their own."""

from pathlib import Path

from strawberry import Schema
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import create_type

from atlas.graphql.catalog import ENTITIES, ROOTS
from atlas.graphql.execution import Documents, SqlExecution
from atlas.graphql.limits import Limits
from atlas.graphql.rights.conflicts import CONFLICTS
from atlas.graphql.rights.decisions import CAN_USE
from atlas.graphql.rights.gaps import GAP
from atlas.graphql.rights.royalties import ROYALTY_PREVIEW, STATEMENT
from atlas.graphql.scalars import SCALARS
from atlas.graphql.types import make_types, root_field

_RESOLVED = (CAN_USE, GAP, CONFLICTS, ROYALTY_PREVIEW, STATEMENT)


class ApiSchema(Schema):
    """A Strawberry schema that leaves reporting errors to the server, which knows which ones are expected."""

    def process_errors(self, errors: object, execution_context: object = None) -> None:
        """Report nothing."""


def build_schema(limits: Limits | None = None) -> ApiSchema:
    """A schema with its own memory of documents."""
    documents = Documents(limits or Limits())
    namespace = make_types(ENTITIES)
    query = create_type(
        "Query",
        [*(root_field(namespace, root, ENTITIES) for root in ROOTS.values()), *_RESOLVED],
        description="Everything that can be asked.",
    )
    return ApiSchema(
        query,
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
        extensions=[lambda: SqlExecution(documents)],
    )


def sdl() -> str:
    """The schema in GraphQL's schema definition language, as published in ``schema.graphql``."""
    return f"{build_schema().as_str()}\n"


if __name__ == "__main__":
    (Path(__file__).parent / "schema.graphql").write_text(sdl())
