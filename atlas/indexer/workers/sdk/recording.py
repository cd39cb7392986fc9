"""A generation while it runs: what goes in, what comes out, what it costs (W2, W9).

Everything is checked when it is said, by the rules of the record's own format, so that a mistake fails on its
line and before the expensive part, not when the record is sealed.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from atlas.indexer.workers.errors import RecordingMisused
from atlas.indexer.workers.sdk.content import Digest, digest_of
from atlas.indexer.workers.sdk.telemetry import Usage
from atlas.protocol import canonical
from atlas.protocol.errors import InvalidEnvelope, MalformedFact
from atlas.protocol.generation import FORMAT, Compute, Cost, GenerationRecord, Input, Model, Output, encode_record
from atlas.protocol.vocabulary import Agent

Content = str | os.PathLike[str] | bytes  # text is a path
Parameters = Mapping[str, str | int | bool]

_NO_WORKER = bytes(20)
_NO_HASH = bytes(32)
_UNMEASURED = Compute("cpu", 1, 0, 0, None, None)
_NO_OUTPUT = Output("none", _NO_HASH, "application/octet-stream", 0)


class Material(msgspec.Struct, frozen=True):
    """Something a generation reads: a file or bytes, its role and its media type (RFC 6838).

    ``record`` is the id of the generation record it came out of, where that is known.
    """

    content: Content
    role: str
    media_type: str
    record: bytes | None = None


class Generated(msgspec.Struct, frozen=True):
    """A recorded generation: its id, its number in the worker's stream, and what came out."""

    record_id: bytes
    sequence: int
    outputs: tuple[Output, ...]

    def as_input(self, ordinal: int = 0, *, role: str | None = None) -> Input:
        """Output number ``ordinal`` as input of a later generation, linked to this record. Raises RecordingMisused."""
        if not 0 <= ordinal < len(self.outputs):
            raise RecordingMisused(f"this generation has {len(self.outputs)} outputs, there is no number {ordinal}")
        output = self.outputs[ordinal]
        return Input(role or output.role, output.sha256, output.media_type, output.size_bytes, self.record_id)


class Measurement(msgspec.Struct, frozen=True):
    """When a generation ran, how long, and on what."""

    started_at_ms: int  # wall clock, since 1970
    ended_at_ms: int
    runtime_ms: int  # monotonic clock
    usage: Usage


