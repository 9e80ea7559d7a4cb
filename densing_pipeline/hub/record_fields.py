"""Read fields of a Hub record: files, architecture, parents, quantisation.

Every function accepts any record, also a malformed one, and never raises. Not here: the
classification (`classify`), and chat templates (`templates`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from densing_pipeline.hub import architectures as implemented
from densing_pipeline.hub.parameters import config as configuration

Record = Mapping[str, Any]

RELATIONS = {
    "finetune": "finetune",
    "quantized": "quantised",
    "quantised": "quantised",
    "merge": "merge",
    "adapter": "adapter",
}
"""Labels of the column `relation` by the Hub's name of the relation."""

STRENGTH = ("adapter", "quantised", "merge", "finetune")
"""Precedence of relations when a record states several; the first one found counts."""

GENERATIVE = ("ForCausalLM", "ForCasualLM", "LMHeadModel", "LMHeadCustomModel")
MULTIMODAL = (
    "ForConditionalGeneration", "ForImageTextToText", "ForCausalLMWithVision", "ForVision2Seq",
)  # fmt: skip

TEXT_TASKS = frozenset(
    {"text-generation", "image-text-to-text", "any-to-any", "video-text-to-text"}
)
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")
TUNING_FILES = re.compile(
    r"(^|/)(training_args\.bin|trainer_state\.json|all_results\.json|train_results\.json"
    r"|eval_results\.json|optimizer\.pt|scheduler\.pt|rng_state.*\.pth)$"
)
TRANSLATES = re.compile(
    r"(u?m?|by|long|code|flan|speech)t5|(m|pl)?bart|bigbirdpegasus|pegasus|whisper|marian|blenderbot"
    r"|prophetnet|m2m(100)?|nllb|seamless|speech(2text)?|florence\d*|switchtransformers|pix2struct"
    r"|encoderdecoder|donut|trocr|udop|(instruct)?blip\d*|fsmt|musicgen|bark|moonshine|kosmos\d*|nougat"
)
"""Whole words in model types and classes of encoder-decoders that transformers does not list as
such."""

TRANSLATES_WHOLE = frozenset({"led", "mvp", "git", "rag", "dia", "vits", "encoder-decoder"})
"""Model types of encoder-decoders whose names mean something else inside other types."""

_WORDS = re.compile(r"[A-Z]+\d*[A-Z]?\d*(?![a-z])|[A-Z]?[a-z]+\d*|\d+[A-Za-z]*")

DRAFT_FILES = frozenset({"medusa_lm_head.pt", "medusa_lm_head.safetensors", "hydra_lm_head.pt"})
"""Files of draft heads for speculative decoding."""

READS_BOTH_WAYS = re.compile(
    r"^(x?lm-?)?(bert|roberta|deberta|electra|albert|camembert|distilbert|modernbert|xlm|ernie_m)"
)
"""Model types of bidirectional encoders (masked language models), whatever head is added."""

FULL_PRECISION = frozenset({"F64", "F32", "F16", "BF16"})
"""Data types of weights that are not quantised, as safetensors headers name them."""

DECODERS = re.compile(
    r"^(gemma|qwen|mistral|llama|mllama|llava|vipllama|glm|chatglm|kimi|deepseek|internvl|ernie4"
    r"|minicpm|minimax|idefics|smolvlm|paligemma|pixtral|ministral|granite|phi|aria|ovis|cohere|aya"
    r"|fuyu|molmo|lfm|mimo|step|hunyuan|exaone|nemotron|falcon|olmo|emu|chameleon|janus|voxtral)"
)
"""Prefixes of model types whose multimodal classes have a causal decoder as text model."""


@dataclass(frozen=True, slots=True)
class Files:
    """Kinds of file in a repository; `known` is false if the record does not list its files.

    `openvino` says that every file that could be pickled weights is one of OpenVINO's.
    """

    known: bool
    safetensors: bool
    pickles: bool
    adapter: bool
    gguf: bool
    merge_recipe: bool
    training_leftovers: bool
    chat_template: bool
    converted: bool
    draft: bool
    openvino: bool


def files(record: Record) -> Files:
    """The kinds of file, read from `siblings`, or from tags and headers if that list is missing."""
    listed = record.get("siblings")
    names = file_names(record)
    weights = [name for name in names if not (_is_adapter(name) or "imatrix" in name.lower())]
    return Files(
        known=isinstance(listed, list),
        safetensors=any(name.endswith(".safetensors") for name in weights),
        pickles=any(
            name.endswith(WEIGHT_SUFFIXES[1:]) and not TUNING_FILES.search(name) for name in weights
        ),
        adapter=any(_is_adapter(name) for name in names),
        gguf=any(name.lower().endswith((".gguf", ".ggml")) for name in names),
        merge_recipe=any("mergekit" in name.lower() for name in names),
        training_leftovers=any(TUNING_FILES.search(name) for name in names),
        chat_template=any("chat_template" in name for name in names),
        converted=any(
            name.endswith((".onnx", ".mlmodel", ".tflite", ".npz", "openvino_model.bin"))
            for name in names
        ),
        openvino="openvino_model.bin" in {name.rsplit("/", 1)[-1] for name in names}
        and all(
            name.rsplit("/", 1)[-1].startswith("openvino_")
            for name in weights
            if name.endswith(WEIGHT_SUFFIXES[1:])
        ),
        draft=any(name.rsplit("/", 1)[-1] in DRAFT_FILES for name in names),
    )


