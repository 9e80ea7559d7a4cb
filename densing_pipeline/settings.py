"""Everything configurable, read from `DENSING_*` environment variables in this one place."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlparse

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one installation.

    A field is set by the variable of its name, such as `DENSING_STATE_DIR`.
    """

    model_config = SettingsConfigDict(
        env_prefix="DENSING_", extra="forbid", frozen=True, populate_by_name=True
    )

    state_dir: Path = Field(
        default=Path(".densing"),
        description="Where tables, the landing zone and Dagster's database live.",
    )
    publish_url: str = Field(
        default="published",
        description="Directory releases are published to, as a path or a file:// address.",
    )
    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = Field(
        default=1000, description="Resamples behind every bootstrap interval."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=20241206, description="Seed of every random draw; part of the release."
    )

    hub_poll: bool = Field(
        default=False,
        description="Whether the nightly run asks the Hub for new models.",
    )
    hub_endpoint: str | None = Field(
        default=None,
        validation_alias="HF_ENDPOINT",
        description="Address of the Hub, under the name its own client has for it.",
    )
    hub_overlap_days: Annotated[int, Field(ge=1, le=60)] = Field(
        default=3, description="Days before the last poll that are read again."
    )
    hub_first_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=30, description="Days the first poll reads back."
    )
    hub_page_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=500, description="Records asked for per page."
    )
    hub_configs_per_night: Annotated[int, Field(ge=0)] = Field(
        default=500, description="Whole configurations fetched per night at most."
    )
    hub_revisits_per_night: Annotated[int, Field(ge=0)] = Field(
        default=100, description="Known repositories looked at again per night at most."
    )
    gpu_memory_gib: Annotated[float, Field(gt=0)] = Field(
        default=80, description="GPU memory one evaluation may use."
    )
    max_gpu_hours: Annotated[float, Field(gt=0)] = Field(
        default=24, description="Longest evaluation that is queued."
    )
    refused_licences: frozenset[str] = Field(
        default=frozenset(), description="Licence identifiers that are not evaluated."
    )
    runs_per_tick: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Evaluations the sensor asks for at a time."
    )

    @field_validator("publish_url")
    @classmethod
    def _local(cls, url: str) -> str:
        if urlparse(url).scheme not in ("", "file"):
            raise ValueError(
                f"{url!r}: releases are published to a local directory; give a path and copy "
                "`latest/` on from there"
            )
        return url

    @property
    def publish_dir(self) -> Path:
        """The directory of `publish_url`."""
        return Path(urlparse(self.publish_url).path)

    @property
    def tables_dir(self) -> Path:
        """Where the current tables are kept between runs."""
        return self.state_dir / "tables"

    @property
    def landing_dir(self) -> Path:
        """Where responses are kept as they were received."""
        return self.state_dir / "landing"

    @property
    def hub_cache_dir(self) -> Path:
        """Where what was read from landed pages of the Hub is cached."""
        return self.state_dir / "hub"
