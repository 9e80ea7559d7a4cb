"""Is this repository a base language model? A published rule, with its evidence per model.

The rule in order, the first that applies decides: files, relations, packing, merging, kind of
model, name, traces of tuning, chat template. `docs/hub.md` has it with its measured errors. Not
here: how the record is read (`evidence`) and the words looked for (`markers`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from densing_pipeline.hub import evidence, markers
from densing_pipeline.hub.evidence import Files

SHOWN = 80
"""Characters of third-party text repeated in the evidence."""

NATIVE_FORMATS = ("fp8", "mxfp4", "fp4")
"""Formats that models are released in by those who trained them."""

TEXT_LIBRARIES = frozenset(
    {"", "transformers", "vllm", "mistral-common", "safetensors", "pytorch", "litgpt", "mamba-ssm"}
)
"""Libraries that say nothing against a language model."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a repository is, as far as its record tells.

    Attributes:
        is_base: a pretrained causal language model, not derived from another one.
        relation: how it was derived, in the labels of the column `relation`; `unknown` if it is
            no language model or nothing tells.
        parent_id: the model it was derived from, if stated.
        quantisation: numeric format of the weights if stated.
        evidence: what decided, in words.
        doubtful: whether the evidence is thin or contradicts itself.
    """

    is_base: bool
    relation: str
    parent_id: str | None
    quantisation: str | None
    evidence: str
    doubtful: bool


@dataclass(frozen=True, slots=True)
class _Facts:
    """All that the rules look at, read once."""

    record: Mapping[str, Any]
    files: Files
    words: frozenset[str]
    name: str
    tags: frozenset[str]
    parents: tuple[tuple[str, str], ...]
    quantisation: str | None
    says_base: bool
    own_lines: frozenset[str]
    other_lines: frozenset[str]


_Verdict = tuple[str, str, bool]
"""Relation (`base` for a base model), evidence, doubtful."""


def classify(record: Mapping[str, Any]) -> Classification:
    """Classifies a Hub record.

    Args:
        record: a model record of the Hub's API, full or in part; any key may be missing or odd.

    Returns:
        The classification. Never raises.
    """
    facts = _facts(record if isinstance(record, Mapping) else {})
    relation, told, doubtful = next(
        verdict for rule in RULES if (verdict := rule(facts)) is not None
    )
    is_base = relation == "base"
    parent = facts.parents[0][0][:200] if facts.parents else None
    if parent is None and not is_base:
        parent = evidence.origin(facts.record)
    return Classification(
        is_base=is_base,
        relation=relation,
        parent_id=None if is_base else parent,
        quantisation=facts.quantisation,
        evidence=told,
        doubtful=doubtful,
    )


def _facts(record: Mapping[str, Any]) -> _Facts:
    model_id = record.get("id") or record.get("modelId")
    name = model_id.rsplit("/", 1)[-1] if isinstance(model_id, str) else ""
    words = markers.tokens(name)
    own, others = markers.lines(model_id) if isinstance(model_id, str) else (set(), set())
    return _Facts(
        record=record,
        files=evidence.files(record),
        words=words,
        name=name.lower()[:400],
        tags=frozenset(tag.lower() for tag in evidence.tags(record)),
        parents=tuple(evidence.parents(record)),
        quantisation=evidence.quantisation(record),
        says_base=bool(words & markers.BASE),
        own_lines=frozenset(own),
        other_lines=frozenset(others),
    )


def _by_files(facts: _Facts) -> _Verdict | None:
    """Files come before tags: half of what is tagged as a finetune is an adapter or empty."""
    held = facts.files
    if not held.known:
        return None
    if held.safetensors or held.pickles:
        return None
    if held.adapter:
        return "adapter", "files: an adapter without the model", False
    if held.gguf:
        return "quantised", "files: GGUF only", False
    if held.converted:
        return "quantised", "files: a conversion only", False
    return "unknown", "files: no weights", False


def _by_relation(facts: _Facts) -> _Verdict | None:
    if not facts.parents:
        return None
    stated = {relation for _, relation in facts.parents}
    relation = next((kind for kind in evidence.STRENGTH if kind in stated), "")
    if not relation:
        relation = _unstated_relation(facts)
    if relation == "finetune" and facts.words & markers.PRUNED:
        relation = "pruned"
    elif relation == "finetune" and facts.words & markers.DISTILLED:
        relation = "distilled"
    told = f"parent {facts.parents[0][0][:SHOWN]} stated ({relation})"
    if facts.says_base and relation == "finetune":
        return relation, f"{told}, though the name says base", True
    return relation, told, False


def _unstated_relation(facts: _Facts) -> str:
    """How the Hub itself infers a relation that the card leaves out."""
    if facts.files.adapter or "peft" in facts.tags:
        return "adapter"
    if facts.words & markers.PACKED or facts.tags & markers.PACKED_TAGS or facts.quantisation:
        return "quantised"
    many = len(facts.parents) > 1
    return "merge" if many or facts.tags & markers.MERGED_TAGS else "finetune"


def _by_packing(facts: _Facts) -> _Verdict | None:
    library = _text(facts.record, "library_name")
    if library in ("gguf", "mlx", "llama.cpp", "ctranslate2", "openvino", "mlc-llm", "exllamav2"):
        return "quantised", f"library {library}", False
    if packed := facts.words & markers.PACKED:
        return "quantised", f"name: {_some(packed)}", False
    native = (facts.quantisation or "").startswith(NATIVE_FORMATS)
    if facts.quantisation and not native:
        return "quantised", f"quantised weights: {facts.quantisation}", False
    packed = facts.tags & markers.PACKED_TAGS
    if packed and not native:
        return "quantised", f"tag: {_some(packed)}", False
    return None


def _by_merging(facts: _Facts) -> _Verdict | None:
    if facts.files.merge_recipe:
        return "merge", "files: a merge recipe", False
    if merged := facts.tags & markers.MERGED_TAGS:
        return "merge", f"tag: {_some(merged)}", False
    if merged := facts.words & markers.MERGED:
        return "merge", f"name: {_some(merged)}", False
    return None


def _by_kind(facts: _Facts) -> _Verdict | None:
    """What is no causal language model, by architecture first and task second."""
    generates = evidence.generates(facts.record)
    task, library = _text(facts.record, "pipeline_tag"), _text(facts.record, "library_name")
    if library == "peft" or "peft" in facts.tags:
        return "adapter", "library peft", False
    if generates is False:
        shown = ", ".join(evidence.architectures(facts.record))[:SHOWN]
        return "unknown", f"architecture is no causal language model: {shown}", False
    if task and task not in evidence.TEXT_TASKS:
        return "unknown", f"task {task[:SHOWN]}", False
    if generates is None and library not in TEXT_LIBRARIES:
        return "unknown", f"library {library[:SHOWN]}", False
    if other := facts.tags & markers.OTHER_FIELDS:
        return "unknown", f"tag: {_some(other)}", False
    if other := facts.words & markers.OTHER_FIELDS_NAMED:
        return "unknown", f"name: {_some(other)}", False
    if facts.words & markers.NOT_A_MODEL or "internal-testing" in str(facts.record.get("id")):
        return "unknown", "name: a fixture or a helper for decoding", False
    if (
        generates is None
        and task not in evidence.TEXT_TASKS
        and "text-generation" not in facts.tags
    ):
        named = evidence.model_types(facts.record)
        if facts.record.get("tags") is not None or named or facts.files.known:
            return "unknown", "neither architecture nor task says language model", bool(named)
    return None


def _by_name(facts: _Facts) -> _Verdict | None:
    if tuned := facts.words & markers.TUNED:
        relation = "distilled" if tuned & markers.DISTILLED else "finetune"
        return relation, f"name: {_some(tuned)}", facts.says_base
    inside = [word for word in markers.TUNED_INSIDE if word in facts.name]
    if inside and not facts.says_base:
        return "finetune", f"name: {inside[0]}", False
    return None


def _by_line(facts: _Facts) -> _Verdict | None:
    """Another organisation's line in the name."""
    if facts.other_lines:
        return "finetune", f"name carries another's line: {_some(facts.other_lines)}", True
    return None


