"""The list of models.dev comes out of the files of its repository."""

from datetime import date

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import modelsdev, modelsdev_files

PROVIDER = b'name = "Host"\ndoc = "https://host.example/prices"\n'
MODEL = b"""
[cost]
input = 0.15
output = 0.6
cache_read = 0.075

[limit]
context = 163_840

[modalities]
output = ["text"]
"""


def quotes(files: dict[str, bytes]) -> list[tuple[object, ...]]:
    """Provider, model, input price and reason of each offer."""
    found = modelsdev.parse(modelsdev_files.document(files), date(2026, 6, 10)).quotes
    return found.select("provider", "model", "input_usd_per_mtok", "flag").rows()


def test_each_model_of_a_provider_is_an_entry_named_by_its_path():
    files = {
        "providers/host/provider.toml": PROVIDER,
        "providers/host/logo.svg": b"<svg/>",
        "providers/host/models/maker/m-1.toml": MODEL,
        "providers/host/models/m2.toml": MODEL.replace(b"0.15", b"1e-1"),
        "providers/gone/models/m.toml": MODEL,
    }
    assert quotes(files) == [("host", "m2", 0.1, None), ("host", "maker/m-1", 0.15, None)]
    found = modelsdev.parse(modelsdev_files.document(files), date(2026, 6, 10)).quotes
    assert found["source_url"].unique().to_list() == ["https://host.example/prices"]


def test_a_tier_of_cost_is_one_of_the_context_unless_it_says_otherwise():
    tiers = b"""
[[cost.tiers]]
tier = { size = 200_000 }
input = 0.3
"""
    files = {
        "providers/host/provider.toml": PROVIDER,
        "providers/host/models/m.toml": MODEL + tiers,
    }
    found = modelsdev.parse(modelsdev_files.document(files), date(2026, 6, 10)).quotes
    columns = ("offer", "context_over_tokens", "input_usd_per_mtok", "output_usd_per_mtok")
    assert found.select(columns).sort(columns).rows() == [
        ("long_context", 200_000, 0.3, 0.6),
        ("standard", 0, 0.15, 0.6),
    ]


def test_a_model_takes_over_what_its_base_says_and_it_does_not():
    base = b'status = "deprecated"\n[modalities]\ninput = ["text"]\noutput = ["image"]\n'
    files = {
        "providers/host/provider.toml": PROVIDER,
        "models/maker/m.toml": base,
        "providers/host/models/own.toml": b'base_model = "maker/m"\n' + MODEL,
        "providers/host/models/open.toml": (
            b'base_model = "maker/m"\nbase_model_omit = ["status", "no.such.name"]\n' + MODEL
        ),
        "providers/host/models/images.toml": b'base_model = "maker/m"\n[cost]\ninput = 1\n',
    }
    # An image model is left out; the others say themselves that they write text.
    assert quotes(files) == [("host", "open", 0.15, None), ("host", "own", 0.15, "unconfirmed")]


def test_a_model_may_extend_that_of_another_provider():
    extending = b'[extends]\nfrom = "host/m"\nomit = ["cost.cache_read"]\n[cost]\noutput = 2\n'
    files = {
        "providers/a/provider.toml": PROVIDER,
        "providers/a/models/m.toml": extending,
        "providers/b/provider.toml": PROVIDER,
        "providers/b/models/m.toml": b'[extends]\nfrom = "a/m"\n[cost]\ncache_read = 0.02\n',
        "providers/host/provider.toml": PROVIDER,
        "providers/host/models/m.toml": MODEL,
    }
    found = modelsdev.parse(modelsdev_files.document(files), date(2026, 6, 10)).quotes
    assert found.select("provider", "input_usd_per_mtok", "output_usd_per_mtok").rows() == [
        ("a", 0.15, 2.0),
        ("b", 0.15, 2.0),
        ("host", 0.15, 0.6),
    ]
    assert found["cache_read_usd_per_mtok"].to_list() == [None, 0.02, 0.075]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[cost\n", "m.toml is not TOML"),
        (b"\xff", "m.toml is not TOML"),
        (b'base_model = "maker/none"', "models/maker/none.toml, which is not there"),
        (b'[extends]\nfrom = "host/none"', "host/none, which is not there"),
        (b'extends = "m"', "None, which is not there"),
        (b'[extends]\nfrom = "host/m"', "host/m, which is not there"),
        (b"[cost]\ninput = inf", "JSON"),
    ],
)
def test_files_that_make_no_list_are_refused(content, told):
    files = {
        "providers/host/provider.toml": PROVIDER,
        "providers/host/models/m.toml": content,
    }
    with pytest.raises(SnapshotError, match=told):
        modelsdev_files.document(files)
