import ctypes
import threading
import time
from types import SimpleNamespace

import pynvml
import pytest

from atlas.indexer.workers.sdk.telemetry import Devices, Usage


class Gpus:
    """A driver with two GPUs, whose sensors a test sets."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.used_bytes = [0] * len(names)
        self.energy_mj: list[int] | None = [1_000] * len(names)

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> object:  # noqa: N802
        if index >= len(self.names):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, /) -> object:  # noqa: N802
        if not uuid.startswith(b"GPU-"):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return self.nvmlDeviceGetHandleByIndex(int(uuid[4:]))

    def nvmlDeviceGetName(self, handle: object, /) -> str | bytes:  # noqa: N802
        return self.names[number(handle)]

    def nvmlDeviceGetMemoryInfo(self, handle: object, /) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=self.used_bytes[number(handle)])

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: object, /) -> int:  # noqa: N802
        if self.energy_mj is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self.energy_mj[number(handle)]


def number(handle: object) -> int:
    assert isinstance(handle, int)
    return handle


def has_driver() -> bool:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_a_machine_without_nvml_measures_as_cpu() -> None:
    with Devices.detect().measuring() as usage:
        pass
    assert usage() == Usage("cpu", 1, None, None)


@pytest.mark.skipif(not has_driver(), reason="this machine has no NVIDIA driver")
def test_a_machine_with_nvml_names_its_gpus() -> None:
    with Devices.detect().measuring() as usage:
        pass
    assert usage().device != "cpu"
    assert usage().peak_memory_bytes


def test_like_gpus_are_counted_under_one_name() -> None:
    devices = Devices.detect(Gpus("NVIDIA H100", "NVIDIA H100"), {})
    assert (devices.name, devices.count) == ("NVIDIA H100", 2)


def test_unlike_gpus_are_all_named() -> None:
    assert Devices.detect(Gpus("NVIDIA L4", "NVIDIA A10"), {}).name == "NVIDIA A10 + NVIDIA L4"


@pytest.mark.parametrize(
    ("selection", "name"),
    [
        ("0", "A"),
        ("1", "B"),
        ("GPU-1", "B"),
        ("1, 0", "A + B"),
        ("0,7,1", "A"),  # CUDA ignores what follows an unknown device
        ("-1", "cpu"),
        ("", "cpu"),
    ],
)
def test_only_visible_gpus_count(selection: str, name: str) -> None:
    assert Devices.detect(Gpus("A", "B"), {"CUDA_VISIBLE_DEVICES": selection}).name == name


def test_energy_is_the_difference_of_the_counters_summed() -> None:
    gpus = Gpus("A", "A")
    with Devices.detect(gpus, {}).measuring() as usage:
        gpus.energy_mj = [1_500, 1_250]
    assert usage().energy_mj == 750


def test_energy_is_unknown_where_there_is_no_sensor() -> None:
    gpus = Gpus("A")
    gpus.energy_mj = None
    with Devices.detect(gpus, {}).measuring() as usage:
        pass
    assert usage().energy_mj is None


def test_a_peak_of_memory_between_start_and_end_is_seen() -> None:
    gpus = Gpus("A", "A")
    gpus.used_bytes = [10, 20]
    with Devices.detect(gpus, {}).measuring() as usage:
        gpus.used_bytes = [1_000, 500]
        time.sleep(0.6)
        gpus.used_bytes = [10, 20]
    assert usage().peak_memory_bytes == 1_500


def test_the_sampler_ends_with_the_block_also_after_an_error() -> None:
    def fail() -> None:
        with Devices.detect(Gpus("A"), {}).measuring():
            assert threading.active_count() == before + 1
            raise RuntimeError

    before = threading.active_count()
    with pytest.raises(RuntimeError):
        fail()
    assert threading.active_count() == before
