"""Selects and checks a model's files: which are fetched, whether they may be loaded and are complete.

Weights are read from safetensors files only, and no code from a repository is run. Sizes come from
the files themselves. Not here: fetching the files (`download`) and running the model (`vllm_engine`).
"""

import hashlib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densing_pipeline.evaluation.failures import BlockedError
from densing_pipeline.files import file_sha256
from densing_pipeline.hub import architectures
from densing_pipeline.text import error_text

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")
"""Names of which a tokenizer has at least one."""

WANTED = re.compile(
    r"(?!consolidated)[\w.-]+\.safetensors|[\w.-]+\.json|tokenizer\.model|merges\.txt|vocab\.txt"
    r"|[\w.-]+\.tiktoken"
)
"""Files of the top folder that are fetched: no pickle files, no code, and not `consolidated*`, which
repeats the weights."""

PICKLED = re.compile(r".*\.(bin|pt|pth|ckpt|pkl|pickle|msgpack|h5|npz)")

TOKENIZER = re.compile(r"tokenizer|vocab|merges|special_tokens|added_tokens|tekken|.*\.tiktoken")
"""Beginnings of the names of a tokenizer's files."""

LARGEST_CONFIG = 2**22

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|layer)\.(\d+)\.")

EMBEDDING = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|embed_in|tok_embeddings)\.weight$"
)

MOST_PADDING = 1024
"""Most rows of an embedding beyond the vocabulary that count as padding."""


@dataclass(frozen=True)
class Weights:
    """A checked model on disk.

    Attributes:
        path: its folder.
        stored_bytes: bytes of the weights as stored.
        elements: number of weights.
        quantisation: quantisation method; None if the weights are not quantised.
        heads: attention heads; 1 if the configuration does not say.
        vocabulary: rows of the embedding.
        context: longest context in tokens; None if the configuration does not say.
        tokenizer_sha256: SHA-256 over all files of the tokenizer.
        sha256: SHA-256 over all files of the model, so that two models of one name are told apart.
    """

    path: Path
    stored_bytes: int
    elements: int
    quantisation: str | None
    heads: int
    vocabulary: int
    context: int | None
    tokenizer_sha256: str
    sha256: str

    def bytes_in(self, width: int) -> int:
        """Bytes of the weights at `width` bytes per weight; as stored if they are quantised."""
        return self.stored_bytes if self.quantisation else self.elements * width


def check_names(names: Collection[str]) -> list[str]:
    """Names of the files to fetch, of all files in a repository.

    Raises:
        BlockedError: there are no safetensors weights, no configuration or no tokenizer.
    """
    wanted = sorted(name for name in names if WANTED.fullmatch(name))
    if not any(name.endswith(".safetensors") for name in wanted):
        pickled = sorted(name for name in names if PICKLED.fullmatch(name))
        why = (
            f"only pickled ones ({', '.join(pickled[:3])}), which can run code"
            if pickled
            else "none"
        )
        raise BlockedError(f"no safetensors weights: {why}")
    if CONFIG not in wanted:
        raise BlockedError(f"no {CONFIG}")
    tiktoken = any(name.endswith(".tiktoken") for name in wanted)
    if not tiktoken and not any(name in wanted for name in TOKENIZERS):
        raise BlockedError(f"no tokenizer: none of {', '.join(TOKENIZERS)}")
    return wanted


def check_code(config: Mapping[str, Any]) -> None:
    """Refuse a model that can only be loaded by running code from its repository.

    Args:
        config: its `config.json`.

    Raises:
        BlockedError: vLLM and transformers do not implement the model (`hub.architectures`), or the
            configuration names neither its type nor its class.
    """
    runs = architectures.can_run(config)
    if runs is None:
        raise BlockedError(f"{CONFIG} names no model type")
    if not runs:
        raise BlockedError(
            f"needs code of its own (model type {config.get('model_type')!r}), for"
            f" {architectures.versions()} cannot run its architecture; none from repositories is"
            " run"
        )


def read_config(path: Path) -> dict[str, Any]:
    """Read a `config.json`.

    Raises:
        BlockedError: the file is too large, damaged, or no JSON object.
    """
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise BlockedError(f"{path.name} has {path.stat().st_size:,} bytes")
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BlockedError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise BlockedError(f"{path.name} holds no object")
    return config


def digest(folder: Path, known: Mapping[str, str] | None = None) -> str:
    """SHA-256 over the names and contents of all files of a model.

    Args:
        folder: the model's folder.
        known: SHA-256 of files whose content was checked already.

    Raises:
        BlockedError: as from `check_names`, or there is no such folder.
    """
    if not folder.is_dir():
        raise BlockedError(f"no folder {folder}")
    return _sha256(folder, check_names(_names(folder)), known or {})


