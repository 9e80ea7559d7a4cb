"""Parameter formulas of older families: learned positions, fused or multi-query attention.

GPT-2, GPT-Neo, GPT-BigCode, OPT, BLOOM, Falcon, MPT, StableLM, DBRX, the first Qwen, ChatGLM and
Phi as first published. Not here: families that a recipe describes (`recipes`).
"""

from dataclasses import replace

from densing_pipeline.hub.parameters import decoder
from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.decoder import Recipe, own_head
from densing_pipeline.hub.parameters.parts import Parts, gated_mlp, linear, plain_mlp
from densing_pipeline.hub.parameters.recipes import GPT, RECIPES


def gpt2(config: Config) -> Parts:
    """GPT-2: biases everywhere, learned positions."""
    return with_positions(decoder.count(config, GPT), config)


def gpt_neo(config: Config) -> Parts:
    """GPT-Neo: like GPT-2 without biases on queries, keys and values."""
    return with_positions(decoder.count(config, replace(GPT, qkv_bias=False)), config)


def gpt_bigcode(config: Config) -> Parts:
    """GPT-BigCode (SantaCoder, StarCoder): like GPT-2 with one key and value head."""
    keys = 1 if config.flag("multi_query") else config.heads
    own = {**config.own, "num_key_value_heads": keys}
    return with_positions(decoder.count(replace(config, own=own), GPT), config)


def with_positions(parts: Parts, config: Config) -> Parts:
    """Adds learned positions to the embeddings."""
    positions = config.size("max_position_embeddings") * config.hidden
    return replace(parts, embedding=parts.embedding + positions)


def opt(config: Config) -> Parts:
    """OPT: two positions more than stated, an embedding narrower than the model in one size."""
    d, bias = config.hidden, config.get("enable_bias") is not False
    narrow = config.optional("word_embed_proj_dim") or d
    before = config.get("do_layer_norm_before") is not False
    recipe = replace(GPT, qkv_bias=bias, out_bias=bias, mlp_bias=bias, final_norm=before)
    parts = decoder.count(config, recipe)
    matrix = config.vocabulary * narrow
    positions = (config.size("max_position_embeddings") + 2) * d
    return replace(
        parts,
        embedding=matrix + positions,
        head=0 if config.is_tied else matrix,
        body=parts.body + (2 * d * narrow if narrow != d else 0),
        tied_head=matrix if config.is_tied else 0,
    )


def bloom(config: Config) -> Parts:
    """BLOOM: a norm after the embedding, positions without parameters."""
    parts = decoder.count(config, GPT)
    return replace(parts, body=parts.body + 2 * config.hidden)


def falcon(config: Config) -> Parts:
    """Falcon: three layouts of attention and norms, tied unless stated."""
    bias = config.flag("bias")
    new = config.flag("new_decoder_architecture")
    keys = config.heads
    if new:
        keys = config.optional("num_kv_heads") or config.heads
    elif config.flag("multi_query"):
        keys = 1
    norms = 2
    if new:
        norms = config.optional("num_ln_in_parallel_attn") or 2
    elif config.flag("parallel_attn"):
        norms = 1
    recipe = Recipe(bias, bias, bias, gated=False, norms=norms, norm_bias=True)
    own = {**config.own, "num_key_value_heads": keys}
    return decoder.count(replace(config, own=own), recipe)


def mpt(config: Config) -> Parts:
    """MPT: no biases at all unless stated, ALiBi or learned positions."""
    d, attention = config.hidden, config.part("attn_config")
    bias = config.get("no_bias") is False
    keys = attention.optional("kv_n_heads") or config.heads
    inner = config.size("expansion_ratio", 4) * d
    width = config.head_dim
    layer = linear(d, d + 2 * keys * width, bias) + linear(d, d, bias)
    layer += plain_mlp(d, inner, bias) + 2 * (d + (d if bias else 0))
    if attention.flag("qk_ln"):
        layer += d + keys * width
    norm = d + (d if bias else 0)
    embedding = config.vocabulary * d
    positions = 0 if attention.flag("alibi") else config.size("max_position_embeddings") * d
    return Parts(
        embedding=embedding + positions,
        head=own_head(config),
        body=config.layers * layer + norm,
        tied_head=embedding if config.is_tied else 0,
    )


def stablelm(config: Config) -> Parts:
    """StableLM 2: norms with biases, one fewer per layer when attention and MLP run in parallel."""
    recipe = Recipe(
        qkv_bias="use_qkv_bias",
        norms=1 if config.flag("use_parallel_residual") else 2,
        norm_bias=True,
        qk_norm="full",
        qk_norm_if="qk_layernorm",
    )
    return decoder.count(config, recipe)


