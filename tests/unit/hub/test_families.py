"""Siblings and children of one publisher as evidence for a base or a chat model."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from densing_pipeline.hub.classify import Classification, classify
from densing_pipeline.hub.families import Family, Member, families, parse
from tests.unit.hub.test_classify import CHATML, record, tokenizer

MADE = datetime(2026, 6, 1, tzinfo=UTC)


def judged(*members: Member) -> dict[str, Family]:
    return families(members)


def member(model_id: str, days: int = 0, parent: str | None = None) -> Member:
    relation = "finetune" if parent else "unknown"
    return Member(model_id, MADE + timedelta(days=days), parent, relation)


def beside(model_id: str, *members: Member, **changes: Any) -> Classification:
    """The classification of a repository among others."""
    found = judged(member(model_id), *members)
    return classify(record(model_id, **changes), found.get(model_id, Family()))


HANDED_DOWN = {"config": tokenizer(end="<|endoftext|>", chat_template=CHATML)}
SET_UP_FOR_CHAT = {"config": tokenizer(end="<|im_end|>", chat_template=CHATML)}


@pytest.mark.parametrize(
    ("name", "stem", "role"),
    [
        ("Qwen2.5-7B-Instruct", "qwen2.5 7b", "chat"),
        ("gemma-3-4b-it", "gemma 3 4b", "chat"),
        ("gemma-3-4b-pt", "gemma 3 4b", "plain"),
        ("Llama-2-7b-chat-hf", "llama 2 7b", "chat"),
        ("Apertus-8B-Instruct-2509", "apertus 8b", "chat"),
        ("Olmo-3-1025-7B", "olmo 3 7b", "plain"),
        ("OLMo-2-1124-7B-Instruct", "olmo 2 7b", "chat"),
        ("Ministral-3-3B-Base-2512", "ministral 3 3b", "base"),
        ("ERNIE-4.5-21B-A3B-Base-PT", "ernie 4.5 21b a3b", "base"),
        ("c4ai-command-r-08-2024", "c4ai command r", "plain"),
        ("Qwen3-8B-AWQ", "qwen3 8b awq", "other"),
        ("Qwen3-4B-Thinking-2507", "qwen3 4b thinking", "plain"),
        ("GigaChat-20B-A3B", "gigachat 20b a3b", "plain"),
    ],
)
def test_a_name_is_a_stem_a_role_and_dates(name: str, stem: str, role: str) -> None:
    found = parse(f"lab/{name}")
    assert (" ".join(found.stem), found.role) == (stem, role)


def test_a_template_handed_down_blocks_no_base_model_beside_its_chat_model() -> None:
    alone = classify(record("Qwen/Qwen9-7B", **HANDED_DOWN))
    assert (alone.is_base, alone.doubtful) == (True, True)
    found = beside("Qwen/Qwen9-7B", member("Qwen/Qwen9-7B-Instruct"), **HANDED_DOWN)
    assert (found.is_base, found.doubtful) == (True, False)
    assert "beside Qwen/Qwen9-7B-Instruct" in found.evidence


@pytest.mark.parametrize(
    "chat",
    [
        member("Qwen/Qwen9-7B-Instruct"),
        member("Qwen/Qwen9-7B-Instruct", days=200, parent="Qwen/Qwen9-7B"),
        member("Qwen/Other-Chat", days=200, parent="Qwen/Qwen9-7B"),
    ],
)
def test_a_tokenizer_set_up_for_chat_too(chat: Member) -> None:
    found = beside("Qwen/Qwen9-7B", chat, **SET_UP_FOR_CHAT)
    assert (found.is_base, found.doubtful) == (True, False)
    assert chat.model_id in found.evidence


@pytest.mark.parametrize(
    "other",
    [
        member("Qwen/Qwen9-7B-Instruct", days=200),
        member("Qwen/Qwen9-7B-Instruct-2607"),
        member("someone/Qwen9-7B-Instruct"),
        member("someone/Poems-Chat", parent="Qwen/Qwen9-7B"),
        member("Qwen/Qwen9-7B-Instruct-AWQ"),
        member("Qwen/Qwen9-7B-RAG", parent="Qwen/Qwen9-7B"),
    ],
)
def test_a_later_version_a_copy_or_another_publishers_model_says_nothing(other: Member) -> None:
    found = beside("Qwen/Qwen9-7B", other, **SET_UP_FOR_CHAT)
    assert (found.is_base, found.doubtful) == (False, True)


def test_a_base_model_beside_it_makes_a_chat_model() -> None:
    for base in ("zai-org/GLM-9-Base", "THUDM/GLM-9-Base"):
        found = beside("zai-org/GLM-9", member(base), **HANDED_DOWN)
        assert (found.is_base, found.relation, found.doubtful) == (False, "finetune", False)
        assert f"beside {base}" in found.evidence
    dated = beside("deepseek-ai/DeepSeek-V9-0324", member("deepseek-ai/DeepSeek-V9-Base"))
    assert (dated.is_base, dated.doubtful) == (False, True)


def test_a_base_model_that_says_so_is_not_touched_by_the_chat_model() -> None:
    found = beside("zai-org/GLM-9-Base", member("zai-org/GLM-9"), **HANDED_DOWN)
    assert (found.is_base, found.doubtful) == (True, False)


def test_members_that_contradict_each_other_are_decided_by_the_template() -> None:
    both = member("internlm/Lm9-7b-base"), member("internlm/Lm9-7b-chat")
    assert beside("internlm/Lm9-7b", *both).is_base
    found = beside("internlm/Lm9-7b", *both, **HANDED_DOWN)
    assert (found.is_base, found.doubtful) == (False, True)
    found = beside("internlm/Lm9-7b", *both, **SET_UP_FOR_CHAT)
    assert (found.is_base, found.doubtful) == (False, False)


def test_a_series_shows_what_a_name_without_a_mark_means() -> None:
    pair = member("Qwen/Qwen9-7B"), member("Qwen/Qwen9-7B-Instruct")
    found = beside("Qwen/Qwen9-72B", *pair, **HANDED_DOWN)
    assert (found.is_base, found.doubtful) == (True, False)
    bases = member("Qwen/Qwen9-7B"), member("Qwen/Qwen9-7B-Base")
    found = beside("Qwen/Qwen9-32B", *bases, **HANDED_DOWN)
    assert (found.is_base, found.doubtful) == (False, False)
    assert "Qwen/Qwen9-7B-Base" in found.evidence


def test_words_in_the_familys_name_are_no_marks_of_tuning() -> None:
    alone = classify(record("ai-sage/AnvilChat-20B"))
    assert not alone.is_base
    found = beside("ai-sage/AnvilChat-20B", member("ai-sage/AnvilChat-20B-instruct"))
    assert (found.is_base, found.doubtful) == (True, False)


def test_a_family_does_not_hide_whose_weights_they_are() -> None:
    mistral = tokenizer() | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    changes = {"config": mistral, "safetensors": {"total": 7_241_732_096}}
    found = beside("someone/Poems", member("someone/Poems-Instruct"), **changes)
    assert (found.is_base, found.doubtful) == (False, True)


def test_a_new_publishers_base_model_is_found_beside_its_chat_model() -> None:
    silent = {"cardData": {}, "tags": ["transformers", "safetensors", "text-generation"]}
    assert classify(record("newlab/Bellows-7B", **silent)).doubtful
    found = beside("newlab/Bellows-7B", member("newlab/Bellows-7B-Chat"), **silent)
    assert (found.is_base, found.doubtful) == (True, False)
