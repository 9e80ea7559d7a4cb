"""Architectures that vLLM implements and whose configuration classes lie in repositories alone.

Run in a process of its own (`make test-engine` does): these tests start vLLM directly, and the end of
each engine takes vLLM's process groups from every other one of the process.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.hub import architectures
from tests.engine.models import with_config

OWN_CODE = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}

SMALL: dict[str, Any] = {
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 512, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
    "hidden_act": "silu", "rope_theta": 10000.0, "rope_scaling": None, "tie_word_embeddings": False,
    "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "bfloat16", "auto_map": OWN_CODE,
}  # fmt: skip

EXPERTS: dict[str, Any] = {
    "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "num_shared_experts": 1,
    "norm_topk_prob": True, "first_k_dense_replace": 1, "use_bias": False, "use_qkv_bias": False,
}  # fmt: skip

FIELDS: dict[str, dict[str, Any]] = {
    "bailing_moe": EXPERTS | {"norm_head": True, "embedding_dropout": 0.0, "output_dropout": 0.0},
    "bailing_moe_v2": EXPERTS
    | {
        "head_dim": 32, "embedding_dropout": 0.0, "output_dropout": 0.0, "n_group": 4, "topk_group": 2, "moe_router_enable_expert_bias": True,
        "routed_scaling_factor": 2.5, "score_function": "sigmoid", "use_qk_norm": True,
        "partial_rotary_factor": 0.5, "use_rmsnorm": True, "router_dtype": "fp32",
        "moe_shared_expert_intermediate_size": 64, "num_nextn_predict_layers": 0,
    },
    "deepseek": {
        "n_routed_experts": 8, "n_shared_experts": 2, "num_experts_per_tok": 2,
        "moe_intermediate_size": 64, "moe_layer_freq": 1, "first_k_dense_replace": 1,
        "norm_topk_prob": False, "scoring_func": "softmax", "aux_loss_alpha": 0.001, "seq_aux": True,
        "attention_bias": False, "attention_dropout": 0.0, "num_key_value_heads": 4,
    },
    "mimo": {"attention_bias": True, "head_dim": 32, "num_nextn_predict_layers": 1},
    "minicpm": {"scale_emb": 12, "dim_model_base": 64, "scale_depth": 1.4, "num_key_value_heads": 4},
}  # fmt: skip
"""What the `config.json` of a published model of each type states, beside `SMALL`."""


def folder(at: Path, model_type: str) -> Path:
    """A folder with the configuration of a small model, as its publisher states it."""
    stated = SMALL | FIELDS[model_type] | {"model_type": model_type}
    stated["architectures"] = [architectures.PLAIN[model_type]]
    (at / "config.json").write_text(json.dumps(stated), encoding="utf-8")
    return at


def test_there_is_a_class_for_every_type_of_the_list():
    pytest.importorskip("vllm", reason="needs the evaluation environment: make test-engine")
    from densing_pipeline.evaluation import plain_configurations

    assert {each.model_type for each in plain_configurations.CLASSES} == set(architectures.PLAIN)
    assert set(FIELDS) == set(architectures.PLAIN)


@pytest.mark.parametrize("model_type", sorted(architectures.PLAIN))
def test_vllm_runs_it_without_code_of_the_repository(model_type, tmp_path, load):
    from vllm import LLM, SamplingParams

    from densing_pipeline.evaluation import plain_configurations

    plain_configurations.register()
    llm = LLM(
        str(folder(tmp_path, model_type)), trust_remote_code=False, load_format="dummy",
        dtype="float32", max_model_len=128, max_num_seqs=2, enforce_eager=True,
        skip_tokenizer_init=True, disable_log_stats=True,
    )  # fmt: skip
    few = SamplingParams(max_tokens=3, detokenize=False, ignore_eos=True)
    (found,) = llm.generate({"prompt_token_ids": [1, 2, 3]}, few, use_tqdm=False)
    assert len(found.outputs[0].token_ids) == 3
    stated = pickle.loads(pickle.dumps(llm.llm_engine.model_config.hf_config))  # noqa: S301
    assert (stated.model_type, stated.hidden_size) == (model_type, 128)


def test_mimo_is_what_transformers_calls_qwen2(tmp_path, tiny, load):
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    from densing_pipeline.evaluation.requests import LossRequest

    model = tmp_path / "qwen2"
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.save_pretrained(model)
    torch.manual_seed(0)
    sizes = {
        name: SMALL[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
    }
    reference = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer), num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=8192, tie_word_embeddings=False, **sizes,
        )
    )  # fmt: skip
    for weights in reference.parameters():
        weights.data.mul_(3) if weights.dim() > 1 else None
    reference.save_pretrained(model)
    as_mimo = with_config(
        model, tmp_path / "mimo", model_type="mimo", architectures=["MiMoForCausalLM"],
        auto_map=OWN_CODE, num_nextn_predict_layers=0,
    )  # fmt: skip
    found: list[Any] = [None]
    load(as_mimo).run([LossRequest("The capital of France", " is Paris")], found.__setitem__)
    ids = tokenizer("The capital of France is Paris")["input_ids"]
    start = len(tokenizer("The capital of France")["input_ids"])
    with torch.no_grad():
        rows = reference(torch.tensor([ids])).logits[0].log_softmax(-1)
    wanted = -sum(float(rows[place - 1, ids[place]]) for place in range(start, len(ids)))
    assert found[0].nll_nats == pytest.approx(wanted, abs=1e-3)
