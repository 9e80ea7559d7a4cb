"""Convert one Hub record to a table row: classification, parameters, release date, or a refusal.

Records are third-party data: any record gives a row, so that one malformed record does not stop the
others. Not here: the rules themselves (`classify`, `parameters`, `release_date`), and folding
observations over time (`repositories`).
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from huggingface_hub.utils import HFValidationError, validate_repo_id

from densing_pipeline.hub import architectures, parameters, record_fields, templates
from densing_pipeline.hub.classify import Classification, classify
from densing_pipeline.hub.families import NONE, Family, is_member
from densing_pipeline.hub.parameters.tensors import TensorCounts
from densing_pipeline.hub.pretrainers import known_pretrainers, organisation_of, owner_of
from densing_pipeline.hub.release_date import release_date
from densing_pipeline.json_documents import load
from densing_pipeline.tables.columns import INSTANT
from densing_pipeline.text import LONGEST_NAME, clean

MOST_REASON_CHARS = 120
"""Most characters of third-party text repeated in a reason."""

FILES_KEPT = 300
"""File names of a repository that are stored with its record, beside one of every further kind."""

CLOCK_TOLERANCE = timedelta(days=2)
"""Clock error up to which a creation time after now is accepted."""

AWAITED_FOR = timedelta(days=60)
"""How long a repository without weights is polled for them, from its creation."""

GATED: dict[Any, str] = {False: "no", "auto": "auto", "manual": "manual"}

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "model_id": pl.String,
    "revision": pl.String,
    "repo_id": pl.String,
    "created_at": INSTANT,
    "weights": pl.String,
    "files": pl.String,
    "blobs": pl.String,
    "matters": pl.Boolean,
    "is_witness": pl.Boolean,
    "awaits": pl.String,
    "hub_state": pl.String,
    "renamed_to": pl.String,
    "refused": pl.String,
    "is_base": pl.Boolean,
    "is_doubtful": pl.Boolean,
    "relation": pl.String,
    "parent_id": pl.String,
    "quantisation": pl.String,
    "base_evidence": pl.String,
    "licence": pl.String,
    "gated": pl.String,
    "custom_code": pl.Boolean,
    "architecture": pl.String,
    "is_moe": pl.Boolean,
    "params_total": pl.Int64,
    "params_active": pl.Int64,
    "params_nonembedding": pl.Int64,
    "params_active_nonembedding": pl.Int64,
    "params_source": pl.String,
    "params_from_config": pl.Int64,
    "params_from_safetensors": pl.Int64,
    "params_agree": pl.Boolean,
    "params_reason": pl.String,
    "release_date": pl.Date,
    "release_date_basis": pl.String,
    "release_earliest": pl.Date,
    "release_latest": pl.Date,
    "record_id": pl.UInt64,
}

SEEN = pl.Schema(_TYPES)
"""Columns of an observation: fields of the record and the values derived from them."""

REMEMBERED = pl.Schema([*SEEN.items(), ("record", pl.Binary)])
"""`SEEN` and the packed record, which is read again once the whole configuration has been
fetched."""


def page_records(content: bytes) -> list[Any]:
    """The records of a page.

    Raises:
        ValueError: the bytes are not a JSON list.
    """
    try:
        records = load(content)
    except ValueError as error:
        raise ValueError(f"not a list of records: {error}") from error
    if not isinstance(records, list):
        raise ValueError(f"a list of records was expected, not {type(records).__name__}")
    return records


def read(
    record: object,
    config: Mapping[str, Any] | None = None,
    family: Family = NONE,
    tensors: TensorCounts | None = None,
) -> dict[str, Any]:
    """A row of `REMEMBERED` for one record.

    Args:
        record: a record as the Hub sent it.
        config: the repository's whole `config.json`, if it was fetched.
        family: the other repositories of its publisher that are evidence about it.
        tensors: what the headers of its weights count, if they were fetched.
    """
    if not isinstance(record, dict):
        return refusal("(no id)", f"not a record: {_shown(record)}")
    model_id = record.get("id")
    try:
        # The id is third-party text and becomes a path and a partition key.
        validate_repo_id(model_id)
    except HFValidationError as error:
        return refusal(_shown(model_id), f"not a repository id: {_shown(error)}")
    if config:
        extract = record.get("config")
        record = record | {"config": (extract if isinstance(extract, dict) else {}) | dict(config)}
    try:
        row = _read(record, family, tensors)
        return {name: _storable(value) for name, value in row.items()} | _packed(record)
    except Exception as error:
        # A record that raises an unforeseen exception must not stop the others.
        return refusal(str(model_id), f"cannot be read: {type(error).__name__}: {_shown(error)}")


def refusal(model_id: str, reason: str) -> dict[str, Any]:
    """A row of `REMEMBERED` for an unusable record."""
    return dict.fromkeys(REMEMBERED) | {
        "model_id": clean(model_id, LONGEST_NAME),
        "refused": clean(reason),
    }


def _storable(value: Any) -> Any:
    """A value that a table can hold: control characters are removed from text.

    Raises:
        ValueError: an integer has more than 63 bits.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError(f"a number of {value.bit_length()} bits")
    return value


