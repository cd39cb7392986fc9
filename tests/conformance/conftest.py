"""Third-party data, kept outside the repository: tests that need it say that they were skipped without it."""

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).parents[2] / ".." / "shared" / "data"


@pytest.fixture(scope="session")
def conformance_data() -> Path:
    """The folder that ATLAS_CONFORMANCE_DATA names, by default ``../shared/data`` beside the checkout."""
    directory = Path(os.environ.get("ATLAS_CONFORMANCE_DATA", DEFAULT))
    if not directory.is_dir():
        pytest.skip(f"no conformance data in {directory}: set ATLAS_CONFORMANCE_DATA")
    return directory
