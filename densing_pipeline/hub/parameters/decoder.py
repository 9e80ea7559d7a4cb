"""Parameter formula of transformer decoders, with a recipe for biases, norms, experts and gates.

Most families are one line of `recipes`. Not here: families with layers of another kind
(`ssm`, `mla`, `gemma`, `classic`).
"""

from dataclasses import dataclass

from densing_pipeline.hub.parameters import mla
from densing_pipeline.hub.parameters.config import Config
from densing_pipeline.hub.parameters.moe import Experts, feed_forward
from densing_pipeline.hub.parameters.parts import Block, Parts, gated_mlp, linear, plain_mlp

Switch = bool | str
"""A constant, or the configuration key that holds the value."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Differences of a family's decoder from Llama's.

    Attributes:
        qkv_bias: biases of query, key and value projections.
        out_bias: bias of the attention output.
        mlp_bias: biases of the feed-forward block.
        gated: feed-forward block with a gate (three matrices) or without (two).
        norms: norms per layer.
        norm_bias: whether norms have a bias.
        final_norm: whether there is a norm after the last layer.
        qk_norm: norm of queries and keys: `head` (one head wide), `full` (all heads wide).
        qk_norm_if: configuration key that switches that norm on.
        qk_norm_bias: whether that norm has a bias.
        head_bias: bias of the output head.
        sinks: one learned sink per query head.
        output_gate: gate on the attention output: `head` (a number per head).
        latent: multi-head latent attention.
        sub_norms: extra norms inside attention (hidden) and feed-forward (inner).
        extra: further parameters per layer (learned activations).
        experts: mixture of experts, if any.
    """

    qkv_bias: Switch = False
    out_bias: Switch = False
    mlp_bias: Switch = False
    gated: bool = True
    norms: int = 2
    norm_bias: bool = False
    final_norm: bool = True
    qk_norm: str = ""
    qk_norm_if: Switch = True
    qk_norm_bias: bool = False
    head_bias: Switch = False
    sinks: bool = False
    output_gate: str = ""
    latent: bool = False
    sub_norms: bool = False
    extra: int = 0
    experts: Experts | None = None


def count(config: Config, recipe: Recipe) -> Parts:
    """Parts of a decoder built by a recipe.

    Per Llama-like layer: d n_head d_head (query) + 2 d n_kv d_head (key, value) + n_head d_head d
    (output) + 3 d d_ffn + 2 d, and d for the final norm; the sum over the layers is the paper's
    non-embedding count.
    """
    d = config.hidden
    norm = d * (2 if recipe.norm_bias else 1)
    per_layer = recipe.norms * norm + recipe.extra
    attention = mla.attention(config) if recipe.latent else attention_params(config, recipe)
    blocks = [feed_forward_block(config, recipe, layer) for layer in range(config.layers)]
    body = config.layers * (per_layer + attention) + sum(block.params for block in blocks)
    body += mla.indexers(config) if recipe.latent else 0
    embedding = config.vocabulary * d
    return Parts(
        embedding=embedding,
        head=own_head(config, config.flag(recipe.head_bias)),
        body=body + (norm if recipe.final_norm else 0),
        inactive=sum(block.inactive for block in blocks),
        buffers=sum(block.buffers for block in blocks),
        tied_head=embedding if config.is_tied else 0,
    )


def own_head(config: Config, bias: bool = False) -> int:
    """Weights of an untied output head; a bias is there even if the matrix is tied."""
    rows = config.vocabulary
    return (0 if config.is_tied else rows * config.hidden) + (rows if bias else 0)


def attention_params(config: Config, recipe: Recipe) -> int:
    """Grouped-query attention of one layer."""
    d, width = config.hidden, config.head_dim
    queries, keys = config.heads * width, config.kv_heads * width
    bias = config.flag(recipe.qkv_bias)
    params = linear(d, queries, bias) + 2 * linear(d, keys, bias)
    params += linear(queries, d, config.flag(recipe.out_bias))
    if recipe.qk_norm and config.flag(recipe.qk_norm_if):
        normed = 2 * width if recipe.qk_norm == "head" else queries + keys
        params += normed * (2 if recipe.qk_norm_bias else 1)
    params += config.heads if recipe.sinks else 0
    params += d * config.heads if recipe.output_gate == "head" else 0
    params += d if recipe.sub_norms else 0
    return params


def feed_forward_block(config: Config, recipe: Recipe, layer: int) -> Block:
    """The feed-forward block of one layer: experts where the recipe puts them, else dense."""
    if recipe.experts is not None:
        block = feed_forward(config, recipe.experts, layer)
        if block is not None:
            return block
    inner = dense_width(config, recipe)
    mlp = gated_mlp if recipe.gated else plain_mlp
    return Block(
        mlp(config.hidden, inner, config.flag(recipe.mlp_bias)) + (inner if recipe.sub_norms else 0)
    )


def dense_width(config: Config, recipe: Recipe) -> int:
    """Inner width of a dense feed-forward block; four times the hidden size if left open."""
    stated = recipe.experts.dense_width if recipe.experts else ""
    if stated and (width := config.optional(stated)) is not None:
        return width
    return config.size("intermediate_size", 4 * config.hidden)
