"""What can be set, and where each value came from: flag over environment over triage.toml over default."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from data.errors import ConfigurationError
from model.cpus import available_cpus

FILE = Path("triage.toml")
ENVIRONMENT = "TRIAGE_"


Names = Annotated[tuple[str, ...], NoDecode]
"""Several words, in the environment with commas between."""


class LogFormat(StrEnum):
    AUTO = "auto"
    PLAIN = "plain"
    JSON = "json"


class Settings(BaseSettings):
    """Every setting, its default and its bounds, in this one place."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, env_ignore_empty=True, toml_file=FILE, extra="forbid", frozen=True
    )

    models: Path = Field(Path("models"), description="folder of the bundles")
    model: str | None = Field(
        None, description="bundle to serve: path, NAME or NAME@VERSION; default: the promoted one"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    threads: int | None = Field(
        None, ge=1, description="worker threads of the engine in each process; default: its share of the CPUs"
    )
    cached_posts: int = Field(
        20_000, ge=0, description="posts whose scores are kept, so that copies cost nothing; 0 keeps none"
    )
    max_posts: int = Field(1000, ge=1, description="posts that one request may hold")
    max_body_bytes: int = Field(8 * 2**20, ge=1024, description="size that one request's body may have")
    max_characters: int = Field(20_000, ge=1, description="characters that one post may have")
    max_queued_posts: int = Field(
        4000,
        ge=1,
        description="posts of small requests, and of large ones, that each process answers at a time; else 429",
    )
    max_queued_bytes: int = Field(
        64 * 2**20,
        ge=1024,
        description="bytes of all bodies that each process reads and answers at a time; more are refused with 429",
    )
    timeout_seconds: float = Field(30.0, gt=0, description="a request that takes longer is answered with 504")
    max_connections: int = Field(
        # Most systems let a process open 1,024 files, and it needs a few for itself.
        900,
        ge=1,
        description="connections that each process has open at a time; more are refused with 503",
    )
    drain_seconds: int = Field(30, ge=1, description="time for open requests to end after SIGTERM")
    client_seconds: float = Field(
        30.0, gt=0, description="a client that takes longer to send a request, or to take an answer in, is cut off"
    )
    watch_seconds: float = Field(
        1.0, gt=0, description="how often the promoted bundle is looked up, where `model` does not name one"
    )
    workers: int = Field(1, ge=1, description="processes; the threads are those of each")
    keys_file: Path | None = Field(None, description="file of API keys (`triage keys`); default: none is asked for")
    allowed_hosts: Names = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="hosts that requests may name, with commas; * for any"
    )
    cors_origins: Names = Field((), description="origins whose pages may call the service, with commas")
    tls_certificate: Path | None = Field(None, description="PEM file of the certificate chain; default: plain HTTP")
    tls_key: Path | None = Field(None, description="PEM file of its private key")
    log_format: LogFormat = Field(LogFormat.AUTO, description="auto (plain on a terminal, else JSON), plain or json")
    feedback: str = Field(
        "feedback.db",
        min_length=1,
        description="where corrections are kept: a file of SQLite, or a URL such as postgresql://USER@HOST/DATABASE; "
        "off: none are taken",
    )
    store_text: bool = Field(
        False, description="keep posts, masked, with their answers: for the review list, and so that corrections teach"
    )
    keep_days: float = Field(30.0, gt=0, description="how long posts are kept; corrections keep theirs for ever")
    claim_seconds: float = Field(900.0, gt=0, description="how long a claimed post of the review list is nobody else's")
    server_timing: bool = Field(
        True, description="say where the time of a request went; it shows, too, whether a text was asked for lately"
    )
    log_requests: bool = Field(False, description="log a line for each request: never its text")

    @property
    def feedback_location(self) -> str | None:
        """Where corrections are kept, if they are taken."""
        return None if self.feedback == "off" else self.feedback

    @property
    def engine_threads(self) -> int:
        """How many threads score in each process."""
        return self.threads or max(1, available_cpus() // self.workers)

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _with_commas(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or neither")
        return self

    @model_validator(mode="after")
    def _texts_are_kept_somewhere(self) -> "Settings":
        if self.store_text and self.feedback_location is None:
            raise ValueError("store_text needs a place for the posts: set feedback to a file or a URL")
        return self

    @model_validator(mode="after")
    def _a_full_body_fits_the_queue(self) -> "Settings":
        if self.max_body_bytes > self.max_queued_bytes:
            raise ValueError(
                f"max_body_bytes ({self.max_body_bytes}) is more than max_queued_bytes ({self.max_queued_bytes}): "
                "a full body could never be admitted"
            )
        return self

    @model_validator(mode="after")
    def _a_full_request_fits_the_queue(self) -> "Settings":
        if self.max_posts > self.max_queued_posts:
            raise ValueError(
                f"max_posts ({self.max_posts}) is more than max_queued_posts ({self.max_queued_posts}): "
                "a full request could never be admitted"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings that hold.

    Args:
        flags: values from the command line; `None` values count as not given.

    Raises:
        ConfigurationError: with every fault at once.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        return Settings(**given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{FILE}: not TOML: {error}") from error
    except ValidationError as error:
        faults = [f"  {_origin_of_fault(fault, given)}: {fault['msg']}" for fault in error.errors(include_url=False)]
        raise ConfigurationError(f"{len(faults)} fault(s) in the configuration:\n" + "\n".join(faults)) from error


def origins(flags: Mapping[str, Any] | None = None) -> dict[str, str]:
    """For each setting where its value came from: `flag`, the environment variable, the file, or `default`."""
    given = {name for name, value in (flags or {}).items() if value is not None}
    environment = EnvSettingsSource(Settings)()
    file = TomlConfigSettingsSource(Settings)()
    found = {}
    for name in Settings.model_fields:
        if name in given:
            found[name] = "flag"
        elif name in environment:
            found[name] = ENVIRONMENT + name.upper()
        else:
            found[name] = str(FILE) if name in file else "default"
    return found


def _origin_of_fault(fault: Any, given: Mapping[str, Any]) -> str:
    name = ".".join(map(str, fault["loc"]))
    if not name:
        return "settings"
    if fault["type"] == "extra_forbidden":
        return f"{FILE}: {name}"
    where = origins(given).get(str(fault["loc"][0]), "")
    return f"{name} (from {where})"
