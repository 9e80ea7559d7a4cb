"""The list of models.dev from the files of its repository, which its site is built of.

    providers/<provider>/provider.toml           the provider
    providers/<provider>/models/<model>.toml     what it sells, and for how much
    models/<model>.toml                          what providers share (`base_model`, since June 2026)

A file may take over what another one says: `base_model` of a file under models/, or `[extends] from` of
another provider's (April to June 2026); what it states itself wins, and what it lists as omitted goes.
Not here: the site's own checks of each value, and what a list means (`modelsdev`).
"""

import json
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any

from densing_pipeline.polling.source import SnapshotError

_PROVIDERS, _MODELS, _PROVIDER, _TOML = "providers/", "models/", "/provider.toml", ".toml"


def document(files: Mapping[str, bytes]) -> bytes:
    """The list as the site gives it, as far as prices need it.

    Args:
        files: the content of providers/ and models/ by path.

    Raises:
        SnapshotError: a file is not TOML, or takes over from one that is not there; the site could not
            be built of such files either, and kept its last list.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(files):
        if path.startswith(_PROVIDERS) and path.endswith(_PROVIDER) and path.count("/") == 2:
            provider = path.split("/")[1]
            found[provider] = {**_read(path, files[path]), "id": provider, "models": {}}
    extending: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted(files):
        provider, _, model = path.removeprefix(_PROVIDERS).partition("/models/")
        if not (path.startswith(_PROVIDERS) and model.endswith(_TOML) and provider in found):
            continue
        name, told = model.removesuffix(_TOML), _read(path, files[path])
        if "extends" in told:
            extending[provider, name] = told
        elif "base_model" in told:
            base = f"{_MODELS}{told['base_model']}{_TOML}"
            if base not in files:
                raise SnapshotError(f"{path} takes over from {base}, which is not there")
            found[provider]["models"][name] = _merged(
                _read(base, files[base]), told, told.get("base_model_omit")
            )
        else:
            found[provider]["models"][name] = told
    while extending:
        _extend(found, extending, *next(iter(extending)))
    for told in found.values():
        told["models"] = {name: _with_kinds(model) for name, model in told["models"].items()}
    try:
        return json.dumps(found, default=str, allow_nan=False).encode()
    except ValueError as error:
        raise SnapshotError(f"the list cannot be written as JSON: {error}") from error


def _extend(
    found: dict[str, dict[str, Any]],
    extending: dict[tuple[str, str], dict[str, Any]],
    provider: str,
    name: str,
) -> None:
    """Complete one model that extends another, which may extend a third.

    Raises:
        SnapshotError: there is no such other model, or they extend one another.
    """
    told = extending.pop((provider, name))
    extends = told["extends"] if isinstance(told["extends"], dict) else {}
    seller, _, model = str(extends.get("from")).partition("/")
    if (seller, model) in extending:
        _extend(found, extending, seller, model)
    base = found.get(seller, {}).get("models", {}).get(model)
    if base is None:
        raise SnapshotError(
            f"{provider}/{name} takes over from {extends.get('from')}, which is not there"
        )
    found[provider]["models"][name] = _merged(base, told, extends.get("omit"))


def _read(path: str, content: bytes) -> dict[str, Any]:
    try:
        return _toml(content)
    except ValueError as error:
        raise SnapshotError(f"{path} is not TOML: {error}") from error


@lru_cache(maxsize=2**16)
def _toml(content: bytes) -> dict[str, Any]:
    """The tables of a file; not to be changed, for the next day's list has most of them again.

    Raises:
        ValueError: it is not TOML.
    """
    return tomllib.loads(content.decode())


def _with_kinds(model: dict[str, Any]) -> dict[str, Any]:
    """A model whose tiers of cost all say what they depend on: the context, where they do not say."""
    cost = model.get("cost")
    tiers = cost.get("tiers") if isinstance(cost, dict) else None
    if not isinstance(cost, dict) or not isinstance(tiers, list):
        return model
    said = [
        {**tier, "tier": {"type": "context", **tier["tier"]}}
        if isinstance(tier, dict) and isinstance(tier.get("tier"), dict)
        else tier
        for tier in tiers
    ]
    return {**model, "cost": {**cost, "tiers": said}}


def _merged(base: Mapping[str, Any], told: Mapping[str, Any], omitted: object) -> dict[str, Any]:
    """A model with what it takes over, without the dotted names that it omits."""
    merged = _deep(base, {k: v for k, v in told.items() if k not in ("extends", "base_model")})
    for name in omitted if isinstance(omitted, list) else []:
        *tables, last = str(name).split(".")
        table: Any = merged
        for part in tables:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.pop(last, None)
    return merged


def _deep(base: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables in one; where both have a value, that of `told`."""
    merged = deepcopy(dict(base))
    for key, value in told.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _deep(merged[key], value) if both else value
    return merged
