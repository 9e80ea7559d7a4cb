"""State-space, linear-attention and convolution layers, alone or beside attention.

Mamba 1 and 2, Falcon Mamba, Jamba, Nemotron-H, Falcon-H1, Granite 4 hybrids, Qwen3-Next and
Qwen3.5, LFM2. Not here: attention (`decoder`) and experts (`moe`).
"""

from dataclasses import replace

from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.decoder import Recipe, attention_params, own_head
from densing_pipeline.hub.parameters.moe import Experts, feed_forward
from densing_pipeline.hub.parameters.parts import Block, Parts, gated_mlp, linear, plain_mlp

GATED_ATTENTION = Recipe("attention_bias", "attention_bias", qk_norm="head")
QWEN_EXPERTS = Experts(shared_width="shared_expert_intermediate_size", shared_gate=True)


def mamba1_mixer(config: Config, inner: int, state: int, conv: int, rank: int) -> int:
    """Selective state space: d -> 2 inner, convolution, inner -> rank + 2 state, rank -> inner."""
    d, bias = config.hidden, config.flag("use_bias") or config.flag("mamba_proj_bias")
    conv_bias = (
        config.get("use_conv_bias") is not False and config.get("mamba_conv_bias") is not False
    )
    return (
        linear(d, 2 * inner, bias)
        + inner * conv
        + (inner if conv_bias else 0)
        + linear(inner, rank + 2 * state)
        + linear(rank, inner, bias=True)
        + inner * state
        + inner
        + linear(inner, d, bias)
    )


def mamba2_mixer(
    config: Config, inner: int, heads: int, groups: int, state: int, conv: int, bias: bool
) -> int:
    """Mamba 2: one projection to gate, inputs, B, C and steps; convolution over all but the gate."""
    d, mixed = config.hidden, inner + 2 * groups * state
    conv_bias = (
        config.get("use_conv_bias") is not False and config.get("mamba_conv_bias") is not False
    )
    return (
        linear(d, inner + mixed + heads, bias)
        + mixed * conv
        + (mixed if conv_bias else 0)
        + 3 * heads
        + linear(inner, d, bias)
    )


