"""The projector: follows the log and keeps every view up to it, exactly once, rebuilding what is outdated.

Any number of projectors may run; an advisory lock a build lets one at a time fold it. A view whose handlers
or tables have changed since it was built is folded anew beside the old tables (``view_<name>_next``), which
answer until the new ones take their name.
"""

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import msgspec
import psycopg

from atlas.ledger.database import Database
from atlas.ledger.log import Ledger
from atlas.projections.batch import Batch
from atlas.projections.builds import Build, Stage, State, drop_schema
from atlas.projections.comparison import require_equal
from atlas.projections.errors import OutdatedView, UnknownView, ViewBusy
from atlas.projections.fold import Stores
from atlas.projections.view import View
from atlas.projections.views import VIEWS

PAGE_FACTS = 10_000
STEP_PAGES = 4
"""How many pages one transaction folds at most: what is written once a transaction is written less often."""
POLL_S = 1.0
BUSY_POLL_S = 0.05
BUSY_TIMEOUT_S = 60.0

_STATUS = b"""
select name, version, position,
       greatest((select head.position from ledger.head) - views.position, 0),
       (select count(*) from projections.undecodable where view = name),
       (select count(*) from projections.issues where view = name)
from projections.views order by name
"""


class ViewStatus(msgspec.Struct, frozen=True):
    """How far a build of a view is: ``lag`` counts the log positions it has not folded yet."""

    name: str
    version: int
    position: int
    lag: int
    undecodable: int
    issues: int


