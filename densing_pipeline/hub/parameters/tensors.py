"""Count the parameters of a model from the names, dtypes and shapes of its stored tensors.

These stand in the header of a safetensors file, which can be read without its weights. Not here:
fetching headers, and the comparison with the count from the configuration (`compare`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from densing_pipeline.hub.parameters.safetensors import MAX_PARAMS

EMBEDDINGS = frozenset(
    {"embed_tokens", "wte", "word_embeddings", "tok_embeddings", "embed_in", "embeddings"}
)
HEADS = frozenset({"lm_head", "embed_out", "output"})
MAX_DIMENSIONS = 16
"""Largest accepted number of dimensions of a tensor."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a safetensors header.

    Attributes:
        name: its name in the file.
        dtype: its dtype as the header writes it, such as `BF16`, `F8_E4M3` or `U8`.
        shape: its dimensions, in elements of that dtype.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TensorCounts:
    """Parameters of one model by part, counted from its tensors.

    Attributes:
        total: parameters of the language model, each once; None if there is no count.
        active: those one token passes through, input embedding and output head included; None if
            there is no count, or if it is not known how many experts a token uses.
        nonembedding: `total` without `embedding` and `head`; None if no input embedding was found.
        active_nonembedding: `active` without `embedding` and `head`; None if either is not known.
        embedding: input embedding, with learned positions and per-layer embeddings.
        input_embedding: elements of the input embedding alone; None if none was found.
        head: output head with weights of its own; 0 when it is the input embedding.
        tied_head: output head stored a second time though it is the input embedding; not in `total`.
        experts: routed experts, all of them.
        prediction: extra prediction layers, with their own embedding and head; not in `total`.
        tower: towers and projectors for images, audio and video; not in `total`.
        buffers: stored elements that are no parameters, such as masks and quantisation scales.
        is_moe: whether there are routed experts.
        notes: what was decided or found that a reader should know, in sentences.
        reason: why there is no count; empty if there is one.
    """

    total: int | None
    active: int | None
    nonembedding: int | None
    active_nonembedding: int | None
    embedding: int = 0
    input_embedding: int | None = None
    head: int = 0
    tied_head: int = 0
    experts: int = 0
    prediction: int = 0
    tower: int = 0
    buffers: int = 0
    is_moe: bool = False
    notes: tuple[str, ...] = ()
    reason: str = ""


def count_tensors(tensors: Iterable[Tensor], config: Mapping[str, Any]) -> TensorCounts:
    """Count the parameters of a model by part, from its tensors.

    Never raises; for tensors that cannot be counted `reason` says why.

    Args:
        tensors: all tensors of the model's files, each once; in any order.
        config: its `config.json`, or what is known of it; it tells whether the head is the input
            embedding and how many experts a token uses.
    """
    embedding = head = total = 0
    for tensor in tensors:
        elements = _elements(tensor.shape)
        if elements is None or total + elements > MAX_PARAMS:
            return _uncounted(
                f"tensor {tensor.name[:100]!r} has the shape {str(tensor.shape)[:60]}"
            )
        total += elements
        words = re.split(r"[./]", tensor.name[:500])
        if not EMBEDDINGS.isdisjoint(words) and len(tensor.shape) == 2:
            embedding += elements
        elif not HEADS.isdisjoint(words) and len(tensor.shape) == 2:
            head += elements
    if not total:
        return _uncounted("there are no tensors")
    tied = head if config.get("tie_word_embeddings") is True and head == embedding else 0
    total, head = total - tied, head - tied
    body = total - embedding - head if embedding else None
    return TensorCounts(
        total=total,
        active=total,
        nonembedding=body,
        active_nonembedding=body,
        embedding=embedding,
        input_embedding=embedding or None,
        head=head,
        tied_head=tied,
    )


def _elements(shape: tuple[int, ...]) -> int | None:
    """Elements of a tensor; None if its shape is none, or makes too many."""
    if len(shape) > MAX_DIMENSIONS:
        return None
    product = 1
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            return None
        product = min(product * size, MAX_PARAMS + 1)
    return product if product <= MAX_PARAMS else None


def _uncounted(reason: str) -> TensorCounts:
    return TensorCounts(None, None, None, None, reason=reason)