def mamba(config: Config) -> Parts:
    """Mamba and Falcon Mamba: one mixer and one norm per layer."""
    d = config.hidden
    inner = config.optional("intermediate_size") or config.size("expand", 2) * d
    rank = config.get("time_step_rank")
    rank = -(-d // 16) if rank in (None, "auto") else config.size("time_step_rank")
    mixer = mamba1_mixer(
        config, inner, config.size("state_size", 16), config.size("conv_kernel", 4), rank
    )
    return _assembled(config, config.layers * (mixer + d) + d)


def mamba2(config: Config) -> Parts:
    """Mamba 2: one mixer with a gated norm, and one norm per layer."""
    d = config.hidden
    inner = config.size("expand", 2) * d
    mixer = mamba2_mixer(
        config,
        inner,
        config.size("num_heads"),
        config.size("n_groups"),
        config.size("state_size"),
        config.size("conv_kernel", 4),
        config.flag("use_bias"),
    )
    return _assembled(config, config.layers * (mixer + inner + d) + d)


def jamba(config: Config) -> Parts:
    """Jamba: attention every few layers, experts every few layers, Mamba 1 with three norms."""
    d = config.hidden
    state, rank = config.size("mamba_d_state", 16), config.get("mamba_dt_rank")
    rank = -(-d // 16) if rank in (None, "auto") else config.size("mamba_dt_rank")
    inner = config.size("mamba_expand", 2) * d
    mixer = mamba1_mixer(config, inner, state, config.size("mamba_d_conv", 4), rank)
    mixer += rank + 2 * state
    attention = attention_params(config, Recipe())
    experts = Experts("intermediate_size")
    body, inactive = d, 0
    for layer in range(config.layers):
        body += (
            attention if _every(config, layer, "attn_layer_period", "attn_layer_offset") else mixer
        )
        block = (
            feed_forward(config, experts, layer)
            if _every(config, layer, "expert_layer_period", "expert_layer_offset")
            else None
        )
        block = block or Block(gated_mlp(d, config.size("intermediate_size")))
        body, inactive = body + block.params + 2 * d, inactive + block.inactive
    return _assembled(config, body, inactive)


def _every(config: Config, layer: int, period: str, offset: str) -> bool:
    step = config.size(period)
    if not step:
        raise UnreadableConfigError(f"{period} is 0")
    return layer % step == config.size(offset)


def nemotron_h(config: Config) -> Parts:
    """Nemotron-H: a pattern of Mamba 2 (M), attention (*), feed-forward (-) and experts (E)."""
    kinds = layer_kinds(config)
    body, inactive, buffers = config.hidden, 0, 0
    for kind in kinds:
        block = nemotron_h_layer(config, kind)
        body += block.params + config.hidden
        inactive += block.inactive
        buffers += block.buffers
    return replace(_assembled(config, body, inactive), buffers=buffers)


PATTERN = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}


def layer_kinds(config: Config) -> list[str]:
    """What each layer is, from a pattern or a list.

    Raises:
        UnreadableConfigError: neither is there, or one layer is of an unknown kind.
    """
    pattern = config.own.get("hybrid_override_pattern")
    kinds = config.numbers("layers_block_type")
    if isinstance(pattern, str):
        kinds = [PATTERN.get(mark) for mark in pattern]
    kinds = kinds[: config.layers]
    if len(kinds) < config.layers or any(kind not in PATTERN.values() for kind in kinds):
        raise UnreadableConfigError("the pattern of layers is missing or not known")
    return kinds


def nemotron_h_layer(config: Config, kind: str) -> Block:
    """One layer without its norm; experts may work in a narrower latent space."""
    d, bias = config.hidden, config.flag("mlp_bias")
    if kind == "attention":
        return Block(attention_params(config, Recipe("attention_bias", "attention_bias")))
    if kind == "mlp":
        return Block(plain_mlp(d, config.size("intermediate_size"), bias))
    if kind == "mamba":
        heads = config.size("mamba_num_heads")
        inner = heads * config.size("mamba_head_dim")
        groups, state = config.size("n_groups"), config.size("ssm_state_size")
        kernel = config.size("conv_kernel", 4)
        mixer = mamba2_mixer(config, inner, heads, groups, state, kernel, config.flag("use_bias"))
        return Block(mixer + inner)
    routed, used = config.size("n_routed_experts"), config.size("num_experts_per_tok")
    latent = config.optional("moe_latent_size")
    width = latent or d
    expert = plain_mlp(width, config.size("moe_intermediate_size"), bias)
    shared = plain_mlp(d, config.optional("moe_shared_expert_intermediate_size") or 0)
    between = 2 * linear(d, latent) if latent else 0
    params = linear(d, routed) + routed * expert + shared + between
    return Block(params, (routed - used) * expert, routed)


def falcon_h1(config: Config) -> Parts:
    """Falcon-H1: Mamba 2 and attention side by side in every layer."""
    d = config.hidden
    inner = config.optional("mamba_d_ssm") or config.size("mamba_expand", 2) * d
    mixer = mamba2_mixer(
        config,
        inner,
        config.size("mamba_n_heads"),
        config.size("mamba_n_groups"),
        config.size("mamba_d_state"),
        config.size("mamba_d_conv", 4),
        config.flag("mamba_proj_bias"),
    )
    mixer += inner if config.flag("mamba_rms_norm") else 0
    attention = attention_params(config, Recipe("attention_bias", "attention_bias"))
    mlp = gated_mlp(d, config.size("intermediate_size"), config.flag("mlp_bias"))
    return _assembled(config, config.layers * (mixer + attention + mlp + 2 * d) + d)


def granite_hybrid(config: Config) -> Parts:
    """Granite 4: Mamba 2 or attention, experts beside a shared block (or that block alone)."""
    d = config.hidden
    inner = config.size("mamba_expand", 2) * d
    mixer = inner + mamba2_mixer(
        config,
        inner,
        config.size("mamba_n_heads"),
        config.size("mamba_n_groups"),
        config.size("mamba_d_state"),
        config.size("mamba_d_conv", 4),
        config.flag("mamba_proj_bias"),
    )
    attention = attention_params(config, Recipe("attention_bias", "attention_bias"))
    kinds = config.repeats("layer_types", config.layers) or ["mamba"] * config.layers
    experts = feed_forward(config, Experts("intermediate_size"), 0) or Block(0)
    block = experts.params + gated_mlp(d, config.size("shared_intermediate_size")) + 2 * d
    body = d + sum(attention if kind == "attention" else mixer for kind in kinds)
    return _assembled(config, body + config.layers * block, config.layers * experts.inactive)


def qwen_next(config: Config) -> Parts:
    """Qwen3-Next, Qwen3.5: gated delta rule in three of four layers, gated attention in the rest."""
    body, inactive = config.hidden, 0
    for layer, kind in enumerate(qwen_next_kinds(config)):
        block = qwen_next_layer(config, kind, layer)
        body, inactive = body + block.params, inactive + block.inactive
    return _assembled(config, body, inactive)


def qwen_next_kinds(config: Config) -> list[str]:
    """Which layers are linear: as listed, else all but every fourth (or the stated interval)."""
    listed = config.repeats("layer_types", config.layers)
    if listed:
        return [str(kind) for kind in listed]
    interval = config.optional("full_attention_interval") or 4
    return [
        "linear_attention" if (layer + 1) % interval else "full_attention"
        for layer in range(config.layers)
    ]


def qwen_next_layer(config: Config, kind: str, layer: int) -> Block:
    """One layer with its norms; queries are twice as wide because they carry the output gate."""
    d = config.hidden
    if kind == "linear_attention":
        mixer = _delta_rule(config)
    else:
        gate = linear(d, config.heads * config.head_dim, config.flag("attention_bias"))
        mixer = attention_params(config, GATED_ATTENTION) + gate
    block = feed_forward(config, QWEN_EXPERTS, layer)
    block = block or Block(gated_mlp(d, config.size("intermediate_size")))
    return Block(mixer + block.params + 2 * d, block.inactive)


def _delta_rule(config: Config) -> int:
    d, heads = config.hidden, config.size("linear_num_value_heads")
    keys = config.size("linear_num_key_heads") * config.size("linear_key_head_dim")
    width = config.size("linear_value_head_dim")
    values = heads * width
    mixed = 2 * keys + values
    kernel = config.size("linear_conv_kernel_dim", 4)
    projections = linear(d, mixed + values) + linear(d, 2 * heads) + linear(values, d)
    return projections + mixed * kernel + 2 * heads + width


def lfm2(config: Config) -> Parts:
    """LFM2: short convolutions, attention in a few layers, dense blocks or experts."""
    d, kernel = config.hidden, config.size("conv_L_cache", 3)
    bias = config.flag("conv_bias")
    short = linear(d, 3 * d, bias) + d * kernel + (d if bias else 0) + linear(d, d, bias)
    attention = attention_params(config, Recipe(qk_norm="head"))
    first = config.optional("num_dense_layers") or 0
    dense = Block(gated_mlp(d, _lfm2_width(config)))
    body, inactive, buffers = d, 0, 0
    for layer, kind in enumerate(_lfm2_kinds(config)):
        block = feed_forward(config, Experts(correction=True), layer) if layer >= first else None
        block = block or dense
        body += (attention if kind == "full_attention" else short) + block.params + 2 * d
        inactive, buffers = inactive + block.inactive, buffers + block.buffers
    return replace(_assembled(config, body, inactive), buffers=buffers)


def _lfm2_kinds(config: Config) -> list[str]:
    listed = config.repeats("layer_types", config.layers)
    if listed:
        return [str(kind) for kind in listed]
    full = config.get("full_attn_idxs")
    if not isinstance(full, list):
        return ["full_attention"] * config.layers
    return ["full_attention" if layer in full else "conv" for layer in range(config.layers)]


def _lfm2_width(config: Config) -> int:
    """Two thirds of the stated width, rounded up, unless the file says to take it as it is."""
    stated = config.optional("intermediate_size")
    inner = config.size("block_ff_dim") if stated is None else stated
    if "block_ff_dim" in config.own:
        inner = config.size("block_ff_dim")
    if config.model_type == "lfm2_moe" or config.get("block_auto_adjust_ff_dim") is False:
        return inner
    inner = 2 * inner // 3
    multiplier = config.get("block_ffn_dim_multiplier")
    if isinstance(multiplier, int | float) and not isinstance(multiplier, bool):
        inner = int(multiplier * inner)
    step = config.size("block_multiple_of", 256) or 1
    return -(-inner // step) * step


def _assembled(config: Config, body: int, inactive: int = 0) -> Parts:
    embedding = config.vocabulary * config.hidden
    return Parts(
        embedding=embedding,
        head=own_head(config),
        body=body,
        inactive=inactive,
        tied_head=embedding if config.is_tied else 0,
    )
