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

    model_config = SettingsConfigDict(env_prefix="DENSING_", extra="forbid", frozen=True)

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
