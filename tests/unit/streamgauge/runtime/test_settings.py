"""Settings: typed, frozen, and nothing unknown."""

from pathlib import Path

import pydantic
import pytest

from streamgauge.runtime import settings
from streamgauge.runtime.errors import UsageError


def test_defaults_and_values() -> None:
    loaded = settings.load({"STREAMGAUGE_PARTITIONS": "12", "STREAMGAUGE_BOOTSTRAP_SERVERS": "a:1,b:2", "HOME": "/x"})
    assert (loaded.partitions, loaded.bootstrap) == (12, "a:1,b:2")
    assert settings.load({}).bootstrap == "127.0.0.1:9092"
    assert settings.load({"STREAMGAUGE_SQL_URL": ""}).warehouse_url == "http://127.0.0.1:8600"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STREAMGAUGE_PARTITION", "3", "STREAMGAUGE_PARTITION is not a setting"),
        ("STREAMGAUGE_PARTITIONS", "many", "STREAMGAUGE_PARTITIONS: input should be a valid integer"),
        ("STREAMGAUGE_PARTITIONS", "0", "STREAMGAUGE_PARTITIONS: input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_variable_is_one_line(name: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings.load({name: value})
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_secrets_never_print() -> None:
    loaded = settings.load({"STREAMGAUGE_SASL_PASSWORD": "hunter2", "STREAMGAUGE_SQL_TOKEN": "t0ken"})
    assert "hunter2" not in repr(loaded)
    assert "t0ken" not in f"{loaded}"


def test_frozen() -> None:
    with pytest.raises(pydantic.ValidationError):
        settings.load({}).partitions = 3  # type: ignore[misc]


def test_the_token_s_file_is_in_the_data_directory_unless_it_is_named() -> None:
    """Processes in containers share the file, and have data directories of their own."""
    assert settings.load({"STREAMGAUGE_DATA_DIR": "/data"}).token_file == Path("/data/sql-token")
    elsewhere = {"STREAMGAUGE_DATA_DIR": "/data", "STREAMGAUGE_SQL_TOKEN_FILE": "/run/streamgauge/sql-token"}
    assert settings.load(elsewhere).token_file == Path("/run/streamgauge/sql-token")
