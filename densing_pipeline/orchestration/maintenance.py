"""What the job `maintenance` does to the state directory beside deleting runs (`run_retention`)."""

from datetime import datetime, timedelta

from densing_pipeline import state
from densing_pipeline.landing import LandingZone
from densing_pipeline.publication.wording import counted
from densing_pipeline.settings import Settings

PACKED_AFTER = timedelta(days=7)
"""Time after the end of a month from which its receipts are packed."""


def pack_receipts(settings: Settings, now: datetime) -> str:
    """Pack the receipts of months that are over, unless a run is using the state directory.

    Args:
        settings: state directory.
        now: the time, UTC.

    Returns:
        What was done, in words.

    Raises:
        LandingError: a pack that is there is damaged.
    """
    try:
        with state.held(settings.state_dir, "maintenance"):
            packed = LandingZone(settings.landing_dir).pack(now - PACKED_AFTER)
    except state.StateBusyError as busy:
        return f"receipts are packed another day: {busy}"
    return f"packed {counted(packed, 'receipt')}"
