"""`croissant.json`: the description of a release in Croissant 1.0, the JSON-LD vocabulary of machine-learning data.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html. It says what `datapackage.json` says, from which it is made.
"""

from collections.abc import Mapping
from typing import Any

from densing_pipeline.tables.published import PUBLISHED

CROISSANT_FILE = "croissant.json"

NAME = "densing-pipeline"
"""Name of the data set."""

DESCRIPTION = "How fast language models get denser and cheaper, with uncertainty."

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
"""Address of the licence of the tables."""

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives."""

DATA_TYPES = {
    "string": "sc:Text",
    "boolean": "sc:Boolean",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "date": "sc:Date",
    "datetime": "sc:DateTime",
    "array": "sc:Float",
}
"""Types of Croissant by those of Data Package; the one list that is published is of numbers."""


def croissant(package: Mapping[str, Any], citation: str) -> dict[str, Any]:
    """The Croissant description of a release.

    Args:
        package: its `datapackage.json`.
        citation: how it is cited.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": package["name"],
        "description": package["description"],
        "license": package["licenses"][0]["path"],
        **({"url": package["homepage"]} if "homepage" in package else {}),
        "citeAs": citation,
        "datePublished": package["created"],
        # The specification wants three numbers: the day of the newest data.
        "version": ".".join(str(int(part)) for part in package["version"].split("-")[:3]),
        "identifier": package["version"],
        "distribution": [_file(resource) for resource in package["resources"]],
        "recordSet": [_records(resource) for resource in package["resources"]],
    }


def json_ld(release_id: str, answer: str, homepage: str = "") -> dict[str, Any]:
    """The release as a `Dataset` of schema.org, for the search engines that read its page.

    Args:
        release_id: name of the release; it begins with the day of the newest data.
        answer: its first answer.
        homepage: address at which readers find the releases; empty if there is none.
    """
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": NAME,
        "description": f"{DESCRIPTION} {answer}".strip(),
        "license": LICENCE,
        **({"url": homepage} if homepage else {}),
        "version": release_id,
        "dateModified": release_id[:10],
        "isAccessibleForFree": True,
        "creator": {"@type": "Organization", "name": f"{NAME} maintainers"},
        "keywords": ["language models", "capability density", "scaling laws", "prices of tokens"],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": name,
                "contentUrl": f"../{name}.parquet",
                "encodingFormat": "application/vnd.apache.parquet",
            }
            for name in PUBLISHED
        ],
    }


def _file(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": resource["path"],
        "name": resource["path"],
        "contentUrl": resource["path"],
        "contentSize": f"{resource['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": resource["hash"].removeprefix("sha256:"),
    }


def _records(resource: Mapping[str, Any]) -> dict[str, Any]:
    table, schema = resource["name"], resource["schema"]
    keys = {
        key["fields"][0]: key["reference"]
        for key in schema.get("foreignKeys", [])
        if len(key["fields"]) == 1
    }
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": resource["title"],
        "key": [{"@id": f"{table}/{name}"} for name in schema["primaryKey"]],
        "field": [_field(resource, field, keys.get(field["name"])) for field in schema["fields"]],
    }


def _field(
    resource: Mapping[str, Any], field: Mapping[str, Any], reference: Mapping[str, Any] | None
) -> dict[str, Any]:
    unit = f" Unit: {field['unit']}." if field.get("unit") else ""
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{resource['name']}/{field['name']}",
        "name": field["name"],
        "description": f"{field['description']}{unit}",
        "dataType": DATA_TYPES[field["type"]],
        "source": {
            "fileObject": {"@id": resource["path"]},
            "extract": {"column": field["name"]},
        },
    }
    if field["type"] == "array":
        described["repeated"] = True
    if reference is not None:
        target = f"{reference['resource']}/{reference['fields'][0]}"
        described["references"] = {"field": {"@id": target}}
    return described
