"""A GPU worker of the demo: a process that takes jobs on standard input and makes media on the CPU.

    {"step": 3, "seed": 1887, "inputs": [{"agent": "world", "sha256": "…", "record_id": "…"}]}     a job, a line
    {"record_id": "…", "sha256": "…", "size_bytes": 54324}                                         its answer

It uses the worker SDK as any worker would: the SDK measures, hashes, signs, spools and sends.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from atlas.demo.agents import STEPS, make
from atlas.indexer.workers import ContentDirectory, Material, Worker, WorkerKey
from atlas.protocol.money import WEI_PER_ATLAS
from atlas.protocol.vocabulary import Agent

MODEL_FEE_WEI = 4 * WEI_PER_ATLAS // 100
COMPUTE_FEE_WEI = 3 * WEI_PER_ATLAS // 100
PROTOCOL_FEE_WEI = 2 * WEI_PER_ATLAS // 100


class JobInput(msgspec.Struct, frozen=True):
    """An upstream work, by its hash and the record it came out of."""

    agent: Agent
    sha256: str
    record_id: str


class Job(msgspec.Struct, frozen=True):
    """One generation to run; ``step`` is its place in the film's list of steps."""

    step: int
    seed: int
    inputs: tuple[JobInput, ...]


class Result(msgspec.Struct, frozen=True):
    """What came out of a job, and the id of its record."""

    record_id: str
    sha256: str
    size_bytes: int


def perform(worker: Worker, content: ContentDirectory, job: Job) -> Result:
    """Run one job and record it."""
    step = STEPS[job.step]
    materials = {source.agent: content.path(bytes.fromhex(source.sha256)) for source in job.inputs}
    inputs = [
        Material(materials[source.agent], source.agent, _media_type(source.agent), bytes.fromhex(source.record_id))
        for source in job.inputs
    ]
    with worker.generation(
        agent=step.agent, model=step.model, prompt=step.prompt, inputs=inputs, parameters={"takes": 1}, seed=job.seed
    ) as record:
        made = make(step.agent, step.prompt, job.seed, {agent: path.read_bytes() for agent, path in materials.items()})
        output = record.output(made, role=step.agent, media_type=step.media_type)
        record.cost(model_fee_wei=MODEL_FEE_WEI, compute_fee_wei=COMPUTE_FEE_WEI, protocol_fee_wei=PROTOCOL_FEE_WEI)
    return Result(record.generated.record_id.hex(), output.sha256.hex(), output.size_bytes)


def main() -> None:
    """Take jobs until standard input ends; leave when all records have been delivered."""
    options = _options()
    content = ContentDirectory(options.content)
    key = WorkerKey.from_file(options.key)
    with Worker(key=key, spool=options.spool, endpoint=options.endpoint, content=content) as worker:
        for line in sys.stdin.buffer:
            result = perform(worker, content, msgspec.json.decode(line, type=Job))
            sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
            sys.stdout.buffer.flush()
        worker.flush(60)


def _media_type(agent: Agent) -> str:
    return next(step.media_type for step in STEPS if step.agent == agent)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("key", "spool", "content"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--endpoint", required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
