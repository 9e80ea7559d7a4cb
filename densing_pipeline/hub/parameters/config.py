"""Read the sizes of a text model from the `config.json` of any family.

What belongs here: nested text configurations, the many names of one size, class defaults, and the
refusal of what is not a size. Not here: the parameter formulas (`decoder`, `ssm`, ...).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

NESTED = ("text_config", "llm_config", "language_config", "thinker_config")
"""Keys under which multimodal configurations hold the language model."""

QUANTISATION = ("quantization_config", "quantization")
"""Keys under which configurations state how weights are packed; the second is that of MLX."""

NAMES: dict[str, tuple[str, ...]] = {
    "hidden_size": ("n_embd", "n_embed", "d_model", "dim", "embed_dim"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers", "layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "attention_heads"),
    "num_key_value_heads": ("n_head_kv", "num_kv_heads"),
    "head_dim": ("kv_channels", "attention_head_dim"),
    "intermediate_size": ("ffn_hidden_size", "n_inner", "ffn_dim", "inner_hidden_size"),
    "max_position_embeddings": (
        "n_positions", "n_ctx", "max_seq_len", "model_max_length", "context_length",
    ),
    "moe_intermediate_size": ("expert_ffn_hidden_size",),
    "n_routed_experts": ("num_experts", "num_local_experts", "moe_num_experts"),
    "n_shared_experts": ("num_shared_experts",),
    "num_experts_per_tok": (
        "top_k_experts", "moe_k", "moe_topk", "moe_top_k", "num_experts_per_token",
        "num_selected_experts", "num_active_experts", "experts_per_token",
    ),
    "num_nextn_predict_layers": ("mtp_num_hidden_layers",),
}  # fmt: skip
"""Alternative names of a size, by its most common name; a test compares them with transformers."""

PATTERNS = ("layers_block_type", "hybrid_override_pattern", "layer_types")
"""Per-layer descriptions that state the number of layers where `num_hidden_layers` is left out."""

LIMIT = 10_000_000
"""Largest accepted size; no width, vocabulary or number of heads or experts reaches it."""

MAX_LAYERS = 2_000
"""Largest accepted number of layers; a larger one is an error, or meant to exhaust the counter."""


class UnreadableConfigError(ValueError):
    """A configuration from which no count follows; the message says why."""


@dataclass(frozen=True, slots=True)
class Config:
    """Sizes of one language model.

    Attributes:
        own: the (nested) text configuration.
        model_type: its `model_type`, lower case.
        around: the configurations it is nested in, the nearest first; none for a text-only model.
        defaults: what the model class takes for sizes the configuration leaves out.
    """

    own: Mapping[str, Any]
    model_type: str
    around: tuple[Mapping[str, Any], ...]
    defaults: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """The value under this name or another name of the same size, or the class default.

        A null under one name leaves the value to the other names. Nothing but nulls means "derive
        it" and hides the default.
        """
        for source in (self.own, self.defaults):
            stated = [source[key] for key in (name, *NAMES.get(name, ())) if key in source]
            if stated:
                return next((value for value in stated if value is not None), None)
        return None

    def around_it(self, name: str) -> Any:
        """The value under this name in the configuration itself or the nearest one around it."""
        sources = (self.own, *self.around)
        return next((each[name] for each in sources if each.get(name) is not None), None)

    def optional(self, name: str) -> int | None:
        """A size, or nothing if the configuration leaves it open.

        Raises:
            UnreadableConfigError: it is not a whole number from 0 to the limit.
        """
        value = self.get(name)
        return None if value is None else whole(value, name)

    def size(self, name: str, otherwise: int | None = None) -> int:
        """A size that the count cannot do without.

        Raises:
            UnreadableConfigError: it is missing, or not a whole number from 0 to the limit.
        """
        value = self.optional(name)
        if value is None:
            value = otherwise
        if value is None:
            raise UnreadableConfigError(f"the configuration does not state {name}")
        return value

    def flag(self, name: str | bool) -> bool:
        """A switch: the constant itself, or the value under that name (False if missing)."""
        return name if isinstance(name, bool) else self.get(name) is True

    def numbers(self, name: str) -> list[Any]:
        """A list under that name; empty if there is none."""
        value = self.get(name)
        return list(value) if isinstance(value, list) else []

    def part(self, name: str) -> "Config":
        """A nested mapping (such as `attn_config`), read with the same checks."""
        inner = self.own.get(name)
        inner = inner if isinstance(inner, Mapping) else {}
        defaults = self.defaults.get(name)
        return Config(
            inner,
            self.model_type,
            (self.own, *self.around),
            defaults if isinstance(defaults, Mapping) else {},
        )

    @property
    def hidden(self) -> int:
        """Width of the residual stream; always stated, never a default."""
        return self.size("hidden_size")

    @property
    def layers(self) -> int:
        """Number of layers; always stated, or as many as a description of each layer has entries."""
        kinds = next(filter(None, map(self.get, PATTERNS)), None)
        return self.size("num_hidden_layers", None if kinds is None else len(kinds))

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.size("num_attention_heads")

    @property
    def kv_heads(self) -> int:
        """Key and value heads; as many as query heads unless stated."""
        return self.size("num_key_value_heads", self.heads)

    @property
    def head_dim(self) -> int:
        """Width of a head: stated, or the hidden size shared out among the query heads.

        Raises:
            UnreadableConfigError: it is not stated and the heads do not divide the hidden size.
        """
        stated = self.optional("head_dim")
        if stated:
            return stated
        if not self.heads or self.hidden % self.heads:
            raise UnreadableConfigError(
                f"hidden size {self.hidden} does not divide among {self.heads} heads"
            )
        return self.hidden // self.heads

    @property
    def vocabulary(self) -> int:
        """Rows of the embedding matrix."""
        padded = self.own.get("padded_vocab_size")
        return self.size("vocab_size") if padded is None else whole(padded, "padded_vocab_size")

    @property
    def is_tied(self) -> bool:
        """Whether the output head is the embedding matrix: as stated, else the class default.

        The text configuration decides before those around it, whose class may write a default of
        its own (vLLM pull request 51105, of Mistral 3).
        """
        for source in (self.own, *self.around, self.defaults):
            stated = source.get("tie_word_embeddings")
            if isinstance(stated, bool):
                return stated
        return True

    def repeats(self, name: str, length: int) -> list[Any]:
        """A per-layer list, checked to have one entry per layer.

        Raises:
            UnreadableConfigError: it has another length.
        """
        values = self.numbers(name)
        if values and len(values) < length:
            raise UnreadableConfigError(f"{name} has {len(values)} entries for {length} layers")
        return values[:length]


def whole(value: object, name: str) -> int:
    """A size as a whole number.

    Raises:
        UnreadableConfigError: it is text, a truth value, a fraction, negative or absurd.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise UnreadableConfigError(f"{name} is {_shown(value)}, not a whole number")
    limit = MAX_LAYERS if name == "num_hidden_layers" else LIMIT
    if not 0 <= value <= limit:
        raise UnreadableConfigError(f"{name} is {_shown(value)}, outside 0 to {limit}")
    return value


