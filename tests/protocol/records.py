"""A generation record to seal in tests."""

from atlas.protocol.generation import Compute, Cost, GenerationRecord, Input, Model, Output
from atlas.protocol.signing import address_of
from atlas.protocol.vocabulary import Agent

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
WORKER = address_of(KEY)

RECORD = GenerationRecord(
    format=1,
    worker=WORKER,
    sequence=0,
    agent=Agent.VIDEO,
    model=Model("cogvideo", "5b", "open"),
    prompt="A lighthouse in a storm, 35 mm",
    inputs=(
        Input("reference", b"\x01" * 32, "image/png", 1_024, b"\x02" * 32),
        Input("script", bytes(32), "text/plain", 0, None),
    ),
    outputs=(Output("shot", b"\x03" * 32, "video/mp4", 1_000_000),),
    parameters={"steps": 50, "sampler": "euler", "upscale": True, "Ünicode": "é"},
    seed=2**64 - 1,
    config_sha256=b"\x04" * 32,
    compute=Compute("cpu", 1, 3_000, 12, None, 2**33),
    cost=Cost("70000000000000000000", "0", str(2**256 - 1)),
    started_at_ms=1_700_000_000_000,
    ended_at_ms=1_700_000_003_000,
)