def dbrx(config: Config) -> Parts:
    """DBRX: grouped-query attention and 16 experts, sizes nested in two parts."""
    d = config.hidden
    attention, ffn = config.part("attn_config"), config.part("ffn_config")
    keys = attention.size("kv_n_heads", config.heads) * config.head_dim
    routed, used = ffn.size("moe_num_experts"), ffn.size("moe_top_k")
    if used > routed:
        raise UnreadableConfigError(f"{used} experts per token of {routed}")
    expert = gated_mlp(d, ffn.size("ffn_hidden_size"))
    layer = linear(d, d + 2 * keys) + linear(d, d) + linear(d, routed) + routed * expert + 2 * d
    embedding = config.vocabulary * d
    return Parts(
        embedding=embedding,
        head=own_head(config),
        body=config.layers * layer + d,
        inactive=config.layers * (routed - used) * expert,
        tied_head=embedding if config.is_tied else 0,
    )


def _untied(config: Config) -> Config:
    """The configuration of a class whose output head is its own unless stated otherwise."""
    return replace(config, defaults={**config.defaults, "tie_word_embeddings": False})


def qwen(config: Config) -> Parts:
    """The first Qwen: `intermediate_size` names both halves of the gated block together."""
    half = config.size("intermediate_size") // 2
    own = {**config.own, "intermediate_size": half}
    return decoder.count(replace(_untied(config), own=own), Recipe(qkv_bias=True))


def chatglm(config: Config) -> Parts:
    """ChatGLM 2 and 3, GLM-4's first files: multi-query groups, biases by switches."""
    keys = config.heads
    if config.flag("multi_query_attention"):
        keys = config.size("multi_query_group_num")
    all_bias = config.flag("add_bias_linear")
    recipe = Recipe(
        qkv_bias=all_bias or config.flag("add_qkv_bias"),
        out_bias=all_bias,
        mlp_bias=all_bias,
        norm_bias=config.get("rmsnorm") is False,
        final_norm=config.get("post_layer_norm") is not False,
    )
    own = {**config.own, "num_key_value_heads": keys}
    parts = decoder.count(replace(_untied(config), own=own), recipe)
    rotary = (config.optional("kv_channels") or config.head_dim) // 4
    return replace(parts, buffers=rotary)


def phi_msft(config: Config) -> Parts:
    """Phi 1 to 2 as first published: old names, an untied head with bias."""
    return decoder.count(_untied(config), RECIPES["phi"])


def reward_model(config: Config) -> Parts:
    """GPT-NeoX with a scoring row instead of an output head."""
    own = {**config.own, "tie_word_embeddings": True}
    parts = decoder.count(replace(config, own=own), RECIPES["gpt_neox"])
    return replace(parts, head=config.hidden + 1, tied_head=0)


def minicpm(config: Config) -> Parts:
    """MiniCPM 1 and 2, dense or with experts under the same model type."""
    return decoder.count(
        config,
        RECIPES["minicpm_moe"] if config.optional("n_routed_experts") else RECIPES["minicpm"],
    )


def nemotron_nas(config: Config) -> Parts:
    """Models pruned block by block: each block states its attention and its width, or neither."""
    d, blocks = config.hidden, config.repeats("block_configs", config.layers)
    if not blocks:
        raise UnreadableConfigError("the configuration does not state block_configs")
    body = d
    for block in blocks:
        body += _nas_attention(config, block) + _nas_mlp(config, block)
    embedding = config.vocabulary * d
    return Parts(
        embedding=embedding,
        head=own_head(config),
        body=body,
        tied_head=embedding if config.is_tied else 0,
    )


def _nas_part(block: object, name: str) -> dict[str, object]:
    part = block.get(name) if isinstance(block, dict) else None
    if not isinstance(part, dict):
        raise UnreadableConfigError(f"a block does not state its {name}")
    return part


def _nas_attention(config: Config, block: object) -> int:
    d, stated = config.hidden, _nas_part(block, "attention")
    if stated.get("no_op") is True:
        return 0
    if stated.get("replace_with_linear") is True:
        return d * d + d
    group = stated.get("n_heads_in_group")
    if not isinstance(group, int) or group < 1:
        raise UnreadableConfigError(f"n_heads_in_group is {group!r}")
    keys = config.heads // group * config.head_dim
    return linear(d, d) + 2 * linear(d, keys) + linear(d, d) + d


def _nas_mlp(config: Config, block: object) -> int:
    """Inner width: 2/3 of the multiple of d, rounded up to 256."""
    d, stated = config.hidden, _nas_part(block, "ffn")
    if stated.get("no_op") is True:
        return 0
    if stated.get("replace_with_linear") is True:
        return d * d + d
    multiple = stated.get("ffn_mult")
    if isinstance(multiple, bool) or not isinstance(multiple, int | float) or not multiple > 0:
        raise UnreadableConfigError(f"ffn_mult is {multiple!r}")
    inner = -(-int(2 * multiple * d / 3) // 256) * 256
    return gated_mlp(d, inner) + d
