"""Settings: one typed, frozen object, read once from `STREAMGAUGE_…` variables when a process starts.

`docs/settings.md` is generated from the fields. An unknown `STREAMGAUGE_` variable fails the start, so that a typing
error never silently leaves a default in force.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.service_settings import ServiceSettings

PREFIX = "STREAMGAUGE_"


def _sendable(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not all(" " <= character <= "~" for character in text) or text.strip() != text:
        raise ValueError("use printable ASCII, and no spaces at the ends")
    return secret


class PipelineSettings(BaseSettings):
    """Settings of the pipeline. Units are in the names (`_s`, `_ms`, `_bytes`, `_hours`)."""

    # Kafka
    bootstrap_servers: str | None = Field(
        None, description="The cluster to use, `host:port,…`. Unset: the local broker on 127.0.0.1, started by `up`."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Protocol of the cluster."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism; needs a SASL security protocol."
    )
    sasl_username: str | None = Field(None, description="SASL user name.")
    sasl_password: SecretStr | None = Field(None, description="SASL password.")
    ssl_ca_location: Path | None = Field(None, description="PEM file of the brokers' certificate authority.")
    ssl_certificate_location: Path | None = Field(None, description="PEM file of this client's certificate.")
    ssl_key_location: Path | None = Field(None, description="PEM file of this client's private key.")
    ssl_key_password: SecretStr | None = Field(None, description="Password of the private key.")
    broker_port: int = Field(9092, ge=1, le=65535, description="Port of the local broker.")
    broker_heap: str = Field("768m", pattern=r"^\d+[mg]$", description="Java heap of the local broker.")
    partitions: int = Field(6, ge=1, le=10_000, description="Partitions of each topic that `topics` creates.")
    replication_factor: int = Field(1, ge=1, description="Replicas of each topic that `topics` creates.")
    retention_hours: int = Field(168, ge=1, description="How long the log keeps events.")
    retention_bytes: int = Field(2_000_000_000, ge=1_000_000, description="How much of the log each partition keeps.")

    mode: Literal["pipeline", "embedded"] = Field(
        "pipeline",
        description="`pipeline`: through topics of our own, with any number of replicas. `embedded`: the warehouse "
        "reads the topics itself and writes nothing to the cluster.",
    )
    read_from_s: int = Field(
        900, ge=0, description="How far back `embedded` begins to read a cluster, at its first start."
    )

    # Where things are
    data_dir: Path = Field(Path(".streamgauge"), description="Kafka's log, the warehouse file, the token, state.")
    catalog: str = Field(
        "streamgauge.catalog.commerce",
        description="Python package of streams and models, installed or in the working directory.",
    )

    # Ports
    dashboard_host: str = Field(
        "127.0.0.1",
        description="Address of the Streamlit pages; on any but this machine's own, switch sign-in on.",
    )
    dashboard_port: int = Field(8501, ge=1, le=65535, description="Port of the Streamlit pages.")
    sql_host: str = Field("127.0.0.1", description="Address of the SQL server.")
    sql_port: int = Field(8600, ge=1, le=65535, description="Port of the SQL server.")
    sql_url: str | None = Field(
        None, description="URL at which clients find the warehouse. Unset: http://127.0.0.1 and the SQL port."
    )
    sql_token: Annotated[SecretStr, AfterValidator(_sendable)] | None = Field(
        None, description="Token of the SQL server. Unset: a random one in a 0600 file in the data directory."
    )
    sql_token_file: Path | None = Field(
        None,
        description="Path of that file, which the warehouse makes. Unset: `sql-token` in the data directory.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of `/metrics` and `/health`.")
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port of `/metrics` and `/health`. Unset: the next free one from 9101."
    )

    # Who may do what in the dashboard (docs/dashboard.md)
    dashboard_read_only: bool = Field(False, description="The pages offer no actions to anybody.")
    dashboard_operators: str | None = Field(
        None, description="Signed-in readers who may act: e-mail addresses or `*@domain`, by commas."
    )
    dashboard_oidc_url: str | None = Field(
        None,
        pattern="^https?://",
        description="Discovery URL of the OpenID provider (`…/.well-known/openid-configuration`); switches sign-in on.",
    )
    dashboard_oidc_client_id: str | None = Field(None, description="Client id at that provider.")
    dashboard_oidc_client_secret: SecretStr | None = Field(None, description="Client secret.")
    dashboard_oidc_client_secret_file: Path | None = Field(None, description="A file with the client secret.")
    dashboard_oidc_redirect_url: str | None = Field(
        None,
        pattern="^https?://.*/oauth2callback$",
        description="Redirect URL registered at the provider. "
        "Unset: http://localhost, the port of the pages and `/oauth2callback`.",
    )
    dashboard_cookie_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs the cookies of signed-in readers. Unset: a random one in a 0600 file in the data directory.",
    )

    # The analytics processor
    analytics_group: str = Field("analytics", min_length=1, description="Consumer group of the analytics replicas.")
    commit_interval_ms: int = Field(250, ge=10, le=60_000, description="Longest time a batch waits for its commit.")
    batch_max_events: int = Field(25_000, ge=1, le=1_000_000, description="Events after which a batch is closed.")
    max_event_bytes: int = Field(262_144, ge=100, description="Larger events are dead-lettered, unread.")
    max_future_s: int = Field(3_600, ge=1, description="Events dated further ahead are dead-lettered.")
    max_past_days: int = Field(
        3_650, ge=1, le=36_500, description="Events dated longer before their arrival are dead-lettered."
    )
    delta_max_bytes: int = Field(
        900_000, ge=10_000, description="Most bytes of one delta message, uncompressed; larger deltas are split."
    )
    deduplicate: str | None = Field(
        None,
        description="Streams whose events count once if repeated within so many seconds, `stream=seconds,…`; "
        "0: not, whatever the catalog has.",
    )
    dead_letter_topics: str | None = Field(
        None,
        description="Dead-letter topics of other services (Kafka Connect, Spring, Kafka Streams), `name,…`, for the "
        "table `dead_letters`.",
    )
    dead_letter_stop_ratio: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Share of bad events among a stream's recent ones at which the stream is set aside.",
    )
    dead_letter_stop_events: int = Field(1_000, ge=0, description="Fewest events that share is taken of; 0: never.")
    transaction_timeout_ms: int = Field(10_000, ge=1_000, description="Kafka aborts an open transaction after this.")
    session_timeout_ms: int = Field(10_000, ge=6_000, description="Kafka considers a silent replica dead after this.")

    # The warehouse
    flush_interval_ms: int = Field(250, ge=10, le=60_000, description="Longest time a delta waits for its merge.")
    raw_retention_hours: int = Field(48, ge=1, description="How long raw events, alerts and dead letters stay.")
    raw_retention_rows: int = Field(20_000_000, ge=1_000, description="Most rows of each raw table.")
    window_retention_days: int = Field(90, ge=1, description="How long windows stay.")
    retention_interval_s: int = Field(60, ge=1, description="How often retention and compaction run.")
    warehouse_memory: str = Field("2GB", description="DuckDB's memory limit in the warehouse.")
    warehouse_threads: int = Field(
        1,
        ge=1,
        le=256,
        description="Threads of one DuckDB statement. Two double the processor time of a merge; raise it where heavy "
        "queries matter more.",
    )
    kpi_max_series: int = Field(
        200, ge=1, le=100_000, description="Most label sets of a model's KPI counters; further ones count as `other`."
    )
    gauge_interval_s: float = Field(10.0, gt=0, le=3_600, description="How often the views' gauges are read.")
    sql_timeout_s: float = Field(10.0, gt=0, le=3_600, description="Time limit of a query.")
    sql_max_rows: int = Field(1_000_000, ge=1, description="Most rows of one result.")
    sql_max_queries: int = Field(
        4, ge=1, le=64, description="Queries that run at a time; further ones wait, then get 503."
    )

    # The lag sampler
    lag_interval_s: float = Field(10.0, gt=0, le=3_600, description="Time between two samples of the cluster.")
    lag_window_samples: int = Field(
        10, ge=2, le=1_000, description="Samples that a lag status takes; with fewer it is UNKNOWN."
    )
    lag_groups_include: str | None = Field(None, description="Regular expression of sampled groups. Unset: all.")
    lag_groups_exclude: str | None = Field(None, description="Regular expression of groups not sampled.")
    lag_topics_include: str | None = Field(None, description="Regular expression of sampled topics. Unset: all.")
    lag_topics_exclude: str | None = Field(
        "^__", description="Regular expression of topics not sampled; by default Kafka's own."
    )

    # Logging
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")


class Settings(ServiceSettings, PipelineSettings):
    """All settings, and what is derived from them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only `load` reads the environment, so that the mapping it gets is complete."""
        return (init_settings,)

    @property
    def bootstrap(self) -> str:
        """Bootstrap servers: the user's cluster, or the local broker."""
        return self.bootstrap_servers or f"127.0.0.1:{self.broker_port}"

    @property
    def foreign_letter_topics(self) -> tuple[str, ...]:
        """The dead-letter topics of other services."""
        return tuple(name.strip() for name in (self.dead_letter_topics or "").split(",") if name.strip())

    @property
    def sign_in(self) -> bool:
        """Whether readers of the pages must sign in."""
        return self.dashboard_oidc_url is not None

    @property
    def operators(self) -> tuple[str, ...]:
        """The signed-in readers who may act, in lower case."""
        return tuple(name.strip().casefold() for name in (self.dashboard_operators or "").split(",") if name.strip())

    @property
    def warehouse_url(self) -> str:
        """Base URL of the SQL server for clients."""
        return self.sql_url or f"http://127.0.0.1:{self.sql_port}"

    @property
    def warehouse_file(self) -> Path:
        """The DuckDB file. Disposable: deleted, it is rebuilt from the log."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def token_file(self) -> Path:
        """File with the SQL server's token, used where no setting gives the token itself."""
        return self.sql_token_file or self.data_dir / "sql-token"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (by default the process's environment).

    Raises `UsageError` naming the variable, for an unknown one, a wrong type or a value out of range.
    """
    environ = os.environ if environ is None else environ
    given = {name[len(PREFIX) :].lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
    unknown = sorted(set(given) - set(Settings.model_fields))
    if unknown:
        near = difflib.get_close_matches(unknown[0], Settings.model_fields, 1)
        meant = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
        raise UsageError(
            f"{PREFIX}{unknown[0].upper()} is not a setting of Streamgauge; correct its name or unset it{meant}"
        )
    try:
        return Settings(**{name: value for name, value in given.items() if value != ""})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        message = first["msg"].removeprefix("Value error, ")
        # Never the input itself: it may be a secret.
        raise UsageError(f"{name}: {message[:1].lower()}{message[1:]}") from None
