"""Families: which repositories of one publisher are the base and the chat models of one release.

A name says which role a repository has in its family: `X-Instruct` beside `X` is evidence that `X`
is the base model, `X-Base` beside `X` that `X` is the chat model. So does a chat model that states
`X` as its parent. Families are judged anew from all repositories known, whenever the `models` table
is made. Not here: what follows for one repository (`rules`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from densing_pipeline.hub import keywords
from densing_pipeline.hub.pretrainers import organisation_of, owner_of

CHAT = keywords.words(
    "instruct inst instruction instructions chat it sft dpo rlhf aligned assistant"
)
"""Parts of a name that mark the chat model of a family."""

FORMATS = keywords.words("hf bf16 fp16 fp32 float16 float32 safetensors transformers")
"""Parts of a name that mark a format of the same weights, in full precision."""

SAME_RELEASE = timedelta(days=60)
"""Largest time between the creation of two repositories of one release."""

_PARTS = re.compile(r"[-_ ]+")
_DATE = re.compile(
    r"(?:20)?2\d(?:0[1-9]|1[0-2])(?:[0-3]\d)?|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])|20[23]\d"
)
_SIZE = re.compile(r"[ae]?\d+(?:\.\d+)?[bmkt]|\d+x\d+(?:\.\d+)?[bm]|\d+e", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Name:
    """A repository's name, read as that of a family member.

    Attributes:
        stem: the parts of the name without marks of role, format and date, lower case.
        role: `base`, `chat`, `plain` (no mark) or `other` (a copy in another format).
        dates: the parts of the name that are dates.
        series: the stem without sizes.
    """

    stem: tuple[str, ...]
    role: str
    dates: frozenset[str]
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A repository as a possible member of a family.

    Attributes:
        model_id: its name on the Hub.
        created_at: when it was created, if known.
        parent_id: the model it states as its parent, if any.
        relation: its relation to it, as far as known.
    """

    model_id: str
    created_at: datetime | None = None
    parent_id: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """The other members of a repository's family that are evidence about it.

    Attributes:
        chat: chat models of the same stem, or that state the repository as their parent.
        base: models of the same stem whose names say base.
        stated: the chat models that state the repository as their parent.
        near: the chat models created at about the same time.
        series_chat: in another size, a chat model beside a model without mark.
        series_base: in another size, a model whose name says base.
        is_named: whether a chat model has the same stem, so that every other word of the name is
            part of the family's name.
    """

    chat: tuple[str, ...] = ()
    base: tuple[str, ...] = ()
    stated: frozenset[str] = field(default_factory=frozenset)
    near: frozenset[str] = field(default_factory=frozenset)
    series_chat: str | None = None
    series_base: str | None = None
    is_named: bool = False

    def says_base(self, *, has_chat_template: bool) -> str | None:
        """What says that the repository is the base model of its family; None if nothing does.

        Args:
            has_chat_template: whether its own tokenizer is set up for chat. Then only a chat model
                of the same release counts, or one that states the repository as its parent: a chat
                model may have a later, differently tuned version beside it.
        """
        if self.base:
            return None
        for told in sorted(self.stated):
            return f"{told} states it as its parent"
        for told in self.chat:
            if told in self.near or not has_chat_template:
                return f"beside {told}"
        if self.series_chat and not self.series_base and not has_chat_template:
            return f"in another size beside {self.series_chat}"
        return None

    def says_chat(self) -> str | None:
        """What says that the repository is the chat model of its family; None if nothing does."""
        if self.base and not self.chat:
            return f"beside {self.base[0]}"
        if self.series_base and not self.chat:
            return f"in another size beside {self.series_base}"
        return None

    def disagrees(self) -> str | None:
        """Members that contradict each other, in words; None if they do not."""
        return f"beside {self.base[0]} and {self.chat[0]}" if self.base and self.chat else None


NONE = Family()


