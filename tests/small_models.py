"""A model's folder made by hand: right sizes, no training, no libraries."""

import json
import math
from pathlib import Path
from typing import Any

HIDDEN, LAYERS, VOCABULARY = 8, 2, 16

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 512,
}

TENSORS = {
    "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
    **{f"model.layers.{n}.mlp.up_proj.weight": (HIDDEN, HIDDEN) for n in range(LAYERS)},
    "lm_head.weight": (VOCABULARY, HIDDEN),
}

ELEMENTS = sum(math.prod(shape) for shape in TENSORS.values())


def write_model(folder: Path, config: dict[str, Any] | None = None, **changes: object) -> Path:
    """A small Llama as a publisher uploads it; `changes` go into its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    told = (CONFIG if config is None else config) | changes
    (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(TENSORS))
    return folder


def safetensors(tensors: dict[str, tuple[int, ...]]) -> bytes:
    """A file of 32-bit zeros."""
    header, end = {}, 0
    for name, shape in tensors.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)