def file_names(record: Record) -> list[str]:
    """Names of the files of the repository, in the record's order."""
    return [str(sibling["rfilename"]) for sibling in _siblings(record)]


def has_any_weights(held: Files) -> bool:
    """Whether there are weights of any kind."""
    return held.safetensors or held.pickles or held.adapter or held.gguf or held.converted


def weight_files(record: Record) -> list[str]:
    """Names of the files that hold weights, sorted."""
    return sorted(name for name in file_names(record) if name.endswith(WEIGHT_SUFFIXES))


def weight_hashes(record: Record) -> list[str]:
    """Hashes of the weight files, if the record was requested with hashes."""
    stored = [
        (str(sibling["rfilename"]), mapping(sibling.get("lfs")).get("sha256"))
        for sibling in _siblings(record)
    ]
    return sorted(f"{name} {h}" for name, h in stored if h and name.endswith(WEIGHT_SUFFIXES))


def _siblings(record: Record) -> list[Record]:
    listed = record.get("siblings")
    return [
        sibling
        for sibling in (listed if isinstance(listed, list) else [])
        if isinstance(sibling, Mapping) and isinstance(sibling.get("rfilename"), str)
    ]


def _is_adapter(name: str) -> bool:
    base = name.rsplit("/", 1)[-1].lower()
    return base.startswith("adapter_") or "lora" in base


def tags(record: Record) -> list[str]:
    """Tags that are text."""
    listed = record.get("tags")
    return [tag for tag in listed if isinstance(tag, str)] if isinstance(listed, list) else []


def card(record: Record) -> Record:
    """The metadata of the model card."""
    return mapping(record.get("cardData"))


def config(record: Record) -> Record:
    """The configuration or the Hub's extract of it."""
    return mapping(record.get("config"))


def text_configs(record: Record) -> list[Record]:
    """The configuration and the text configurations nested in it."""
    return configuration.nested(config(record))


def architectures(record: Record) -> list[str]:
    """Model classes stated, outer before nested."""
    found = []
    for source in text_configs(record):
        listed = source.get("architectures")
        names = listed if isinstance(listed, list) else [listed]
        found += [name for name in names if isinstance(name, str) and name]
    return found


def model_types(record: Record) -> list[str]:
    """Model types stated, lower case."""
    found = [source.get("model_type") for source in text_configs(record)]
    return [name.lower() for name in found if isinstance(name, str) and name]


def generates(record: Record) -> bool | None:
    """Whether the architecture is a causal language model; None if the record does not state it.

    A multimodal class counts if its text model is a decoder, by the nested configuration or by the
    family. Encoder-decoders, whose class names have the same ending, do not count.
    """
    names, types = architectures(record), model_types(record)
    if any(source.get("is_encoder_decoder") is True for source in text_configs(record)):
        return False
    classes = [name.lower() for name in names]
    known = implemented.registry()
    if any(kind in known[implemented.TRANSLATORS] or kind in TRANSLATES_WHOLE for kind in types):
        return False
    if any(TRANSLATES.fullmatch(word) for kind in (*types, *names) for word in _words(kind)):
        return False
    if any(READS_BOTH_WAYS.search(kind) for kind in (*types, *classes)):
        return False
    if not names:
        return None
    if any(name.endswith(GENERATIVE) for name in names):
        return True
    if any(name.endswith(MULTIMODAL) for name in names):
        nested = len(text_configs(record)) > 1
        is_known = any(kind in known[implemented.MULTIMODAL] for kind in types)
        return True if nested or is_known or any(map(DECODERS.search, (*types, *classes))) else None
    # ChatGLM configurations name the class without head and map the rest to custom code.
    if types == ["chatglm"]:
        return True
    has_head = any(re.search(r"For[A-Z]", name) for name in names)
    is_own = not any(kind in known[implemented.CONFIGURATIONS] for kind in types)
    # A class of the publisher's own, which says nothing about its head (`OpenLMModel`).
    return None if is_own and not has_head else False


def _words(kind: str) -> set[str]:
    """Whole words of a model type or class in lower case, and each two neighbours together."""
    found = [word.lower() for word in _WORDS.findall(kind)]
    return {*found, *("".join(pair) for pair in pairwise(found))}


def is_draft(record: Record) -> bool:
    """Whether it is a draft model or draft head for speculative decoding, by class or files."""
    known, own = implemented.registry(), config(record)
    return (
        any(name in known[implemented.DRAFTS] for name in architectures(record))
        or any(kind in known[implemented.DRAFT_CONFIGURATIONS] for kind in model_types(record))
        or any(key.startswith("speculators_") for key in own if isinstance(key, str))
        or files(record).draft
    )


