"""Uncheatable Eval's leaderboard: compression rates of base models, and the ruler that a poll carries."""

import json
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.text_ruler import NOT_STATED, with_bits, with_polls
from densing_pipeline.hub import bundled
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.score_sources import history, links, poll
from densing_pipeline.score_sources.parsed import ParsedReports
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import BENCHMARK_REPORTS, REPORTED_FRESH_TEXT
from tests.servers.prices import PriceServer, Reply, addresses
from tests.unit.score_sources.uncheatable import KINDS, leaderboard, rates

BOARD = SOURCES["uncheatable-eval"]
FIRST, SECOND = datetime(2026, 3, 12, 2, tzinfo=UTC), datetime(2026, 8, 11, 2, tzinfo=UTC)


def read(content: bytes) -> ParsedReports:
    return BOARD.read(content, FIRST.date())


@pytest.mark.parametrize("as_html", [False, True])
def test_every_rate_is_a_share_of_the_texts_size(as_html: bool) -> None:
    found = read(leaderboard(as_html=as_html))
    assert (found.rows, found.quarantined.height) == (len(rates()) * len(KINDS), 0)
    row = found.reports.filter(
        model="Qwen2.5-14B", benchmark_name="Uncheatable Eval, arxiv cs"
    ).row(0, named=True)
    assert row["score"] == pytest.approx(0.07224)
    assert (row["benchmark"], row["licence_basis"]) == (None, "MIT")


@pytest.mark.parametrize("cell", ["n/a", -1.0, 0, 100.5, "inf"])
def test_a_cell_that_is_no_rate_costs_only_itself(cell: object) -> None:
    one = dict.fromkeys(KINDS, 7.0) | {"bbc news": cell}
    found = read(leaderboard(new=one))
    assert found.quarantined["key"].to_list() == ["new, bbc news"]
    assert found.reports.filter(model="new").height == len(KINDS) - 1
    empty = read(leaderboard(new=one | {"bbc news": None}))
    assert (empty.quarantined.height, empty.reports.filter(model="new").height) == (0, 6)


@pytest.mark.parametrize(
    "document",
    [
        {"components": []},
        {
            "components": [
                {"props": {"value": {"headers": ["Name", "bbc news"], "data": [["m", 7]]}}}
            ]
        },
        {"components": [{"props": {"value": "<table><tr><td>Name</td></tr></table>"}}]},
        "an error page",
    ],
)
def test_a_document_without_the_leaderboard_is_rejected(document: object) -> None:
    with pytest.raises(SnapshotError, match="has the page changed"):
        read(json.dumps(document).encode())


def test_a_poll_replaces_the_bundled_rates_as_a_whole_and_keeps_vintages(
    price_server: PriceServer, tmp_path: Path
) -> None:
    """Two nights on loopback; on the second all texts are harder and one more model is there."""
    settings = Settings(
        state_dir=tmp_path, poll_attempts=1, poll_total_seconds=10,
        **addresses(price_server.url()),
    )  # fmt: skip
    more = {"Llama-3.1-8B": dict.fromkeys(KINDS, 7.5)}
    for night, content in (
        (FIRST, leaderboard()),
        (SECOND, leaderboard(1.1, **more)),
    ):
        price_server.answer("/uncheatable-eval", Reply(content))
        outcomes = {r.source: r.outcome for r in poll.poll(settings, clock=partial(night.replace))}
        assert outcomes["uncheatable-eval"] == "ok"
    models = bundled.models(facts.load("base_models"), facts.load("nmi_models"))
    updates = history.update_all(LandingZone(settings.landing_dir), settings.score_history_dir)
    known = links.Known.of(models, facts.load("capability_scores"))
    table = links.with_links(history.of_table(updates, BENCHMARK_REPORTS), known)
    ours = table.filter(source="uncheatable-eval")
    first = history.as_of(ours, date(2026, 5, 1))
    assert first.height == len(rates()) * len(KINDS), "what was known the first night stays"

    bundled_rates = facts.load("reported_fresh_text")
    found = REPORTED_FRESH_TEXT.validate(
        REPORTED_FRESH_TEXT.cast(with_polls(bundled_rates, ours, models))
    )
    assert set(found["observed_at"]) == {SECOND.date()}
    before = with_bits(bundled_rates).filter(model_id="Qwen/Qwen2.5-7B", text="wikipedia")
    after = found.filter(model_id="Qwen/Qwen2.5-7B", text="wikipedia")
    assert after["bits_per_byte"].item() == pytest.approx(
        1.1 * before["bits_per_byte"].item(), rel=1e-3
    )
    assert found.filter(model_id="meta-llama/Llama-3.1-8B")[
        "sequence_layers"
    ].unique().to_list() == [NOT_STATED]
    few = ours.filter(~pl.col("model").str.contains(r"^Qwen2\.5-(7B|14B|3B|1\.5B|0\.5B)$"))
    assert with_polls(bundled_rates, few, models).equals(with_bits(bundled_rates)), "no ruler"
