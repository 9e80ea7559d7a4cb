"""A name means the offers that are sold under it, in any spelling, and never another model."""

import polars as pl
import pytest

from densing_pipeline.past_prices.naming import UnknownModelError, meant
from densing_pipeline.tables.published import MODEL_LINKS

GPT, LLAMA = "openai/gpt-4o", "meta-llama/Llama-3.1-70B-Instruct"
NAMES = [
    ("openrouter", "openrouter", "openai/gpt-4o", GPT),
    ("openrouter", "openrouter", "openai/gpt-4o:batch", GPT),
    ("openrouter", "openrouter", "openai/gpt-4o-2024-05-13", GPT),
    ("openrouter", "openrouter", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
    ("litellm", "azure", "azure/gpt-4o", GPT),
    ("litellm", "openai", "gpt-4o", GPT),
    ("litellm", "stranger", "stranger/gpt-4o", None),
    ("litellm", "fireworks_ai", "accounts/fireworks/models/llama-v3p1-70b-instruct", LLAMA),
    ("litellm", "groq", "groq/llama-3.1-70b-versatile", LLAMA),
    ("list-prices", "deepseek", "deepseek-chat (DeepSeek-V2)", "deepseek-ai/DeepSeek-V2"),
    ("list-prices", "deepseek", "deepseek-chat (DeepSeek-V3)", "deepseek-ai/DeepSeek-V3"),
]


@pytest.fixture(scope="module")
def links() -> pl.DataFrame:
    rows = [(*name, "table" if name[3] else "unlinked", 1.0) for name in NAMES]
    columns = ["source", "provider", "model", "canonical_id", "method", "confidence"]
    return MODEL_LINKS.cast(pl.DataFrame(rows, schema=columns, orient="row"))


def named(links: pl.DataFrame, asked: str) -> set[str]:
    found = meant(links, asked).offers.filter("is_named")
    return {f"{provider} {model}" for provider, model in found["provider", "model"].iter_rows()}


@pytest.mark.parametrize(
    "asked", ["gpt-4o", "GPT 4o", " gpt_4o ", "azure/gpt-4o", "Gpt-4O", "ｇｐｔ-４ｏ"]
)
def test_spellings_of_a_name_mean_the_same_offers(links, asked):
    assert named(links, asked) == {
        "openrouter openai/gpt-4o",
        "openrouter openai/gpt-4o:batch",
        "azure azure/gpt-4o",
        "openai gpt-4o",
        "stranger stranger/gpt-4o",
    }


def test_a_maker_in_front_must_be_the_offers_own(links):
    found = named(links, "openai/gpt-4o")
    assert "azure azure/gpt-4o" in found, "linked to the maker's model"
    assert "stranger stranger/gpt-4o" not in found, "nothing says that this is the maker's"
    with pytest.raises(UnknownModelError):
        meant(links, "mistralai/gpt-4o")


def test_dated_versions_come_with_the_name_as_other_names(links):
    offers = meant(links, "gpt-4o").offers.filter(~pl.col("is_named"))
    assert offers["model"].to_list() == ["openai/gpt-4o-2024-05-13"]
    assert named(links, "gpt-4o-2024-05-13") == {"openrouter openai/gpt-4o-2024-05-13"}


def test_a_hub_id_means_every_name_of_its_model(links):
    found = meant(links, "meta-llama/llama-3.1-70b-instruct")
    assert found.canonical_ids == (LLAMA,)
    assert dict(found.offers["model", "is_named"].iter_rows()) == {
        "accounts/fireworks/models/llama-v3p1-70b-instruct": True,
        "groq/llama-3.1-70b-versatile": False,
    }


def test_a_name_that_passed_from_model_to_model_means_its_offers_alone(links):
    found = meant(links, "deepseek-chat")
    assert found.canonical_ids == ("deepseek-ai/DeepSeek-V2", "deepseek-ai/DeepSeek-V3")
    assert found.offers["is_named"].all()
    assert meant(links, "DeepSeek-V3").offers["model"].to_list() == ["deepseek-chat (DeepSeek-V3)"]


@pytest.mark.parametrize(
    ("asked", "suggested"),
    [("gpt-4oo", "gpt-4o"), ("gpt4o", "gpt-4o"), ("llama-3.1", "llama-v3p1-70b-instruct")],
)
def test_a_near_miss_is_suggested_and_not_taken(links, asked, suggested):
    with pytest.raises(UnknownModelError, match="did you mean") as caught:
        meant(links, asked)
    assert suggested in caught.value.suggestions


@pytest.mark.parametrize(
    "asked", ["", "   ", "/", "()", "zzzzqqqq", "a" * 10_000, "gpt-4o (", "\x00"]
)
def test_what_means_nothing_is_an_error_in_words(links, asked):
    with pytest.raises(UnknownModelError, match="no price list has a model named"):
        meant(links, asked)
