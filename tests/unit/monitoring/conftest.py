from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monitoring.tables import Base
from policy.database import engine


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    made = engine(f"sqlite:///{tmp_path}/gerbang.db")
    Base.metadata.create_all(made)
    yield made
    made.dispose()
