"""Recipes of the families that `decoder` counts, one line each.

The keys are `model_type` as configurations state it. Not here: what a recipe means (`decoder`).
"""

from densing_pipeline.hub.parameters.decoder import Recipe
from densing_pipeline.hub.parameters.moe import Experts

LLAMA = Recipe("attention_bias", "attention_bias", "mlp_bias")
PLAIN = Recipe()
GPT = Recipe(qkv_bias=True, out_bias=True, mlp_bias=True, gated=False, norm_bias=True)

DEEPSEEK = Experts(shared="n_shared_experts", correction=True)
SOFTMAX_ROUTED = Experts(shared="n_shared_experts")
QWEN_SHARED = Experts(shared_width="shared_expert_intermediate_size", shared_gate=True)

RECIPES: dict[str, Recipe] = {
    # --- Llama-like ---------------------------------------------------------------------------
    "llama": LLAMA,
    "granite": LLAMA,
    "smollm3": LLAMA,
    "aquila": PLAIN,
    "baichuan": PLAIN,
    "decilm": PLAIN,
    "exaone": PLAIN,
    "minicpm": PLAIN,
    "ministral": PLAIN,
    "ministral3": PLAIN,
    "mistral": PLAIN,
    "phi3": PLAIN,
    "xverse": PLAIN,
    "yi": PLAIN,
    "internlm": Recipe("bias", "bias"),
    "internlm2": Recipe("bias", "bias"),
    "internlm3": Recipe("qkv_bias", "bias", "bias"),
    "orion": Recipe(norm_bias=True),
    "qwen2": Recipe(qkv_bias=True),
    "mimo": Recipe(qkv_bias=True),
    "qwen3": Recipe("attention_bias", "attention_bias", qk_norm="head"),
    "qwen3_vl_text": Recipe("attention_bias", "attention_bias", qk_norm="head"),
    "gemma": Recipe("attention_bias", "attention_bias"),
    "gemma2": Recipe("attention_bias", "attention_bias", norms=4),
    "gemma3_text": Recipe("attention_bias", "attention_bias", norms=4, qk_norm="head"),
    "olmo": Recipe("attention_bias", "attention_bias", norms=0, final_norm=False),
    "olmo2": Recipe("attention_bias", "attention_bias", qk_norm="full"),
    "olmo3": Recipe("attention_bias", "attention_bias", qk_norm="full"),
    "cohere": Recipe(
        "attention_bias", "attention_bias", norms=1, qk_norm="full", qk_norm_if="use_qk_norm"
    ),
    "cohere2": Recipe("attention_bias", "attention_bias", norms=1),
    "glm": Recipe("attention_bias"),
    "glm4": Recipe("attention_bias", norms=4),
    "helium": Recipe("attention_bias", mlp_bias="mlp_bias"),
    "ernie4_5": Recipe("use_bias", "use_bias", "use_bias"),
    "seed_oss": Recipe("attention_bias", "attention_out_bias", "mlp_bias"),
    "hunyuan_v1_dense": Recipe("attention_bias", "attention_bias", qk_norm="head"),
    "exaone4": Recipe(qk_norm="head"),
    "bitnet": Recipe("attention_bias", "attention_bias", sub_norms=True),
    "minicpm3": Recipe(latent=True),
    # --- two matrices in the feed-forward block -----------------------------------------------
    "arcee": Recipe("attention_bias", "attention_bias", "mlp_bias", gated=False),
    "apertus": Recipe("attention_bias", "attention_bias", gated=False, qk_norm="head", extra=2),
    "nemotron": Recipe("attention_bias", "attention_bias", "mlp_bias", gated=False, norm_bias=True),
    "starcoder2": Recipe("use_bias", "use_bias", "use_bias", gated=False, norm_bias=True),
    "gpt_neox": Recipe(
        "attention_bias", "attention_bias", mlp_bias=True, gated=False, norm_bias=True
    ),
    "gptj": Recipe(mlp_bias=True, gated=False, norms=1, norm_bias=True, head_bias=True),
    "codegen": Recipe(mlp_bias=True, gated=False, norms=1, norm_bias=True, head_bias=True),
    "phi": Recipe(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        norms=1,
        norm_bias=True,
        qk_norm="head",
        qk_norm_if="qk_layernorm",
        qk_norm_bias=True,
        head_bias=True,
    ),
    "persimmon": Recipe(
        qkv_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        norm_bias=True,
        qk_norm="head",
        qk_norm_if="qk_layernorm",
        qk_norm_bias=True,
    ),
    # --- mixtures of experts ------------------------------------------------------------------
    "mixtral": Recipe(experts=Experts("intermediate_size")),
    "minicpm_moe": Recipe(experts=Experts("intermediate_size")),
    "qwen2_moe": Recipe(qkv_bias="qkv_bias", experts=QWEN_SHARED),
    "qwen3_moe": Recipe("attention_bias", "attention_bias", qk_norm="head", experts=Experts()),
    "qwen3_vl_moe_text": Recipe(
        "attention_bias", "attention_bias", qk_norm="head", experts=Experts()
    ),
    "olmoe": Recipe(
        "attention_bias", "attention_bias", qk_norm="full", experts=Experts("intermediate_size")
    ),
    "flex_olmo": Recipe(
        "attention_bias", "attention_bias", qk_norm="full", experts=Experts("intermediate_size")
    ),
    "phimoe": Recipe(
        "attention_bias",
        "attention_bias",
        norm_bias=True,
        head_bias="lm_head_bias",
        experts=Experts("intermediate_size"),
    ),
    "granitemoe": Recipe("attention_bias", "attention_bias", experts=Experts("intermediate_size")),
    "granitemoeshared": Recipe(
        "attention_bias",
        "attention_bias",
        experts=Experts("intermediate_size", shared_width="shared_intermediate_size"),
    ),
    "gpt_oss": Recipe(
        qkv_bias=True, out_bias=True, sinks=True, experts=Experts("intermediate_size", bias=True)
    ),
    "minimax_m2": Recipe(qk_norm="full", experts=Experts("intermediate_size", correction=True)),
    "llama4_text": Recipe(
        "attention_bias",
        "attention_bias",
        experts=Experts(
            "intermediate_size",
            dense_width="intermediate_size_mlp",
            shared_width="intermediate_size",
        ),
    ),
    "deepseek": Recipe("attention_bias", "attention_bias", experts=SOFTMAX_ROUTED),
    "deepseek_v2": Recipe(latent=True, experts=SOFTMAX_ROUTED),
    "deepseek_v3": Recipe(latent=True, experts=DEEPSEEK),
    "deepseek_v32": Recipe(latent=True, experts=DEEPSEEK),
    "kimi_k2": Recipe(latent=True, experts=DEEPSEEK),
    "glm_moe_dsa": Recipe(latent=True, experts=DEEPSEEK),
    "glm4_moe_lite": Recipe(latent=True, experts=DEEPSEEK),
    "glm4_moe": Recipe(
        "attention_bias", qk_norm="head", qk_norm_if="use_qk_norm", experts=DEEPSEEK
    ),
    "dots1": Recipe("attention_bias", "attention_bias", qk_norm="head", experts=DEEPSEEK),
    "ernie4_5_moe": Recipe(
        "use_bias",
        "use_bias",
        experts=Experts(shared="moe_num_shared_experts", correction_counts=True),
    ),
    "step3p7": Recipe(
        qk_norm="head", output_gate="head", experts=Experts(shared="n_shared_experts")
    ),
}
"""The recipe of each family, by model type."""