def stores_whole_numbers(record: Record) -> bool | None:
    """Whether the safetensors headers count mostly packed or integer elements.

    Returns:
        None if the headers are not known by data type.
    """
    counted = mapping(mapping(record.get("safetensors")).get("parameters"))
    sizes = {
        str(dtype).upper(): count for dtype, count in counted.items() if isinstance(count, int)
    }
    whole = sum(count for dtype, count in sizes.items() if dtype not in FULL_PRECISION)
    return whole > sum(sizes.values()) / 2 if sizes else None


def parents(record: Record) -> list[tuple[str, str]]:
    """Parents with their relation, from tags and card; a model is not its own parent."""
    found: dict[str, str] = {}
    for tag in tags(record):
        _, _, rest = tag.partition("base_model:")
        label, colon, parent = rest.partition(":")
        if not tag.startswith("base_model:") or not rest:
            continue
        if colon and label in RELATIONS:
            found[parent] = RELATIONS[label]
        else:
            found.setdefault(rest, "")
    stated = card(record).get("base_model")
    for named in stated if isinstance(stated, list) else [stated]:
        if isinstance(named, str) and named.strip():
            found.setdefault(named.strip(), "")
    relation = card(record).get("base_model_relation")
    stated_relation = RELATIONS.get(relation, "") if isinstance(relation, str) else ""
    own = str(record.get("id", "")).lower()
    return [
        (parent, kind or stated_relation)
        for parent, kind in found.items()
        if parent.lower() not in ("", own)
    ]


def origin(record: Record) -> str | None:
    """Another organisation's model from which the configuration was loaded, if it states one."""
    own = str(record.get("id", ""))
    for source in text_configs(record):
        path = source.get("_name_or_path")
        if not isinstance(path, str) or not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
            continue
        if path.startswith(".") or path.split("/")[0].lower() == own.split("/")[0].lower():
            continue
        return path
    mapped = config(record).get("auto_map")
    for code in mapped.values() if isinstance(mapped, Mapping) else ():
        repo = code.split("--")[0] if isinstance(code, str) and "--" in code else ""
        if "/" in repo and repo.split("/")[0].lower() != own.split("/")[0].lower():
            return repo
    return None


def quantisation(record: Record) -> str | None:
    """Numeric format stated in the configuration, such as `gptq-4bit` or `fp8`."""
    stated = configuration.quantisation(config(record))
    if not stated:
        return None
    # MLX names no method, but always the size of a group.
    unnamed = "mlx" if "group_size" in stated else "unknown"
    method = stated.get("quant_method") or stated.get("quant_algo") or unnamed
    if method in ("modelopt", "compressed-tensors"):
        method = _finer_format(stated) or method
    bits = stated.get("bits")
    if stated.get("load_in_4bit") is True:
        bits = 4
    elif stated.get("load_in_8bit") is True:
        bits = 8
    text = re.sub(r"[^a-z0-9-]+", "-", str(method).lower())[:40].strip("-") or "unknown"
    return f"{text}-{bits}bit" if isinstance(bits, int) else text


def is_converted(record: Record) -> bool:
    """Whether the configuration names a tool that quantises finished models."""
    tool = configuration.quantisation(config(record)).get("quant_method")
    return tool in ("modelopt", "compressed-tensors")


def _finer_format(stated: Record) -> str | None:
    """The number format that a tool for several formats states, if it is a native one."""
    told = f"{stated.get('quant_algo', '')} {stated.get('format', '')}".lower()
    return next((name for name in ("nvfp4", "mxfp4") if name in told), None)


def datasets(record: Record) -> list[str]:
    """Data sets the card or the tags name."""
    stated = card(record).get("datasets")
    named = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    return named + [tag[8:] for tag in tags(record) if tag.startswith("dataset:")]


def languages(record: Record) -> list[str]:
    """Languages the card or the tags state."""
    stated = card(record).get("language")
    named = stated if isinstance(stated, list) else [stated]
    tagged = [tag for tag in tags(record) if re.fullmatch("[a-z]{2}", tag)]
    return [name for name in named if isinstance(name, str) and name] + tagged


def total(record: Record) -> int | None:
    """Total parameters by the safetensors headers, if the Hub has read them."""
    stated = mapping(record.get("safetensors"))
    counted = mapping(stated.get("parameters")).values()
    whole = [count for count in counted if isinstance(count, int)]
    value = sum(whole) if whole else stated.get("total")
    return value if isinstance(value, int) and value > 0 else None


def tokenizer_shown(record: Record) -> bool:
    """Whether the record would show a chat template if there were one.

    The Hub tags models with a template as `conversational`, so the Hub's own list of tags,
    recognised by its region tag, shows a template too.
    """
    if config(record).get("tokenizer_config"):
        return True
    listed = tags(record)
    return any(tag.startswith("region:") for tag in listed) and "text-generation" in listed


def mapping(value: object) -> Record:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
