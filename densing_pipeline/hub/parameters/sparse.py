"""Parameter formulas of MiMo V2, MiniMax M3, DeepSeek V4 and Kimi, whose layers differ in kind.

Not here: latent attention as DeepSeek V2 and V3 have it (`mla`).
"""

from densing_pipeline.hub.parameters import mla
from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.decoder import own_head
from densing_pipeline.hub.parameters.moe import Experts, feed_forward
from densing_pipeline.hub.parameters.parts import Block, Parts, gated_mlp, linear

ROUTED = Experts(shared="n_shared_experts", correction=True)
MINIMAX_M3 = Experts("intermediate_size", shared_width="shared_intermediate_size", correction=True)


def mimo_v2(config: Config) -> Parts:
    """MiMo V2: sliding layers with their own heads and sinks, values narrower than keys."""
    pattern = config.repeats("hybrid_layer_pattern", config.layers) or [0] * config.layers
    attention = [mimo_v2_attention(config, sliding=mark == 1) for mark in pattern]
    return _summed(config, attention, ROUTED, "intermediate_size")


def mimo_v2_attention(config: Config, sliding: bool) -> int:
    """Attention of one layer, with its sinks."""
    prefix = "swa_" if sliding else ""
    heads = config.size(f"{prefix}num_attention_heads", config.heads)
    keys = config.size(f"{prefix}num_key_value_heads", config.kv_heads)
    width = config.size(f"{prefix}head_dim", config.head_dim)
    value = config.size(f"{prefix}v_head_dim", width)
    sink = "add_swa_attention_sink_bias" if sliding else "add_full_attention_sink_bias"
    d, bias = config.hidden, config.flag("attention_bias")
    params = linear(d, heads * width, bias) + linear(d, keys * (width + value), bias)
    return params + linear(heads * value, d) + (heads if config.flag(sink) else 0)


def minimax_m3(config: Config) -> Parts:
    """MiniMax M3: norms per head, an indexer with its own norms in the sparse layers."""
    d, width = config.hidden, config.head_dim
    keys = config.kv_heads * width
    plain = 2 * linear(d, config.heads * width) + 2 * linear(d, keys) + 2 * width
    sparse = config.part("sparse_attention_config")
    heads = sparse.optional("sparse_num_index_heads") or config.optional("index_n_heads") or 0
    index = sparse.optional("sparse_index_dim") or config.optional("index_head_dim") or 0
    indexer = linear(d, heads * index) + linear(d, index) + 2 * index
    marks = sparse.numbers("sparse_attention_freq") or [
        kind == "minimax_m3_sparse" for kind in config.numbers("layer_types")
    ]
    attention = [
        plain + (indexer if layer < len(marks) and marks[layer] else 0)
        for layer in range(config.layers)
    ]
    return _summed(config, attention, MINIMAX_M3, "dense_intermediate_size")


def deepseek_v4(config: Config) -> Parts:
    """DeepSeek V4: low-rank outputs in groups, compressed keys, hyper-connections.

    All layers have experts; the first `num_hash_layers` route by a table (a buffer).
    """
    d, copies = config.hidden, config.size("hc_mult")
    body, inactive, buffers = d + copies * copies * d + copies + 1, 0, 0
    tables = config.optional("num_hash_layers") or 0
    table = config.vocabulary * config.size("num_experts_per_tok")
    for layer, kind in enumerate(deepseek_v4_kinds(config)):
        block = deepseek_v4_layer(config, kind)
        body, inactive = body + block.params, inactive + block.inactive
        buffers += table if layer < tables else block.buffers
    embedding = config.vocabulary * d
    return Parts(
        embedding=embedding,
        head=own_head(config),
        body=body,
        inactive=inactive,
        buffers=buffers,
        tied_head=embedding if config.is_tied else 0,
    )


RATIOS = {0: "sliding", 4: "compressed_sparse", 128: "heavily_compressed"}


