"""Feed-forward blocks made of experts.

Not here: the decoder around them (`decoder`), and which family names its experts how (`recipes`).
"""

from dataclasses import dataclass

from densing_pipeline.hub.parameters.config import Config, UnreadableConfigError
from densing_pipeline.hub.parameters.parts import Block, gated_mlp, linear


@dataclass(frozen=True, slots=True)
class Experts:
    """How a family describes its experts: names of configuration keys, and switches.

    Attributes:
        width: key of an expert's inner width.
        dense_width: key of the inner width of the layers without experts.
        shared: key of the number of shared experts, each as wide as a routed one.
        shared_width: key of the inner width of one shared expert of its own width.
        shared_gate: whether a gate weighs the shared expert (one row).
        bias: whether router and experts have biases.
        correction: whether the router keeps a correction per expert (a buffer in files).
        correction_counts: whether the model class counts that correction as a parameter.
    """

    width: str = "moe_intermediate_size"
    dense_width: str = ""
    shared: str = ""
    shared_width: str = ""
    shared_gate: bool = False
    bias: bool = False
    correction: bool = False
    correction_counts: bool = False


def feed_forward(config: Config, experts: Experts, layer: int) -> Block | None:
    """The block of one layer; nothing if that layer is dense.

    Router d n_expert; n_expert experts of 3 d d_expert, of which `num_experts_per_tok` are used
    by a token; shared experts are always used.
    """
    if not has_experts(config, layer):
        return None
    d, routed = config.hidden, config.size("n_routed_experts")
    used = config.size("num_experts_per_tok")
    if used > routed:
        raise UnreadableConfigError(f"{used} experts per token of {routed}")
    expert = gated_mlp(d, config.size(experts.width), experts.bias)
    params = linear(d, routed, experts.bias) + routed * expert + _shared(config, experts)
    params += routed if experts.correction_counts else 0
    return Block(params, (routed - used) * expert, routed if experts.correction else 0)


def has_experts(config: Config, layer: int) -> bool:
    """Whether a layer has experts, by any of the rules configurations use.

    An explicit list decides; else the first dense layers and the step between layers.
    """
    if not config.optional("n_routed_experts"):
        return False
    kinds = config.numbers("mlp_layer_types")
    if kinds:
        return layer < len(kinds) and kinds[layer] != "dense"
    frequency = config.get("moe_layer_freq")
    if isinstance(frequency, list):
        return layer < len(frequency) and frequency[layer] == 1
    if layer in config.numbers("mlp_only_layers"):
        return False
    chosen = config.get("moe_layers")
    if isinstance(chosen, list):
        return layer in chosen
    first = config.optional("first_k_dense_replace") or 0
    if layer < first:
        return False
    if isinstance(frequency, int) and frequency > 1:
        return layer % frequency == 0
    for key in ("decoder_sparse_step", "interleave_moe_layer_step"):
        step = config.optional(key)
        if step and step > 1:
            return (layer + 1) % step == 0
    return _between(config, layer)


def _between(config: Config, layer: int) -> bool:
    """ERNIE's rule: every so many layers from a first to a last one."""
    start = config.optional("moe_layer_start_index") or 0
    end = config.get("moe_layer_end_index")
    interval = config.optional("moe_layer_interval") or 1
    if isinstance(end, int) and 0 <= end < layer:
        return False
    return layer >= start and (layer + 1) % interval == 0


def _shared(config: Config, experts: Experts) -> int:
    d = config.hidden
    gate = d if experts.shared_gate else 0
    if experts.shared_width:
        inner = config.optional(experts.shared_width) or 0
        return gated_mlp(d, inner, experts.bias) + gate if inner else 0
    many = (config.optional(experts.shared) or 0) if experts.shared else 0
    return gated_mlp(d, many * config.size(experts.width), experts.bias) + gate if many else 0
