"""Parameter counts of the parts of a language model, and building blocks that all families share.

Not here: which family uses which block.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parts:
    """Parameters of one model by part.

    Attributes:
        embedding: input embeddings, with learned positions and per-layer embeddings.
        head: the output head if it has weights of its own (0 when tied).
        body: the rest of the language model.
        inactive: routed experts that a token does not pass through; part of `body`.
        prediction: extra prediction layers stored with the model; not part of it.
        prediction_embedding: copies of embedding and head stored with those layers.
        buffers: stored tensors that are not parameters (router corrections, scalars).
        prediction_buffers: the same, inside the extra prediction layers.
        tower: vision tower and projector stored with the model; not part of it.
        tower_about: rough size of the towers whose layout is not known; 0 if that is not known either.
        tower_unknown: names of these towers; empty if there are none.
        tied_head: size of the head a file may store a second time; 0 when untied.
    """

    embedding: int
    head: int
    body: int
    inactive: int = 0
    prediction: int = 0
    prediction_embedding: int = 0
    buffers: int = 0
    prediction_buffers: int = 0
    tower: int = 0
    tower_about: int = 0
    tower_unknown: str = ""
    tied_head: int = 0

    @property
    def total(self) -> int:
        """Parameters of the language model, each counted once."""
        return self.embedding + self.head + self.body

    @property
    def active(self) -> int:
        """Parameters of the language model that one token passes through."""
        return self.total - self.inactive


@dataclass(frozen=True, slots=True)
class Block:
    """One feed-forward block: its parameters, those a token skips, its router's buffers."""

    params: int
    inactive: int = 0
    buffers: int = 0


def linear(inputs: int, outputs: int, bias: bool = False) -> int:
    """Weights of a linear map, and its bias."""
    return inputs * outputs + (outputs if bias else 0)


def gated_mlp(width: int, inner: int, bias: bool = False) -> int:
    """Gate, up and down projections."""
    return 2 * linear(width, inner, bias) + linear(inner, width, bias)


def plain_mlp(width: int, inner: int, bias: bool = False) -> int:
    """Up and down projections."""
    return linear(width, inner, bias) + linear(inner, width, bias)