def check(folder: Path, known: Mapping[str, str] | None = None) -> Weights:
    """Check all files of a model's folder.

    Args:
        folder: the model's folder.
        known: SHA-256 of files whose content was checked already.

    Raises:
        BlockedError: a file is missing or damaged, or differs from the configuration.
    """
    names = check_names(_names(folder))
    config = read_config(folder / CONFIG)
    check_code(config)
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    stored_bytes = 0
    shards = [name for name in names if name.endswith(".safetensors")]
    for name in shards:
        found, stored = _header(folder / name)
        tensors |= found
        stored_bytes += stored
    _check_index(folder, shards, tensors)
    text = config.get("text_config")
    text = {**config, **text} if isinstance(text, dict) else config
    vocabulary = _check_sizes(text, tensors)
    quantised = config.get("quantization_config")
    return Weights(
        path=folder,
        stored_bytes=stored_bytes,
        elements=sum(math.prod(shape) for _, shape in tensors.values()),
        quantisation=str(quantised.get("quant_method")) if isinstance(quantised, dict) else None,
        heads=_whole(text, "num_attention_heads", "n_head", "num_heads") or 1,
        vocabulary=vocabulary,
        context=_whole(text, "max_position_embeddings", "n_positions", "max_seq_len"),
        tokenizer_sha256=_sha256(folder, filter(TOKENIZER.match, names), known or {}),
        sha256=_sha256(folder, names, known or {}),
    )


def _header(path: Path) -> tuple[dict[str, tuple[str, tuple[int, ...]]], int]:
    """Element type and shape of each tensor in a file, and the bytes of all of them.

    The library that vLLM loads weights with reads the header. It refuses a file with other bytes than its
    header describes, and element types that it could not load.

    Raises:
        BlockedError: the file is cut off, damaged or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {
                name: (each.get_dtype(), tuple(each.get_shape())) for name, each in slices.items()
            }
    except (OSError, SafetensorError) as error:
        raise BlockedError(
            f"{path.name} is cut off, damaged or no safetensors file ({error_text(error)})"
        ) from error
    with path.open("rb") as raw:
        header = int.from_bytes(raw.read(8), "little")
    return found, path.stat().st_size - 8 - header


def _check_index(folder: Path, shards: Collection[str], tensors: Collection[str]) -> None:
    """Check that all files and tensors named in the index are present."""
    path = folder / INDEX
    if not path.exists():
        if numbered := [name for name in shards if re.search(r"-of-0*[2-9]", name)]:
            raise BlockedError(f"{len(numbered)} weight files and no {INDEX}")
        return
    placed = read_config(path).get("weight_map")
    if not isinstance(placed, dict):
        raise BlockedError(f"{INDEX} has no weight_map")
    if missing := sorted({str(name) for name in placed.values()} - set(shards)):
        raise BlockedError(f"weight files missing: {', '.join(missing[:3])}")
    if missing := sorted(set(placed) - set(tensors)):
        raise BlockedError(f"{len(missing)} tensors missing, such as {missing[0]}")


def _check_sizes(
    config: Mapping[str, Any], tensors: Mapping[str, tuple[str, tuple[int, ...]]]
) -> int:
    """Check number of layers and size of the embedding against the configuration; the vocabulary.

    Raises:
        BlockedError: they differ.
    """
    layers = _whole(config, "num_hidden_layers", "n_layer", "num_layers")
    spare = _whole(config, "num_nextn_predict_layers") or 0
    seen = {int(found[1]) for name in tensors if (found := LAYER.search(name))}
    if layers and seen and not layers <= max(seen) + 1 <= layers + spare:
        raise BlockedError(f"{CONFIG} says {layers} layers, the weights have {max(seen) + 1}")
    vocabulary = _whole(config, "vocab_size") or 0
    hidden = _whole(config, "hidden_size", "n_embd", "d_model")
    for name, (_, shape) in tensors.items():
        if EMBEDDING.search(name) and len(shape) == 2:
            told = (vocabulary or shape[0], hidden or shape[1])
            if not 0 <= shape[0] - told[0] <= MOST_PADDING or shape[1] != told[1]:
                raise BlockedError(
                    f"{CONFIG} says an embedding of {told}, the weights have {shape}"
                )
            return shape[0]
    return vocabulary


def _whole(config: Mapping[str, Any], *names: str) -> int | None:
    """The first of some settings that is a positive integer, else None."""
    values = [config.get(name) for name in names]
    found = [v for v in values if isinstance(v, int) and not isinstance(v, bool) and v > 0]
    return found[0] if found else None


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file()]


def _sha256(folder: Path, names: Iterable[str], known: Mapping[str, str]) -> str:
    """SHA-256 over names and contents of some files, in the order given."""
    parts = hashlib.sha256()
    for name in names:
        parts.update(f"{name}\n".encode())
        parts.update(bytes.fromhex(known.get(name) or file_sha256(folder / name)))
    return parts.hexdigest()