def matters(record: object, seen_at: datetime) -> bool:
    """Whether a listed record gets a row.

    That is a possible base model, a compressed one, any model of a publisher who pretrains, a model
    that is evidence about another of its publisher, or an unreadable record. Most records are none
    of these; testing this first is cheaper than counting parameters. A repository without weights
    gets a row until it is older than `AWAITED_FOR`, if it may become a base model.
    """
    try:
        found = classify(record)  # type: ignore[arg-type]
        model_id = record["id"]  # type: ignore[index]
        validate_repo_id(model_id)
        if _matters(found, model_id) or _is_witness(found, model_id):
            return True
        created = created_at(record)
        is_young = created is not None and created > seen_at - AWAITED_FOR
        return is_young and awaits(record) is not None  # type: ignore[arg-type]
    except Exception:
        # `read` gives the row with the reason.
        return True


def awaits(record: Mapping[str, Any]) -> str | None:
    """Whether a repository without weights may become a base model when they come.

    Returns:
        `likely` if its name, publisher or card is evidence for a base model, `perhaps` if there is
        no evidence against, None if it has weights or is something else.
    """
    held = record_fields.files(record)
    if not held.known or record_fields.has_any_weights(held):
        return None
    listed = record.get("siblings") or []
    found = classify(dict(record) | {"siblings": [*listed, {"rfilename": "model.safetensors"}]})
    if found.is_base:
        return "likely"
    return "perhaps" if found.doubtful else None


def _matters(found: Classification, model_id: str) -> bool:
    """Whether the repository gets a row in `models`."""
    if found.is_base or found.doubtful or found.relation in ("pruned", "distilled"):
        return True
    # A wrong rejection of a base model can only be noticed, and overruled, if it has a row.
    return owner_of(model_id) in known_pretrainers()


def _is_witness(found: Classification, model_id: str) -> bool:
    """Whether the name says which member of its family a rejected model is (`families`).

    A model made from another publisher's, or a copy of one, says nothing about its own publisher's.
    """
    if found.is_base or found.relation not in ("finetune", "distilled", "unknown"):
        return False
    owner, parent = organisation_of(owner_of(model_id)), owner_of(found.parent_id or "")
    return is_member(model_id) and (not parent or organisation_of(parent) == owner)


def key(record: object) -> str:
    """The Hub's identifier of a repository and its name: a renamed repository has another key."""
    if not isinstance(record, dict):
        return repr(record)
    return f"{record.get('_id')} {record.get('id')}"


def created_at(record: object) -> datetime | None:
    """When the repository was created, UTC; None if the record has no valid instant."""
    return instant(record, "createdAt")


