"""Compose records in the form in which the Hub sends them, from one line a model.

The lines (`tests/unit/hub/composed.csv`) state what decides: name, day of creation, model type,
class, parameters, data type, end token, kind of chat template, format, parent, tags and data sets, and of
some the width and the size of the vocabulary, as the whole configuration gives them.
The rest of a record follows from them as on the Hub: its own tags, the list of files, the card. Not
here: the measurement (`evaluation.recognition`).
"""

import hashlib
from collections.abc import Mapping
from typing import Any

CHATML = "{%- for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{%- endfor %}"
"""A template whose turns end with a token of its own, as base models have it from their chat model."""

NO_END = "{%- for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{%- endfor %}<|assistant|>"
"""A template in which a turn ends where the next begins."""

SHARD_BYTES = 5_000_000_000
"""Largest file of weights, as publishers split them."""

FILES = (".gitattributes", "README.md", "config.json", "generation_config.json", "tokenizer.json",
         "tokenizer_config.json")  # fmt: skip
"""Files beside the weights."""


def record(row: Mapping[str, str]) -> dict[str, Any]:
    """The Hub's record of one model.

    Args:
        row: one line of the list, all values as text; empty if not stated.
    """
    model_id, made = row["model_id"], f"{row['created']}T08:00:00.000Z"
    digest = hashlib.sha256(model_id.encode()).hexdigest()
    count = int(row["parameters"] or 0)
    found: dict[str, Any] = {
        "_id": digest[:24],
        "id": model_id,
        "author": model_id.split("/")[0],
        "sha": digest[:40],
        "createdAt": made,
        "lastModified": made,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": _tags(row),
        "cardData": _card(row),
        "siblings": [{"rfilename": name} for name in _files(row, count)],
    }
    if row["library"]:
        found["library_name"] = row["library"]
    if row["task"]:
        found["pipeline_tag"] = row["task"]
    if row["model_type"]:
        found["config"] = _config(row)
    if count and "safetensors" in row["files"]:
        found["safetensors"] = {"parameters": {row["dtype"]: count}, "total": count}
    return found


def _tags(row: Mapping[str, str]) -> list[str]:
    """Tags in the Hub's order: library, formats, type, task, the card's, relations, region."""
    tags = [row["library"]] if row["library"] else []
    tags += [kind for kind in ("safetensors", "gguf") if kind in row["files"].split("+")]
    tags += ["pytorch"] if row["files"] == "pickle" else []
    tags += [value for value in (row["model_type"], row["task"]) if value]
    tags += row["tags"].split()
    tags += ["conversational"] if row["template"] else []
    tags += ["custom_code"] if row["own_code"] == "true" else []
    tags += [f"dataset:{name}" for name in row["datasets"].split()]
    tags += ["en", "license:apache-2.0"]
    if row["parent"]:
        tags += [f"base_model:{row['parent']}"]
        tags += [f"base_model:{row['parent_relation']}:{row['parent']}"]
    return [*tags, "endpoints_compatible", "region:us"]


def _card(row: Mapping[str, str]) -> dict[str, Any]:
    card: dict[str, Any] = {"license": "apache-2.0", "language": ["en"]}
    if row["datasets"]:
        card["datasets"] = row["datasets"].split()
    if row["tags"]:
        card["tags"] = row["tags"].split()
    if row["parent"]:
        card["base_model"] = [row["parent"]]
    return card


def _config(row: Mapping[str, str]) -> dict[str, Any]:
    """The Hub's extract of the configuration, with the sizes that the whole one states, if given."""
    tokenizer = {"eos_token": row["end_token"]} if row["end_token"] else {}
    templates = {
        "handed_down": CHATML,
        "chat": "{%- for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{%- endfor %}",
        "no_end": NO_END,
    }
    if row["template"]:
        tokenizer["chat_template"] = templates[row["template"]]
    config: dict[str, Any] = {
        "architectures": [row["architecture"]],
        "model_type": row["model_type"],
        "tokenizer_config": tokenizer,
    }
    if row["own_code"] == "true":
        file = f"modeling_{row['model_type']}"
        config["auto_map"] = {"AutoModelForCausalLM": f"{file}.{row['architecture']}"}
    if row["width"]:
        config |= {"hidden_size": int(row["width"]), "vocab_size": int(row["vocabulary"])}
    if row["quantisation"]:
        config["quantization_config"] = {"quant_method": row["quantisation"]}
    return config


def _files(row: Mapping[str, str], count: int) -> list[str]:
    name = row["model_id"].split("/")[1]
    if row["files"] == "gguf":
        return [".gitattributes", "README.md", f"{name}-Q4_K_M.gguf"]
    bytes_each = {"F8_E4M3": 1, "U8": 1, "I32": 4, "U32": 4}.get(row["dtype"], 2)
    shards = max(1, -(-count * bytes_each // SHARD_BYTES))
    kind = "pytorch_model" if row["files"] == "pickle" else "model"
    suffix = "bin" if row["files"] == "pickle" else "safetensors"
    names = [f"{kind}-{n + 1:05}-of-{shards:05}.{suffix}" for n in range(shards)]
    weights = names if shards > 1 else [f"{kind}.{suffix}"]
    extra = [f"{name.lower()}.gguf"] if row["files"].endswith("+gguf") else []
    code = [f"modeling_{row['model_type']}.py"] if row["own_code"] == "true" else []
    return sorted([*FILES, *weights, *extra, *code])
