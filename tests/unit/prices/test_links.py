"""Which model an offer name sells."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.prices.links import KnownModels, Link, model_links, resolve, sold_models
from densing_pipeline.prices.names import family, normal, split
from densing_pipeline.score_sources.sources import SOURCES
from densing_pipeline.tables.published import MODEL_LINKS, PRICES

KNOWN = KnownModels.of(
    {
        "anthropic/claude-3.5-sonnet",
        "deepseek-ai/DeepSeek-V3",
        "google/gemini-1.5-flash",
        "meta-llama/Llama-3.1-8B",
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.3-70B-Instruct",
        "meta-llama/Meta-Llama-3-70B-Instruct",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "nmi-2025/Llama-3.1-8B-Instruct",
        "openai/gpt-4",
        "openai/gpt-4-turbo",
        "openai/gpt-4o",
        "openai/gpt-4o-2024-08-06",
        "openai/gpt-oss-20b",
    }
)
LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    ("provider", "model", "link"),
    [
        ("anywhere", LLAMA_8B, Link(LLAMA_8B, "exact")),
        ("openai", "gpt-4o", Link("openai/gpt-4o", "provider_prefix")),
        ("openrouter", "deepseek/deepseek-v3", Link("deepseek-ai/DeepSeek-V3", "provider_prefix")),
        ("cloudflare", "@cf/meta/llama-3.1-8b-instruct", Link(LLAMA_8B, "provider_prefix")),
        ("aws", "openai.gpt-oss-20b-1:0", Link("openai/gpt-oss-20b", "provider_prefix")),
        ("aws", "meta.llama3-1-8b-instruct-v1:0", Link(LLAMA_8B, "separators")),
        ("fireworks", "llama-v3p1-8b-instruct", Link(LLAMA_8B, "separators")),
        ("databricks", "databricks-meta-llama-3-1-8b-instruct", Link(LLAMA_8B, "separators")),
        ("anthropic", "claude-3-5-sonnet", Link("anthropic/claude-3.5-sonnet", "separators")),
        ("azure", "gpt-4o", Link("openai/gpt-4o", "separators")),
        ("openai", "gpt-4o-2024-08-06", Link("openai/gpt-4o-2024-08-06", "provider_prefix")),
        ("openai", "gpt-4o-2024-05-13", Link("openai/gpt-4o", "dated_suffix")),
        (
            "aws",
            "regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
            Link("anthropic/claude-3.5-sonnet", "dated_suffix"),
        ),
        ("openrouter", "openai/gpt-4o:batch", Link("openai/gpt-4o", "variant_suffix")),
        (
            "together",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            Link("meta-llama/Llama-3.3-70B-Instruct", "variant_suffix"),
        ),
        ("cloudflare", "@cf/meta/llama-3.1-8b-instruct-awq", Link(LLAMA_8B, "variant_suffix")),
    ],
)
def test_a_name_is_linked_by_the_first_rule_that_fits(
    provider: str, model: str, link: Link
) -> None:
    assert resolve(provider, model, {}, KNOWN) == link


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4-turbo-mini"),
        ("openai", "gpt-4-32k"),
        ("openrouter", "gpt-4.1"),
        ("openrouter", "deepseek/deepseek-v3-0324"),
        ("openrouter", "nousresearch/hermes-3-llama-3.1-8b-instruct"),
        ("openrouter", "sao10k/llama-3.1-8b-instruct"),
        ("cerebras", "llama3.1-8b"),
        ("openrouter", "meta-llama/llama-3.1-8b:free"),
        ("mistral", "mixtral-8x7b"),
        ("openai", ""),
    ],
)
def test_another_model_or_an_ambiguous_name_is_not_guessed(provider: str, model: str) -> None:
    assert resolve(provider, model, {}, KNOWN) == Link(None, "unlinked")


@pytest.mark.parametrize(
    ("provider", "model", "canonical_id"),
    [
        ("azure", "azure/gpt-4o", "openai/gpt-4o"),
        ("azure", "azure/us/gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"),
        ("azure_ai", "azure_ai/gpt-oss-20b", "openai/gpt-oss-20b"),
        ("sambanova", "sambanova/DeepSeek-V3", "deepseek-ai/DeepSeek-V3"),
        ("vertex_ai-anthropic_models", "vertex_ai/claude-3-5-sonnet@20240620",
         "anthropic/claude-3.5-sonnet"),
        ("gemini", "gemini/gemini-1.5-flash", "google/gemini-1.5-flash"),
        ("fireworks_ai", "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct", LLAMA_8B),
        ("fireworks-ai", "accounts/fireworks/models/llama-v3p1-8b-instruct", LLAMA_8B),
        ("lambda_ai", "lambda_ai/llama3.1-8b-instruct", LLAMA_8B),
        ("bedrock", "bedrock/us-gov-west-1/meta.llama3-1-8b-instruct-v1:0", LLAMA_8B),
        ("bedrock_converse", "us-gov.openai.gpt-oss-20b-1:0", "openai/gpt-oss-20b"),
        ("bedrock_converse", "jp.anthropic.claude-3-5-sonnet-20240620-v1:0",
         "anthropic/claude-3.5-sonnet"),
        ("openrouter", "openrouter/deepseek/deepseek-v3", "deepseek-ai/DeepSeek-V3"),
        ("databricks", "databricks/databricks-meta-llama-3-1-8b-instruct", LLAMA_8B),
        ("cloudflare", "cloudflare/@cf/meta/llama-3.1-8b-instruct", LLAMA_8B),
        ("synthetic", "hf:meta-llama/Llama-3.1-8B-Instruct", LLAMA_8B),
        ("a seller of tomorrow", "a seller of tomorrow/gpt-4o", "openai/gpt-4o"),
    ],
)  # fmt: skip
def test_the_prefix_of_a_seller_is_not_the_maker(
    provider: str, model: str, canonical_id: str
) -> None:
    assert resolve(provider, model, {}, KNOWN).canonical_id == canonical_id


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openrouter", "openrouter/sao10k/llama-3.1-8b-instruct"),
        ("fireworks_ai", "fireworks_ai/accounts/somebody/models/llama-v3p1-8b-instruct"),
        ("fireworks_ai", "accounts/fireworks/routers/llama-v3p1-8b-instruct"),
        ("mistral", "mistral/gpt-4o"),
        ("perplexity", "perplexity/sao10k/gpt-4o"),
        ("host", "another-host/gpt-4o"),
        ("bedrock", "somewhere.meta.llama3-1-8b-instruct-v1:0"),
    ],
)
def test_the_maker_that_a_path_names_is_kept(provider: str, model: str) -> None:
    assert resolve(provider, model, {}, KNOWN).canonical_id is None


@pytest.mark.parametrize(
    ("model", "hub_id", "is_linked"),
    [
        ("google/gemma-4-26b-a4b", None, True),
        ("vercel/google/gemma-4-26B-A4B", None, True),
        ("google.gemma-4-26b-a4b", None, False),
        ("gemma-4-26b-a4b", None, False),
        ("gemma-4-26b-a4b", "google/gemma-4-26B-A4B", True),
        ("google.gemma-4-26b-a4b-base", None, False),
        ("deepseek.v3-base", None, True),
        ("deepseek/v3-base:free", None, True),
        ("deepseek/v3-baseline", None, False),
    ],
)
def test_a_base_model_is_linked_only_where_the_offer_says_that_it_is_one(
    model: str, hub_id: str | None, is_linked: bool
) -> None:
    base = {"google/gemma-4-26B-A4B", "deepseek/v3-base"}
    known = KnownModels.of(base, base)
    assert (resolve("host", model, {}, known, hub_id).canonical_id is not None) == is_linked


def outcomes(name: str) -> pl.DataFrame:
    """A labelled sample with the model that each name is linked to, in `link`."""
    sample = pl.read_csv(Path(__file__).parent / f"{name}.csv", infer_schema=False)
    base = facts.load("base_models")["model_id"]
    sold = sold_models()
    known = KnownModels.of([*sold, *base], set(base) - set(sold))
    assert sample.height >= 200
    assert sample["basis"].null_count() == 0
    assert {label for label in sample["canonical_id"] if label} <= known.ids
    by_hand = facts.load("offer_names")["provider", "model", "canonical_id"]
    table = {(p, m): c for p, m, c in by_hand.iter_rows()}
    names = sample["provider", "model", "hub_id"].iter_rows()
    links = [resolve(p, m, table, known, hub_id).canonical_id for p, m, hub_id in names]
    return sample.with_columns(link=pl.Series(links, dtype=pl.String))


def test_no_name_of_the_sample_is_linked_to_another_model() -> None:
    """240 names of the recorded lists, drawn by rule, family and list, and labelled by hand.

    Names that no rule should resolve have no label: another model, or one that is in none of our tables.
    """
    found = outcomes("link_sample")
    false = found.filter(
        pl.col("link").is_not_null() & pl.col("link").ne_missing(pl.col("canonical_id"))
    )
    labelled = found.drop_nulls("canonical_id")
    assert false.is_empty()
    assert labelled["link"].count() >= 0.85 * labelled.height


def test_the_page_says_how_the_names_of_the_second_sample_are_linked_by_maker() -> None:
    """230 names drawn at random from all recorded names, labelled before the rules were asked."""
    found = outcomes("second_link_sample").with_columns(
        maker=pl.coalesce("canonical_id", "link").str.split("/").list.first(),
        is_right=pl.col("link").eq(pl.col("canonical_id")).fill_null(value=False),
        is_wrong=pl.col("link").is_not_null() & pl.col("link").ne_missing(pl.col("canonical_id")),
    )
    large = found.drop_nulls("maker").group_by("maker").len().filter(pl.col("len") >= 5)["maker"]
    by_maker = found.drop_nulls("maker").with_columns(
        pl.when(pl.col("maker").is_in(large.implode())).then("maker").otherwise(pl.lit("others"))
    )
    counts = pl.col("canonical_id").count(), pl.col("is_right").sum(), pl.col("is_wrong").sum()
    rows = [
        *by_maker.group_by("maker").agg(*counts).sort(pl.col("maker") == "others", "maker").rows(),
        ("all", *found.select(*counts).row(0)),
    ]
    lines = [
        f"| {maker} | {sold} | {right / sold:.0%} | {wrong} |" for maker, sold, right, wrong in rows
    ]
    page = (Path(__file__).parents[3] / "docs" / "prices.md").read_text(encoding="utf-8")
    assert "\n".join(lines) in page, "the table should be:\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("claude-opus-4-5-20251101", "claude 4.5"),
        ("claude-opus-4-20250514", "claude 4"),
        ("Claude-3.5-Sonnet", "claude 3.5"),
        ("Qwen3.5-397B-A17B", "qwen 3.5"),
        ("qwen3-32b", "qwen 3"),
        ("gpt-5.6-sol", "gpt 5.6"),
        ("gpt-4o-mini", "gpt 4"),
        ("gpt-oss-120b", "gpt-oss"),
        ("o4-mini", "o4"),
        ("Kimi-K2.7-Code", "kimi k2.7"),
        ("DeepSeek-R1-0528", "deepseek r1"),
        ("deepseek-v3.2", "deepseek 3.2"),
        ("mixtral-8x7b", None),
        ("mistral-7b", None),
        ("auto", None),
        ("", None),
    ],
)
def test_the_family_that_a_name_states(name: str, stated: str | None) -> None:
    assert family(name) == stated


def test_recall_is_counted_by_family_over_all_lists() -> None:
    names = ["gpt-4", "gpt-4-32k", "claude-9", "auto"]
    prices = pl.DataFrame({"source": list("abcd"), "model": names}).with_columns(
        provider=pl.lit("openai"), hub_id=pl.lit(None, pl.String), observed_to=pl.lit(None, pl.Date)
    )
    links = model_links(prices, FACTS["offer_names"].empty(), ["openai/gpt-4"])
    assert links.select("name_family", "family_recall").rows() == [
        ("gpt 4", 0.5), ("gpt 4", 0.5), ("claude 9", 0.0), (None, None),
    ]  # fmt: skip


def test_every_row_of_the_index_that_a_sold_model_names_is_in_it() -> None:
    rows = facts.load("sold_models")
    content = next(e for e in SOURCES["epoch-eci"].embedded if e.day == date(2026, 8, 11)).content()
    index = set(SOURCES["epoch-eci"].read(content, date(2026, 8, 11)).reports["model"])
    assert set(rows["index_model"].drop_nulls()) <= index
    assert rows["index_model"].count() >= 140


def test_prefixes_are_listed_in_the_form_they_are_looked_up_in() -> None:
    prefixes = facts.load("name_prefixes")["name_prefix"].to_list()
    assert prefixes == sorted(name.lower() for name in prefixes)
    makers = {known.split("/")[0].lower() for known in KNOWN.ids}
    assert not makers & set(prefixes)


def test_a_name_of_two_makers_is_linked_only_where_the_offer_names_one() -> None:
    twins = KnownModels.of({"maker/twin-7b", "rival/twin-7b"})
    assert resolve("host", "twin-7b", {}, twins) == Link(None, "unlinked")
    assert resolve("host", "rival/twin-7b", {}, twins).canonical_id == "rival/twin-7b"
    assert resolve("maker", "Twin 7B", {}, twins).canonical_id == "maker/twin-7b"


def test_turbo_is_a_model_where_it_is_not_a_variant() -> None:
    assert resolve("openai", "gpt-4-turbo", {}, KNOWN).canonical_id == "openai/gpt-4-turbo"


def test_table_decides_first_and_may_hold_for_all_providers() -> None:
    table = {("*", "mixtral-8x7b"): "mistralai/Mixtral-8x7B-Instruct-v0.1"}
    assert resolve("mistral", "mixtral-8x7b", table, KNOWN).method == "table"


def test_table_that_leads_nowhere_is_refused() -> None:
    names = pl.DataFrame({"provider": ["*"], "model": ["x"], "canonical_id": ["no/such"]})
    with pytest.raises(ValueError, match="no/such"):
        model_links(PRICES.empty(), names, ["openai/gpt-4"])


def test_unlinked_names_stay_in_the_table() -> None:
    prices = pl.DataFrame(
        {"source": ["s", "s"], "provider": ["openai", "openai"], "model": ["gpt-4", "gpt-99"]}
    ).with_columns(hub_id=pl.lit(None, pl.String), observed_to=pl.lit(None, pl.Date))
    names = FACTS["offer_names"].empty()
    links = MODEL_LINKS.validate(model_links(prices, names, pl.Series(["openai/gpt-4"])))
    assert links.select("canonical_id", "method", "confidence").rows() == [
        ("openai/gpt-4", "provider_prefix", 0.99),
        (None, "unlinked", 0.0),
    ]


def test_bundled_names_lead_to_scored_models() -> None:
    names = facts.load("offer_names")
    known = sold_models().append(facts.load("base_models")["model_id"])
    assert model_links(PRICES.empty(), names, known).is_empty()


@pytest.mark.parametrize(
    "name", ["Meta-Llama-3.1-8B-Instruct", "llama-v3p1-8b-instruct", "llama3-1-8b-instruct"]
)
def test_spellings_of_one_name_are_one(name: str) -> None:
    assert normal(name) == "llama-3-1-8b-instruct"


def test_a_version_and_a_size_of_the_same_digits_stay_apart() -> None:
    assert normal("qwen2.5-7b") != normal("qwen2-57b")


def test_cloud_revision_is_no_part_of_the_name() -> None:
    assert split("aws", "global.amazon.nova-micro-v1:0") == ("amazon", "nova-micro")


def test_the_repository_a_list_names_is_asked_last() -> None:
    hub_id = "deepseek-ai/DeepSeek-V3"
    assert resolve("openrouter", "deepseek/chat", {}, KNOWN, hub_id) == Link(hub_id, "hub_id")
    assert resolve("openai", "gpt-4o", {}, KNOWN, hub_id).method == "provider_prefix"
    assert resolve("openrouter", "deepseek/chat", {}, KNOWN, "nobody/knows").method == "unlinked"
    assert resolve("openrouter", "~deepseek/latest", {}, KNOWN, hub_id).method == "unlinked"


def test_a_name_that_has_meant_another_model_before_is_not_linked_by_its_repository() -> None:
    rows = [("steady", "openai/gpt-4"), ("steady", "openai/gpt-4"), ("moving", None)]
    rows.append(("moving", "openai/gpt-4"))
    prices = pl.DataFrame(rows, schema=["model", "hub_id"], orient="row").with_columns(
        source=pl.lit("s"), provider=pl.lit("p"), observed_to=pl.lit(None, pl.Date)
    )
    names = FACTS["offer_names"].empty()
    links = model_links(prices, names, pl.Series(["openai/gpt-4"]))
    assert links.select("model", "method").rows() == [("moving", "unlinked"), ("steady", "hub_id")]
