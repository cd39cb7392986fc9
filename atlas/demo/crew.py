"""The two GPU workers: started, given jobs in the order of the production graph, started again when killed."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec

from atlas.demo.agents import SEED, STEPS, Step
from atlas.demo.cast import FIRST_WORKER, SECOND_WORKER, Player
from atlas.demo.errors import DemoError
from atlas.demo.processes import spawn, stop
from atlas.demo.production import Generated
from atlas.demo.worker import Job, JobInput, Result
from atlas.protocol.vocabulary import Agent

_TRIES = 3


class Crew:
    """Two worker processes, below ``directory``, that send their records to ``endpoint``."""

    def __init__(self, directory: Path, content: Path, endpoint: str, say: Callable[[str], None]) -> None:
        self._directory = directory
        self._content = content
        self._endpoint = endpoint
        self._say = say
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def produce(self) -> list[Generated]:
        """All steps of the film, each when what it needs is there."""
        made: dict[Agent, Generated] = {}
        for number, step in enumerate(STEPS):
            inputs = tuple(JobInput(need, made[need].sha256.hex(), made[need].record_id.hex()) for need in step.needs)
            result = self._perform(step, Job(number, SEED, inputs))
            made[step.agent] = Generated(
                step, bytes.fromhex(result.record_id), bytes.fromhex(result.sha256), result.size_bytes
            )
            self._say(f"{step.agent:<11} {step.media_type:<17} {result.size_bytes:>8,} bytes  {step.model.name}")
        return list(made.values())

    def dismiss(self) -> None:
        """Let the workers deliver what they have spooled, and end."""
        for worker, process in self._processes.items():
            if process.stdin:
                process.stdin.close()
            try:
                status = process.wait(90)
            except subprocess.TimeoutExpired as error:
                raise DemoError(f"worker {worker + 1} did not deliver its records", hint=f"See {self._log}.") from error
            if status:
                raise DemoError(f"worker {worker + 1} ended with status {status}", hint=f"See {self._log}.")
        self._processes.clear()

    def stop(self) -> None:
        """End the workers at once; what is spooled stays."""
        for process in self._processes.values():
            stop(process)

    @property
    def _log(self) -> Path:
        return self._directory / "workers.log"

    def _perform(self, step: Step, job: Job) -> Result:
        for _ in range(_TRIES):
            process = self._process(step.worker)
            with contextlib.suppress(BrokenPipeError):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                process.stdin.flush()
                answer = process.stdout.readline()
                if answer.endswith(b"\n"):
                    return msgspec.json.decode(answer, type=Result)
            process.wait()
            self._say(f"worker {step.worker + 1} died; it is started again and goes on from its spool")
        raise DemoError(f"the {step.agent} step failed {_TRIES} times", hint=f"See {self._log}.")

    def _process(self, worker: int) -> subprocess.Popen[bytes]:
        process = self._processes.get(worker)
        if process is None or process.poll() is not None:
            process = self._start(worker, (FIRST_WORKER, SECOND_WORKER)[worker])
            self._processes[worker] = process
        return process

    def _start(self, worker: int, player: Player) -> subprocess.Popen[bytes]:
        key = self._directory / f"worker-{worker + 1}.key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(player.private_key.hex() + "\n")
        spool = self._directory / f"spool-{worker + 1}"
        options = ["--key", key, "--content", self._content, "--spool", spool, "--endpoint", self._endpoint]
        return spawn(
            [sys.executable, "-m", "atlas.demo.worker", *options],
            log=self._log,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )


@contextlib.contextmanager
def working_crew(directory: Path, content: Path, endpoint: str, say: Callable[[str], None]) -> Generator[Crew]:
    """A crew that is gone when the context ends."""
    crew = Crew(directory, content, endpoint, say)
    try:
        yield crew
    finally:
        crew.stop()
