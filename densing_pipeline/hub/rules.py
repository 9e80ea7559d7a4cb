"""The rules that decide whether a repository is a base language model, in order of application.

The first rule that applies decides: files, relations, packing, merging, kind of model, name, traces
of tuning, another organisation's model line, another model's size, the model's family, chat template;
last the evidence of pretraining. One word or tag alone never rejects a model surely if its publisher
pretrains (`decide`). Not here: the result (`classify`), reading the record (`record_fields`), and who
belongs to a family (`families`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from densing_pipeline.hub import (
    keywords,
    pretrainers,
    pretraining_evidence,
    record_fields,
    templates,
)
from densing_pipeline.hub.families import NONE, Family
from densing_pipeline.hub.record_fields import Files
from densing_pipeline.tables.number_formats import NATIVE_FORMATS

MOST_TEXT_CHARS = 80
"""Most characters of third-party text repeated in the evidence."""

PACKED_LIBRARIES = frozenset(
    {"gguf", "mlx", "llama.cpp", "ctranslate2", "openvino", "mlc-llm", "exllamav2"}
)
"""Libraries of quantised or converted copies."""

TEXT_LIBRARIES = frozenset(
    {"", "transformers", "vllm", "mistral-common", "safetensors", "pytorch", "litgpt", "mamba-ssm"}
)
"""Libraries that are compatible with a language model."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The fields of a record that the rules use."""

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
    pretrains: bool
    family: Family


Verdict = tuple[str, str, bool]
"""Relation (`base` for a base model), evidence, doubtful."""


def facts_of(record: Mapping[str, Any], family: Family = NONE) -> Facts:
    """Read the fields that the rules use from a Hub record; `family` is that of its repository."""
    model_id = record.get("id") or record.get("modelId")
    name = model_id.rsplit("/", 1)[-1] if isinstance(model_id, str) else ""
    words = keywords.tokens(name)
    own, others = pretrainers.lines(model_id) if isinstance(model_id, str) else (set(), set())
    return Facts(
        record=record,
        files=record_fields.files(record),
        words=words,
        name=name.lower()[:400],
        tags=frozenset(tag.lower() for tag in record_fields.tags(record)),
        parents=tuple(record_fields.parents(record)),
        quantisation=record_fields.quantisation(record),
        says_base=bool(words & keywords.BASE),
        own_lines=frozenset(own),
        other_lines=frozenset(others),
        pretrains=pretrainers.owner_of(str(model_id)) in pretrainers.known_pretrainers(),
        family=family,
    )


def decide(facts: Facts) -> Verdict:
    """The result of the first rule that applies.

    If the publisher pretrains, a rejection by one word or tag is doubtful: such words are also parts
    of the names of product lines, and topics. A second sign of another kind makes it sure.
    """
    for rule in RULES:
        verdict = rule(facts)
        if verdict is None:
            continue
        relation, told, doubtful = verdict
        if doubtful or relation in SURE_BY_WORD or not facts.pretrains or rule not in BY_WORD:
            return verdict
        # Where no class of causal language models contradicts them, task and tags suffice.
        is_plain = rule is _by_kind and not record_fields.generates(facts.record)
        if is_plain or len(_signs_against(facts)) > 1:
            return verdict
        return relation, f"{told}; no second sign, and its publisher pretrains", True
    raise AssertionError("the last rule always gives a result")


def _signs_against(facts: Facts) -> list[str]:
    """Kinds of sign that a model is no base model: its name, tags, template, data, files, format."""
    held, record = facts.files, facts.record
    named = keywords.TUNED | keywords.TUNING_NAMES | keywords.PACKED | keywords.MERGED
    named |= keywords.OTHER_FIELDS_NAMED | keywords.NOT_A_MODEL | keywords.CONTINUED
    tagged = keywords.TUNED_TAGS | keywords.MERGED_TAGS | keywords.PACKED_TAGS
    tagged |= keywords.OTHER_FIELDS | keywords.CONTINUED_TAGS
    task = _text(record, "pipeline_tag")
    data = record_fields.datasets(record)
    found = {
        "name": bool(facts.words & named) or bool(keywords.TUNED_INSIDE.search(facts.name)),
        "tag": bool(facts.tags & tagged),
        "task": bool(task) and task not in record_fields.TEXT_TASKS,
        "library": _text(record, "library_name") in PACKED_LIBRARIES,
        "template": templates.chat_template(record, held) is not None and not facts.says_base,
        "data": any(keywords.TUNING_DATA.search(name) for name in data),
        "files": held.merge_recipe or held.training_leftovers,
        "format": facts.quantisation is not None,
        "family": bool(facts.family.base),
    }
    return [kind for kind, is_found in found.items() if is_found]


