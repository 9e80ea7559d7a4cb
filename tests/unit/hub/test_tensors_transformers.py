"""Counts from tensors are exactly `sum(p.numel())` of every causal language model transformers builds.

Skipped where transformers is not installed; `docs/hub.md` says how to install it. Each type is built
small on the meta device; its tensors are counted under the names of the model class, and under those
`save_pretrained` writes.
"""

import dataclasses
import json
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.hub.parameters.tensors import Tensor, TensorCounts, count_tensors

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
loading = pytest.importorskip("transformers.core_model_loading")
auto = pytest.importorskip("transformers.models.auto.modeling_auto")

# After the check that transformers is there, for the module with the cases needs it too.
from tests.unit.hub.test_parameters_transformers import CASES, SMALL  # noqa: E402

COMMON = {**SMALL, "moe_intermediate_size": 40, "num_experts_per_tok": 2}
TOWER = ("hidden_size", "num_hidden_layers", "intermediate_size")
DRAFT = {
    "hidden_size_per_layer_input": 0,
    "vocab_size_per_layer_input": 0,
    "num_kv_shared_layers": 7,
    "head_dim": 20,
    "global_head_dim": 28,
}
HYBRID = ["linear_attention", "hybrid"] * 3 + ["linear_attention"]
QWEN4 = {
    "num_experts": 8,
    "linear_num_key_heads": 3,
    "linear_num_value_heads": 6,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 10,
    "head_dim": 18,
    "shared_expert_intermediate_size": 56,
    "hc_lowrank": 12,
    "indexer_n_heads": 4,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 32,
    "indexer_budget": 64,
    "indexer_compress_ratio": 4,
    "ple_layer_ids": [2],
    "ngram_vocab_size_base": 500,
    "split_ngram_parts": 2,
    "eos_token_id": 1,
}

SIZES: dict[str, dict[str, Any]] = dict(reversed(CASES)) | {
    "bamba": {"mamba_n_heads": 12, "mamba_d_head": 16},
    "cohere_compass_text": {
        "rope_parameters": {
            "full_attention": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [3, 3, 2],
            }
        }
    },
    "gemma4_assistant": {"text_config": {"model_type": "gemma4_text", **SMALL, **DRAFT}},
    "gemma4_unified_assistant": {
        "text_config": {"model_type": "gemma4_unified_text", **SMALL, **DRAFT}
    },
    "hunyuan_v1_moe": {"head_dim": 20, "num_experts": 8, "moe_topk": [2] * 7},
    "qwen4_exp": {"text_config": {**COMMON, **QWEN4}},
    "qwen4_exp_text": QWEN4,
    "reformer": {
        "is_decoder": True,
        "axial_pos_shape": [8, 16],
        "axial_pos_embds_dim": [32, 64],
        "attn_layers": ["local", "lsh"],
        "num_attention_heads": 6,
        "attention_head_size": 16,
    },
    "xlnet": {"d_head": 16, "d_inner": 152},
    "zamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "num_key_value_heads": 6},
    "zamba2": {"layers_block_type": HYBRID, "n_mamba_heads": 12, "num_key_value_heads": 6},
    "zaya": {"num_experts_per_tok": 1},
}
"""Sizes that a type needs beside the common ones, by model type."""

NOT_BUILT = {
    "gemma3n": "requires the timm library",
    "musicgen": "Validation error for field 'text_encoder'",
    "musicgen_melody": "Validation error for field 'text_encoder'",
}
"""Types of causal language models that are not built, with what their classes say.

Gemma 3n's vision tower needs a library that the environment lacks; MusicGen's configurations are
those of models with encoders for text and audio. Their decoders are built as types of their own.
"""

UNTIED_THOUGH_STATED = {"bigbird_pegasus"}
"""Types whose configuration says that the head is the embedding, and whose class has two matrices."""

UNEVEN = {"longcat_flash"}
"""Types whose class has some matrices for experts that have no others."""

DTYPES = {"float32": "F32", "bfloat16": "BF16", "int64": "I64", "bool": "BOOL"}


def sizes_of(kind: Any, sizes: Mapping[str, Any], names: Any = COMMON) -> dict[str, Any]:
    """The common sizes a configuration class has, unless the case states them under another name."""
    fields = {field.name for field in dataclasses.fields(kind)}
    aliases = getattr(kind, "attribute_map", {})
    return {
        name: COMMON[name]
        for name in names
        if (name in fields or name in aliases) and aliases.get(name) not in sizes
    } | dict(sizes)