def _by_traces(facts: _Facts) -> _Verdict | None:
    """What training tools and cards leave behind in tuned models."""
    found = []
    if tagged := facts.tags & markers.TUNED_TAGS:
        found.append(f"tag {_some(tagged)}")
    data = [name for name in evidence.datasets(facts.record) if markers.TUNING_DATA.search(name)]
    if data:
        found.append(f"tuning data {data[0][:SHOWN]}")
    if facts.files.training_leftovers:
        found.append("files of a training run")
    if origin := evidence.origin(facts.record):
        found.append(f"configuration loaded from {origin[:SHOWN]}")
    if not found:
        return None
    told = "traces of tuning: " + ", ".join(found)
    if facts.says_base:
        return (
            ("base" if len(found) == 1 else "finetune"),
            f"{told}, though the name says base",
            True,
        )
    # Files of a run and an old path alone may also be a pretraining's.
    return "finetune", told, not (tagged or data)


def _by_template(facts: _Facts) -> _Verdict | None:
    """A tokenizer set up for chat, unless the name says base outright.

    As the only sign it leaves a doubt: some base models share their chat model's tokenizer whole.
    """
    template = evidence.chat_template(facts.record, facts.files)
    if not template or facts.words & markers.SURELY_BASE:
        return None
    if evidence.knows_end_token(facts.record):
        return "finetune", "chat template whose turns end with the tokenizer's end token", True
    return "finetune", "a chat template, no word of base, end token not known", True


def _remaining(facts: _Facts) -> _Verdict:
    """No sign of derivation: a base model, as surely as its weights and class are known.

    Where the record does not tell what the repository holds, the name has to say more than
    nothing.
    """
    names = evidence.architectures(facts.record)
    held = facts.files.known or isinstance(facts.record.get("safetensors"), Mapping)
    if not (names and held) and not (facts.says_base or facts.own_lines):
        return "unknown", "class or files not known, and the name says nothing", True
    template = evidence.chat_template(facts.record, facts.files)
    told = [names[0][:SHOWN] if names else "class not stated", "no parent, no mark of tuning"]
    if facts.says_base:
        told.append("name says base")
    if template is not None:
        told.append("chat template handed down" if template is False else "chat template")
    weights = _weights(facts)
    told.append(weights)
    tokenizer = bool(evidence.config(facts.record).get("tokenizer_config"))
    if not tokenizer:
        told.append("tokenizer not shown")
    sure = tokenizer or bool(facts.words & markers.SURELY_BASE)
    thin = not names or not sure or weights != "safetensors"
    if facts.quantisation:
        told.append(f"released as {facts.quantisation}")
    return "base", "; ".join(told), thin


def _weights(facts: _Facts) -> str:
    if facts.files.known:
        return "safetensors" if facts.files.safetensors else "no safetensors, pickles only"
    header = facts.record.get("safetensors")
    if "safetensors" in facts.tags or (isinstance(header, Mapping) and header):
        return "safetensors"
    return "files not listed"


RULES: tuple[Callable[[_Facts], _Verdict | None], ...] = (
    _by_files,
    _by_relation,
    _by_packing,
    _by_merging,
    _by_kind,
    _by_name,
    _by_traces,
    _by_line,
    _by_template,
    _remaining,
)
"""In this order; the last always decides."""


def _some(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)[:3])


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