def _by_files(facts: Facts) -> Verdict | None:
    """Decide by the files.

    This goes before tags: half of the repositories tagged as finetunes hold an adapter or nothing.
    """
    held = facts.files
    if not held.known:
        return None
    if held.safetensors or (held.pickles and not held.openvino):
        return None
    if held.adapter:
        return "adapter", "files: an adapter without the model", False
    if held.gguf:
        return "quantised", "files: GGUF only", False
    if held.converted:
        return "quantised", "files: a conversion only", False
    return "unknown", "files: no weights", False


def _by_relation(facts: Facts) -> Verdict | None:
    if not facts.parents:
        return None
    stated = {relation for _, relation in facts.parents}
    relation = next((kind for kind in record_fields.STRENGTH if kind in stated), "")
    if not relation:
        relation = _unstated_relation(facts)
    if relation == "finetune" and facts.words & keywords.PRUNED:
        relation = "pruned"
    elif relation == "finetune" and facts.words & keywords.DISTILLED:
        relation = "distilled"
    told = f"parent {facts.parents[0][0][:MOST_TEXT_CHARS]} stated ({relation})"
    if facts.says_base and relation == "finetune":
        return relation, f"{told}, though the name says base", True
    return relation, told, False


def _unstated_relation(facts: Facts) -> str:
    """The relation to a stated parent if the card does not name it, inferred as the Hub does."""
    if facts.files.adapter or "peft" in facts.tags:
        return "adapter"
    if facts.words & keywords.PACKED or facts.tags & keywords.PACKED_TAGS or facts.quantisation:
        return "quantised"
    many = len(facts.parents) > 1
    return "merge" if many or facts.tags & keywords.MERGED_TAGS else "finetune"


def _by_packing(facts: Facts) -> Verdict | None:
    """Detect quantised and converted copies; the weights as stored decide before library and tags.

    Safetensors in full precision are the model itself, whatever conversions lie beside them.
    """
    whole = record_fields.stores_whole_numbers(facts.record)
    is_full = facts.files.safetensors and not facts.quantisation and whole is not True
    library = _text(facts.record, "library_name")
    if library in PACKED_LIBRARIES and not (is_full and library != "mlx"):
        return "quantised", f"library {library}", False
    if packed := facts.words & keywords.PACKED:
        return "quantised", f"name: {_some(packed)}", False
    native = (facts.quantisation or "").startswith(NATIVE_FORMATS)
    if native and not facts.pretrains and record_fields.is_converted(facts.record):
        return "quantised", f"quantised after training: {facts.quantisation}", False
    if facts.quantisation and not native:
        return "quantised", f"quantised weights: {facts.quantisation}", False
    packed = facts.tags & keywords.PACKED_TAGS
    if packed and not (native or is_full):
        return "quantised", f"tag: {_some(packed)}", False
    return None


def _by_merging(facts: Facts) -> Verdict | None:
    if facts.files.merge_recipe:
        return "merge", "files: a merge recipe", False
    if merged := facts.tags & keywords.MERGED_TAGS:
        return "merge", f"tag: {_some(merged)}", False
    if merged := facts.words & keywords.MERGED:
        weak = merged <= keywords.MERGED_WEAKLY
        return "merge", f"name: {_some(merged)}", weak
    if not facts.pretrains and (mixed := keywords.EXPERTS_OF.search(facts.name)):
        return (
            "merge",
            f"name: experts ({mixed[1][:20]}), and the publisher is not known to pretrain",
            True,
        )
    return None


def _by_class(facts: Facts) -> Verdict | None:
    """Reject draft models, and models whose class is no causal language model."""
    if record_fields.is_draft(facts.record):
        return "unknown", "a draft model for speculative decoding, by its class or files", False
    if record_fields.generates(facts.record) is False:
        shown = ", ".join(record_fields.architectures(facts.record))[:MOST_TEXT_CHARS]
        return "unknown", f"architecture is no causal language model: {shown}", False
    return None


