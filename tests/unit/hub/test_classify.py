"""Which repositories are base language models, and what a record that is odd leads to.

Records are made up in the Hub's shape; `docs/hub.md` has the errors measured on real ones.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_pipeline import facts
from densing_pipeline.hub import pretraining_evidence
from densing_pipeline.hub.classify import classify
from densing_pipeline.tables.columns import COLUMNS

WEIGHTS = ("config.json", "model-00001-of-00002.safetensors", "tokenizer.json")
OWN_SIZE = 7_111_222_333
"""Parameters that no widely known model has."""

MISTRAL_7B = 7_241_732_096
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
        "cardData": {"license": "apache-2.0", "language": ["en"]},
        "safetensors": {"parameters": {"BF16": OWN_SIZE}, "total": OWN_SIZE},
        "siblings": files(*WEIGHTS),
        "gated": False,
        "createdAt": "2026-02-03T04:05:06.000Z",
    }
    return whole | changes


def files(*names: str) -> list[dict[str, str]]:
    return [{"rfilename": name} for name in names]


def tagged(*tags: str) -> list[str]:
    return ["transformers", "safetensors", "text-generation", "en", *tags]


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
    found = classify(record(cardData={"base_model": "acme/Anvil-7B"}))
    assert found.is_base


def test_a_stated_finetune_named_base_is_doubtful() -> None:
    found = classify(record("acme/Anvil-7B-Base", cardData={"base_model": "a/b"}))
    assert (found.is_base, found.doubtful) == (False, True)


@pytest.mark.parametrize("name", ["Anvil-4B-pruned", "Sheared-Anvil-2B", "Anvil-3.1-Minitron-4B"])
def test_what_is_called_pruned_is_no_base_model_though_it_states_no_parent(name: str) -> None:
    found = classify(record(f"nvidia/{name}"))
    assert (found.is_base, found.relation, found.doubtful) == (False, "pruned", False)
    named = classify(record(f"nvidia/{name}-Base"))
    assert (named.relation, named.doubtful) == ("pruned", True)


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


def test_a_class_of_its_own_without_a_head_in_its_name_leaves_a_doubt() -> None:
    own = tokenizer("<|endoftext|>") | {"architectures": ["OpenLMModel"], "model_type": "openlm"}
    found = classify(record("apple/Anvil-7B", config=own))
    assert (found.is_base, found.doubtful) == (True, True)
    known = own | {"architectures": ["Qwen3Model"], "model_type": "qwen3"}
    assert not classify(record("apple/Anvil-7B", config=known)).is_base
    embeds = classify(record("apple/Anvil-7B", config=own, pipeline_tag="feature-extraction"))
    assert (embeds.is_base, embeds.doubtful) == (False, False)


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
    assert "no end token but the tokenizer's" in found.evidence
    variable = tokenizer(end="</s>", chat_template="{{ m.content + eos_token }}")
    assert not classify(record(config=variable)).is_base
    wrapped = tokenizer(end={"content": "<|im_end|>"}, chat_template=CHATML)
    assert not classify(record(config=wrapped)).is_base


def test_pt_may_mean_pytorch() -> None:
    chat = tokenizer(end="<|im_end|>", chat_template=CHATML)
    assert not classify(record("acme/Anvil-4.5-21B-PT", config=chat)).is_base
    assert classify(record("acme/Anvil-4.5-21B-Base-PT", config=chat)).is_base


def test_a_template_whose_turns_end_with_another_token_leaves_a_doubt() -> None:
    # So Qwen2.5, where only the chat models stop at it; and Jamba 1.5, a chat model stopped from
    # outside.
    config = tokenizer(end="<|endoftext|>", chat_template=CHATML)
    found = classify(record(config=config, tags=tagged("conversational")))
    assert (found.is_base, found.doubtful) == (True, True)
    found = classify(record("acme/Anvil-7B-Base", config=config))
    assert (found.is_base, found.doubtful) == (True, False)


def test_a_template_in_which_nothing_ends_a_turn_is_meant_for_chat() -> None:
    # As in GLM 4 and Ling: a turn ends where the next begins, and the runtime stops there.
    turns = "{% for m in messages %}<|user|>{{ m.content }}<|assistant|><think></think>{% endfor %}"
    found = classify(record("zai-org/Anvil-4.5", config=tokenizer("<|endoftext|>", turns)))
    assert (found.is_base, found.doubtful) == (False, True)
    named = classify(record("zai-org/Anvil-4.5-Base", config=tokenizer("<|endoftext|>", turns)))
    assert (named.is_base, named.doubtful) == (True, False)


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


# --- what speaks for pretraining ------------------------------------------------------------------


def without_a_word(model_id: str, **changes: Any) -> dict[str, Any]:
    """A whole record that states no parent, no data, no language."""
    bare = {"cardData": {}, "tags": ["transformers", "safetensors", "text-generation"]}
    return record(model_id, **(bare | changes))


@pytest.mark.parametrize(
    "model_id",
    [
        "bigscience/bloomz-7b1",
        "facebook/opt-iml-1.3b",
        "someone/Platypus2-7B",
        "someone/WizardCoder-15B-V1.0",
        "stabilityai/StableBeluga2",
        "someone/airoboros-l2-7b-gpt4-1.4.1",
        "tokyotech-llm/Swallow-7b-hf",
        "someone/Beyonder-4x7B-v2",
        "someone/bloom-7b1-xp3mt",
        "someone/Hermes3-8B",
    ],
)
def test_well_known_derived_models_that_state_nothing(model_id: str) -> None:
    assert not classify(without_a_word(model_id)).is_base


def test_silence_is_no_evidence_of_pretraining() -> None:
    found = classify(without_a_word("someone/Bellows-7B", safetensors=None))
    assert (found.is_base, found.relation, found.doubtful) == (False, "unknown", True)
    assert "nothing says pretrained" in found.evidence


def test_a_new_publisher_is_found_by_size_tokenizer_and_what_its_card_tells() -> None:
    sure, partly = classify(record("newlab/Bellows-7B")), classify(without_a_word("newlab/B-7B"))
    assert (sure.is_base, sure.doubtful) == (True, False)
    assert "a size of its own" in sure.evidence
    assert (partly.is_base, partly.doubtful) == (True, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"cardData": {"datasets": ["HuggingFaceFW/fineweb-edu"]}},
        {"tags": tagged("pretrained")},
        {"config": tokenizer() | {"model_type": "bellows", "auto_map": {"AutoModel": "m.Bellows"}}},
    ],
)
def test_one_outright_sign_of_pretraining_is_enough(changes: dict[str, Any]) -> None:
    found = classify(without_a_word("newlab/Bellows-7B", safetensors=None, **changes))
    assert (found.is_base, found.doubtful) == (True, False)


def test_the_size_of_a_known_model_speaks_of_its_weights() -> None:
    mistral = {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    added_tokens = {"total": MISTRAL_7B + 2 * 4096 * 2}
    found = classify(record("someone/Poems", config=mistral, safetensors=added_tokens))
    assert (found.is_base, found.doubtful) == (False, True)
    assert "mistralai/Mistral-7B" in found.evidence
    own = classify(record("mistralai/Mistral-7B-v0.4", config=mistral, safetensors=added_tokens))
    assert own.is_base
    llama = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    assert classify(record("newlab/Bellows", config=llama, safetensors=added_tokens)).is_base


def test_a_corpus_at_the_very_size_of_a_known_model_is_training_on() -> None:
    mistral = tokenizer() | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    corpus = {"datasets": ["HuggingFaceFW/fineweb-2"], "language": ["sv"]}
    changes = {"config": mistral, "cardData": corpus, "safetensors": {"total": MISTRAL_7B}}
    found = classify(record("someone/Bellows-7B", **changes))
    assert (found.is_base, found.doubtful) == (False, True)
    assert classify(record("someone/Bellows-7B", config=mistral, cardData=corpus)).is_base
    llama = {"config": tokenizer(), "safetensors": {"total": 6_738_415_616}}
    assert classify(record("openlm-research/open_llama_7b", cardData=corpus, **llama)).is_base


def test_anybody_may_call_a_model_base() -> None:
    mistral = tokenizer() | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    found = classify(without_a_word("someone/Everyone-7b-Base", config=mistral, safetensors=None))
    assert not found.is_base
    found = classify(without_a_word("someone/Everyone-7b-Base", safetensors=None))
    assert (found.is_base, found.doubtful) == (True, True)


def test_mixtures_named_by_experts_are_merges_unless_somebody_pretrained_them() -> None:
    found = classify(record("someone/Bellows-8x7B"))
    assert (found.relation, found.doubtful) == ("merge", True)
    assert classify(record("mistralai/Mixtral-8x7B-v0.1")).is_base


def test_anothers_line_trained_from_scratch() -> None:
    olmo = tokenizer() | {"architectures": ["OlmoForCausalLM"], "model_type": "olmo"}
    corpus = {"license": "apache-2.0", "datasets": ["allenai/dolma"]}
    found = classify(record("amd/AMD-OLMo-1B", config=olmo, cardData=corpus))
    assert (found.is_base, found.doubtful) == (True, False)
    assert not classify(record("someone/OLMo-1B-poems", config=olmo)).is_base
    assert classify(record("someone/smol_llama-101M", cardData=corpus)).is_base
    assert classify(record("rinna/japanese-gpt-neox-3.6b")).is_base


def test_a_name_that_continues_a_known_models_is_trained_on_from_it() -> None:
    corpus = {"license": "apache-2.0", "datasets": ["togethercomputer/RedPajama-Data-1T-Sample"]}
    llama = {"config": tokenizer(), "safetensors": {"total": 6_738_415_616}}
    found = classify(record("togethercomputer/LLaMA-2-7B-32K", cardData=corpus, **llama))
    assert (found.is_base, found.doubtful) == (False, True)


def test_a_model_that_is_its_owners_line_is_nobody_elses() -> None:
    deepseek = tokenizer() | {"architectures": ["DeepseekV2ForCausalLM"]}
    deepseek["model_type"] = "deepseek_v2"
    found = classify(record("deepseek-ai/DeepSeek-V2-Lite", config=deepseek))
    assert (found.is_base, found.doubtful) == (True, False)


def test_known_sizes_are_those_of_the_facts() -> None:
    published = dict(facts.load("base_models").select("model_id", "params_total").iter_rows())
    compared = [
        (total, published[model_id])
        for model_id, kind, total in pretraining_evidence.known_sizes()
        # Files hold the vision tower too, which the facts leave out.
        if model_id in published and kind not in ("gemma3", "mistral3", "llama4")
    ]
    assert len(compared) > 100
    assert all(abs(ours - theirs) <= 0.01 * theirs for ours, theirs in compared)


# --- encoder-decoders, weak words, files ----------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "model_type"),
    [
        ("SwitchTransformersForConditionalGeneration", "switch_transformers"),
        ("LongT5ForConditionalGeneration", "longt5"),
        ("BlenderbotForConditionalGeneration", "blenderbot"),
        ("PLBartForConditionalGeneration", "plbart"),
        ("Florence2ForConditionalGeneration", "florence2"),
        ("T5Gemma2ForConditionalGeneration", "t5gemma2"),
        ("NllbMoeForConditionalGeneration", "nllb-moe"),
        ("BartForCausalLM", "bart"),
        ("BertLMHeadModel", "bert"),
        ("SomethingForCausalLM", "encoder-decoder"),
    ],
)
def test_encoder_decoders_are_no_causal_language_models(kind: str, model_type: str) -> None:
    config = tokenizer() | {"architectures": [kind], "model_type": model_type}
    found = classify(record("google/Anvil-base", config=config))
    assert (found.is_base, found.relation) == (False, "unknown")


def test_a_configuration_that_says_encoder_decoder_is_believed() -> None:
    config = tokenizer() | {"is_encoder_decoder": True}
    assert not classify(record(config=config)).is_base


@pytest.mark.parametrize(
    ("kind", "model_type"),
    [
        ("Gemma3ForConditionalGeneration", "gemma3"),
        ("Gemma4ForConditionalGeneration", "gemma4"),
        ("Qwen3VLMoeForConditionalGeneration", "qwen3_vl_moe"),
        ("Mistral3ForConditionalGeneration", "mistral3"),
        ("Llama4ForConditionalGeneration", "llama4"),
    ],
)
def test_decoders_with_towers_are(kind: str, model_type: str) -> None:
    config = tokenizer() | {"architectures": [kind], "model_type": model_type}
    found = classify(record("google/anvil-3-4b-base", config=config))
    assert found.is_base
    nested: dict[str, Any] = {
        "architectures": ["NovelForConditionalGeneration"],
        "model_type": "novel",
    }
    nested |= {"text_config": {"model_type": "llama"}, "tokenizer_config": {"eos_token": "</s>"}}
    assert classify(record("google/anvil-3-4b-base", config=nested)).is_base
    del nested["text_config"]
    assert classify(record("google/anvil-3-4b-base", config=nested)).doubtful


@pytest.mark.parametrize("name", ["Vanguard-7B", "Climate-7B", "Lifeguard-1B", "Schatz-7B"])
def test_marks_inside_other_words_are_none(name: str) -> None:
    data = {"license": "mit", "language": ["en"], "datasets": ["acme/climate", "acme/malfunctions"]}
    found = classify(record(f"acme/{name}", cardData=data))
    assert (found.is_base, found.doubtful) == (True, False)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": "acme/AnvilGuard-8B"},
        {"model_id": "acme/Anvil-function-8B"},
        {"cardData": {"datasets": ["GAIR/lima"]}},
        {"cardData": {"datasets": ["acme/function-calls"]}},
        {"tags": tagged("reasoning")},
    ],
)
def test_one_weak_word_leaves_a_doubt(changes: dict[str, Any]) -> None:
    found = classify(record(**changes))
    assert (found.is_base, found.doubtful) == (False, True)


def test_a_mixture_for_pretraining_may_hold_conversations() -> None:
    data = {"datasets": ["HuggingFaceFW/fineweb-edu", "acme/math-reasoning"]}
    assert classify(record(cardData=data)).is_base


def test_it_may_mean_italian() -> None:
    found = classify(record("acme/Anvil-it-7B", cardData={"language": ["it"]}))
    assert (found.is_base, found.doubtful) == (False, True)


def test_an_importance_matrix_is_no_weights() -> None:
    held = files("anvil-Q4_K_M.gguf", "imatrix.safetensors")
    assert classify(record(siblings=held)).relation == "quantised"


def test_code_loaded_from_another_repository_names_the_parent() -> None:
    config = tokenizer() | {"auto_map": {"AutoModelForCausalLM": "other/Bellows--model.Bellows"}}
    found = classify(record(config=config))
    assert (found.is_base, found.parent_id) == (False, "other/Bellows")


def test_a_native_format_is_told_from_a_quantised_copy() -> None:
    fp8 = tokenizer() | {"quantization_config": {"quant_method": "fp8"}}
    original = classify(record("deepseek-ai/DeepSeek-V9-Base", config=fp8))
    assert (original.is_base, original.relation, original.parent_id) == (True, "base", None)
    assert "native format fp8" in original.evidence
    copied = classify(record("someone/DeepSeek-V9-Base-FP8", config=fp8))
    assert (copied.is_base, copied.relation) == (False, "quantised")
    parent = {"base_model": "deepseek-ai/DeepSeek-V9-Base", "base_model_relation": "quantized"}
    stated = classify(record("someone/Anvil", config=fp8, cardData=parent))
    assert (stated.is_base, stated.relation) == (False, "quantised")
    assert stated.parent_id == "deepseek-ai/DeepSeek-V9-Base"


# --- files before tags, whole words, native formats, common shapes --------------------------------


@pytest.mark.parametrize("kind", ["gguf", "openvino", "llama.cpp"])
@pytest.mark.parametrize("file", ["gemma-7b.gguf", "openvino_model.bin", "model.onnx"])
def test_a_conversion_beside_safetensors_makes_no_copy(kind: str, file: str) -> None:
    held = files(*WEIGHTS, file)
    for changes in ({"tags": tagged(kind)}, {"library_name": kind}):
        found = classify(record("google/gemma-9-7b", siblings=held, **changes))
        assert (found.is_base, found.doubtful) == (True, False)


def test_a_conversion_alone_or_packed_numbers_make_one() -> None:
    for file in ("gemma-7b.gguf", "openvino_model.bin"):
        alone = classify(record("google/gemma-9-7b", siblings=files("config.json", file)))
        assert (alone.relation, alone.doubtful) == ("quantised", False)
    packed = {"parameters": {"I32": 800_000_000, "BF16": 90_000_000}}
    found = classify(record("someone/Bellows", safetensors=packed, tags=tagged("gptq")))
    assert (found.relation, found.doubtful) == ("quantised", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": "google/Anvil-Chat-7B"},
        {"model_id": "google/Anvil-RP-7B"},
        {"tags": tagged("chatbot")},
        {"tags": tagged("4-bit"), "siblings": files("config.json", "pytorch_model.bin")},
        {"tags": tagged("robotics")},
        {"cardData": {"datasets": ["acme/instructions"]}},
        {"model_id": "google/Anvil-fusion-7B"},
        {"model_id": "google/eagle-7B"},
    ],
)
def test_one_word_or_tag_never_rejects_surely_where_the_publisher_pretrains(
    changes: dict[str, Any],
) -> None:
    found = classify(record(**({"model_id": "google/Anvil-7B"} | changes)))
    assert (found.is_base, found.doubtful) == (False, True)


def test_another_field_is_sure_where_no_class_contradicts_it() -> None:
    for changes in ({"tags": tagged("diffusers")}, {"pipeline_tag": "text-to-image"}):
        found = classify(record("google/Anvil-7B", config={}, **changes))
        assert (found.is_base, found.doubtful) == (False, False)


def test_a_second_sign_of_another_kind_makes_it_sure() -> None:
    chat = tokenizer(end="<eos>", chat_template=CHATML)
    for changes in ({"config": chat}, {"tags": tagged("trl", "sft")}):
        found = classify(record("google/Anvil-7B-it", **changes))
        assert (found.is_base, found.relation, found.doubtful) == (False, "finetune", False)
    copied = tokenizer() | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    found = classify(record("google/Anvil-7B-AWQ", config=copied))
    assert (found.relation, found.doubtful) == ("quantised", False)


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("lfm2_moe", "Lfm2MoeForCausalLM"),
        ("gpt5", "Gpt5ForCausalLM"),
        ("ledger", "LedgerForCausalLM"),
        ("embark", "EmbarkForCausalLM"),
        ("dragon", "DragonForCausalLM"),
        ("nightingale", "NightingaleForCausalLM"),
    ],
)
def test_types_of_encoder_decoders_inside_other_types_are_none(model_type: str, name: str) -> None:
    config = tokenizer("</s>") | {"architectures": [name], "model_type": model_type}
    found = classify(record("LiquidAI/Anvil-8B-A1B-Base", config=config))
    assert (found.is_base, found.doubtful) == (True, False)


@pytest.mark.parametrize(
    "model_id",
    [
        "facebook/MobileLLM-R1-950M-base",
        "ai-sage/GigaChat-20B-A3B-base",
        "CohereLabs/tiny-aya-base",
    ],
)
def test_words_of_tuning_in_a_product_name_that_says_base(model_id: str) -> None:
    found = classify(record(model_id))
    assert (found.is_base, found.doubtful) == (True, False)


@pytest.mark.parametrize(
    "model_id", ["togethercomputer/Anvil-Chat-Base-20B", "google/Anvil-7B-Base-SFT"]
)
def test_a_stage_of_tuning_between_dashes_is_one_though_the_name_says_base(model_id: str) -> None:
    found = classify(record(model_id))
    assert (found.is_base, found.doubtful) == (False, True)


def test_the_name_of_a_recipe_never_decides_alone() -> None:
    own_code = {"AutoModelForCausalLM": "raven_modeling.Raven"}
    config = tokenizer("</s>") | {"model_type": "huginn_raven", "auto_map": own_code}
    config["architectures"] = ["RavenForCausalLM"]
    found = classify(record("somelab/huginn-0125", config=config))
    assert (found.is_base, found.doubtful) == (True, False)
    named = classify(record("someone/Huginn-13b"))
    assert (named.is_base, named.doubtful) == (False, True)
    tuned = classify(record("someone/Huginn-13b", tags=tagged("trl")))
    assert (tuned.is_base, tuned.doubtful) == (False, False)


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ({"quant_method": "bitnet"}, "bitnet"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "nvfp4"),
    ],
)
def test_formats_that_models_are_trained_in(stated: dict[str, Any], shown: str) -> None:
    config = tokenizer("</s>") | {"quantization_config": stated}
    packed = {"parameters": {"BF16": 270_000_000, "U8": 690_000_000}}
    found = classify(record("tiiuae/Anvil-E-3B-Base", config=config, safetensors=packed))
    assert (found.is_base, found.doubtful, found.quantisation) == (True, False, shown)
    assert f"native format {shown}" in found.evidence


def test_a_tool_that_quantises_finished_models_leaves_copies_elsewhere() -> None:
    stated = {"quant_method": "modelopt", "quant_algo": "NVFP4"}
    config = tokenizer("</s>") | {"quantization_config": stated}
    found = classify(record("someone/Anvil-7B", config=config))
    assert (found.relation, found.doubtful) == ("quantised", False)


LLAMA_8B = 8_030_261_248


def llama_8b(end: str | None, **more: Any) -> dict[str, Any]:
    return {"config": tokenizer(end) | more, "safetensors": {"total": LLAMA_8B}}


def test_a_common_shape_with_another_tokenizer_is_no_copy() -> None:
    found = classify(record("newlab/anvil-8b-base", **llama_8b("</s>")))
    assert (found.is_base, found.doubtful) == (True, False)
    assert "a tokenizer of its own" in found.evidence
    by_size = classify(record("newlab/anvil-8b-base", **llama_8b(None, vocab_size=100_352)))
    assert (by_size.is_base, by_size.doubtful) == (True, False)
    assert "a vocabulary of its own" in by_size.evidence


@pytest.mark.parametrize(
    "changes",
    [
        llama_8b("<|end_of_text|>"),
        llama_8b("<|im_end|>"),
        llama_8b("<|eot_id|>", vocab_size=128_264),
        llama_8b(None),
    ],
)
def test_added_tokens_or_an_end_of_turn_are_no_other_tokenizer(changes: dict[str, Any]) -> None:
    found = classify(record("newlab/anvil-8b-base", **changes))
    assert (found.is_base, found.doubtful) == (False, True)


@pytest.mark.parametrize("model_id", ["LLM360/Anvil", "ibm-granite/anvil-8b-base"])
def test_a_publisher_who_pretrains_may_choose_a_common_shape(model_id: str) -> None:
    found = classify(record(model_id, **llama_8b("<|end_of_text|>")))
    assert (found.is_base, found.doubtful) == (True, False)
    assert not classify(record("LLM360/Llama-Anvil", **llama_8b("<|end_of_text|>"))).is_base


@pytest.mark.parametrize(
    "changes",
    [
        {"config": tokenizer() | {"architectures": ["LlamaForCausalLMEagle3"]}},
        {"config": tokenizer() | {"model_type": "eagle"}},
        {"config": tokenizer() | {"speculators_model_type": "eagle3"}},
        {"siblings": files("config.json", "medusa_lm_head.safetensors")},
    ],
)
def test_draft_models_are_no_language_models(changes: dict[str, Any]) -> None:
    found = classify(record("google/Anvil-7B", **changes))
    assert (found.is_base, found.doubtful) == (False, False)
    assert "draft model" in found.evidence


def test_the_topics_of_a_corpus_are_no_other_field() -> None:
    topics = tagged("biology", "chemistry")
    assert classify(record("google/Anvil-7B", tags=topics)).is_base
    assert not classify(record("someone/Anvil-7B", tags=topics)).is_base


# --- another's weights with a larger vocabulary, other fields' data, data alone -------------------


def mistral(width: int, vocabulary: int, total: int) -> dict[str, Any]:
    config = tokenizer("</s>") | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    sizes = {"hidden_size": width, "vocab_size": vocabulary}
    return {"config": config | sizes, "safetensors": {"total": total}}


@pytest.mark.parametrize("vocabulary", [32_768, 48_000, 61_952])
@pytest.mark.parametrize("copies", [1, 2])
def test_anothers_weights_with_a_larger_vocabulary(vocabulary: int, copies: int) -> None:
    total = MISTRAL_7B + copies * 4096 * (vocabulary - 32_000)
    changes = mistral(4096, vocabulary, total)
    found = classify(record("someone/Anvil-7B-base", **changes))
    assert (found.is_base, found.doubtful) == (False, True)
    assert "mistralai/Mistral-7B" in found.evidence
    assert classify(record("google/Anvil-7B-base", **changes)).is_base


def test_another_body_with_a_larger_vocabulary_is_its_own() -> None:
    own_body = mistral(4096, 48_000, MISTRAL_7B + 2 * 4096 * 16_000 + 33_554_432)
    found = classify(record("someone/Anvil-7B-base", **own_body))
    assert (found.is_base, found.doubtful) == (True, False)


@pytest.mark.parametrize("name", ["nferruz/UR50_2021_04", "x/uniref90", "lab/zinc20", "a/midi-set"])
def test_data_of_other_fields(name: str) -> None:
    card = {"cardData": {"datasets": [name], "language": ["en"]}}
    found = classify(record("someone/Bellows", **card))
    assert (found.is_base, found.doubtful) == (False, False)
    spared = {"cardData": {"datasets": ["lab/midinet", "lab/your50"], "language": ["en"]}}
    assert classify(record("someone/Bellows", **spared)).is_base


def test_a_corpus_of_instructions_may_be_for_pretraining() -> None:
    card = {"datasets": ["lab/Corpus-Instruct"], "language": ["pt"]}
    found = classify(record("someone/Bellows-460m", cardData=card))
    assert (found.is_base, found.doubtful) == (False, True)
    both = {"datasets": ["lab/Corpus-Instruct", "tatsu-lab/alpaca"]}
    assert not classify(record("someone/Bellows-460m", cardData=both)).doubtful


def test_the_shape_of_gpt2_is_named_by_who_trains_in_it_from_scratch() -> None:
    config = tokenizer("<|endoftext|>") | {"architectures": ["GPT2LMHeadModel"]}
    changes = {"config": config | {"model_type": "gpt2"}, "safetensors": {"total": 774_030_080}}
    found = classify(record("rinna/anvil-gpt2-large", **changes))
    assert (found.is_base, found.doubtful) == (True, False)
    assert not classify(record("someone/anvil-gpt2-large", **changes)).is_base
