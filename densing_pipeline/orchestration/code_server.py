"""What Dagster's code server does beside our definitions: it goes on watching its runs after an error."""

import logging
import sys
import time
from functools import wraps
from typing import Any

LOG = logging.getLogger(__name__)

AFTER_ERROR_S = 10.0
"""Time after an error until the runs are looked at again."""


def keep_watching_runs() -> None:
    """Have the code server in this process look at its runs again after an error; asking twice changes nothing.

    A thread of it reports a run whose process died. Dagster lets that thread end with the first error, for good: a run that
    died of a full disk, or of a database server that was down, would be shown as going on, and so would every later one.
    """
    module = sys.modules.get("dagster._grpc.server")
    if module is None:
        return  # this process is no code server
    server: Any = module.DagsterApiServer
    look = server._check_for_orphaned_runs
    if hasattr(look, "__wrapped__"):
        return

    @wraps(look)
    def look_again(self: Any) -> None:
        try:
            look(self)
        except Exception as error:
            LOG.warning("runs whose process died are reported once this is mended: %s", error)
            time.sleep(AFTER_ERROR_S)

    server._check_for_orphaned_runs = look_again