def deepseek_v4_kinds(config: Config) -> list[str]:
    """What each layer compresses: as listed, or by its ratio (0, 4 or 128)."""
    ratios = config.numbers("compress_ratios")
    kinds = [str(kind).removesuffix("_attention") for kind in config.numbers("layer_types")]
    if ratios:
        kinds = [RATIOS.get(ratio, "") for ratio in ratios]
    kinds = kinds[: config.layers]
    if len(kinds) < config.layers or any(kind not in RATIOS.values() for kind in kinds):
        raise UnreadableConfigError("the kinds of layers are missing or not known")
    return kinds


def deepseek_v4_layer(config: Config, kind: str) -> Block:
    """One layer with norms and its two hyper-connections."""
    d, heads, width = config.hidden, config.heads, config.size("head_dim")
    rank, groups = config.size("q_lora_rank"), config.size("o_groups")
    out, copies = config.size("o_lora_rank"), config.size("hc_mult")
    attention = heads + linear(d, rank) + rank + linear(rank, heads * width)
    attention += linear(d, width) + width
    attention += heads * width * out + linear(groups * out, d)
    attention += _compressor(config, kind)
    maps = copies * copies + 2 * copies
    connection = maps * copies * d + maps + 3
    block = feed_forward(config, ROUTED, 0)
    if block is None:
        raise UnreadableConfigError("the configuration does not state n_routed_experts")
    return Block(attention + block.params + 2 * d + 2 * connection, block.inactive, block.buffers)


def _compressor(config: Config, kind: str) -> int:
    d, width = config.hidden, config.size("head_dim")
    if kind == "sliding":
        return 0
    if kind == "heavily_compressed":
        return 128 * width + 2 * linear(d, width) + width
    heads, index = config.size("index_n_heads"), config.size("index_head_dim")
    double = 2 * width
    params = 4 * double + 2 * linear(d, double) + width
    params += 4 * 2 * index + 2 * linear(d, 2 * index) + index
    return params + linear(config.size("q_lora_rank"), heads * index) + linear(d, heads)


def kimi_linear(config: Config) -> Parts:
    """Kimi Linear: gated delta attention in most layers, latent attention without positions."""
    own = config.part("linear_attn_config")
    full = own.numbers("full_attn_layers")
    if not full and not own.numbers("kda_layers"):
        raise UnreadableConfigError("the configuration does not state linear_attn_config")
    if config.optional("routed_expert_hidden_size") or config.optional("attn_res_block_size"):
        raise UnreadableConfigError(
            "experts of a width of their own or attention over residuals: no formula known"
        )
    delta, latent = _delta(config, own), mla.attention(config)
    attention = [latent if layer + 1 in full else delta for layer in range(config.layers)]
    experts = Experts(shared="num_shared_experts", correction=True)
    return _summed(config, attention, experts, "intermediate_size")


def _delta(config: Config, own: Config) -> int:
    d, heads, width = config.hidden, own.size("num_heads"), own.size("head_dim")
    inner, kernel = heads * width, own.size("short_conv_kernel_size", 4)
    projections = 3 * linear(d, inner) + linear(inner, d) + linear(d, heads)
    gates = 2 * (linear(d, width) + linear(width, inner))
    return projections + gates + 3 * inner * kernel + inner + heads + width


def _summed(config: Config, attention: list[int], experts: Experts, dense: str) -> Parts:
    """Layers of given attention, with two norms each and experts where the configuration says."""
    d = config.hidden
    body, inactive, buffers = d, 0, 0
    for layer, params in enumerate(attention):
        block = feed_forward(config, experts, layer)
        block = block or Block(gated_mlp(d, config.size(dense)))
        body += params + block.params + 2 * d
        inactive, buffers = inactive + block.inactive, buffers + block.buffers
    embedding = config.vocabulary * d
    return Parts(
        embedding=embedding,
        head=own_head(config),
        body=body,
        inactive=inactive,
        buffers=buffers,
        tied_head=embedding if config.is_tied else 0,
    )
