"""Links offers to the models they sell (`model_links`) by explicit rules in a fixed order; similarity of names is not used.

The first rule that names exactly one known model decides; its name and the confidence set for it are kept.
An offer that no rule resolves stays in the table without a model. Names that the rules cannot resolve are
listed by hand in `facts/offer_names.csv`.

Not here: spelling (`names`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import polars as pl

from densing_pipeline import facts
from densing_pipeline.paper import NMI_PREFIX
from densing_pipeline.prices.names import family, normal, organisation, split
from densing_pipeline.tables.published import MODEL_LINKS

Key = TypeVar("Key")

ANY_PROVIDER = "*"
"""Value of `provider` in `offer_names` for names that mean the same model at every provider."""

"""Prefix of the ids of the paper's models as plotted."""

CONFIDENCE = {
    "exact": 1.0,
    "table": 1.0,
    "provider_prefix": 0.99,
    "separators": 0.97,
    "dated_suffix": 0.95,
    "variant_suffix": 0.9,
    "hub_id": 0.9,
    "unlinked": 0.0,
}
"""Confidence in a link by each rule, set by judgement: lower, the more of the name a rule drops."""

_DATE = re.compile(r"[-@](20\d{2}-\d{2}-\d{2}|20\d{6}|00\d)$")
_VARIANT = re.compile(
    r":(free|batch|extended|beta|nitro|floor|flex)$"
    r"|-(fp8|fp16|bf16|nvfp4|awq|gptq|int4|int8)(-fast)?$"
    r"|(?<=-instruct)-(turbo|lite)$"
    r"|-(maas|tee)$|@default$|(?<=-fast)-reasoning$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]+")
_CHAT = re.compile(r"-(instruct|it|chat)$")


class Link(NamedTuple):
    """The model an offer name resolves to, and by which rule."""

    canonical_id: str | None
    method: str


@dataclass(frozen=True)
class KnownModels:
    """Known model ids by the forms the rules look them up in.

    Attributes:
        ids: the ids themselves.
        written: ids by (organisation, name), case ignored.
        normal: ids by the normal form of their name.
        chat: normal forms of chat models' names without the chat suffix. Providers sell chat models
            under the bare name of the base model, so the bare name alone says nothing.
        base: ids of base models, which a name must state as such.
    """

    ids: frozenset[str]
    written: Mapping[tuple[str, str], tuple[str, ...]]
    normal: Mapping[str, tuple[str, ...]]
    chat: frozenset[str]
    base: frozenset[str] = frozenset()

    @classmethod
    def of(cls, ids: Iterable[str], base: Iterable[str] = ()) -> "KnownModels":
        """Index ids of the form `organisation/name`, without the paper's labels, which nobody sells.

        Args:
            ids: the ids.
            base: those of base models that offers are linked to only where they name them as such.
        """
        written: dict[tuple[str, str], list[str]] = defaultdict(list)
        normals: dict[str, list[str]] = defaultdict(list)
        chats: set[str] = set()
        kept = sorted(i for i in set(ids) if i.count("/") == 1 and not i.startswith(NMI_PREFIX))
        for known in kept:
            maker, name = known.split("/")
            written[organisation(maker), name.lower()].append(known)
            plain = normal(name)
            normals[plain].append(known)
            if _CHAT.search(plain):
                chats.add(_CHAT.sub("", plain))
        return cls(
            frozenset(kept), _frozen(written), _frozen(normals), frozenset(chats), frozenset(base)
        )


