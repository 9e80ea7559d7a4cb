"""Where the bytes that a price was read from lie: in the landing zone, or in the package.

Not here: the hash itself, which the rows of `prices` have.
"""

from datetime import date
from importlib.metadata import version
from pathlib import Path

from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import bundled
from densing_pipeline.prices.sources import genai


def where(source: str, sha256: str, observed_from: date, landing_dir: Path) -> str:
    """Where the bytes of a hash lie on this machine, and since when, in words.

    Args:
        source: the price list.
        sha256: `snapshot_sha256` of the row.
        observed_from: the day of the row of that name.
        landing_dir: the landing zone.
    """
    landed = LandingZone(landing_dir).find(sha256) if len(sha256) == 64 else None
    if landed is not None:
        return f"received on {observed_from}, {landed} (gzip)"
    if source in bundled.ADDRESSES:
        return f"{bundled.FILE.name} of the package, compiled from recorded lists"
    if source == genai.NAME:
        return f"of {observed_from}, the installed package genai-prices {version('genai-prices')}"
    return f"compiled on {observed_from}, the fact tables of the package (hash of the rows, sorted, as CSV)"
