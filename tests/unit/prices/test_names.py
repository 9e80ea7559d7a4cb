"""One company counts once, however price lists spell it."""

import pytest

from densing_pipeline import facts
from densing_pipeline.prices.names import organisation, seller, seller_behind


@pytest.mark.parametrize(
    ("names", "company"),
    [
        (("fireworks_ai", "fireworks-ai", "Fireworks", "huggingface_fireworks-ai"), "fireworks"),
        (("together_ai", "together", "togetherai", "Together"), "together"),
        (("deepinfra", "DeepInfra", "deepinfra/fp8", "deepinfra/turbo"), "deepinfra"),
        (("bedrock", "bedrock_converse", "amazon-bedrock", "aws", "amazon"), "amazon"),
        (("vertex_ai-llama_models", "gemini", "google", "Google AI Studio"), "google"),
        (("xai", "x-ai"), "xai"),
        (("z-ai", "zai", "zhipuai"), "zai"),
    ],
)
def test_spellings_of_one_company(names: tuple[str, ...], company: str) -> None:
    assert {seller(name) for name in names} == {company}


def test_companies_that_are_not_in_the_table_stay_apart() -> None:
    assert len({seller(name) for name in ("groq", "cerebras", "novita", "lambda", "nscale")}) == 5


def test_no_name_stands_for_two_companies() -> None:
    rows = facts.load("seller_names")
    assert not set(rows["seller_name"]) & set(rows["seller"])


def test_names_are_listed_in_the_form_they_are_looked_up_in() -> None:
    for name, company in facts.load("seller_names").select("seller_name", "seller").iter_rows():
        assert seller(name) == seller(company) == company
    rows = facts.load("organisation_names").select("organisation_name", "organisation")
    for name, maker in rows.iter_rows():
        assert organisation(name.upper()) == organisation(maker) == maker


@pytest.mark.parametrize(
    ("provider", "model", "is_open", "company"),
    [
        ("deepinfra/fp8", "meta-llama/llama-3.1-8b-instruct", True, "deepinfra"),
        ("openrouter", "meta-llama/llama-3.1-8b-instruct", True, None),
        ("openrouter", "google/gemini-flash-1.5", False, "google"),
        ("openrouter", "mistralai/mistral-large", False, "mistral"),
        ("openrouter", "auto", False, None),
    ],
)
def test_behind_a_router_the_maker_sells_what_nobody_else_can(provider, model, is_open, company):
    assert seller_behind(provider, model, is_open=is_open) == company
