"""Counts from configurations are exactly `sum(p.numel())` of the model transformers builds.

Skipped where transformers is not installed; `docs/hub.md` says how to install it. The sizes are
small and unlike each other, so that no two terms of a formula can be exchanged unnoticed.
"""

import dataclasses
import json
import math
import warnings
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.hub.parameters import config as configuration
from densing_pipeline.hub.parameters import families, tower

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

CONFIGS = Path(__file__).parents[4] / "shared" / "data" / "hub" / "configs"
BESIDE = ("vision", "visual", "projector", "embed_audio", "audio_tower")

SMALL = {
    "hidden_size": 96,
    "num_hidden_layers": 7,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 152,
    "vocab_size": 1031,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
BIASES = {
    "attention_bias": True,
    "mlp_bias": True,
    "use_bias": True,
    "bias": True,
    "qkv_bias": True,
    "use_qkv_bias": True,
    "attention_out_bias": True,
}
ROUTED = {
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 40,
    "decoder_sparse_step": 1,
}
LATENT = {
    "q_lora_rank": 36,
    "kv_lora_rank": 28,
    "qk_nope_head_dim": 12,
    "qk_rope_head_dim": 8,
    "v_head_dim": 14,
    "num_key_value_heads": 6,
    "n_routed_experts": 8,
    "n_shared_experts": 3,
    "first_k_dense_replace": 2,
    "n_group": 2,
    "topk_group": 1,
}
INDEXER = {"index_n_heads": 5, "index_head_dim": 16}
MAMBA2 = {
    "mamba_n_heads": 12,
    "mamba_n_groups": 2,
    "mamba_d_state": 10,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
}
DELTA = {
    "linear_num_key_heads": 3,
    "linear_num_value_heads": 6,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 10,
    "linear_conv_kernel_dim": 4,
    "head_dim": 18,
    "shared_expert_intermediate_size": 56,
    "num_experts": 8,
}
HYBRID = ["linear_attention", "full_attention"] * 3 + ["linear_attention"]

CASES: list[tuple[str, dict[str, Any]]] = [
    *((family, {}) for family in ("llama", "mistral", "qwen2", "qwen3", "gemma")),
    *((family, {"head_dim": 20}) for family in ("llama", "ministral", "qwen3", "gemma", "glm")),
    *((family, BIASES) for family in ("llama", "qwen3", "gemma2", "granite", "smollm3", "gemma")),
    *((family, {"tie_word_embeddings": False}) for family in ("gemma2", "smollm3", "cohere")),
    *((family, {"tie_word_embeddings": True}) for family in ("llama", "qwen2", "olmo", "glm4")),
    ("gemma3_text", {"head_dim": 20}),
    ("gemma3_text", BIASES),
    ("olmo", BIASES),
    ("olmo2", BIASES),
    ("olmo3", {}),
    ("phi3", {}),
    ("cohere", {"use_qk_norm": True}),
    ("cohere2", BIASES),
    ("glm", BIASES),
    ("glm4", BIASES),
    ("helium", {"head_dim": 16}),
    ("helium", {**BIASES, "head_dim": 16}),
    ("ernie4_5", BIASES),
    ("ernie4_5", {}),
    ("seed_oss", {**BIASES, "head_dim": 16}),
    ("hunyuan_v1_dense", {"head_dim": 16}),
    ("hunyuan_v1_dense", {**BIASES, "head_dim": 20}),
    ("exaone4", {}),
    ("bitnet", {}),
    ("arcee", BIASES),
    ("arcee", {}),
    ("apertus", {}),
    ("nemotron", {}),
    ("nemotron", {**BIASES, "head_dim": 20}),
    ("starcoder2", {}),
    ("starcoder2", {"use_bias": False, "tie_word_embeddings": False}),
    ("gpt_neox", {}),
    ("gpt_neox", {"attention_bias": False, "use_parallel_residual": False}),
    ("gptj", {"n_embd": 96, "n_layer": 7, "n_head": 6, "rotary_dim": 8}),
    ("codegen", {"n_embd": 96, "n_layer": 7, "n_head": 8, "rotary_dim": 8}),
    ("phi", {"num_key_value_heads": 6}),
    ("phi", {"qk_layernorm": True}),
    ("persimmon", {}),
    ("persimmon", {"qk_layernorm": False}),
    ("internlm3", {}),
    ("internlm3", BIASES),
    ("minicpm3", LATENT),
    ("gpt2", {"n_embd": 96, "n_layer": 7, "n_head": 6, "n_positions": 64}),
    ("gpt2", {"n_embd": 96, "n_layer": 7, "n_head": 6, "n_inner": 100}),
    ("gpt_neo", {"num_layers": 4, "num_heads": 6, "attention_types": [[["global", "local"], 2]]}),
    ("gpt_bigcode", {"n_embd": 96, "n_layer": 7, "n_head": 6, "multi_query": True}),
    ("gpt_bigcode", {"n_embd": 96, "n_layer": 7, "n_head": 6, "multi_query": False}),
    ("opt", {"ffn_dim": 200}),
    ("opt", {"ffn_dim": 200, "word_embed_proj_dim": 48, "do_layer_norm_before": False}),
    ("opt", {"ffn_dim": 200, "enable_bias": False}),
    ("bloom", {"n_layer": 7, "n_head": 6}),
    ("falcon", {"multi_query": True}),
    ("falcon", {"multi_query": False, "bias": True, "parallel_attn": False}),
    ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    (
        "falcon",
        {"new_decoder_architecture": True, "num_kv_heads": 3, "num_ln_in_parallel_attn": 1},
    ),
    ("mpt", {"d_model": 96, "n_layers": 7, "n_heads": 6, "expansion_ratio": 4}),
    ("stablelm", {}),
    ("stablelm", {"use_qkv_bias": True, "use_parallel_residual": True}),
    ("stablelm", {"qk_layernorm": True}),
    (
        "dbrx",
        {
            "d_model": 96,
            "n_heads": 6,
            "n_layers": 7,
            "attn_config": {"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 10000.0},
            "ffn_config": {"ffn_hidden_size": 80, "moe_num_experts": 6, "moe_top_k": 2},
        },
    ),
    ("mixtral", {"num_local_experts": 5}),
    (
        "qwen2_moe",
        {**ROUTED, "num_experts": 8, "shared_expert_intermediate_size": 56, "mlp_only_layers": [1]},
    ),
    ("qwen2_moe", {**ROUTED, "num_experts": 8, "qkv_bias": False, "decoder_sparse_step": 2}),
    ("qwen3_moe", {**ROUTED, "num_experts": 8, "head_dim": 20}),
    ("qwen3_moe", {**ROUTED, "num_experts": 8, "decoder_sparse_step": 3, **BIASES}),
    ("olmoe", {"num_experts": 8, "num_experts_per_tok": 2}),
    ("flex_olmo", {"num_experts": 8, "num_experts_per_tok": 2}),
    ("phimoe", {"num_local_experts": 8, "attention_bias": True, "lm_head_bias": True}),
    ("granitemoe", {"num_local_experts": 8}),
    ("granitemoeshared", {"num_local_experts": 8, "shared_intermediate_size": 44}),
    ("gpt_oss", {"num_local_experts": 8, "head_dim": 20}),
    ("minimax_m2", {"num_local_experts": 8, "head_dim": 20}),
    (
        "llama4_text",
        {"num_local_experts": 8, "interleave_moe_layer_step": 2, "intermediate_size_mlp": 88},
    ),
    ("deepseek_v2", {**ROUTED, **LATENT}),
    ("deepseek_v2", {**ROUTED, **LATENT, "q_lora_rank": None}),
    ("deepseek_v3", {**ROUTED, **LATENT}),
    ("deepseek_v3", {**ROUTED, **LATENT, "attention_bias": True}),
    ("deepseek_v32", {**ROUTED, **LATENT, **INDEXER}),
    ("glm_moe_dsa", {**ROUTED, **LATENT, **INDEXER}),
    ("glm4_moe_lite", {**ROUTED, **LATENT, "first_k_dense_replace": 1}),
    (
        "glm4_moe",
        {**ROUTED, "n_routed_experts": 8, "n_shared_experts": 1, "use_qk_norm": True, **BIASES},
    ),
    ("dots1", {**ROUTED, "n_routed_experts": 8, "n_shared_experts": 2, "n_group": 1}),
    (
        "ernie4_5_moe",
        {
            "moe_num_experts": 8,
            "moe_k": 2,
            "moe_intermediate_size": 40,
            "moe_num_shared_experts": 2,
            "moe_layer_start_index": 2,
            "moe_layer_end_index": 5,
            "moe_layer_interval": 1,
        },
    ),
    ("mamba", {"state_size": 12, "expand": 2}),
    ("mamba", {"state_size": 12, "use_bias": True, "tie_word_embeddings": False}),
    ("falcon_mamba", {"state_size": 12, "expand": 2}),
    (
        "mamba2",
        {"num_heads": 12, "head_dim": 16, "state_size": 10, "n_groups": 2, "expand": 2},
    ),
    (
        "jamba",
        {
            "num_experts": 4,
            "mamba_d_state": 12,
            "mamba_dt_rank": 7,
            "attn_layer_period": 3,
            "attn_layer_offset": 1,
        },
    ),
    (
        "nemotron_h",
        {
            "hybrid_override_pattern": "M*-EM-E",
            "mamba_num_heads": 12,
            "mamba_head_dim": 8,
            "n_groups": 2,
            "ssm_state_size": 10,
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 40,
            "moe_shared_expert_intermediate_size": 72,
            "head_dim": 20,
        },
    ),
    ("falcon_h1", {**MAMBA2, "mamba_d_ssm": 144, "mamba_d_head": 12, "mamba_rms_norm": True}),
    ("falcon_h1", {**MAMBA2, "mamba_d_ssm": 144, "mamba_d_head": 12, "mamba_rms_norm": False}),
    (
        "granitemoehybrid",
        {
            **MAMBA2,
            "mamba_d_head": 16,
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 44,
            "layer_types": ["mamba", "attention"] * 3 + ["mamba"],
        },
    ),
    (
        "granitemoehybrid",
        {**MAMBA2, "mamba_d_head": 16, "num_local_experts": 0, "shared_intermediate_size": 44},
    ),
    ("qwen3_next", {**ROUTED, **DELTA, "layer_types": HYBRID}),
    ("qwen3_5_text", {**DELTA, "num_experts": None, "layer_types": HYBRID}),
    ("qwen3_5_moe_text", {**ROUTED, **DELTA, "layer_types": HYBRID}),
    ("lfm2", {"full_attn_idxs": [2, 5], "block_ff_dim": 500, "conv_bias": True}),
    ("lfm2", {"full_attn_idxs": [1], "block_auto_adjust_ff_dim": False}),
    (
        "lfm2_moe",
        {
            **ROUTED,
            "num_experts": 8,
            "num_dense_layers": 2,
            "layer_types": ["conv", "full_attention"] * 3 + ["conv"],
        },
    ),
    (
        "gemma3n_text",
        {
            "hidden_size_per_layer_input": 24,
            "vocab_size_per_layer_input": 900,
            "laurel_rank": 8,
            "head_dim": 20,
            "num_kv_shared_layers": 2,
            "layer_types": ["sliding_attention"] * 4 + ["full_attention"] * 3,
            "activation_sparsity_pattern": [0.0] * 7,
        },
    ),
    (
        "gemma4_text",
        {
            "head_dim": 20,
            "global_head_dim": 28,
            "attention_k_eq_v": True,
            "num_global_key_value_heads": 3,
            "enable_moe_block": True,
            "num_experts": 8,
            "top_k_experts": 2,
            "moe_intermediate_size": 40,
            "hidden_size_per_layer_input": 0,
        },
    ),
    (
        "gemma4_text",
        {
            "head_dim": 20,
            "global_head_dim": 28,
            "hidden_size_per_layer_input": 24,
            "vocab_size_per_layer_input": 900,
            "num_kv_shared_layers": 3,
            "use_double_wide_mlp": True,
            "layer_types": ["sliding_attention", "full_attention"] * 3 + ["full_attention"],
        },
    ),
    (
        "deepseek_v4",
        {
            **ROUTED,
            **INDEXER,
            "head_dim": 24,
            "num_key_value_heads": 1,
            "qk_rope_head_dim": 8,
            "q_lora_rank": 36,
            "o_groups": 3,
            "o_lora_rank": 10,
            "hc_mult": 3,
            "n_routed_experts": 8,
            "n_shared_experts": 1,
            "compress_ratios": [0, 128, 4, 128, 4, 0, 4],
            "num_hash_layers": 2,
        },
    ),
    ("ministral3", {"head_dim": 20}),
    (
        "minimax_m3_vl_text",
        {
            "head_dim": 20,
            "dense_intermediate_size": 88,
            "num_local_experts": 8,
            "num_experts_per_tok": 2,
            "index_n_heads": 2,
            "index_head_dim": 12,
            "shared_intermediate_size": 152,
            "mlp_layer_types": ["dense"] * 2 + ["sparse"] * 5,
            "layer_types": ["full_attention"] * 2 + ["minimax_m3_sparse"] * 5,
        },
    ),
    (
        "kimi_linear",
        {
            **ROUTED,
            **LATENT,
            "q_lora_rank": None,
            "num_experts": 8,
            "num_shared_experts": 1,
            "linear_attn_config": {
                "full_attn_layers": [4, 7],
                "kda_layers": [1, 2, 3, 5, 6],
                "head_dim": 16,
                "num_heads": 5,
                "short_conv_kernel_size": 4,
            },
        },
    ),
    (
        "mimo_v2_flash",
        {
            "head_dim": 20,
            "v_head_dim": 14,
            "swa_num_attention_heads": 6,
            "swa_num_key_value_heads": 4,
            "swa_head_dim": 20,
            "swa_v_head_dim": 14,
            "hybrid_layer_pattern": [0, 1, 1, 1, 1, 0, 1],
            "moe_layer_freq": [0, 1, 1, 1, 1, 1, 1],
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 40,
            "add_swa_attention_sink_bias": True,
            "n_group": 1,
            "topk_group": 1,
        },
    ),
]


def class_of(family: str) -> Any:
    """The configuration class; the newest transformers knows every family, older ones not all."""
    if family not in transformers.CONFIG_MAPPING:
        pytest.skip(f"transformers {transformers.__version__} has no class for {family}")
    return transformers.CONFIG_MAPPING[family]


def small(family: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """The common sizes this family knows, unless the case states them under another name."""
    kind = class_of(family)
    fields = {field.name for field in dataclasses.fields(kind)}
    own_name = getattr(kind, "attribute_map", {})
    return {
        name: value
        for name, value in SMALL.items()
        if (name in fields or name in own_name) and own_name.get(name) not in sizes
    }


def built(config: Any) -> Any:
    auto = (
        transformers.AutoModelForCausalLM,
        transformers.AutoModelForImageTextToText,
        transformers.AutoModel,
    )
    refused = []
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        for kind in auto:
            try:
                return kind.from_config(config)
            except (ValueError, AttributeError) as error:
                refused.append(str(error)[:200])
    pytest.fail(f"transformers cannot build {config.model_type}: {refused}")


def from_config(config: dict[str, Any]) -> Any:
    kind = class_of(config["model_type"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind.from_dict({**config})


def of_language_model(model: Any) -> int:
    """Parameters outside vision and audio, each once."""
    return sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(word in name for word in BESIDE)
    )


@pytest.mark.parametrize(("family", "sizes"), CASES, ids=lambda value: str(value)[:40])
def test_count_is_that_of_the_model_built(family: str, sizes: dict[str, Any]) -> None:
    config = {**small(family, sizes), **sizes, "model_type": family}
    model = built(from_config(config))
    parts = families.count(configuration.read(config))
    assert parts.total == of_language_model(model)
    routed = sum(
        math.prod(parameter.shape)
        for name, parameter in model.named_parameters()
        if ".experts." in name and parameter.dim() >= 2
    )
    assert 0 <= parts.inactive <= routed
    assert parts.embedding >= model.get_input_embeddings().weight.numel()


def recorded() -> list[str]:
    return sorted(path.stem for path in CONFIGS.glob("*.json"))


# Flat, re-typed files whose sizes their own class does not read.
NOT_READ_BY_THEIR_CLASS = {"stepfun-ai--Step-3.7-Flash"}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", recorded())
def test_recorded_configurations(name: str) -> None:
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    class_of(config["model_type"])
    if name in NOT_READ_BY_THEIR_CLASS:
        pytest.skip("its class does not read these sizes")
    for part in (config, config.get("text_config") or {}):
        part.pop("quantization_config", None)
        part.pop("auto_map", None)
    model = built(from_config(config))
    text = configuration.read(config)
    counted = families.count(text)
    assert counted.total == of_language_model(model)
    inside = sum(parameter.numel() for parameter in model.parameters()) - counted.total
    beside = tower.count(text)
    if inside and not beside.unknown:
        assert beside.known in (0, inside)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [-1, [-1, -2]])
def test_the_tower_and_projector_of_mistral_3(bias: bool, layers: int | list[int]) -> None:
    vision = {
        "model_type": "pixtral",
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "intermediate_size": 80,
        "num_attention_heads": 4,
        "patch_size": 7,
    }
    config = {
        "model_type": "mistral3",
        "text_config": {**SMALL, "model_type": "ministral3"},
        "vision_config": vision,
        "vision_feature_layer": layers,
        "multimodal_projector_bias": bias,
    }
    model = built(from_config(config))
    beside = tower.count(configuration.read(config))
    assert not beside.unknown
    assert beside.known == sum(p.numel() for p in model.parameters()) - of_language_model(model)


# What these families call by a size's name has another meaning in most.
OF_ONE_FAMILY = {
    ("deepseek_v4", "intermediate_size"),
    ("glm4_moe_lite", "head_dim"),
    # The decoder of an encoder-decoder, and an encoder.
    ("trocr", "num_attention_heads"),
    ("trocr", "num_hidden_layers"),
    ("xlm", "hidden_size"),
}


def test_names_of_sizes_are_those_of_every_decoder() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    names = {name: {name, *others} for name, others in configuration.NAMES.items()}
    missing = set()
    for family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        kind = class_of(family)
        if getattr(kind, "is_encoder_decoder", False):
            continue
        for name, other in getattr(kind, "attribute_map", {}).items():
            spellings = next((each for each in names.values() if name in each), None)
            if spellings and other not in spellings and (family, name) not in OF_ONE_FAMILY:
                missing.add((family, name, other))
    assert missing == set()


@pytest.mark.parametrize("family", sorted(configuration.class_defaults()))
def test_class_defaults_are_those_of_transformers(family: str) -> None:
    kind = class_of(family)
    text = getattr(kind, "sub_configs", {}).get("text_config")
    sources = [kind] if text is None else [kind, text]
    fields = {
        field.name: field.default
        for source in sources
        if dataclasses.is_dataclass(source)
        for field in dataclasses.fields(source)
    }
    for name, value in configuration.class_defaults()[family].items():
        if not isinstance(value, dict) and name != "tie_word_embeddings":
            assert fields[name] == value, name
