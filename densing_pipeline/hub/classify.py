"""Classify a Hub repository as a base language model or not, with the evidence for the decision.

`docs/hub.md` has the rule with its measured errors. Not here: the single rules (`rules`), how the
record is read (`record_fields`) and the words looked for (`keywords`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from densing_pipeline.hub import record_fields, rules
from densing_pipeline.hub.families import NONE, Family


@dataclass(frozen=True, slots=True)
class Classification:
    """Classification of a repository from its Hub record.

    Attributes:
        is_base: a pretrained causal language model, not derived from another one.
        relation: how it was derived, in the labels of the column `relation`; `unknown` if it is no
            language model or the record gives no evidence.
        parent_id: the model it was derived from, if stated.
        quantisation: numeric format of the weights if stated.
        evidence: the facts that decided, in words.
        doubtful: whether the evidence is weak or contradictory.
    """

    is_base: bool
    relation: str
    parent_id: str | None
    quantisation: str | None
    evidence: str
    doubtful: bool


def classify(record: Mapping[str, Any], family: Family = NONE) -> Classification:
    """Classifies a Hub record.

    Args:
        record: a model record of the Hub's API, full or in part; any key may be missing or odd.
        family: the other repositories of its publisher that are evidence about it.

    Returns:
        The classification. Never raises.
    """
    facts = rules.facts_of(record if isinstance(record, Mapping) else {}, family)
    relation, told, doubtful = rules.decide(facts)
    is_base = relation == "base"
    parent = facts.parents[0][0][:200] if facts.parents else None
    if parent is None and not is_base:
        parent = record_fields.origin(facts.record)
    return Classification(
        is_base=is_base,
        relation=relation,
        parent_id=None if is_base else parent,
        quantisation=facts.quantisation,
        evidence=told,
        doubtful=doubtful,
    )
