"""Workers: the SDK on the machine that generates (this module), the intake on the server (``intake``, ``app``)."""

from atlas.indexer.workers.keys import WorkerKey
from atlas.indexer.workers.sdk.content import ContentDirectory
from atlas.indexer.workers.sdk.recording import Generated, Material, Recording
from atlas.indexer.workers.sdk.worker import Worker
from atlas.protocol.generation import Input, Model, Output

__all__ = [
    "ContentDirectory",
    "Generated",
    "Input",
    "Material",
    "Model",
    "Output",
    "Recording",
    "Worker",
    "WorkerKey",
]