class Projector:
    """Folds the log of ``ledger`` into ``views``, whose tables are in ``database``. For one thread.

    A page spans ``page_facts`` log positions; who is behind folds several pages in one transaction. Methods raise
    DatabaseUnreachable when the database is not there, UnknownView for a name that ``views`` has not, and NewerView
    when a stored view was built by a newer program.
    """

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        views: Mapping[str, View] = VIEWS,
        *,
        page_facts: int = PAGE_FACTS,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._views = views
        self._page_facts = page_facts
        self._stores: dict[str, tuple[int, Stores]] = {}

    def prepare(self) -> None:
        """Create the tables of every view that has none, so that readers find them."""
        for view in self._views.values():
            live = Build(view)
            with self._database.connection() as connection, connection.cursor() as cursor:
                if live.state(cursor) is None:
                    live.lock(cursor)
                    # Another projector may have created it while this one waited.
                    if live.state(cursor) is None:
                        live.create(cursor)

    def step(self, name: str) -> int:
        """Fold the next page into the live view ``name``, in one transaction; the position it then stands at.

        Does nothing at the head of the log, and while another projector folds the view. Raises OutdatedView when
        the view must be rebuilt first.
        """
        return self._step(Build(self._view(name)), self._ledger.head(), pages=1)

    def catch_up(self) -> int:
        """Bring every view to the present head of the log, rebuilding what is outdated; the head.

        Raises ViewBusy when another projector holds a view without getting on.
        """
        self.prepare()
        head = self._ledger.head()
        for view in self._views.values():
            self._bring(view, self._advance, head)
        return head

    def run(self, stop: threading.Event) -> None:
        """Follow the log until ``stop`` is set, which is noticed between batches and within about a second."""
        self.prepare()
        positions: list[int] = []
        while not stop.is_set():
            head, before = self._ledger.head(), positions
            positions = [self._advance(view, head) for view in self._views.values()]
            if all(position >= head for position in positions):
                self._ledger.wait(after=head, timeout_s=POLL_S)
            elif positions == before:
                stop.wait(BUSY_POLL_S)

    def rebuild(self, name: str) -> int:
        """Fold the view anew beside the live one, swap them, and return the head of the log that it has reached.

        Goes on with a rebuild that was interrupted. Readers see the old tables, then the new ones. Raises ViewBusy.
        """
        self.prepare()
        head = self._ledger.head()
        self._bring(self._view(name), self._advance_next, head)
        return head

    def compare(self, name: str) -> int:
        """Fold the log from its beginning into scratch tables and compare them with the live view, row by row.

        Returns the position compared at. Raises ViewDiffers with the first difference. Everything happens in one
        transaction that is rolled back; other projectors wait for the comparison itself only.
        """
        live, check = Build(self._view(name)), Build(self._view(name), Stage.CHECK)
        with self._database.connection() as connection, connection.transaction(force_rollback=True):
            cursor = connection.cursor()
            check.create(cursor)
            stores = Stores(check.schema, check.view.tables, 0, check.contracts(cursor))
            self._fold(cursor, check, stores, self._current(cursor, live).position)
            live.lock(cursor)
            position = self._current(cursor, live).position
            self._fold(cursor, check, stores, position)
            require_equal(cursor, live, check)
        return position

    def status(self) -> list[ViewStatus]:
        """How far every build of a view is; a rebuild in progress is called ``<name>:next``."""
        with self._database.connection() as connection:
            return [ViewStatus(*row) for row in connection.execute(_STATUS).fetchall()]

    def _view(self, name: str) -> View:
        view = self._views.get(name)
        if view is None:
            raise UnknownView(f"there is no view {name!r}", hint=f"The views are {', '.join(self._views)}.")
        return view

    def _bring(self, view: View, advance: Callable[[View, int], int], head: int) -> None:
        """Repeat ``advance`` until it reaches ``head``. Raises ViewBusy when it stands still."""
        reached, deadline = -1, time.monotonic() + BUSY_TIMEOUT_S
        while (position := advance(view, head)) < head:
            if position > reached:
                reached, deadline = position, time.monotonic() + BUSY_TIMEOUT_S
            elif time.monotonic() < deadline:
                time.sleep(BUSY_POLL_S)
            else:
                raise ViewBusy(
                    f"view {view.name} has stood at {position} of {head} for {BUSY_TIMEOUT_S:.0f} s",
                    hint="Another process holds its lock: see pg_locks, and end that process or wait for it.",
                )

    def _advance(self, view: View, head: int) -> int:
        """Some pages of the live view, or of its rebuild where it is outdated."""
        live = Build(view)
        with self._database.connection() as connection, connection.cursor() as cursor:
            state = live.state(cursor)
        if state is None or live.is_current(state):
            return self._step(live, head, STEP_PAGES)
        return self._advance_next(view, head)

    def _advance_next(self, view: View, head: int) -> int:
        """Some pages of the rebuild, started where there is none; it takes over once it has reached ``head``."""
        following = Build(view, Stage.NEXT)
        with self._database.connection() as connection, connection.cursor() as cursor:
            following.lock(cursor)
            state = following.state(cursor)
            if state is None or not following.is_current(state):
                following.create(cursor)
        position = self._step(following, head, STEP_PAGES)
        if position >= head:
            self._swap(Build(view), following)
        return position

    def _swap(self, live: Build, following: Build) -> None:
        """Let ``following`` take the place of ``live``, at the same position or a later one."""
        retired = f"{live.schema}_retired"
        self._drop(retired)
        with self._folding(following) as cursor:
            live.lock(cursor)
            following.lock(cursor)
            state = following.state(cursor)
            if state is None:  # another projector has done it in the meantime
                return
            stores = self._stores_of(cursor, following, state)
            self._fold(cursor, following, stores, self._require(cursor, live).position)
            following.analyze(cursor)
            following.replace(cursor, live, retired)
        self._stores.clear()
        self._drop(retired)

    def _drop(self, schema: str) -> None:
        """Drop a schema in a transaction of its own: it waits for its readers, and nobody waits for it."""
        with self._database.connection() as connection, connection.cursor() as cursor:
            drop_schema(cursor, schema)

    def _step(self, build: Build, head: int, pages: int) -> int:
        with self._folding(build) as cursor:
            if not build.try_lock(cursor):
                return self._require(cursor, build).position
            state = self._current(cursor, build)
            upto = min(head, state.position + pages * self._page_facts)
            if upto <= state.position:
                return state.position
            self._fold(cursor, build, self._stores_of(cursor, build, state), upto)
            return upto

    @contextmanager
    def _folding(self, build: Build) -> Generator[psycopg.Cursor]:
        """A transaction that folds ``build``; when it fails, what the stores remember was never committed.

        Its commit does not wait for the disk: what a crash of the server takes, rows and position together, follows
        from the log again.
        """
        try:
            with self._database.connection() as connection, connection.cursor() as cursor:
                cursor.execute("set local synchronous_commit to off")
                yield cursor
        except BaseException:
            self._stores.pop(build.name, None)
            raise

    def _fold(self, cursor: psycopg.Cursor, build: Build, stores: Stores, upto: int) -> None:
        """Bring ``build`` to ``upto`` in the present transaction, page by page."""
        batch = Batch(cursor, self._ledger, build, stores, self._page_facts)
        while stores.position < upto:
            batch.fold(min(upto, stores.position + self._page_facts))
        stores.settle(cursor)

    def _stores_of(self, cursor: psycopg.Cursor, build: Build, state: State) -> Stores:
        """The stores of a build; remembered ones only if nobody has folded or rebuilt it since."""
        schema_oid, stores = self._stores.get(build.name, (None, None))
        if stores is None or schema_oid != state.schema_oid or stores.position != state.position:
            stores = Stores(build.schema, build.view.tables, state.position, build.contracts(cursor))
            self._stores[build.name] = state.schema_oid, stores
        return stores

    def _current(self, cursor: psycopg.Cursor, build: Build) -> State:
        """The state of a build by these handlers. Raises OutdatedView, NewerView."""
        state = self._require(cursor, build)
        if not build.is_current(state):
            raise OutdatedView(
                f"view {build.name} was built by version {state.version} of its handlers, or with other tables",
                hint="Catching up rebuilds it beside the old tables.",
            )
        return state

    def _require(self, cursor: psycopg.Cursor, build: Build) -> State:
        state = build.state(cursor)
        if state is None:
            raise OutdatedView(f"view {build.name} has no tables", hint="Prepare the projector first.")
        return state
