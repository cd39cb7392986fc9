"""Checking that the schema is still what the migrations made: no view, function, trigger or policy lies.

Verification reads tables. Whoever may change the schema can leave every row as it is and let others read something
else through a view, or have something else recorded by a function, a trigger or a rule. So the migrations are applied
once more, to a schema of another name in a transaction that is rolled back, and what the server then says about
both must be the same. Constraints on columns are left out: what they keep is read, row by row. Partitions are as many
as the head's row says, each with the positions that its name says: a reader is sent to a partition by its bounds, and
who drops one goes by its name.
"""

import psycopg
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction

from atlas.ledger import MIGRATIONS
from atlas.ledger.database import Database
from atlas.ledger.errors import AlteredSchema, UncheckedSchema
from atlas.ledger.schema import partition_bound, partition_name

_SCHEMA = "ledger"
# A relation that the migrations did not name is none of the log's, unless it is a part of one that they did.
_DESCRIBE = b"""
with named as (
    select oid, relname::text as label from pg_class
    where relnamespace = to_regnamespace(%(schema)s) and relkind <> all('{i,I,c,S,t}') and relname = any(%(relations)s)
), relation as (
    select * from named
    union all
    select inhrelid, 'a part of ' || label from pg_inherits join named on named.oid = inhparent
), found as (
    select label, format('is stored as %%s %%s, with row security %%s %%s', relkind, amname, relrowsecurity,
                         relforcerowsecurity) as what
    from relation join pg_class using (oid) left join pg_am on pg_am.oid = relam
    union all
    select label, format('has the column %%s %%s %%s %%s %%s %%s', attname, format_type(atttypid, atttypmod),
                         attcollation::regcollation, attnotnull, attgenerated, pg_get_expr(adbin, adrelid))
    from relation join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    union all
    select label, format('has the key %%s, valid %%s %%s %%s', pg_get_constraintdef(pg_constraint.oid), convalidated,
                         indisvalid, indisunique)
    from relation join pg_constraint on conrelid = relation.oid and contype in ('p', 'u')
    join pg_index on indexrelid = conindid
    union all
    select label, 'reads ' || pg_get_viewdef(oid) from relation join pg_class using (oid) where relkind in ('v', 'm')
    union all
    select label, 'is divided by ' || pg_get_partkeydef(oid) from relation join pg_class using (oid) where relkind = 'p'
    union all
    select label, 'has the trigger ' || pg_get_triggerdef(pg_trigger.oid)
    from relation join pg_trigger on tgrelid = relation.oid and not tgisinternal
    union all
    select label, 'has the rule ' || pg_get_ruledef(pg_rewrite.oid)
    from relation join pg_rewrite on ev_class = relation.oid and rulename <> '_RETURN'
    union all
    select label, 'has the policy ' || polname from relation join pg_policy on polrelid = relation.oid
    union all
    select proname, 'is the function ' || pg_get_functiondef(pg_proc.oid)
    from pg_proc where pronamespace = to_regnamespace(%(schema)s) and proname = any(%(functions)s)
)
select label, replace(what, %(schema)s || '.', 'ledger.') from found
"""
# One statement, one snapshot, to which the bounds' own text belongs: the log may be appended to and dropped meanwhile.
_PARTITIONS = b"""
select head.partition_facts, head.dropped, head.partitioned,
       (select coalesce(jsonb_object_agg(relnamespace::regnamespace || '.' || relname,
                                         pg_get_expr(relpartbound, 0)), '{}')
        from pg_inherits join pg_class on oid = inhrelid
        where inhparent = 'ledger.events'::regclass and not inhdetachpending)
from ledger.head
"""
_RELATIONS = b"select array_agg(relname::text) from pg_class where relnamespace = to_regnamespace(%s)"
_FUNCTIONS = b"select array_agg(proname::text) from pg_proc where pronamespace = to_regnamespace(%s)"


def check_schema(database: Database) -> None:
    """Return when the log's views, functions and tables are those of the migrations.

    Raises AlteredSchema, and UncheckedSchema where nothing may be created, not even to be rolled back.
    """
    with database.connection() as connection:
        try:
            expected, found = _descriptions(connection)
            connection.rollback()
            partitions = connection.execute(_PARTITIONS).fetchall()
        except (InsufficientPrivilege, ReadOnlySqlTransaction) as error:
            raise UncheckedSchema(
                f"the schema is not checked: {str(error).strip()}",
                hint="Verify on the primary server, as a role that may create a schema in this database.",
            ) from error
        finally:
            connection.rollback()
    # A log without facts has no partition.
    missing = {one for one in expected - found if not one[0].startswith("a part of ")}
    for label, what in sorted(found - expected) + sorted(missing):
        state = "is not of the migrations" if (label, what) in found else "is missing"
        raise AlteredSchema(f"the schema of the log was changed: that {label} {what.strip()} {state}")
    for row in partitions:
        _check_partitions(*row)


def _check_partitions(size: int, dropped: int, partitioned: int, found: dict[str, str]) -> None:
    """Return when the partitions have the positions that their names say, and all from ``dropped`` on are there."""
    firsts = range(dropped + 1, partitioned + 1, size)
    expected = {f"ledger.{partition_name(first, size)}": partition_bound(first, size) for first in firsts}
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            raise AlteredSchema(
                f"the schema of the log was changed: the partition {name} is {found.get(name, 'not there')}, and "
                f"{expected.get(name, 'no such partition')} is expected"
            )


def _descriptions(connection: psycopg.Connection) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What the migrations make, and what is there."""
    reference = f"ledger_reference_{connection.info.backend_pid}"
    connection.execute(f"create schema {reference}".encode())
    for migration in MIGRATIONS:
        connection.execute(migration.statements.replace(f"{_SCHEMA}.", f"{reference}.").encode())
    names = [connection.execute(query, (reference,)).fetchone() for query in (_RELATIONS, _FUNCTIONS)]
    connection.execute(f"select {reference}.make_room(1)".encode())
    relations, functions = ((row or ([],))[0] for row in names)
    described = [
        set(
            connection.execute(_DESCRIBE, {"schema": schema, "relations": relations, "functions": functions}).fetchall()
        )
        for schema in (reference, _SCHEMA)
    ]
    return described[0], described[1]
