"""`README.md` and `CITATION.cff` of a release: what a person reads first, and how it is cited.

The README is a data-set card as the Hub has them, with its metadata in YAML before the text
(https://huggingface.co/docs/hub/datasets-cards). The citation is Citation File Format 1.2
(https://citation-file-format.github.io). Both are made from `datapackage.json`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from densing_pipeline.text import markdown

CARD_FILE = "README.md"
CITATION_FILE = "CITATION.cff"

AUTHORS = "densing-pipeline maintainers"
DEFAULT_TABLE = "densing_law"
"""The table that a reader gets who names none."""

SIZE_ENDS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
"""Ends of the Hub's categories of size, in rows."""


def card(package: Mapping[str, Any], sentences: Sequence[str]) -> str:
    """The data-set card of a release.

    Args:
        package: its `datapackage.json`.
        sentences: its answers.
    """
    metadata = {
        "pretty_name": package["title"],
        "license": package["licenses"][0]["name"].lower(),
        "language": ["en"],
        "tags": ["language-models", "scaling-laws", "densing-law", "prices", "benchmarks"],
        "size_categories": [_size(sum(resource["rows"] for resource in package["resources"]))],
        "configs": [
            {"config_name": resource["name"], "data_files": resource["path"]}
            | ({"default": True} if resource["name"] == DEFAULT_TABLE else {})
            for resource in package["resources"]
            # A table without rows has no data that the Hub's viewer could show.
            if resource["rows"]
        ],
    }
    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=120)
    parts = [
        f"---\n{front}---\n",
        f"# {package['title']}\n",
        f"{package['description']} Release `{package['version']}`, made {package['created'][:10]} by densing-pipeline.\n",
        "## What it says\n",
        *(f"{markdown(sentence)}\n" for sentence in sentences),
        "## Tables\n",
        _table(
            ("table", "one row is", "rows"),
            [
                (
                    f"[`{resource['name']}`]({resource['path']})",
                    markdown(resource["title"].removeprefix("One row is ")),
                    f"{resource['rows']:,}",
                )
                for resource in package["resources"]
            ],
        ),
        "`datapackage.json` describes every column, with unit, key and SHA-256 of each file; `croissant.json` says the "
        f"same in Croissant. The tables keep the contract `{package['contract']}`: columns are added, never changed.\n",
        "## Licences\n",
        f"The compilation is under [{package['licenses'][0]['title']}]({package['licenses'][0]['path']}), the code of "
        "densing-pipeline under Apache-2.0. Sources have licences of their own; `rowSets` of each table in `datapackage.json` "
        "says which rows come from where.\n",
        _table(
            ("source", "version", "licence"),
            [
                (
                    f"[{markdown(source['title'])}]({source['path']})",
                    markdown(source["version"]),
                    markdown(source["license"]),
                )
                for source in package["sources"]
            ],
        ),
        "## How to cite\n",
        f"{cited(package)}\n",
    ]
    return "\n".join(parts)


def citation(package: Mapping[str, Any]) -> str:
    """`CITATION.cff` of a release.

    Args:
        package: its `datapackage.json`.
    """
    document = {
        "cff-version": "1.2.0",
        "message": "Please cite the release you used, and the paper whose question it answers.",
        "type": "dataset",
        "title": package["title"],
        "version": package["version"],
        "date-released": package["created"][:10],
        "license": package["licenses"][0]["name"],
        "authors": [{"name": AUTHORS}],
        **({"url": package["homepage"]} if "homepage" in package else {}),
        "references": [
            {
                "type": "article",
                "title": "Densing law of LLMs",
                "authors": [{"name": "Xiao et al."}],
                "doi": "10.1038/s42256-025-01137-0",
                "journal": "Nature Machine Intelligence",
                "volume": 7,
                "start": "1823",
                "end": "1833",
                "year": 2025,
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def cited(package: Mapping[str, Any]) -> str:
    """A release as a reference in one sentence."""
    year = datetime.fromisoformat(package["created"]).year
    where = f" {package['homepage']}" if "homepage" in package else ""
    return f"{AUTHORS} ({year}). {package['title']}, release {package['version']}.{where}"


def _size(rows: int) -> str:
    ends = ["1K", "10K", "100K", "1M", "10M"]
    below = next((index for index, end in enumerate(SIZE_ENDS) if rows < end), len(SIZE_ENDS))
    if below == 0:
        return "n<1K"
    return f"{ends[below - 1]}<n<{ends[below]}" if below < len(SIZE_ENDS) else "n>10M"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