def _by_kind(facts: Facts) -> Verdict | None:
    """Reject models that are no causal language models, by library, task, tags and name."""
    generates = record_fields.generates(facts.record)
    task, library = _text(facts.record, "pipeline_tag"), _text(facts.record, "library_name")
    if (library == "peft" or "peft" in facts.tags) and (library == "peft" or not facts.pretrains):
        return "adapter", "library peft", False
    if task and task not in record_fields.TEXT_TASKS:
        return "unknown", f"task {task[:MOST_TEXT_CHARS]}", False
    if generates is None and library not in TEXT_LIBRARIES:
        return "unknown", f"library {library[:MOST_TEXT_CHARS]}", False
    other = facts.tags & keywords.OTHER_FIELDS
    if facts.pretrains and generates and task in record_fields.TEXT_TASKS:
        # A publisher of language models also tags them with the topics of their data.
        other -= keywords.TOPICS
    if other:
        return "unknown", f"tag: {_some(other)}", False
    if other := facts.words & keywords.OTHER_FIELDS_NAMED:
        return "unknown", f"name: {_some(other)}", False
    data = record_fields.datasets(facts.record)
    if named := [name for name in data if keywords.OTHER_FIELDS_DATA.search(name)]:
        return "unknown", f"data {named[0][:MOST_TEXT_CHARS]}, of another field", False
    if facts.words & keywords.NOT_A_MODEL or "internal-testing" in str(facts.record.get("id")):
        return "unknown", "name: a fixture or a helper for decoding", False
    if (
        generates is None
        and task not in record_fields.TEXT_TASKS
        and "text-generation" not in facts.tags
    ):
        named = record_fields.model_types(facts.record)
        if facts.record.get("tags") is not None or named or facts.files.known:
            return "unknown", "neither architecture nor task says language model", bool(named)
    return None


def _by_name(facts: Facts) -> Verdict | None:
    if facts.family.is_named:
        # Every word of its name is also in the name of its chat model, so none marks tuning.
        return None
    if tuned := facts.words & (keywords.TUNED | keywords.TUNING_NAMES):
        relation = "distilled" if tuned & keywords.DISTILLED else "finetune"
        if _is_product_name(facts, tuned):
            tuned = frozenset()
        is_recipe = tuned <= keywords.TUNING_NAMES and len(_signs_against(facts)) < 2
        doubtful = facts.says_base or _means_italian(facts, tuned) or is_recipe
        if tuned:
            return relation, f"name: {_some(tuned)}", doubtful
    if pruned := facts.words & keywords.PRUNED:
        return "pruned", f"name: {_some(pruned)}", facts.says_base
    if continued := facts.words & keywords.CONTINUED:
        return "finetune", f"name: {_some(continued)}, trained on from another", facts.says_base
    inside = keywords.TUNED_INSIDE.search(facts.name)
    if inside and not facts.says_base:
        return "finetune", f"name: {inside[0]}", False
    if facts.pretrains and facts.words & keywords.SURELY_BASE:
        return None
    if weak := facts.words & keywords.TUNED_WEAKLY:
        return "finetune", f"name: {_some(weak)}, which may mean something else", True
    return None


def _is_product_name(facts: Facts, tuned: frozenset[str]) -> bool:
    """Whether words that often mark tuning are part of the product's name here.

    So `R1` in `MobileLLM-R1-950M-base` by a publisher who pretrains, `Chat` in `GigaChat-20B-base`,
    and the name of a tuning recipe that is also that of an architecture of the publisher's own. A
    word between dashes that states a stage of tuning, such as `Chat` in `Chat-Base`, is not.
    """
    parts = {part.lower() for part in keywords.name_parts(facts.name)}
    if facts.pretrains and facts.words & keywords.SURELY_BASE:
        return not tuned & keywords.TUNED_STATED & parts
    return tuned <= keywords.TUNING_NAMES and (
        pretraining_evidence.own_architecture(facts.record) is not None
        or bool(pretraining_evidence.pretraining_data(facts.record))
    )


def _means_italian(facts: Facts, tuned: frozenset[str]) -> bool:
    return tuned == {"it"} and "it" in record_fields.languages(facts.record)


def _by_traces(facts: Facts) -> Verdict | None:
    """Detect tuned models by the files, tags and data sets that training tools and cards leave."""
    strong, weak = _traces(facts)
    if not strong and not weak:
        return None
    told = "traces of tuning: " + ", ".join((*strong, *weak))
    is_mixture = bool(pretraining_evidence.pretraining_data(facts.record))
    is_data = all("data" in sign.split(" ")[:2] for sign in (*strong, *weak))
    if is_mixture and is_data and (not strong or facts.pretrains or facts.says_base):
        # Mixtures for pretraining contain such data sets too.
        return None
    if facts.says_base and not facts.other_lines and len((*strong, *weak)) == 1:
        return "base", f"{told}, though the name says base", True
    # Training files, topic tags and old paths also occur in pretrained models.
    return "finetune", told, facts.says_base or not strong


