"""Gemma 3n and 4: two kinds of attention, per-layer embeddings, shared keys and values, experts.

Not here: Gemma 1 to 3, which recipes describe, and the vision towers (`tower`).
"""

from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.decoder import own_head
from densing_pipeline.hub.parameters.parts import Parts, gated_mlp, linear


def gemma4(config: Config) -> Parts:
    """Gemma 4: wide heads in full-attention layers, keys that serve as values, double widths.

    The per-layer embeddings are looked up, not multiplied: they count as embeddings.
    """
    d, small = config.hidden, config.optional("hidden_size_per_layer_input") or 0
    body, inactive = d, 0
    for layer in range(config.layers):
        body += _gemma4_attention(config, layer) + 4 * d
        body += gated_mlp(d, _gemma4_width(config, layer))
        body += (2 * linear(d, small) + d) if small else 0
        if config.flag("enable_moe_block"):
            routed, used = config.size("n_routed_experts"), config.size("num_experts_per_tok")
            expert = gated_mlp(d, config.size("moe_intermediate_size"))
            body += linear(d, routed) + d + routed + routed * expert + 3 * d
            inactive += (routed - used) * expert
    matrix, per_layer = config.vocabulary * d, 0
    if small:
        per_layer = config.size("vocab_size_per_layer_input") * config.layers * small
        body += linear(d, config.layers * small) + small
    return Parts(
        embedding=matrix + per_layer,
        head=own_head(config),
        body=body,
        inactive=inactive,
        tied_head=matrix if config.is_tied else 0,
    )


def _gemma4_attention(config: Config, layer: int) -> int:
    d, width = config.hidden, config.size("head_dim")
    full = _kinds(config)[layer] == "full_attention"
    keys, shares = config.kv_heads, False
    if full:
        width = config.optional("global_head_dim") or width
        shares = config.flag("attention_k_eq_v")
        if shares:
            keys = config.optional("num_global_key_value_heads") or keys
    bias = config.flag("attention_bias")
    params = 2 * linear(d, config.heads * width) + width
    params += (config.heads * width + d) if bias else 0
    if layer >= config.layers - (config.optional("num_kv_shared_layers") or 0):
        return params
    return params + width + (1 if shares else 2) * linear(d, keys * width, bias)


def _gemma4_width(config: Config, layer: int) -> int:
    inner = config.size("intermediate_size")
    shared = config.optional("num_kv_shared_layers") or 0
    double = config.flag("use_double_wide_mlp") and layer >= config.layers - shared and shared
    return 2 * inner if double else inner


def gemma3n(config: Config) -> Parts:
    """Gemma 3n: alternating updates (AltUp), low-rank residuals (LAuReL), per-layer embeddings.

    Layers that reuse keys and values still store projections for them.
    """
    d, small = config.hidden, config.size("hidden_size_per_layer_input")
    copies, rank, width = (
        config.size("altup_num_inputs"),
        config.size("laurel_rank"),
        config.size("head_dim"),
    )
    shared = config.optional("num_kv_shared_layers") or 0
    widths = config.get("intermediate_size")
    if not isinstance(widths, list):
        widths = [config.size("intermediate_size")] * config.layers
    if len(widths) < config.layers:
        raise UnreadableConfigError(
            f"intermediate_size has {len(widths)} entries for {config.layers} layers"
        )
    altup = copies * copies + copies**3 + d * copies + 2 * d
    laurel = 2 * linear(d, rank) + d
    attention = 2 * linear(d, config.heads * width) + width
    keys = 2 * linear(d, config.kv_heads * width) + width
    body = 2 * (copies - 1) * d * d + linear(d, config.layers * small) + small + d
    for layer in range(config.layers):
        body += altup + laurel + attention + (keys if layer < config.layers - shared else 0)
        body += gated_mlp(d, int(widths[layer])) + 4 * d + 2 * linear(d, small) + d
    matrix = config.vocabulary * d
    per_layer = config.size("vocab_size_per_layer_input") * config.layers * small
    return Parts(
        embedding=matrix + per_layer,
        head=own_head(config),
        body=body,
        tied_head=matrix if config.is_tied else 0,
    )


def _kinds(config: Config) -> list[str]:
    listed = config.repeats("layer_types", config.layers)
    if listed:
        return [str(kind) for kind in listed]
    kinds = [
        "full_attention" if (layer + 1) % 6 == 0 else "sliding_attention"
        for layer in range(config.layers)
    ]
    kinds[-1] = "full_attention"
    return kinds
