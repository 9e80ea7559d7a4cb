"""Whatever a document makes a reader do, it is refused as a document and nothing else stops."""

from datetime import date

import pytest

from densing_pipeline.prices.sources import PARSERS
from densing_pipeline.prices.sources.snapshot import SnapshotError

DAY = date(2026, 11, 1)
SURPRISES = {
    "litellm": b'{"m": {"input_cost_per_token": "1e99999999999999999999", "mode": "chat"}}',
    "genai-prices": b'[{"id": "p", "name": "p", "api_pattern": "p", "models": [{"id": "m", '
    b'"match": {"equals": "m"}, "prices": {"__class__": 1}}]}]',
}


@pytest.mark.parametrize("source", SURPRISES)
def test_a_surprise_is_no_crash(source):
    try:
        parsed = PARSERS[source](SURPRISES[source], DAY)
    except SnapshotError as error:
        assert source in str(error)  # noqa: PT017
    else:
        assert parsed.quotes.is_empty()
