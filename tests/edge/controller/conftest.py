"""A desk for the pure core."""

import pytest
from core_desk import Desk, plan


@pytest.fixture
def desk() -> Desk:
    """Two bays on one 32 A circuit, seen and well."""
    return Desk(plan())
