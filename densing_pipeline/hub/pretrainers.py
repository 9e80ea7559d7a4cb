"""Organisations that pretrain language models, and the model lines that names contain.

Organisations are given as namespaces of the Hub, in lower case. That a namespace is listed does not
make its repositories base models: most of these organisations publish chat models too. Not here:
keywords of names and tags (`keywords`), and how an entry is used (`pretraining_evidence`).
"""

from functools import cache

from densing_pipeline import facts
from densing_pipeline.hub.keywords import name_parts

ARCHITECTURES = frozenset({"gpt2", "gptj", "mpt", "neox"})
"""Lines whose names denote an architecture that many train from scratch, not certain weights."""

ARCHITECTURES_TOO = ARCHITECTURES | {"llama", "olmo", "opt", "phi"}
"""`ARCHITECTURES` and lines whose architecture some train from scratch in other sizes."""


@cache
def known_pretrainers() -> frozenset[str]:
    """Namespaces that have published pretrained models of their own (the facts `pretrainers`)."""
    return frozenset(facts.load("pretrainers")["namespace"])


@cache
def _renamed() -> dict[str, str]:
    rows = facts.load("pretrainers").select("namespace", "organisation").drop_nulls()
    return dict(rows.iter_rows())


def organisation_of(namespace: str) -> str:
    """The namespace, lower case, under which its organisation publishes now.

    Organisations that were renamed, or that use several namespaces, count as one.
    """
    lower = namespace.lower()
    return _renamed().get(lower, lower)


@cache
def makers_of_lines() -> dict[str, frozenset[str]]:
    """Lines of models and the namespaces that pretrain them (the facts `model_lines`).

    A name with another organisation's line suggests a derived model.
    """
    rows = facts.load("model_lines").group_by("line", maintain_order=True).agg("namespace")
    return {line: frozenset(namespaces) for line, namespaces in rows.iter_rows()}


def owner_of(model_id: str) -> str:
    """The namespace of a repository, lower case."""
    return model_id[:400].lower().rpartition("/")[0]


def lines(model_id: str) -> tuple[set[str], set[str]]:
    """The model lines in a repository's name: the owner's own, and those of other organisations.

    Version digits are cut off (`llama3` is of the line `llama`); words inside longer ones do not
    count, for `openllama` is a line of its own.
    """
    owner = owner_of(model_id)
    name = model_id[:400].lower().rpartition("/")[2].replace("gpt-j", "gptj")
    found = {"gpt2" if w == "gpt2" else w.rstrip("0123456789") for w in name_parts(name)}
    makers = makers_of_lines()
    named = found & makers.keys()
    own = {line for line in named if owner in makers[line]}
    return own, named - own


def line_of_type(model_type: str) -> str | None:
    """The line a model type belongs to, unless many train that architecture from scratch."""
    for line in makers_of_lines():
        if line not in ARCHITECTURES | {"llama"} and model_type.startswith(line):
            return line
    return None


@cache
def _written() -> dict[str, str]:
    return dict(facts.load("hub_namespaces").select("namespace", "hub_namespace").iter_rows())


def as_written(namespace: str) -> str:
    """A namespace as the Hub writes it (the facts `hub_namespaces`), where that is known."""
    return _written().get(namespace, namespace)
