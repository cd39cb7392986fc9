"""The demo's ``atlas-ledger up``: a process of its own, asked over HTTP, started again when it was killed."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from atlas.demo.errors import DemoError
from atlas.demo.processes import spawn, stop

_MAX_STARTS = 5
_POLL_S = 0.1


class Server:
    """``atlas-ledger up`` with ``config``, answering at ``url``."""

    def __init__(self, config: Path, url: str, log: Path, say: Callable[[str], None]) -> None:
        self.url = url
        self._config = config
        self._log = log
        self._say = say
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(timeout=30, trust_env=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._spawn()
        self.wait_until(self._answers, "the server answers")

    def stop(self) -> None:
        """End it."""
        self._client.close()
        if self._process is not None:
            stop(self._process)

    def ask(self, query: str, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The ``data`` of a GraphQL answer. Raises DemoError for an answer with errors."""
        body = {"query": query, "variables": dict(variables or {})}
        try:
            response = self._client.post(f"{self.url}/graphql", json=body)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DemoError(f"{self.url}/graphql does not answer: {error}", hint=f"See {self._log}.") from error
        if "errors" in answer:
            raise DemoError(f"the question was refused: {answer['errors'][0]['message']}", hint=f"See {self._log}.")
        return answer["data"]

    def wait_until(self, holds: Callable[[], bool], what: str, *, timeout_s: float = 60) -> None:
        """Wait until ``holds()``, keeping the server alive; a refused question is asked again.

        Raises DemoError when it takes too long.
        """
        deadline = time.monotonic() + timeout_s
        reason = "it did not happen"
        while True:
            try:
                if holds():
                    return
            except DemoError as error:
                reason = error.message
            self._keep_alive()
            if time.monotonic() > deadline:
                raise DemoError(f"{what}: not within {timeout_s:.0f} s: {reason}", hint=f"See {self._log}.")
            time.sleep(_POLL_S)

    def wait_for_views(self, chain: str, block: int) -> None:
        """Wait until every view has seen ``block`` of ``chain`` and all of the log."""
        self.wait_until(lambda: self._has_seen(chain, block), f"the views reach block {block}")

    def run_until_interrupted(self) -> None:
        """Keep it alive until Ctrl-C."""
        try:
            while True:
                self._keep_alive()
                time.sleep(1)
        except KeyboardInterrupt:
            return

    def _answers(self) -> bool:
        try:
            return self._client.get(f"{self.url}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def _has_seen(self, chain: str, block: int) -> bool:
        meta = self.ask("{ _meta { ledgerPosition chains { chain headNumber } views { position } } }")["_meta"]
        heads = {each["chain"]: int(each["headNumber"]) for each in meta["chains"]}
        folded = all(view["position"] == meta["ledgerPosition"] for view in meta["views"])
        return folded and heads.get(chain, -1) >= block

    def _keep_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._say(f"the server ended with status {self._process.returncode}; it is started again and goes on")
            self._spawn()

    def _spawn(self) -> None:
        self._starts += 1
        if self._starts > _MAX_STARTS:
            raise DemoError(f"the server ended {_MAX_STARTS} times", hint=f"See {self._log}.")
        self._process = spawn([sys.executable, "-m", "atlas", "up", "--config", self._config], log=self._log)