def _traces(facts: Facts) -> tuple[list[str], list[str]]:
    strong: list[str] = []
    weak: list[str] = []
    if tagged := facts.tags & keywords.TUNED_TAGS:
        strong.append(f"tag {_some(tagged)}")
    if continued := facts.tags & keywords.CONTINUED_TAGS:
        strong.append(f"tag {_some(continued)}")
    data = record_fields.datasets(facts.record)
    if named := [name for name in data if keywords.TUNING_DATA.search(name)]:
        is_corpus = all(keywords.tokens(name) & keywords.CORPUS for name in named)
        (weak if is_corpus else strong).append(f"tuning data {named[0][:MOST_TEXT_CHARS]}")
    elif hinted := [n for n in data if keywords.tokens(n) & keywords.TUNING_DATA_WEAK]:
        weak.append(f"data {hinted[0][:MOST_TEXT_CHARS]}")
    if tagged := facts.tags & keywords.TUNED_TAGS_WEAKLY:
        weak.append(f"tag {_some(tagged)}")
    if facts.files.training_leftovers:
        weak.append("files of a training run")
    if origin := record_fields.origin(facts.record):
        weak.append(f"configuration loaded from {origin[:MOST_TEXT_CHARS]}")
    return strong, weak


def _by_line(facts: Facts) -> Verdict | None:
    """Detect derived models by another organisation's model line in the name."""
    if facts.other_lines and not pretraining_evidence.from_scratch(facts.record, facts.other_lines):
        return (
            "finetune",
            f"the name has another organisation's model line: {_some(facts.other_lines)}",
            True,
        )
    return None


def _by_size(facts: Facts) -> Verdict | None:
    """Detect derived models by the size (apart from added tokens) or the class of another's model."""
    if facts.pretrains and pretraining_evidence.pretraining_data(facts.record):
        return None
    parent = pretraining_evidence.same_size(facts.record)
    if parent and not _is_common_shape(facts):
        return "finetune", f"as many parameters as {parent}", True
    parent = pretraining_evidence.same_body(facts.record)
    if parent and not facts.pretrains:
        return "finetune", f"as many parameters as {parent} apart from a larger vocabulary", True
    line = pretraining_evidence.other_class(facts.record)
    if line and not facts.pretrains:
        return (
            "finetune",
            f"the class of another organisation's line ({line}), and no size of its own",
            True,
        )
    return None


def _is_common_shape(facts: Facts) -> bool:
    """Whether a known model's size is no evidence, because a publisher who pretrains chose it too.

    Many train from scratch in the shape of Llama. That holds if the name says base, or if the class
    is that of such a shape and the tokenizer is shown and has no chat template.
    """
    if not facts.pretrains:
        return False
    if facts.words & keywords.SURELY_BASE:
        return True
    types = set(record_fields.model_types(facts.record))
    return (
        bool(types & pretraining_evidence.COMMON_SHAPES)
        and record_fields.tokenizer_shown(facts.record)
        and templates.chat_template(facts.record, facts.files) is None
    )


def _by_family(facts: Facts) -> Verdict | None:
    """Detect chat models by the base model beside them."""
    if facts.says_base and facts.words & keywords.SURELY_BASE:
        return None
    has_template = templates.chat_template(facts.record, facts.files) is not None
    told = facts.family.says_chat()
    if told:
        shown = "a chat template" if has_template else "no chat template"
        is_sibling = bool(facts.family.base)
        if has_template or is_sibling:
            return "finetune", f"the chat model {told}, {shown}", not has_template
    mixed = facts.family.disagrees()
    if mixed and has_template:
        is_chat = templates.chat_template(facts.record, facts.files) is True
        return "finetune", f"{mixed}, a chat template", not is_chat
    return None


def _by_template(facts: Facts) -> Verdict | None:
    """Detect tuned models by a tokenizer set up for chat, unless the name states a base model.

    The result is doubtful, because some base models have their chat model's tokenizer.
    """
    template = templates.chat_template(facts.record, facts.files)
    if not template or facts.words & keywords.SURELY_BASE:
        return None
    if facts.family.says_base(has_chat_template=True):
        return None
    if templates.knows_end_token(facts.record):
        return "finetune", "chat template that knows no end token but the tokenizer's", True
    return "finetune", "a chat template, no word of base, end token not known", True