def parse(model_id: str) -> Name:
    """Read a repository's name as that of a family member."""
    parts = [part for part in _PARTS.split(model_id.rpartition("/")[2].lower()[:400]) if part]
    dates = frozenset(part for part in parts[1:] if _DATE.fullmatch(part))
    if any(len(part) == 4 and part.startswith("20") for part in dates):
        # As in `08-2024`, with the month first.
        dates |= {part for part in parts[1:] if re.fullmatch(r"0\d|1[0-2]", part)}
    marks = keywords.BASE | CHAT | FORMATS | dates
    stem = tuple(part for part in parts if part not in marks)
    words = set(parts)
    if words & keywords.PACKED or keywords.tokens(model_id.rpartition("/")[2]) & keywords.PACKED:
        role = "other"
    elif words & CHAT:
        role = "chat"
    else:
        role = "base" if words & keywords.SURELY_BASE else "plain"
    series = tuple(part for part in stem if not _SIZE.fullmatch(part))
    return Name(stem, role, dates, series)


def is_member(model_id: str) -> bool:
    """Whether the name marks a role, so that the repository is evidence about another one."""
    return parse(model_id).role in ("base", "chat")


def families(members: Iterable[Member]) -> dict[str, Family]:
    """The family of each repository that has other members as evidence about it, by its name.

    Only repositories without a mark of role in their names get one.

    Args:
        members: all repositories known.
    """
    named = [(member, parse(member.model_id)) for member in members]
    by_stem: dict[tuple[str, tuple[str, ...]], list[tuple[Member, Name]]] = defaultdict(list)
    by_series: dict[tuple[str, tuple[str, ...]], list[tuple[Member, Name]]] = defaultdict(list)
    children: dict[str, list[Member]] = defaultdict(list)
    for member, name in named:
        owner = organisation_of(owner_of(member.model_id))
        if name.role == "other" or not owner:
            continue
        by_stem[owner, name.stem].append((member, name))
        by_series[owner, name.series].append((member, name))
        parent = member.parent_id or ""
        is_own = organisation_of(owner_of(parent)) == owner
        if name.role == "chat" and is_own and member.relation in ("finetune", "unknown"):
            children[parent.lower()].append(member)
    pairs = {key: _pair(group) for key, group in by_stem.items()}
    found = {}
    for member, name in named:
        owner = organisation_of(owner_of(member.model_id))
        if name.role != "plain" or not owner:
            continue
        family = _family(
            member,
            name,
            by_stem[owner, name.stem],
            children.get(member.model_id.lower(), []),
            [
                (other, parsed, pairs[owner, parsed.stem])
                for other, parsed in by_series[owner, name.series]
                if parsed.stem != name.stem
            ],
        )
        if family != NONE:
            found[member.model_id] = family
    return found


def _family(
    member: Member,
    name: Name,
    group: Iterable[tuple[Member, Name]],
    children: Iterable[Member],
    series: Iterable[tuple[Member, Name, str | None]],
) -> Family:
    siblings = [
        other.model_id
        for other, parsed in group
        # A chat model with a date that the repository lacks is of another release.
        if parsed.role == "chat" and (not parsed.dates or parsed.dates & name.dates)
    ]
    stated = {child.model_id for child in children}
    created = {other.model_id: other.created_at for other, _ in group}
    created |= {child.model_id: child.created_at for child in children}
    return Family(
        chat=tuple(sorted({*siblings, *stated})),
        base=tuple(sorted(other.model_id for other, parsed in group if parsed.role == "base")),
        stated=frozenset(stated),
        near=frozenset(
            model_id for model_id, at in created.items() if _is_near(at, member.created_at)
        ),
        series_chat=min((pair for _, _, pair in series if pair), default=None),
        series_base=min(
            (other.model_id for other, parsed, _ in series if parsed.role == "base"), default=None
        ),
        is_named=bool(siblings),
    )


def _pair(group: Iterable[tuple[Member, Name]]) -> str | None:
    """A chat model of a group that also has a member without mark, and none that says base."""
    roles = {parsed.role: other.model_id for other, parsed in group if not parsed.dates}
    return roles.get("chat") if "plain" in roles and "base" not in roles else None


def _is_near(one: datetime | None, other: datetime | None) -> bool:
    return one is None or other is None or abs(one - other) <= SAME_RELEASE


def members_of(rows: Iterable[Mapping[str, object]]) -> list[Member]:
    """Members from rows with the columns `name`, `created_at`, `parent_id` and `relation`."""
    return [
        Member(
            str(row["name"]),
            row["created_at"] if isinstance(row["created_at"], datetime) else None,
            str(row["parent_id"]) if row["parent_id"] else None,
            str(row["relation"]) if row["relation"] else None,
        )
        for row in rows
    ]
