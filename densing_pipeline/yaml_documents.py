"""YAML written by others: read as text, without the features that let a small file do harm.

Every scalar stays text, so that no version of YAML decides whether `no` is false or `20:30` is 1230.
Aliases are refused, because a few hundred bytes of them can stand for a billion values; so are tags'
effects (no object is made of a tag), deep nesting, and a second document. Not here: what a document
means.
"""

from typing import Any

import yaml

from densing_pipeline.json_documents import STATED_TWICE

DEEPEST_YAML = 20
"""Collections within each other; the formats that are read here need five."""


def load(content: bytes) -> Any:
    """The document: mappings, lists and text.

    A key that is stated twice with different values has the value `json_documents.STATED_TWICE`.

    Args:
        content: YAML in UTF-8 or UTF-16.

    Raises:
        ValueError: it is not one YAML document, has aliases, or is nested too deeply.
    """
    try:
        depth = 0
        for event in yaml.parse(content, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"an alias (*{event.anchor}): aliases are not read")
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST_YAML:
                raise ValueError(f"nested more than {DEEPEST_YAML} deep")
        return yaml.load(content, Loader=_Loader)  # noqa: S506 - makes text of every scalar
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.CBaseLoader):
    """The loader that resolves no tags; libyaml reads, for its time grows with the size alone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep=True)
        if len(found) < len(node.value):
            first: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = self.construct_object(key_node, deep=True)
                value = self.construct_object(value_node, deep=True)
                if first.setdefault(key, value) != value:
                    found[key] = STATED_TWICE
        return found