def _remaining(facts: Facts) -> Verdict:
    """Without signs of derivation: `base` if there is evidence of pretraining, else `unknown`.

    Most models whose record states nothing are derived, so a missing statement is no evidence.
    """
    names = record_fields.architectures(facts.record)
    held = facts.files.known or isinstance(facts.record.get("safetensors"), Mapping)
    template = templates.chat_template(facts.record, facts.files)
    support_found = pretraining_evidence.outright(facts.record, facts.words)
    beside = facts.family.says_base(has_chat_template=template is True)
    if not (names and held):
        if not (facts.says_base or facts.own_lines or support_found):
            return "unknown", "class or files not known, and the name says nothing", True
    elif not support_found:
        signs = pretraining_evidence.circumstantial(
            facts.record, facts.words, has_template=template is True
        )
        if beside and signs:
            signs = [*signs, beside]
        if len(signs) < pretraining_evidence.SOME:
            shown = f", only {', '.join(signs)}" if signs else ""
            return "unknown", f"nothing says finetune, nothing says pretrained{shown}", True
        support_found = signs
    told = [
        names[0][:MOST_TEXT_CHARS] if names else "class not stated",
        "no parent, no mark of tuning",
    ]
    told += support_found
    if support_found == [pretraining_evidence.NAMED]:
        told += pretraining_evidence.circumstantial(facts.record, facts.words, has_template=False)
    if beside and beside not in support_found:
        told.append(beside)
    if template is not None:
        told.append("chat template")
    if facts.quantisation:
        told.append(f"native format {facts.quantisation}")
    doubts = _doubts(facts)
    return "base", "; ".join((*told, _weights(facts), *doubts)), bool(doubts)


def _doubts(facts: Facts) -> list[str]:
    """Reasons for which a base model is marked as doubtful, to be reviewed by a person."""
    doubts = []
    if not record_fields.architectures(facts.record):
        doubts.append("class not stated")
    elif record_fields.generates(facts.record) is None:
        doubts.append("class of a kind not known")
    has_template = templates.chat_template(facts.record, facts.files)
    beside = facts.family.says_base(has_chat_template=has_template is True)
    says_so = bool(facts.words & keywords.SURELY_BASE) or beside is not None
    if not (record_fields.tokenizer_shown(facts.record) or says_so):
        doubts.append("tokenizer not shown")
    if _weights(facts) != "safetensors":
        doubts.append("its weights are pickled, and pickles are never loaded")
    outright = pretraining_evidence.outright(facts.record, facts.words)
    signs = pretraining_evidence.circumstantial(facts.record, facts.words, has_template=False)
    signs += [beside] if beside and signs else []
    # A model can be called base without being one, so the name alone is not enough.
    if (
        not [told for told in outright if told != pretraining_evidence.NAMED]
        and len(signs) < pretraining_evidence.ENOUGH
    ):
        doubts.append("little that speaks for pretraining")
    if has_template is False and not says_so:
        doubts.append(
            "its chat template ends turns with another token than the tokenizer's, as base models"
            " and some chat models have it"
        )
    parent = pretraining_evidence.same_size(facts.record)
    if parent and not _is_common_shape(facts):
        doubts.append(f"as many parameters as {parent}")
    elif not facts.pretrains and (line := pretraining_evidence.other_class(facts.record)):
        doubts.append(f"the class of another organisation's line ({line})")
    return doubts


def _weights(facts: Facts) -> str:
    if facts.files.known:
        return "safetensors" if facts.files.safetensors else "no safetensors, pickles only"
    header = facts.record.get("safetensors")
    if "safetensors" in facts.tags or (isinstance(header, Mapping) and header):
        return "safetensors"
    return "files not listed"


RULES: tuple[Callable[[Facts], Verdict | None], ...] = (
    _by_files,
    _by_relation,
    _by_packing,
    _by_merging,
    _by_class,
    _by_kind,
    _by_name,
    _by_traces,
    _by_line,
    _by_size,
    _by_family,
    _by_template,
    _remaining,
)
"""Applied in this order; the last rule always gives a result."""

SURE_BY_WORD = frozenset({"base", "pruned"})
"""Relations that a word alone establishes: *pruned* states how the model was made."""

BY_WORD = frozenset({_by_packing, _by_merging, _by_kind, _by_name, _by_traces})
"""Rules that may decide by one word or tag."""


def _some(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)[:3])


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
