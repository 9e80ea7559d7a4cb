"""Evidence that a model was pretrained, and evidence that its weights come from another model.

A repository without signs of tuning is not thereby pretrained: most derived models with an empty
card look the same. Not here: evidence of tuning (`rules`), and reading the record
(`record_fields`).
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from densing_pipeline.hub import architectures, families, keywords, record_fields, templates
from densing_pipeline.hub.pretrainers import (
    ARCHITECTURES,
    ARCHITECTURES_TOO,
    known_pretrainers,
    line_of_type,
    makers_of_lines,
    organisation_of,
    owner_of,
)

COMMON_SHAPES = frozenset({"llama", "gpt2", "gpt_neox"})
"""Model types whose published shapes many others train from scratch."""

SAME_VOCABULARY = 0.02
"""Largest relative difference in vocabulary between a model and its parent; added tokens change it."""

SAME_SIZE = 0.003
"""Largest relative difference in size between a model and its parent; added tokens change the
size."""

SAME_BODY = 0.0005
"""Largest relative difference between the sizes of two models without their vocabularies that are taken
for the same."""

DOCUMENT_ENDS = frozenset(
    {
        "</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "[EOS]", "<|end_of_document|>", "<EOS>",
        "<|endofdoc|>", "<|eos|>", "<｜end▁of▁sentence｜>", "<|end_of_sentence|>", "<EOD>", "<|EOS|>",
    }
)  # fmt: skip
"""Tokens that end a document, as tokenizers for pretraining have them."""

NAMED = "name says base"

OWN_TYPE = 4
"""Smallest length in letters of a model type that is searched for in the name."""


def outright(record: Mapping[str, Any], words: frozenset[str]) -> list[str]:
    """Signs of pretraining of which one is sufficient, in words.

    Args:
        record: a Hub record.
        words: the words of its name.
    """
    model_id = str(record.get("id") or "")
    told = []
    if owner_of(model_id) in known_pretrainers():
        told.append("published by an organisation that pretrains")
    if words & keywords.SURELY_BASE:
        told.append(NAMED)
    if data := pretraining_data(record):
        told.append(f"pretraining data {data[0][:60]}")
    tagged = {tag.lower() for tag in record_fields.tags(record)} & keywords.PRETRAINED_TAGS
    if tagged:
        told.append(f"tag {sorted(tagged)[0]}")
    if kind := own_architecture(record):
        told.append(f"an architecture of its own, {kind}")
    return told


def circumstantial(
    record: Mapping[str, Any], words: frozenset[str], *, has_template: bool
) -> list[str]:
    """Signs of pretraining of which several are needed, in words.

    They are a new size, a tokenizer not made for chat, and a described corpus. There are none
    unless the size is known and differs from every known model: derived models show the other signs
    too.

    Args:
        record: a Hub record.
        words: the words of its name.
        has_template: whether its tokenizer is set up for chat.
    """
    if record_fields.total(record) is None or same_size(record):
        return []
    told = [other_tokenizer(record) or "a size of its own"]
    if not has_template and record_fields.tokenizer_shown(record):
        told.append("a tokenizer not made for chat")
    papers = any(tag.startswith("arxiv:") for tag in record_fields.tags(record))
    if record_fields.languages(record) or papers:
        told.append("languages or paper stated")
    if words & keywords.BASE:
        told.append("name says pt")
    return told


ENOUGH = 3
"""Number of circumstantial signs that equal one sufficient sign."""

SOME = 2
"""Number of circumstantial signs for a base model that is marked as doubtful."""


def pretraining_data(record: Mapping[str, Any]) -> list[str]:
    """The stated data sets that are pretraining corpora."""
    named = record_fields.datasets(record)
    return [name for name in named if keywords.PRETRAINING_DATA.search(name)]


def own_architecture(record: Mapping[str, Any]) -> str | None:
    """The model type, if it stands in the repository's name and is no other organisation's line."""
    model_id = str(record.get("id") or "")
    owner, name = owner_of(model_id), _letters(model_id.rpartition("/")[2])
    for kind in record_fields.model_types(record):
        for root in (_letters(kind), _letters(re.split(r"[-_]", kind)[0])):
            known = any(root.startswith(line) or line in root for line in makers_of_lines())
            known |= root != _letters(kind) and root in _implemented_roots()
            if len(root) >= OWN_TYPE and not known and root in name:
                is_own_code = isinstance(record_fields.config(record).get("auto_map"), Mapping)
                if is_own_code or root in _letters(owner):
                    return kind[:60]
    return None


@cache
def _implemented_roots() -> frozenset[str]:
    """First words of the model types that transformers or vLLM implement: nobody's own."""
    kinds = architectures.registry()[architectures.CONFIGURATIONS]
    return frozenset(_letters(re.split(r"[-_]", kind.lower())[0]) for kind in kinds)


def same_size(record: Mapping[str, Any]) -> str | None:
    """Id of a known model of another owner with the same model type and size, if there is one.

    A model of the same size with another tokenizer was not made from that model's weights.
    """
    parent = _of_same_size(record)
    return None if parent and other_tokenizer(record) else parent