def model_links(
    prices: pl.DataFrame,
    offer_names: pl.DataFrame,
    known_ids: Iterable[str],
    base_ids: Iterable[str] = (),
) -> pl.DataFrame:
    """Link every offer name of a price book to the model it sells.

    Args:
        prices: rows of `prices`.
        offer_names: the fact table of names resolved by hand; provider `*` stands for all.
        known_ids: ids a link may lead to, of the form `organisation/name`.
        base_ids: those of base models.

    Returns:
        One row of `model_links` per source, provider and model name. Unlinked names have no
        canonical_id, method `unlinked` and confidence 0. `family_recall` counts the names of all lists.

    Raises:
        ValueError: `offer_names` leads to an id that is not known.
    """
    known = KnownModels.of(known_ids, base_ids)
    by_hand = {
        (p, m): c for p, m, c in offer_names["provider", "model", "canonical_id"].iter_rows()
    }
    if strangers := sorted(set(by_hand.values()) - known.ids):
        raise ValueError(
            f"offer_names.csv leads to ids that are in none of capability_scores, sold_models and models: "
            f"{', '.join(strangers)}. Correct the id, or add the model to one of them"
        )
    # A name whose repository was not always named, or changed, may have sold another model before.
    said = pl.col("hub_id").filter(pl.col("observed_to").is_null())
    names = (
        prices.group_by("source", "provider", "model")
        .agg(hub_id=pl.when((said.null_count() == 0) & (said.n_unique() == 1)).then(said.first()))
        .sort("source", "provider", "model")
    )
    links = [
        resolve(provider, model, by_hand, known, hub_id)
        for provider, model, hub_id in names["provider", "model", "hub_id"].iter_rows()
    ]
    families = [family(*split(p, m)[1:]) for p, m in names["provider", "model"].iter_rows()]
    linked = names.drop("hub_id").with_columns(
        pl.Series("canonical_id", [link.canonical_id for link in links], pl.String),
        pl.Series("method", [link.method for link in links], pl.String),
        pl.Series("confidence", [CONFIDENCE[link.method] for link in links], pl.Float64),
        pl.Series("name_family", families, pl.String),
    )
    share = pl.col("canonical_id").is_not_null().mean().over("name_family")
    return MODEL_LINKS.cast(
        linked.with_columns(family_recall=pl.when(pl.col("name_family").is_not_null()).then(share))
    )


def sold_models() -> pl.Series:
    """Ids of the bundled models that are sold: those with a score on a level's benchmark, and others."""
    tables = (facts.load("capability_scores"), facts.load("sold_models"))
    return pl.concat([table["canonical_id"] for table in tables]).unique().sort()


def resolve(
    provider: str,
    model: str,
    by_hand: Mapping[tuple[str, str], str],
    known: KnownModels,
    hub_id: str | None = None,
) -> Link:
    """The model one offer name sells: the first rule that names exactly one.

    The table is looked up with the name as written; the other rules follow in the order of `CONFIDENCE`.
    The repository that the list itself names comes last, because lists have named the base model's for a
    chat model, and the original's for a finetune.
    """
    by_table = by_hand.get((provider, model)) or by_hand.get((ANY_PROVIDER, model))
    if by_table:
        return Link(by_table, "table")
    if model in known.ids:
        return Link(model, "exact")
    for method, candidates in _candidates(provider, model, known):
        if len(candidates) == 1:
            if candidates[0] in known.base and not _states_base(candidates[0], model, hub_id):
                break
            return Link(candidates[0], method)
        if candidates:
            break  # several models have the name, so a later, less strict rule would only guess
    if hub_id in known.ids and not model.startswith("~"):
        return Link(hub_id, "hub_id")
    return Link(None, "unlinked")


def _candidates(
    provider: str, model: str, known: KnownModels
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Models found by each rule after `exact`, strictest rule first."""
    stated, name = split(provider, model)
    maker = stated or organisation(provider)
    if stated is not None or normal(name) not in known.chat:
        yield "provider_prefix", known.written.get((maker, name.lower()), ())
    undated = _DATE.sub("", name)
    plain = _DATE.sub("", _VARIANT.sub("", name))
    for method, form in (
        ("separators", name),
        ("dated_suffix", undated),
        ("variant_suffix", plain),
    ):
        key = normal(form)
        if key not in known.chat:
            yield method, _made_by(stated, provider, known.normal.get(key, ()))


def _states_base(base_id: str, model: str, hub_id: str | None) -> bool:
    """Whether an offer says that it is a base model: by its id, its repository, or the word `base`.

    Chat models are sold under the bare names of base models, so a name that only resembles one is neither.
    """
    name = model.lower()
    is_id = name == base_id.lower() or name.endswith(f"/{base_id.lower()}")
    return is_id or (hub_id or "").lower() == base_id.lower() or "base" in _WORD.findall(name)


def _made_by(stated: str | None, provider: str, found: tuple[str, ...]) -> tuple[str, ...]:
    """Candidate models of the organisation named in the offer; if none is named, the provider's own first."""
    makers = {known: organisation(known.split("/")[0]) for known in found}
    if stated is not None:
        return tuple(known for known in found if makers[known] == stated)
    own = tuple(known for known in found if makers[known] == organisation(provider))
    return own or found


def _frozen(found: Mapping[Key, list[str]]) -> dict[Key, tuple[str, ...]]:
    return {key: tuple(ids) for key, ids in found.items()}
