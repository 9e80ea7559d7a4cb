"""Multi-head latent attention: DeepSeek V2 and V3, Kimi K2, GLM 5, MiniCPM3.

Not here: their experts (`moe`), and DeepSeek V4, whose attention is another one (`deepseek_v4`).
"""

from densing_pipeline.hub.parameters.config import Config
from densing_pipeline.hub.parameters.parts import linear


def attention(config: Config) -> int:
    """Latent attention of one layer, without an indexer.

    Queries d -> r_q -> n_head (d_nope + d_rope) with a norm of r_q (or straight from d), latents
    d -> r_kv + d_rope with a norm of r_kv, r_kv -> n_head (d_nope + d_v), output n_head d_v -> d.
    """
    d, heads = config.hidden, config.heads
    nope, rope = config.size("qk_nope_head_dim"), config.size("qk_rope_head_dim")
    value, latent = config.size("v_head_dim"), config.size("kv_lora_rank")
    rank = config.optional("q_lora_rank")
    bias = config.flag("attention_bias")
    if rank:
        queries = linear(d, rank, bias) + rank + linear(rank, heads * (nope + rope))
    else:
        queries = linear(d, heads * (nope + rope))
    keys = linear(d, latent + rope, bias) + latent + linear(latent, heads * (nope + value))
    return queries + keys + linear(heads * value, d, bias)


def indexer(config: Config) -> int:
    """The indexer that picks tokens for sparse attention: query, key, norm with bias, weights."""
    d, heads = config.hidden, config.optional("index_n_heads") or 0
    width = config.optional("index_head_dim") or 0
    rank = config.optional("q_lora_rank") or d
    if not heads:
        return 0
    return linear(rank, heads * width) + linear(d, width) + 2 * width + linear(d, heads)


def indexers(config: Config) -> int:
    """Indexers of all layers; a layer marked `shared` uses its predecessor's."""
    kinds = config.numbers("indexer_types")[: config.layers]
    many = sum(kind == "full" for kind in kinds) if kinds else config.layers
    return many * indexer(config)
