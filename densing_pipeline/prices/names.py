"""The ways price lists write one model's name, and one normal form to compare them in.

Every step here keeps the identity of the model: prefixes, separators, case. Steps that may change
it (dates, variants) are rules of `links`. Not here: the names that lists have for organisations and
sellers (the facts `organisation_names` and `seller_names`).
"""

import re
from functools import cache

from densing_pipeline import facts

ROUTER = "openrouter"
"""The router whose list is polled; it sells nothing of its own."""

_DOTTED_ORGANISATIONS = frozenset(
    {"amazon", "anthropic", "deepseek", "google", "meta", "mistral", "moonshotai", "nvidia"}
    | {"minimax", "moonshot", "openai", "qwen", "writer", "xai", "zai"}
)
_ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_CLOUD_VERSION = re.compile(r"(-v?\d+)?:\d+$|-v1$")
_FAMILY_DIGIT = re.compile(r"\b(llama|qwen|gemma|phi|mistral)(?=\d)")
_P_DECIMAL = re.compile(r"(?<=\d)p(?=\d)")
_VERSION_V = re.compile(r"(?<=[-/])v(?=\d)")
_LINE_AND_VERSION = re.compile(r"(?P<line>[a-z]+)(?P<version>\d+[a-z]?)")
_VERSION = re.compile(r"[a-z]?\d{1,2}(?![\dbmx])")
_SEPARATORS = re.compile(r"[-._\s]+")


def organisation(name: str) -> str:
    """Canonical spelling of an organisation's name."""
    lower = name.lower()
    return _organisations().get(lower, lower)


def seller(provider: str) -> str:
    """The company behind a provider's name, which lists spell in several ways.

    The part after a slash is a way of serving (`deepinfra/fp8`) and is dropped.
    """
    name = _SEPARATORS.sub("", provider.lower().partition("/")[0])
    return _sellers().get(name, name)


def seller_behind(provider: str, model: str, *, is_open: bool) -> str | None:
    """The seller of an offer; None if a router's list does not say which of several it is.

    A router passes on what others ask. A model whose weights are not published is sold by its maker, be it on the
    machines of a cloud; one with open weights by anybody.

    Args:
        provider: who sells it, as the list writes it.
        model: the name, as the list writes it.
        is_open: whether the weights of the model are published.
    """
    name = seller(provider)
    if name != ROUTER:
        return name
    maker = None if is_open else split(provider, model)[0]
    return seller(maker) if maker else None


def split(provider: str, model: str) -> tuple[str | None, str]:
    """The organisation an offer name states, if any, and the name without what sellers add.

    Parts of a path that name the seller, another seller, a region or a step (the facts `name_prefixes`) state no
    maker: `azure/gpt-4o`, `fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct`. `@cf/meta/llama-3-8b-instruct`
    and the cloud's `us-gov.meta.llama3-8b-instruct-v1:0` both say meta-llama; the digits after the colon are
    the cloud's own revision, not the model's.

    Args:
        provider: who sells it, as the list writes it.
        model: the name, as the list writes it.
    """
    *path, name = model.removeprefix("~").removeprefix("hf:").split("/")
    makers = [
        part
        for position, part in enumerate(path)
        if not _is_prefix(part) and not (position == 0 and _is_seller(part, provider))
    ]
    stated = makers[-1] if makers else None
    while stated is None and "." in name:
        head, _, tail = name.partition(".")
        if head.lower() in _DOTTED_ORGANISATIONS:
            stated, name = head, _CLOUD_VERSION.sub("", tail)
        elif _kind_of(head) == "region":
            name = tail
        else:
            break
    if _kind_of(provider) == "reseller" and provider.lower() not in _organisations():
        name = name.removeprefix(f"{provider}-") or name  # `databricks-meta-llama-3-1-8b-instruct`
    return None if stated is None else organisation(stated), name


def _is_prefix(part: str) -> bool:
    """Whether a part of a path names a seller of others' models, a region or a step."""
    return _kind_of(part) is not None or _ZONE.fullmatch(part) is not None


def _is_seller(part: str, provider: str) -> bool:
    """Whether the first part of a path is the seller that the list names, and no organisation behind models.

    LiteLLM writes `vertex_ai/` before the names of the seller `vertex_ai-llama_models`.
    """
    known = _organisations()
    return provider.lower().startswith(part.lower()) and part.lower() not in {
        *known,
        *known.values(),
    }


def _kind_of(part: str) -> str | None:
    return _prefixes().get(part.lower())


def normal(name: str) -> str:
    """A model name in normal form: lower case, without separators and makers' variants of spelling.

    `Meta-Llama-3.1-8B-Instruct`, `llama-v3p1-8b-instruct` and `llama3-1-8b-instruct` are one name.
    """
    text = _P_DECIMAL.sub(".", name.lower())
    text = _FAMILY_DIGIT.sub(r"\1-", text.removeprefix("meta-"))
    return _SEPARATORS.sub("-", _VERSION_V.sub("", text)).strip("-")


def family(name: str) -> str | None:
    """Line and version that a model's name states, such as `claude 4.5`; None if it states no version.

    Args:
        name: the name without prefixes (`split`).
    """
    line, *words = normal(name).split("-")
    if line == "gpt" and words[:1] == ["oss"]:
        return "gpt-oss"
    if found := _LINE_AND_VERSION.fullmatch(line):
        line, words = found["line"], [found["version"], *words]
    for position, word in enumerate(words):
        if version := _VERSION.match(word):
            minor = "".join(words[position + 1 : position + 2])
            if line == "o":  # o3, o4-mini
                return f"o{version[0]}"
            has_minor = len(minor) == 1 and minor.isdigit() and word == version[0]
            return f"{line} {version[0]}.{minor}" if has_minor else f"{line} {version[0]}"
    return None


@cache
def _organisations() -> dict[str, str]:
    rows = facts.load("organisation_names").select("organisation_name", "organisation")
    return dict(rows.iter_rows())


@cache
def _prefixes() -> dict[str, str]:
    rows = facts.load("name_prefixes").select("name_prefix", "prefix_kind")
    return dict(rows.iter_rows())


@cache
def _sellers() -> dict[str, str]:
    return dict(facts.load("seller_names").select("seller_name", "seller").iter_rows())
