"""Which repositories are base language models, and what a record that is odd leads to.

Records are made up in the Hub's shape; `docs/hub.md` has the errors measured on real ones.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_pipeline.hub.classify import classify
from densing_pipeline.tables.columns import COLUMNS

WEIGHTS = ("config.json", "model-00001-of-00002.safetensors", "tokenizer.json")
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"


def record(model_id: str = "acme/Anvil-7B", **changes: Any) -> dict[str, Any]:
    """A whole record of a base model, with changes."""
    whole = {
        "id": model_id,
        "author": model_id.split("/")[0],
        "tags": ["transformers", "safetensors", "llama", "text-generation", "en"],
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "config": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "tokenizer_config": {"eos_token": "<|endoftext|>"},
        },
        "cardData": {"license": "apache-2.0"},
        "siblings": files(*WEIGHTS),
        "gated": False,
        "createdAt": "2026-02-03T04:05:06.000Z",
    }
    return whole | changes


def files(*names: str) -> list[dict[str, str]]:
    return [{"rfilename": name} for name in names]


def tagged(*tags: str) -> list[str]:
    return ["transformers", "safetensors", "text-generation", *tags]


def tokenizer(end: Any = None, chat_template: str | None = None) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "tokenizer_config": {"eos_token": end, "chat_template": chat_template},
    }


def test_a_whole_record_without_any_sign_of_derivation_is_a_base_model() -> None:
    found = classify(record())
    assert (found.is_base, found.relation, found.doubtful) == (True, "base", False)
    assert found.parent_id is None
    assert "LlamaForCausalLM" in found.evidence


# --- files before tags ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "relation"),
    [
        (("adapter_config.json", "adapter_model.safetensors"), "adapter"),
        (("README.md", "anvil-lora.safetensors"), "adapter"),
        (("anvil-Q4_K_M.gguf", "README.md"), "quantised"),
        ((".gitattributes", "README.md"), "unknown"),
        ((), "unknown"),
        (("config.json", "tokenizer.json"), "unknown"),
    ],
)
def test_files_decide_before_tags(held: tuple[str, ...], relation: str) -> None:
    tags = tagged("base_model:acme/Anvil-7B", "base_model:finetune:acme/Anvil-7B")
    found = classify(record("b/Base-model", siblings=files(*held), tags=tags))
    assert (found.is_base, found.relation) == (False, relation)
    assert found.parent_id == "acme/Anvil-7B"


def test_pickles_only_is_doubtful_because_they_are_never_loaded() -> None:
    found = classify(record(siblings=files("config.json", "pytorch_model.bin")))
    assert (found.is_base, found.doubtful) == (True, True)


# --- relations ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "relation"),
    [
        ("finetune", "finetune"),
        ("quantized", "quantised"),
        ("merge", "merge"),
        ("adapter", "adapter"),
    ],
)
def test_a_stated_relation_decides(stated: str, relation: str) -> None:
    found = classify(record(tags=tagged("base_model:a/b", f"base_model:{stated}:a/b")))
    assert (found.is_base, found.relation, found.parent_id) == (False, relation, "a/b")


def test_a_parent_in_the_card_without_relation_is_a_finetune() -> None:
    found = classify(record(cardData={"base_model": "a/b"}))
    assert (found.is_base, found.relation, found.parent_id) == (False, "finetune", "a/b")


def test_several_parents_make_a_merge() -> None:
    found = classify(record(cardData={"base_model": ["a/b", "c/d"]}))
    assert (found.relation, found.parent_id) == ("merge", "a/b")


def test_a_list_of_parents_with_a_relation() -> None:
    card = {"base_model": ["a/b", None, 7, ""], "base_model_relation": "quantized"}
    found = classify(record(cardData=card))
    assert (found.relation, found.parent_id) == ("quantised", "a/b")


def test_a_model_is_not_its_own_parent() -> None:
    found = classify(record(cardData={"base_model": "acme/Anvil-7B"}, tags=tagged()))
    assert found.is_base


def test_a_stated_finetune_named_base_is_doubtful() -> None:
    found = classify(record("acme/Anvil-7B-Base", cardData={"base_model": "a/b"}))
    assert (found.is_base, found.doubtful) == (False, True)


def test_pruned_and_distilled_children_are_told_apart() -> None:
    assert (
        classify(record("a/Anvil-4B-pruned", cardData={"base_model": "a/b"})).relation == "pruned"
    )
    assert (
        classify(record("a/R-Distill-7B", cardData={"base_model": "a/b"})).relation == "distilled"
    )


# --- packing and merging --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ({"quant_method": "gptq", "bits": 4}, "gptq-4bit"),
        ({"quant_method": "awq", "bits": 4}, "awq-4bit"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes-4bit"),
        ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
    ],
)
def test_quantised_weights_are_no_base_model(stated: dict[str, Any], shown: str) -> None:
    config = tokenizer() | {"quantization_config": stated}
    found = classify(record(config=config))
    assert (found.is_base, found.relation, found.quantisation) == (False, "quantised", shown)


def test_a_base_model_may_be_released_in_fp8() -> None:
    config = tokenizer() | {"quantization_config": {"quant_method": "fp8"}}
    found = classify(record("acme/Anvil-V3-Base", config=config, tags=tagged("fp8")))
    assert (found.is_base, found.quantisation) == (True, "fp8")


@pytest.mark.parametrize("name", ["Anvil-7B-AWQ", "Anvil-7B-4bit", "Anvil-7B-fp8", "anvil-7b-mlx"])
def test_names_of_conversions(name: str) -> None:
    assert classify(record(f"b/{name}")).relation == "quantised"


def test_merges_are_known_by_recipe_tag_or_name() -> None:
    recipe = record(siblings=files(*WEIGHTS, "mergekit_config.yml"))
    for merged in (recipe, record(tags=tagged("mergekit")), record("b/Anvil-Bellows-7B-slerp")):
        assert classify(merged).relation == "merge"


# --- kind of model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["LlamaForSequenceClassification"], "model_type": "llama"},
        {"architectures": ["BertForMaskedLM"], "model_type": "bert"},
        {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"},
        {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"},
        {"architectures": ["ViTForImageClassification"], "model_type": "vit"},
    ],
)
def test_other_architectures_are_no_language_models(config: dict[str, Any]) -> None:
    found = classify(record(config=config))
    assert (found.is_base, found.relation) == (False, "unknown")


@pytest.mark.parametrize("task", ["text-classification", "feature-extraction", "text-to-speech"])
def test_other_tasks_are_no_language_models(task: str) -> None:
    assert classify(record(pipeline_tag=task)).relation == "unknown"


def test_a_multimodal_class_with_a_text_configuration_is_one() -> None:
    config = {
        "architectures": ["Gemma4ForConditionalGeneration"],
        "model_type": "gemma4",
        "text_config": {"model_type": "gemma4_text"},
        "tokenizer_config": {"eos_token": "<eos>"},
    }
    found = classify(record(config=config, pipeline_tag="image-text-to-text"))
    assert (found.is_base, found.doubtful) == (True, False)


def test_the_task_may_be_missing() -> None:
    assert classify(record(pipeline_tag=None, library_name=None, tags=["safetensors"])).is_base


def test_sequences_that_are_not_language() -> None:
    assert classify(record(tags=tagged("protein", "biology"))).relation == "unknown"
    for name in ("Anvil-OCR-2", "anvil-tts-0.6B", "anvil-protein-1b"):
        assert classify(record(f"acme/{name}")).relation == "unknown"


# --- names, traces, templates ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Anvil-7B-Instruct",
        "anvil-7b-chat",
        "anvil-2-9b-it",
        "Anvil-7B-SFT",
        "anvil_7b_dpo_v2",
        "AnvilChat-7B",
        "Anvil-7B-Thinking-2507",
        "Anvil-R1-Zero-RL",
        "Anvil-RM-7B",
        "anvil-7b-uncensored",
        "AnvilGuard-8B",
    ],
)
def test_names_of_tuned_models(name: str) -> None:
    found = classify(record(f"acme/{name}"))
    assert (found.is_base, found.relation, found.doubtful) == (False, "finetune", False)


@pytest.mark.parametrize(
    "name",
    ["Anvil-7B", "anvil-3-4b-pt", "Anvil-V3-Base", "anvil-7b-v0.3", "Anvil-Coder-7B", "anvil-1.4b"],
)
def test_names_that_say_nothing_against(name: str) -> None:
    assert classify(record(f"acme/{name}")).is_base


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": tagged("trl", "sft")},
        {"tags": tagged("generated_from_trainer")},
        {"cardData": {"datasets": ["tatsu-lab/alpaca"]}},
        {"tags": tagged("dataset:HuggingFaceH4/ultrachat_200k")},
    ],
)
def test_traces_of_tuning(changes: dict[str, Any]) -> None:
    found = classify(record(**changes))
    assert (found.is_base, found.relation, found.doubtful) == (False, "finetune", False)


def test_leftovers_of_a_run_alone_are_doubtful() -> None:
    found = classify(record(siblings=files(*WEIGHTS, "training_args.bin")))
    assert (found.is_base, found.doubtful) == (False, True)


def test_a_configuration_loaded_from_elsewhere_names_the_parent() -> None:
    found = classify(record(config=tokenizer() | {"_name_or_path": "other/Bellows-7B"}))
    assert (found.is_base, found.parent_id) == (False, "other/Bellows-7B")
    assert classify(record(config=tokenizer() | {"_name_or_path": "acme/Anvil-7B-ckpt"})).is_base


def test_anothers_line_in_the_name_speaks_of_a_derived_model() -> None:
    found = classify(record("someone/mistral-7b-poetry"))
    assert (found.is_base, found.doubtful) == (False, True)
    assert classify(record("mistralai/Mistral-7B-v0.3")).is_base
    assert classify(record("someone/openllama-7b")).is_base


def test_a_template_whose_turns_end_with_the_end_token_is_meant_for_chat() -> None:
    found = classify(record(config=tokenizer(end="<|im_end|>", chat_template=CHATML)))
    assert (found.is_base, found.doubtful) == (False, True)
    assert "end token" in found.evidence
    variable = tokenizer(end="</s>", chat_template="{{ m.content + eos_token }}")
    assert not classify(record(config=variable)).is_base
    wrapped = tokenizer(end={"content": "<|im_end|>"}, chat_template=CHATML)
    assert not classify(record(config=wrapped)).is_base


def test_pt_may_mean_pytorch() -> None:
    chat = tokenizer(end="<|im_end|>", chat_template=CHATML)
    assert not classify(record("acme/Anvil-4.5-21B-PT", config=chat)).is_base
    assert classify(record("acme/Anvil-4.5-21B-Base-PT", config=chat)).is_base


def test_a_template_handed_down_to_a_base_model_is_not() -> None:
    # As in Qwen2.5: base and chat models share the template, not the end token.
    config = tokenizer(end="<|endoftext|>", chat_template=CHATML)
    found = classify(record(config=config, tags=tagged("conversational")))
    assert (found.is_base, found.doubtful) == (True, False)


def test_a_template_that_cannot_be_read_is_doubtful_unless_the_name_says_base() -> None:
    held = files(*WEIGHTS, "chat_template.jinja")
    bare = {"architectures": ["LlamaForCausalLM"]}
    found = classify(record(siblings=held, config=bare))
    assert (found.is_base, found.doubtful) == (False, True)
    assert classify(record("acme/Anvil-7B-Base", siblings=held, config=bare)).is_base


# --- thin and odd records -------------------------------------------------------------------------


def test_a_tokenizer_that_is_not_shown_leaves_a_doubt() -> None:
    bare = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    found = classify(record(config=bare))
    assert (found.is_base, found.doubtful) == (True, True)
    found = classify(record("acme/Anvil-7B-Base", config=bare))
    assert (found.is_base, found.doubtful) == (True, False)


def test_a_name_alone_decides_only_if_it_says_something() -> None:
    for model_id, is_base, doubtful in (
        ("acme/Anvil-7B", False, True),
        ("acme/Anvil-7B-Base", True, True),
        ("mistralai/Mistral-7B-v0.1", True, True),
        ("acme/Anvil-7B-Instruct", False, False),
    ):
        found = classify({"id": model_id})
        assert (found.is_base, found.doubtful) == (is_base, doubtful), model_id


@pytest.mark.parametrize(
    "name",
    [
        "acme/" + "x" * 200,
        "acme/模型-7B-Base",
        "acme/Anvil\u202e7B",
        "acme/../../etc/passwd",
        "acme/a,b",
        "",
        "/",
        "no-owner",
    ],
)
def test_odd_names_get_a_verdict(name: str) -> None:
    found = classify(record(name))
    assert found.relation in COLUMNS["relation"].allowed
    assert 0 < len(found.evidence) <= 400


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(record())), ODD))
def test_nothing_a_record_holds_raises(odd: dict[str, Any]) -> None:
    for candidate in (odd, record() | odd):
        found = classify(candidate)
        assert found.relation in COLUMNS["relation"].allowed
        assert found.is_base == (found.relation == "base")
        assert found.evidence


@pytest.mark.parametrize("nothing", [None, [], "text", 7])
def test_what_is_no_record_is_unknown(nothing: Any) -> None:
    assert classify(nothing).relation == "unknown"
