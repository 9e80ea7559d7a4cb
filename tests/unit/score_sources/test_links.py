"""A name in an outside source stands for a known model, or for none with a reason."""

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.hub.models import SOURCE as HUB
from densing_pipeline.score_sources.links import Known, Link, resolve


@pytest.fixture(scope="module")
def known() -> Known:
    """The bundled models, one of the Hub that copies a name, and one of the paper's labels."""
    base = facts.load("base_models").select("model_id", source=pl.lit("facts"))
    more = pl.DataFrame(
        {"model_id": ["copycat/falcon-7b", "nmi-2025/Llama-7B"], "source": [HUB, "facts"]}
    )
    models = pl.concat([base, more]).with_columns(is_base=pl.lit(value=True))
    return Known.of(models, facts.load("capability_scores"))


@pytest.mark.parametrize(
    ("name", "organisation", "display_name", "model_id", "method"),
    [
        ("tiiuae/Falcon3-1B-Base", None, None, "tiiuae/Falcon3-1B-Base", "exact"),
        ("copycat/falcon-7b", None, None, "copycat/falcon-7b", "exact"),
        ("falcon-7b", "Technology Innovation Institute", "Falcon 7B", "tiiuae/falcon-7b",
         "separators"),
        ("Qwen2.5-72B", "Alibaba", "Qwen2.5 72B Base", "Qwen/Qwen2.5-72B", "provider_prefix"),
        ("LLaMA-13B", "Meta AI", "LLAMA 1 13B", "huggyllama/llama-13b", "separators"),
        ("Llama-2-13b", "Meta AI", "LLaMA 2 13B", "meta-llama/Llama-2-13b-hf", "hf_suffix"),
        ("Llama-2-70b-hf", "Meta AI", "Llama 2 (70B)", "meta-llama/Llama-2-70b-hf", "separators"),
        ("Mixtral (8x7B)", None, None, None, "unlinked"),
        ("gpt-4o-2024-05-13", "OpenAI", None, "openai/gpt-4o", "dated_suffix"),
        ("claude-3-5-sonnet-20241022_16k", "Anthropic", None, "anthropic/claude-3.5-sonnet",
         "setting_suffix"),
        ("Llama-3.1-8B-Instruct", "Meta AI", "Llama 3.1", "meta-llama/Llama-3.1-8B-Instruct",
         "separators"),
        ("Qwen2.5 (72B)", "Alibaba", None, "Qwen/Qwen2.5-72B", "bracketed_size"),
        ("nmi-2025/Llama-7B", None, None, None, "unlinked"),
        ("a model nobody knows", None, None, None, "unlinked"),
    ],
)  # fmt: skip
def test_the_strictest_rule_that_names_one_model_decides(
    known: Known,
    name: str,
    organisation: str | None,
    display_name: str | None,
    model_id: str | None,
    method: str,
) -> None:
    found = resolve(name, organisation, display_name, known)
    assert (found.model_id, found.method) == (model_id, method)
    assert (found.reason is None) is (model_id is not None)


@pytest.mark.parametrize(
    ("name", "display_name"),
    [
        ("Llama-2-70b-chat", "LLaMA2-Chat 70B"),
        ("gemma-7b-it", "Gemma 7B"),
        ("Llama-3.1-405B", "Llama 3.1 Instruct Turbo (405B)"),
        ("gemma-7b", "Gemma (7B) chat"),
        ("Qwen2.5-72B_high", None),
        ("Yi-34B-Chat", "Yi-Chat 34B"),
        ("StableBeluga2", "StableBeluga2 70B"),
    ],
)
def test_a_tuned_model_is_never_linked_to_a_base_model(
    known: Known, name: str, display_name: str | None
) -> None:
    assert resolve(name, None, display_name, known).model_id not in known.base


def test_a_name_of_a_group_is_no_base_models(known: Known) -> None:
    found = resolve("Llama 2-70B-hf", "Meta AI", None, known, is_group=True)
    assert found == Link(
        None,
        "unlinked",
        "meta-llama/Llama-2-70b-hf has this name, but the name may stand for other versions of the "
        "model too",
    )
    sold = resolve("GPT-5", "OpenAI", "GPT-5 (medium)", known, is_group=True)
    assert sold == Link("openai/gpt-5", "provider_prefix")


def test_no_name_of_a_tuned_model_in_the_bundled_scores_leads_to_a_base_model(known: Known) -> None:
    tuned = [i for i in facts.load("capability_scores")["canonical_id"] if i not in known.base]
    for one in tuned:
        assert resolve(one.split("/")[1], one.split("/")[0], None, known).model_id not in known.base
