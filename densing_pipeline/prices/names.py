"""The ways price lists write one model's name, and one normal form to compare them in.

Every step here keeps the identity of the model: prefixes, separators, case. Steps that may change
it (dates, variants) are rules of `links`. Not here: the names that lists have for organisations and
sellers (the facts `organisation_names` and `seller_names`).
"""

import re
from functools import cache

from densing_pipeline import facts

_DOTTED_ORGANISATIONS = frozenset(
    {"amazon", "anthropic", "deepseek", "google", "meta", "mistral", "moonshotai", "nvidia"}
    | {"openai", "qwen", "writer", "zai"}
)
_REGION = re.compile(r"^(global|regional|us|eu|apac)\.")
_CLOUD_VERSION = re.compile(r"(-v?\d+)?:\d+$")
_FAMILY_DIGIT = re.compile(r"\b(llama|qwen|gemma|phi|mistral)(?=\d)")
_P_DECIMAL = re.compile(r"(?<=\d)p(?=\d)")
_VERSION_V = re.compile(r"(?<=[-/])v(?=\d)")
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


def split(provider: str, model: str) -> tuple[str | None, str]:
    """The organisation an offer name states, if any, and the name without what providers add.

    `@cf/meta/llama-3-8b-instruct` and the cloud's `regional.meta.llama3-8b-instruct-v1:0` both say
    meta-llama; the digits after the colon are the cloud's own revision, not the model's.
    """
    name = _REGION.sub("", model.removeprefix("~").removeprefix("@cf/"))
    *path, name = name.split("/")
    stated = path[-1] if path else None
    head, dot, tail = name.partition(".")
    if not path and dot and head.lower() in _DOTTED_ORGANISATIONS:
        stated, name = head, _CLOUD_VERSION.sub("", tail)
    return (
        None if stated is None else organisation(stated),
        name.removeprefix(f"{provider}-") or name,
    )


def normal(name: str) -> str:
    """A model name in normal form: lower case, without separators and makers' variants of spelling.

    `Meta-Llama-3.1-8B-Instruct`, `llama-v3p1-8b-instruct` and `llama3-1-8b-instruct` are one name.
    """
    text = _P_DECIMAL.sub(".", name.lower())
    text = _FAMILY_DIGIT.sub(r"\1-", text.removeprefix("meta-"))
    return _SEPARATORS.sub("-", _VERSION_V.sub("", text)).strip("-")


@cache
def _organisations() -> dict[str, str]:
    rows = facts.load("organisation_names").select("organisation_name", "organisation")
    return dict(rows.iter_rows())


@cache
def _sellers() -> dict[str, str]:
    return dict(facts.load("seller_names").select("seller_name", "seller").iter_rows())