def other_tokenizer(record: Mapping[str, Any]) -> str | None:
    """How the tokenizer differs from that of the known model of the same size, in words.

    Compared are the size of the vocabulary, apart from added tokens, and the token that ends a
    document. An end token that ends turns of a conversation is no evidence, for tuning sets it.
    """
    parent = _of_same_size(record)
    if parent is None:
        return None
    vocabulary, end = known_tokenizers()[parent]
    for source in record_fields.text_configs(record):
        own = source.get("vocab_size")
        if not isinstance(own, int) or own <= 0:
            continue
        if abs(own - vocabulary) > SAME_VOCABULARY * vocabulary:
            return f"a vocabulary of its own ({own:,} tokens, {parent} has {vocabulary:,})"
    own_end = templates.end_token(record)
    if own_end and own_end != end and own_end in DOCUMENT_ENDS:
        return f"a tokenizer of its own (ends at {own_end}, that of {parent} at {end})"
    return None


def same_body(record: Mapping[str, Any]) -> str | None:
    """Id of a known model of another owner that is as large apart from a smaller vocabulary.

    Training on in another language often extends the vocabulary, which adds rows to the embedding and to
    the head. Compared is the rest of the parameters, once the configuration is read.
    """
    total, types = record_fields.total(record), record_fields.model_types(record)
    owner = organisation_of(owner_of(str(record.get("id") or "")))
    if total is None:
        return None
    widths = [
        (width, words)
        for source in record_fields.text_configs(record)
        if isinstance(width := source.get("hidden_size"), int)
        and isinstance(words := source.get("vocab_size"), int)
    ]
    for model_id, kind, known in known_sizes():
        if kind not in types or total <= known or organisation_of(owner_of(model_id)) == owner:
            continue
        added = [
            copies * width * (words - known_tokenizers()[model_id][0])
            for width, words in widths
            for copies in (1, 2)
        ]
        if any(rows > 0 and abs(total - rows - known) <= SAME_BODY * known for rows in added):
            return model_id
    return None


def _of_same_size(record: Mapping[str, Any]) -> str | None:
    owner = organisation_of(owner_of(str(record.get("id") or "")))
    close = _all_of_same_size(record)
    if any(organisation_of(owner_of(model_id)) == owner for model_id in close):
        return None
    return close[0] if close else None


def _all_of_same_size(record: Mapping[str, Any]) -> list[str]:
    """Ids of the known models with the same model type and size, the closest size first."""
    total, types = record_fields.total(record), record_fields.model_types(record)
    if total is None:
        return []
    close = [
        (abs(total - known) / known, model_id)
        for model_id, kind, known in known_sizes()
        if kind in types and abs(total - known) <= SAME_SIZE * known
    ]
    return [model_id for _, model_id in sorted(close)]


def from_scratch(record: Mapping[str, Any], other_lines: frozenset[str]) -> bool:
    """Whether another organisation's line in the name is only an architecture trained from scratch.

    True if a pretraining corpus is stated, and the owner is a known pretrainer, or has its own name
    in the model's (`amd/AMD-OLMo-1B`), or the size is that of no known model. True also if the owner
    is a known pretrainer, and the line is one of `ARCHITECTURES`, or of `ARCHITECTURES_TOO` and the
    size is new. Never true if the name continues that of the known model of the same size
    (`LLaMA-2-7B-32K`).
    """
    model_id = str(record.get("id") or "")
    owner = owner_of(model_id)
    pretrains = owner in known_pretrainers()
    branded = len(owner) > 1 and _letters(owner) in _letters(model_id.rpartition("/")[2])
    parent = same_size(record)
    is_counted, is_known = record_fields.total(record) is not None, parent is not None
    if parent and any(_starts_with_name(model_id, one) for one in _all_of_same_size(record)):
        return False
    if pretraining_data(record) and (pretrains or branded or (is_counted and not is_known)):
        return True
    is_new = is_counted and not is_known
    return pretrains and other_lines <= (ARCHITECTURES_TOO if is_new else ARCHITECTURES)


def _starts_with_name(model_id: str, parent: str) -> bool:
    """Whether a model's name begins with all the words of another model's name."""
    own, other = families.parse(model_id).stem, families.parse(parent).stem
    return own[: len(other)] == other


def other_class(record: Mapping[str, Any]) -> str | None:
    """Another organisation's line that has the model's class, unless the size is known to be new.

    Pretrainers use a class of their own or a widely used architecture; a derived model has the
    class of its parent's weights.
    """
    if record_fields.total(record) is not None and same_size(record) is None:
        return None
    owner = owner_of(str(record.get("id") or ""))
    kinds = [
        *record_fields.model_types(record),
        *map(str.lower, record_fields.architectures(record)),
    ]
    for kind in kinds:
        line = line_of_type(kind)
        if line and owner not in makers_of_lines()[line]:
            return line
    return None


@cache
def known_sizes() -> tuple[tuple[str, str, int], ...]:
    """Widely known base models: id, type, parameters as their files hold them."""
    text = (resources.files("densing_pipeline.hub") / "known_sizes.csv").read_text("utf-8")
    return tuple(
        (row["model_id"], row["model_type"], int(row["params_total"]))
        for row in csv.DictReader(text.splitlines())
    )


@cache
def known_tokenizers() -> dict[str, tuple[int, str]]:
    """Tokens in the vocabulary and the token that ends a document, of the models of `known_sizes`."""
    text = (resources.files("densing_pipeline.hub") / "known_sizes.csv").read_text("utf-8")
    return {
        row["model_id"]: (int(row["vocab_size"]), row["end_token"])
        for row in csv.DictReader(text.splitlines())
    }


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]+", "", text.lower())
