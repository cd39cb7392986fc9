import pytest

from atlas.protocol.artifacts import load
from atlas.protocol.errors import MissingArtifact
from atlas.protocol.events import EVENTS


@pytest.mark.parametrize("name", EVENTS)
def test_every_contract_is_shipped_with_abi_and_bytecode(name: str) -> None:
    artifact = load(name)
    assert artifact.name == name
    assert {"event", "function"} <= {entry["type"] for entry in artifact.abi}
    assert len(artifact.bytecode) > 500


@pytest.mark.parametrize("name", ["Unknown", "", "../errors", "AtlasToken.json", "a\x00b"])
def test_a_contract_that_is_not_shipped_is_named(name: str) -> None:
    with pytest.raises(MissingArtifact) as missing:
        load(name)
    assert missing.value.hint
    assert missing.value.exit_code == 2
