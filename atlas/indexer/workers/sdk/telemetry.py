"""What a generation ran on: GPUs as NVML reports them, or the processor where there are none (W2, W12).

A machine without NVML, without a driver or without a visible GPU is a normal machine: it measures as ``cpu``.
NVML speaks of whole devices. Memory and energy therefore count whatever else ran on them at the same time.
"""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
import pynvml

CPU = "cpu"
_SAMPLE_INTERVAL_S = 0.2


class Usage(msgspec.Struct, frozen=True):
    """What one generation took of its devices; None where nothing can measure it."""

    device: str  # "cpu" or the GPUs' name
    device_count: int
    energy_mj: int | None
    peak_memory_bytes: int | None


class Nvml(Protocol):
    """The calls of NVML that are used here, under NVML's names, as the module ``pynvml`` offers them.

    Each raises pynvml.NVMLError when there is no library, no driver, no such device or no such sensor.
    """

    def nvmlInit(self) -> None:  # noqa: N802
        """Start the library; starting it again counts up."""
        ...

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        """How many GPUs there are."""
        ...

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object:  # noqa: N802
        """The GPU with this number, in the order of the PCI bus."""
        ...

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, /) -> object:  # noqa: N802
        """The GPU, or the part of one, with this UUID."""
        ...

    def nvmlDeviceGetName(self, handle: object, /) -> str | bytes:  # noqa: N802
        """The product name."""
        ...

    def nvmlDeviceGetMemoryInfo(self, handle: object, /) -> Any:  # noqa: ANN401, N802
        """The memory now; ``used`` is in bytes."""
        ...

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object, /) -> int:  # noqa: N802
        """Millijoule since the driver was loaded."""
        ...


class Devices:
    """The GPUs that this process may use, or none; measures what generations take of them."""

    def __init__(self, nvml: Nvml, handles: tuple[object, ...] = ()) -> None:
        self._nvml = nvml
        self._handles = handles
        self.name = _joined_name(nvml, handles)
        self.count = len(handles) or 1

    @classmethod
    def detect(cls, nvml: Nvml = pynvml, environment: Mapping[str, str] = os.environ) -> "Devices":
        """Ask NVML for the GPUs that ``CUDA_VISIBLE_DEVICES`` leaves visible. Never raises: no NVML, no GPU."""
        try:
            nvml.nvmlInit()
            return cls(nvml, tuple(_visible(nvml, environment.get("CUDA_VISIBLE_DEVICES"))))
        except pynvml.NVMLError:
            return cls(nvml)

    @contextmanager
    def measuring(self) -> Generator[Callable[[], Usage]]:
        """Measure while the block runs; what it yields tells, at any time and afterwards, the usage so far."""
        meter = _Meter(self._nvml, self._handles)
        sampling = threading.Event()
        sampler = threading.Thread(target=meter.sample_until, args=(sampling,), name="atlas-nvml", daemon=True)
        if self._handles:
            sampler.start()
        try:
            yield lambda: Usage(self.name, self.count, meter.energy_mj(), meter.peak_memory_bytes())
        finally:
            sampling.set()
            if self._handles:
                sampler.join()


class _Meter:
    """The energy counter at the start, and the highest memory use seen."""

    def __init__(self, nvml: Nvml, handles: tuple[object, ...]) -> None:
        self._nvml = nvml
        self._handles = handles
        self._energy_at_start_mj = self._energy_counter_mj()
        self._peak_memory_bytes: int | None = None
        self.peak_memory_bytes()

    def sample_until(self, stop: threading.Event) -> None:
        while not stop.wait(_SAMPLE_INTERVAL_S):
            self.peak_memory_bytes()

    def energy_mj(self) -> int | None:
        counter_mj = self._energy_counter_mj()
        if counter_mj is None or self._energy_at_start_mj is None:
            return None
        return max(counter_mj - self._energy_at_start_mj, 0)  # a reloaded driver starts from zero

    def peak_memory_bytes(self) -> int | None:
        used_bytes = self._sum(lambda handle: int(self._nvml.nvmlDeviceGetMemoryInfo(handle).used))
        if used_bytes is not None:
            self._peak_memory_bytes = max(used_bytes, self._peak_memory_bytes or 0)
        return self._peak_memory_bytes

    def _energy_counter_mj(self) -> int | None:
        return self._sum(self._nvml.nvmlDeviceGetTotalEnergyConsumption)

    def _sum(self, read: Callable[[object], int]) -> int | None:
        """The reading summed over the devices; None without devices, or when one of them cannot tell."""
        try:
            return sum(read(handle) for handle in self._handles) if self._handles else None
        except pynvml.NVMLError:
            return None


def _visible(nvml: Nvml, selection: str | None) -> Iterator[object]:
    """The handles that ``CUDA_VISIBLE_DEVICES`` selects: numbers or UUIDs; the first unknown one ends the list."""
    if selection is None:
        yield from (nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount()))
        return
    for entry in (part.strip() for part in selection.split(",")):
        try:
            if entry.isdecimal():
                yield nvml.nvmlDeviceGetHandleByIndex(int(entry))
            else:
                yield nvml.nvmlDeviceGetHandleByUUID(entry.encode())
        except pynvml.NVMLError:
            return


def _joined_name(nvml: Nvml, handles: tuple[object, ...]) -> str:
    """One name for like devices, several joined by " + " for unlike ones, ``cpu`` for none."""
    names = (nvml.nvmlDeviceGetName(handle) for handle in handles)
    texts = {name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names}
    return " + ".join(sorted(texts)) or CPU