def read(config: object) -> Config:
    """The text model a configuration describes.

    Raises:
        UnreadableConfigError: no mapping, empty, an extract without sizes, or absurd ones.
    """
    if not isinstance(config, Mapping) or not config:
        raise UnreadableConfigError("there is no configuration")
    own, *around = reversed(nested(config))
    model_type = next(filter(None, (_text(each.get("model_type")) for each in (own, *around))), "")
    if not model_type:
        raise UnreadableConfigError("the configuration does not state model_type")
    model_type = model_type.lower()
    found = Config(own, model_type, tuple(around), class_defaults().get(model_type, {}))
    for name in ("hidden_size", "num_hidden_layers"):
        spellings = (name, *NAMES[name], *(PATTERNS if name == "num_hidden_layers" else ()))
        if all(own.get(key) is None for key in spellings):
            raise UnreadableConfigError(
                f"the configuration does not state {name} (an extract, or nested sizes left out)"
            )
    for name, size in (("hidden_size", found.hidden), ("num_hidden_layers", found.layers)):
        if size == 0:
            raise UnreadableConfigError(f"{name} is 0")
    return found


def nested(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A configuration, the language model's nested in it, and so on inwards; the last is the text model's.

    Models made of models nest it twice (`llm_config.text_config`, `thinker_config.text_config`).
    """
    found = [config]
    while True:
        inner = (found[-1].get(key) for key in NESTED)
        text = next((each for each in inner if isinstance(each, Mapping) and each), None)
        if text is None:
            return found
        found.append(text)


def quantisation(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """How a configuration says that weights are packed; empty if it says nothing."""
    stated = (each.get(key) for each in nested(config) for key in QUANTISATION)
    return next((each for each in stated if isinstance(each, Mapping) and each), {})


@cache
def class_defaults() -> dict[str, dict[str, Any]]:
    """Default sizes of the model classes of transformers, by model type.

    Configurations omit values equal to these, mostly inside nested text configurations.
    """
    text = files(__package__).joinpath("class_defaults.json").read_text(encoding="utf-8")
    defaults: dict[str, dict[str, Any]] = json.loads(text)
    return defaults


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
