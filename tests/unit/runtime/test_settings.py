"""Settings: typed, frozen, and nothing unknown."""

import pydantic
import pytest

from runtime import settings
from runtime.errors import UsageError


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