class Recording:
    """What is known so far of a generation that is running; one thread uses it."""

    def __init__(
        self,
        *,
        agent: str,
        model: Model,
        prompt: str,
        parameters: Parameters,
        seed: int | None,
        keep: Callable[[Path | bytes], Digest] = digest_of,
    ) -> None:
        """Begin a record; ``keep`` takes in an output and gives its digest. Raises RecordingMisused."""
        self._keep = keep
        self._generated: Generated | None = None
        self._compute_units: int | None = None
        self._draft = _first_draft(agent, model, prompt, parameters, seed)
        self._change()

    @property
    def generated(self) -> Generated:
        """The finished record. Raises RecordingMisused while the generation runs, and after it failed."""
        if self._generated is None:
            raise RecordingMisused("the generation is not recorded: it runs, or it failed")
        return self._generated

    def input(self, source: Material | Input) -> Input:
        """Add something that goes in; a file is hashed now. Raises RecordingMisused."""
        if isinstance(source, Material):
            digest = _digest(source.content, digest_of)
            source = Input(source.role, digest.sha256, source.media_type, digest.size_bytes, source.record)
        self._change(inputs=(*self._draft.inputs, source))
        return source

    def output(self, content: Content, *, role: str, media_type: str) -> Output:
        """Add something that came out; a file is hashed now, and kept if the worker keeps content.

        Raises RecordingMisused.
        """
        digest = _digest(content, self._keep)
        output = Output(role, digest.sha256, media_type, digest.size_bytes)
        self._change(outputs=(*self._draft.outputs, output))
        return output

    def cost(self, *, model_fee_wei: int = 0, compute_fee_wei: int = 0, protocol_fee_wei: int = 0) -> None:
        """Set what the generation costs, in wei; without it, nothing. Raises RecordingMisused."""
        self._change(cost=Cost(str(model_fee_wei), str(compute_fee_wei), str(protocol_fee_wei)))

    def compute_units(self, units: int) -> None:
        """Set the compute units charged; without it, the device-seconds begun. Raises RecordingMisused."""
        self._change(compute=msgspec.structs.replace(_UNMEASURED, compute_units=units))
        self._compute_units = units

    def complete(self, measurement: Measurement) -> GenerationRecord:
        """The whole record but for its worker and number, which sealing adds. Raises RecordingMisused."""
        if not self._draft.outputs:
            raise RecordingMisused("the generation has no output", hint="Call output() at least once in the block.")
        usage = measurement.usage
        units = self._compute_units
        self._change(
            started_at_ms=measurement.started_at_ms,
            ended_at_ms=measurement.ended_at_ms,
            compute=Compute(
                device=usage.device,
                device_count=usage.device_count,
                runtime_ms=measurement.runtime_ms,
                compute_units=device_seconds(usage.device_count, measurement.runtime_ms) if units is None else units,
                energy_mj=usage.energy_mj,
                peak_memory_bytes=usage.peak_memory_bytes,
            ),
        )
        return self._draft

    def conclude(self, generated: Generated) -> None:
        """The record is sealed and spooled."""
        self._generated = generated

    def _change(self, **fields: object) -> None:
        if self._generated is not None:
            raise RecordingMisused("the generation is recorded and cannot change", hint="Begin another generation.")
        draft = msgspec.structs.replace(self._draft, **fields)
        provisional = draft if draft.outputs else msgspec.structs.replace(draft, outputs=(_NO_OUTPUT,))
        try:
            encode_record(provisional)
        except InvalidEnvelope as error:
            raise RecordingMisused(error.message, hint=error.hint) from error
        self._draft = draft


def config_digest(model: Model, parameters: Parameters, seed: int | None) -> bytes:
    """SHA-256 of the canonical msgpack map of model, parameters and seed: equal for equal configurations (W2).

    Raises RecordingMisused for a value that has no canonical form; a fraction is written as decimal text.
    """
    configuration = {"model": msgspec.to_builtins(model), "parameters": dict(parameters), "seed": seed}
    try:
        return hashlib.sha256(canonical.encode(configuration)).digest()
    except MalformedFact as error:
        raise RecordingMisused(
            f"the parameters have no canonical form: {error.message}",
            hint="A parameter is text, an integer or a boolean; write a fraction as decimal text.",
        ) from error


def device_seconds(device_count: int, runtime_ms: int) -> int:
    """The compute units of a generation whose own count is not given: seconds begun, times devices (W12)."""
    return device_count * -(-runtime_ms // 1000)


def _first_draft(agent: str, model: Model, prompt: str, parameters: Parameters, seed: int | None) -> GenerationRecord:
    """What is known before anything runs."""
    return GenerationRecord(
        format=FORMAT,
        worker=_NO_WORKER,
        sequence=0,
        agent=_agent(agent),
        model=model,
        prompt=prompt,
        inputs=(),
        outputs=(),
        parameters=dict(parameters),
        seed=seed,
        config_sha256=config_digest(model, parameters, seed),
        compute=_UNMEASURED,
        cost=Cost("0", "0", "0"),
        started_at_ms=0,
        ended_at_ms=0,
    )


def _agent(name: str) -> Agent:
    try:
        return Agent(name)
    except ValueError as error:
        raise RecordingMisused(f"there is no agent {name!r}", hint="Agents (W9): " + ", ".join(Agent)) from error


def _digest(content: Content, take: Callable[[Path | bytes], Digest]) -> Digest:
    try:
        return take(content if isinstance(content, bytes) else Path(content))
    except OSError as error:
        named = "bytes" if isinstance(content, bytes) else os.fspath(content)
        raise RecordingMisused(f"{named} cannot be hashed or kept: {error.strerror}") from error
