"""Which runs in Dagster's database belong to this machine and state directory."""

import socket
from collections.abc import Mapping

from densing_pipeline.settings import Settings

IN_PROCESS = {"densing/in_process": "true"}
"""Tag of runs that end with the process that began them."""


def place_tags(settings: Settings) -> dict[str, str]:
    """Tags of the runs that this machine began for this state directory."""
    return {"densing/state": f"{socket.gethostname()}:{settings.state_dir.absolute()}"}


def in_process_tags(settings: Settings) -> dict[str, str]:
    """Tags of those among them that end with the process that began them.

    SQLite files are in the state directory, so all runs in them are its own, also those of a container whose host had
    another name; a Postgres database may have runs of other installations.
    """
    return {**IN_PROCESS, **(place_tags(settings) if settings.database_url else {})}


def is_own(tags: Mapping[str, str], settings: Settings) -> bool:
    """Whether a run with these tags is one of this machine and state directory."""
    return not settings.database_url or place_tags(settings).items() <= tags.items()