def configuration_of(family: str) -> Any:
    kind = transformers.CONFIG_MAPPING[family]
    stated = sizes_of(kind, SIZES.get(family, {}))
    for key, part in (getattr(kind, "sub_configs", None) or {}).items():
        if key not in stated and dataclasses.is_dataclass(part):
            is_text = "text" in key or "decoder" in key
            stated[key] = sizes_of(part, {}, COMMON if is_text else TOWER)
    return kind.from_dict(stated)


def built(family: str) -> Any:
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        return transformers.AutoModelForCausalLM.from_config(configuration_of(family))


def stored(model: Any) -> dict[str, Any]:
    """The tensors as they are stored, each once: tied ones are left out."""
    tied = model.all_tied_weights_keys
    return {name: each for name, each in model.state_dict().items() if name not in tied}


def counted(model: Any, tensors: Mapping[str, Any]) -> TensorCounts:
    listed = [
        Tensor(name, DTYPES[str(each.dtype).removeprefix("torch.")], tuple(each.shape))
        for name, each in tensors.items()
    ]
    return count_tensors(listed, json.loads(model.config.to_json_string(use_diff=False)))


def routed_experts(model: Any) -> list[Any]:
    """Parameters of routed experts, by the classes and names of their modules."""
    found = {
        id(parameter): parameter
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Experts") and "shared" not in name
        for parameter in module.parameters()
    }
    return list(found.values())


def used_experts(model: Any) -> int:
    """Experts a token uses, by whichever name the configuration has for it."""
    text = model.config.get_text_config()
    text = getattr(text, "ffn_config", text)
    names = ("num_experts_per_tok", "moe_topk", "moe_k", "top_k_experts", "moe_top_k")
    used = next(getattr(text, name) for name in names if getattr(text, name, None))
    return int(used[0] if isinstance(used, list) else used)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity_warning()


@pytest.mark.parametrize("family", sorted(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
def test_parts_add_up_to_the_model_built(family: str) -> None:
    if family in NOT_BUILT:
        with pytest.raises(Exception, match=NOT_BUILT[family]):
            built(family)
        return
    model = built(family)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    experts = routed_experts(model)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tensors = stored(model)
    for names in (tensors, loading.revert_weight_conversion(model, dict(tensors))):
        counts = counted(model, names)
        assert not counts.reason
        assert counts.total is not None
        assert counts.total + counts.tied_head + counts.tower + counts.prediction == parameters
        assert bool(counts.tied_head) == (family in UNTIED_THOUGH_STATED)
        assert counts.experts == sum(parameter.numel() for parameter in experts)
        assert counts.is_moe == bool(experts)
        if embedding is not None:
            assert counts.input_embedding == embedding.weight.numel()
        if head is not None and hasattr(head, "weight"):
            is_tied = embedding is not None and head.weight is embedding.weight
            own = 0 if is_tied else head.weight.numel()
            # A bias of the head is a parameter of it, in whichever module.
            assert counts.head + counts.tied_head - own in (0, head.weight.shape[0])
        assert counts.active is not None
        assert counts.nonembedding == counts.total - counts.embedding - counts.head
        assert counts.active_nonembedding == counts.active - counts.embedding - counts.head
        used = used_experts(model) if experts else 0
        skipped = sum(
            parameter.numel() - parameter.numel() // rows_of(parameter, model) * used
            for parameter in experts
        )
        assert counts.active == counts.total - skipped or family in UNEVEN


def rows_of(parameter: Any, model: Any) -> int:
    """Experts that a parameter holds: its first dimension, but DBRX stacks its matrices."""
    is_dbrx = model.config.model_type == "dbrx"
    return int(model.config.ffn_config.moe_num_experts if is_dbrx else parameter.shape[0])


def test_the_docs_say_how_many_types_are_built() -> None:
    types = set(auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert set(NOT_BUILT) <= types
    docs = (Path(__file__).parents[3] / "docs" / "hub.md").read_text(encoding="utf-8")
    built_types = len(types) - len(NOT_BUILT)
    assert f"exact for {built_types} of {len(types)} types of causal language models" in docs


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "mixtral", "qwen3_moe", "gemma3"])
def test_a_saved_file_is_counted_from_its_header(family: str, tmp_path: Path) -> None:
    config = configuration_of(family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = [Tensor(name, each["dtype"], tuple(each["shape"])) for name, each in header.items()]
    counts = count_tensors(tensors, json.loads((tmp_path / "config.json").read_text()))
    assert counts.total is not None
    assert counts.total + counts.tower == sum(each.numel() for each in model.parameters())
    assert counts.input_embedding == model.get_input_embeddings().weight.numel()
    assert counts.is_moe == ("mixtral" in family or "moe" in family)
    assert bool(counts.tower) == (family == "gemma3")