def instant(record: object, name: str) -> datetime | None:
    """The instant in a field of a record, UTC; None if there is no valid one."""
    text = record.get(name) if isinstance(record, dict) else None
    try:
        found = datetime.fromisoformat(str(text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _read(record: dict[str, Any], family: Family, tensors: TensorCounts | None) -> dict[str, Any]:
    found = classify(record, family)
    counts = parameters.count(record, tensors)
    released = release_date(record, None)
    return dict.fromkeys(REMEMBERED) | {
        "model_id": record["id"],
        "revision": _text(record.get("sha")),
        "repo_id": _text(record.get("_id")),
        "created_at": created_at(record),
        "weights": _weights(record),
        "files": _digest(record_fields.weight_files(record)),
        "blobs": _digest(record_fields.weight_hashes(record)),
        "matters": _matters(found, record["id"]),
        "is_witness": _is_witness(found, record["id"]),
        "awaits": awaits(record),
        "hub_state": _state(record),
        "is_base": found.is_base,
        "is_doubtful": bool(found.doubtful),
        "relation": found.relation,
        "parent_id": found.parent_id,
        "quantisation": found.quantisation,
        "base_evidence": found.evidence,
        "licence": _licence(record),
        "gated": GATED.get(record.get("gated")),
        "custom_code": _needs_custom_code(record),
        "architecture": counts.architecture,
        "is_moe": counts.is_moe,
        "params_total": counts.total,
        "params_active": counts.active,
        "params_nonembedding": counts.nonembedding,
        "params_active_nonembedding": counts.active_nonembedding,
        "params_source": counts.source,
        "params_from_config": counts.from_config,
        "params_from_safetensors": counts.from_safetensors,
        "params_agree": counts.agrees,
        "params_reason": counts.reason,
        "release_date": released.date,
        "release_date_basis": released.basis,
        "release_earliest": released.earliest,
        "release_latest": released.latest,
    }


def _state(record: Mapping[str, Any]) -> str:
    if record.get("disabled") is True:
        return "disabled"
    return "private" if record.get("private") is True else "present"


def _weights(record: Mapping[str, Any]) -> str | None:
    """A key of the weights: element counts by dtype; None if the Hub has not read them."""
    safetensors = record.get("safetensors")
    counts = safetensors.get("parameters") if isinstance(safetensors, dict) else None
    return _digest(counts)


def _digest(value: object) -> str | None:
    if not value:
        return None
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _licence(record: Mapping[str, Any]) -> str | None:
    card = record.get("cardData")
    card = card if isinstance(card, dict) else {}
    stated = card.get("license")
    if stated == "other":
        stated = card.get("license_name") or stated
    if isinstance(stated, list):
        stated = ", ".join(map(str, stated))
    if stated:
        return _shown(stated)
    tagged = [tag for tag in record_fields.tags(record) if tag.startswith("license:")]
    return tagged[0].removeprefix("license:") if tagged else None


def _needs_custom_code(record: Mapping[str, Any]) -> bool:
    """Whether vLLM and transformers do not implement the architecture."""
    return architectures.can_run(record_fields.config(record)) is False


def unpacked(record: bytes) -> dict[str, Any]:
    """Decompress a stored record."""
    found: dict[str, Any] = json.loads(zlib.decompress(record))
    return found


def _packed(record: Mapping[str, Any]) -> dict[str, Any]:
    """The compressed record and its id; compressed so that a full sweep fits into memory."""
    packed = zlib.compress(json.dumps(_remembered(record), sort_keys=True).encode())
    name = int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest())
    return {"record_id": name, "record": packed}


def _remembered(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with chat templates and long lists of files shortened.

    The shortened record is read again once the whole configuration has been fetched, so it must
    give the same row.
    """
    kept = dict(record)
    siblings = kept.get("siblings")
    if isinstance(siblings, list):
        kept["siblings"] = _kept_files(siblings)
    if isinstance(kept.get("config"), dict):
        kept["config"] = templates.without_templates(kept["config"])
    return kept


def _kept_files(siblings: list[Any]) -> list[Any]:
    """The first `FILES_KEPT` entries, and of the others the first of every kind of file.

    Weights sort after folders of logs, so that the first files alone may hold none.
    """
    kept = siblings[:FILES_KEPT]
    kinds = {record_fields.files({"siblings": [each]}) for each in kept}
    for each in siblings[FILES_KEPT:]:
        kind = record_fields.files({"siblings": [each]})
        if kind not in kinds:
            kinds.add(kind)
            kept.append(each)
    return kept


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(value: object) -> str:
    """Third-party text in one line of bounded length."""
    return clean(" ".join(str(value).split()), MOST_REASON_CHARS)
