"""The offers that a name asked for means: those sold under it, and others of the same model.

Names are compared in the normal form of `prices.names`, without prefixes of sellers. A name that means
nothing is answered with the names that resemble it; none of them is taken instead.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import polars as pl

from densing_pipeline.prices.names import normal, organisation, split
from densing_pipeline.text import LONGEST_NAME, quoted

OFFER = ("source", "provider", "model")
"""Columns that name one offer of one list."""

SUGGESTED = 6
"""Most names that an error suggests."""

_REMARK = re.compile(r"\s*\(([^)]*)\)$")
_KIND = re.compile(r":(free|batch|flex)$", re.IGNORECASE)


class UnknownModelError(LookupError):
    """No offer has the name; the message lists names that resemble it.

    Attributes:
        suggestions: these names, the nearest first.
    """

    def __init__(self, asked: str, suggestions: Iterable[str]) -> None:
        """Say that nothing is sold under the name."""
        self.suggestions = tuple(suggestions)
        near = f"; did you mean {', '.join(self.suggestions)}?" if self.suggestions else ""
        super().__init__(f"no price list has a model named {quoted(asked)}{near}")


@dataclass(frozen=True)
class Meant:
    """The offers that a name means.

    Attributes:
        offers: source, provider, model and canonical_id of each, and `is_named`: whether it is sold under
            the very name, or is another name of the same model.
        canonical_ids: the models that the offers of the very name sell.
    """

    offers: pl.DataFrame
    canonical_ids: tuple[str, ...]


def meant(model_links: pl.DataFrame, asked: str) -> Meant:
    """The offers that a name means.

    A name of a list (`gpt-4o`, `openai/gpt-4o-2024-08-06`), a Hub id and any spelling of them name the
    offers whose names have the same normal form; a maker in front must be theirs. If the name is that of
    one model, further names under which it is sold come with it (`is_named` false): dated versions, names
    that differ from seller to seller.

    Args:
        model_links: the published table.
        asked: the name.

    Raises:
        UnknownModelError: no offer has the name.
    """
    asked = unicodedata.normalize("NFKC", asked).strip()
    maker, wanted = _parts("", asked)
    names = model_links.select(*OFFER, "canonical_id").unique().sort(OFFER)
    parts = [_parts(provider, model) for provider, model in names["provider", "model"].iter_rows()]
    of_ids = {one: _parts("", one) for one in names["canonical_id"].drop_nulls().unique()}
    makers = [of_ids[one][0] if one else None for one in names["canonical_id"]]
    is_named = [
        model.lower() == asked.lower()
        or (form == wanted and (maker is None or maker in {own or maker, sold}))
        for model, (own, form), sold in zip(names["model"], parts, makers, strict=True)
    ]
    named = names.filter(pl.Series(is_named))
    of_named = named["canonical_id"].drop_nulls().unique().sort().to_list()
    # An id that has the name itself; or the one that all offers of the name lead to.
    ids = [one for one, (own, form) in of_ids.items() if form == wanted and maker in {None, own}]
    if not ids and len(of_named) == 1 and named["canonical_id"].null_count() == 0:
        ids = of_named
    offers = names.with_columns(is_named=pl.Series(is_named)).filter(
        pl.col("is_named") | pl.col("canonical_id").is_in(ids)
    )
    if offers.is_empty():
        raise UnknownModelError(asked, _similar(wanted, names["model"], parts, of_ids))
    return Meant(offers, tuple(sorted({*of_named, *ids})))


def is_own_name(provider: str, model: str, canonical_id: str) -> bool:
    """Whether an offer has the name of its model; else the name may have been that of an earlier model."""
    return _parts(provider, model)[1] == _parts("", canonical_id)[1]


@cache
def _parts(provider: str, model: str) -> tuple[str | None, str]:
    """The maker that a name states, if any, and the normal form of what is left.

    Kinds of offer (`:free`) are dropped, and remarks in brackets: `deepseek-chat (DeepSeek-V3)` is sold as
    `deepseek-chat`.
    """
    maker, name = split(provider, _KIND.sub("", _REMARK.sub("", model)))
    return maker or (organisation(provider) if provider else None), normal(name)


def _similar(
    wanted: str,
    models: pl.Series,
    parts: Iterable[tuple[str | None, str]],
    of_ids: Iterable[str],
) -> list[str]:
    """Names of lists that resemble a normal form: those that begin with it first."""
    written: dict[str, str] = {}
    for model, (_, form) in zip(models, parts, strict=True):
        short = _REMARK.sub("", model).rpartition("/")[2]
        written[form] = min(
            written.get(form, short), short, key=lambda name: (len(name), not name.islower(), name)
        )
    for one in of_ids:
        written.setdefault(normal(one.rpartition("/")[2]), one)
    beginning = sorted((form for form in written if form.startswith(wanted)), key=len)
    is_name = 0 < len(wanted) <= LONGEST_NAME
    close = difflib.get_close_matches(wanted, written, SUGGESTED, 0.6) if is_name else []
    found = dict.fromkeys([*close[:2], *beginning[:SUGGESTED], *close])
    return [written[form] for form in found][:SUGGESTED]
