"""The server for assistants gives the numbers of the command line, through the client of the official library."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from datetime import date

import polars as pl
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from densing_pipeline import api, facts
from densing_pipeline.__main__ import main
from densing_pipeline.assistants import MOST_CHANGES, server
from densing_pipeline.density.densities import densities
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import bundled
from densing_pipeline.past_prices.changes import price_changes
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.publication.answers import HEADLINE_FILE
from densing_pipeline.publication.lineage import density_lineage
from densing_pipeline.tables.published import (
    CAPABILITY_INDEX,
    DIRECT_LAWS,
    PRICE_POLLS,
    REFERENCE_LAW_DRAWS,
    REFERENCE_LAWS,
)

MODEL = "01-ai/Yi-1.5-34B"
TOOLS = {"headline", "density", "price", "cheapest_per_level", "price_changes", "explain"}


@pytest.fixture(scope="module")
def latest(_tables, tmp_path_factory):
    """A release of the bundled models and list prices, and the link to it."""
    coefficients = facts.load("reference_coefficients").filter(reference_id="nmi-2025")
    laws = REFERENCE_LAWS.cast(coefficients.with_columns(fit=pl.lit("published"), n_points=33))
    base, plotted = facts.load("base_models"), facts.load("nmi_models")
    models = bundled.models(base, plotted)
    scores = reported_scores.scores(
        facts.load("reported_scores"), plotted, base, facts.load("score_documents")
    )
    prices = price_book([listed_prices(facts.load("list_prices"))])
    links = model_links(prices, facts.load("offer_names"), sold_models())
    law = _tables["densing_law"].with_columns(
        reference_id=pl.lit("nmi-2025"),
        score_set=pl.lit("nmi-2025-average"),
        params_basis=pl.lit("nonembedding"),
        is_headline=True,
    )
    tables = _tables | {
        "models": models, "scores": scores, "pooled_scores": pooled_scores(scores),
        "reference_laws": laws, "reference_law_draws": REFERENCE_LAW_DRAWS.empty(),
        "direct_laws": DIRECT_LAWS.empty(), "densities": densities(models, scores, laws),
        "densing_law": law, "prices": prices, "model_links": links,
        "price_polls": PRICE_POLLS.empty(),
        "price_changes": price_changes(
            prices, links, PRICE_POLLS.empty(), CAPABILITY_INDEX.empty()
        ),
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("published")
    release = folder / "releases" / "2026-11-28-abc"
    release.mkdir(parents=True)
    for name, table in tables.items():
        table.write_parquet(release / f"{name}.parquet")
    (release / HEADLINE_FILE).write_text(json.dumps({"release": release.name, "answers": [1]}))
    (folder / "latest").symlink_to("releases/2026-11-28-abc")
    return folder / "latest"


@pytest.fixture
def ask(latest):
    """Calls a tool over a session in memory; the answer, or the text of its error."""

    def call(tool, **arguments):
        async def session():
            async with Client(server(latest)) as client:
                return await client.call_tool(tool, arguments)

        result = asyncio.run(session())
        (content,) = result.content
        return content.text if result.is_error else json.loads(content.text)

    return call


def test_every_tool_is_described_and_said_to_change_nothing(latest):
    async def session():
        async with Client(server(latest)) as client:
            return await client.list_tools()

    tools = {tool.name: tool for tool in asyncio.run(session()).tools}
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.annotations.read_only_hint
        assert len(tool.description) > 40
    assert {"model", "on", "known"} == set(tools["price"].input_schema["properties"])


def test_a_price_is_that_of_the_python_interface(ask, latest):
    told = ask("price", model="gpt-4o", on="2025-01-15")
    found = api.price("gpt-4o", date(2025, 1, 15), release=latest)
    assert told["rows"] == json.loads(found.frame.write_json())
    assert told["answer"].startswith("On 2025-01-15 gpt-4o cost at openai: 2.5 for input")
    assert told["release"] == "2026-11-28-abc"


def test_densities_are_those_of_the_table_all_or_the_series_asked_for(ask, latest):
    rows = pl.read_parquet(latest / "densities.parquet").filter(model_id=MODEL)
    assert ask("density", model=MODEL)["rows"] == json.loads(rows.write_json())
    mine = ask("density", model=MODEL, scores="mmlu", params="total")["rows"]
    assert [(row["score_set"], row["params_basis"]) for row in mine] == [("mmlu", "total")]


def test_headline_levels_and_lineage_are_those_of_the_release(ask, latest):
    assert ask("headline") == {"release": "2026-11-28-abc", "answers": [1]}
    levels = pl.read_parquet(latest / "price_now.parquet")
    assert ask("cheapest_per_level")["rows"] == json.loads(levels.write_json())
    tables = {path.stem: pl.read_parquet(path) for path in latest.glob("*.parquet")}
    node = density_lineage(tables, MODEL, scores="mmlu")
    tree = ask("explain", model=MODEL, scores="mmlu")["tree"]
    assert tree["text"] == node.text
    assert [one["text"] for one in tree["rests_on"]] == [one.text for one in node.rests_on]


def test_changes_are_of_the_last_days_or_of_one_model(ask, latest):
    changes = pl.read_parquet(latest / "price_changes.parquet")
    o3 = ask("price_changes", days=10_000, model="openai/o3")["rows"]
    assert ("cut", "2025-06-10") in [(row["change"], row["date"]) for row in o3]
    told = ask("price_changes", days=30)
    assert {row["date"] for row in told["rows"]} <= {str(day) for day in changes["date"]}
    assert all(row["date"] > told["since"] for row in told["rows"])
    every = ask("price_changes", days=100_000)
    assert len(every["rows"]) + every["left_out"] == changes.height
    assert len(every["rows"]) <= MOST_CHANGES


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("price", {"model": "gpt4o"}, "did you mean gpt-4o"),
        ("price", {"model": "gpt-4o", "on": "yesterday"}, "on: 'yesterday' is not a day"),
        ("price", {"model": "gpt-4o", "on": "2999-01-01"}, "nobody knows: give a day up to"),
        ("price", {"model": "gpt-4o" * 50_000}, "gpt-4ogpt-4o"),
        ("price", {"model": "gpt-4o", "on": "9" * 50_000}, "is not a day; write YYYY-MM-DD"),
        ("price_changes", {"days": 10**12}, "less than or equal to 100000"),
        ("price_changes", {"days": 0}, "greater than or equal to 1"),
        ("density", {"model": MODEL, "law": "no law"}, "has no density of 'no law'"),
        ("density", {"model": "no such model" * 50_000}, "no model with a density has"),
        ("explain", {"model": "llama"}, "models have 'llama' in their ids; give one"),
    ],
)
def test_what_is_not_known_is_an_error_with_what_is(ask, tool, arguments, told):
    error = ask(tool, **arguments)
    assert told in error
    assert len(error) < 500


def test_without_a_release_every_tool_says_what_to_do(tmp_path):
    async def session():
        async with Client(server(tmp_path / "latest")) as client:
            return await client.call_tool("cheapest_per_level", {})

    result = asyncio.run(session())
    assert result.is_error
    assert "`densing run` publishes a release" in result.content[0].text


def test_without_the_optional_package_the_command_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "densing_pipeline.assistants")
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    monkeypatch.setitem(sys.modules, "mcp.server.mcpserver", None)
    assert main(["mcp"]) == 1
    assert "densing-pipeline[mcp]" in capsys.readouterr().err


@pytest.mark.heavy
def test_the_command_serves_standard_input_and_output(latest, monkeypatch):
    environment = {"DENSING_PUBLISH_URL": str(latest.parent), "PATH": "/usr/bin:/bin"}
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "densing_pipeline", "mcp"], env=environment
    )

    async def session():
        async with Client(stdio_client(command)) as client:
            return await client.call_tool("price", {"model": "o3", "on": "2025-06-10"})

    assert (
        json.loads(asyncio.run(session()).content[0].text)["rows"][0]["input_usd_per_mtok"] == 2.0
    )


@pytest.mark.slow
def test_the_command_serves_loopback_alone(latest, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("DENSING_PUBLISH_URL", str(latest.parent))
    arguments = [sys.executable, "-m", "densing_pipeline", "mcp", "--http", "--port", str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            for _ in range(600):
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)

            async def session():
                async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                    return await client.call_tool("price", {"model": "o3", "on": "2025-06-10"})

            told = json.loads(asyncio.run(session()).content[0].text)
        finally:
            process.terminate()
    assert told["rows"][0]["input_usd_per_mtok"] == 2.0
