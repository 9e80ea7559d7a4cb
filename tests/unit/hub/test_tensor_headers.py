"""How headers of weights are fetched from a Hub on loopback, land, and are read again."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.fetch import Limits
from densing_pipeline.hub import tensor_headers
from densing_pipeline.hub.client import Hub, HubError, OversizedError, RefusedError
from densing_pipeline.hub.observations import TOO_LARGE, UNREADABLE
from densing_pipeline.hub.parameters.headers import HeaderError
from densing_pipeline.hub.parameters.tensors import Tensor
from densing_pipeline.hub.tensor_headers import (
    FIRST_BYTES,
    HEADERS,
    INDEX,
    LONGEST_HEADER_WAIT,
    RETRY_HEADERS_AFTER,
    due,
    fetch_headers,
    fetched,
    land_headers,
    landed_tensors,
)
from densing_pipeline.landing import LandingZone
from tests.servers.weights import File, Shelf, header, of_header, safetensors, serving, sharded

PLACE = "/lab/nova/resolve/abc"
ONE = f"{PLACE}/model.safetensors"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SHAPES = {"model.embed_tokens.weight": (10, 4), "lm_head.weight": (10, 4)}
TENSORS = [Tensor(name, "BF16", shape) for name, shape in sorted(SHAPES.items())]
LIMITS = Limits(read_s=5, answer_s=5, total_s=5, attempts=2, backoff_s=0.01, retry_after_s=1)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with serving({}) as opened:
        yield opened


def hub(shelf: Shelf, limits: Limits = LIMITS) -> Hub:
    return Hub(shelf.endpoint, token="hf_good", limits=limits)  # noqa: S106


def fetch(shelf: Shelf, limits: Limits = LIMITS) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(
        fetch_headers(hub(shelf, limits), "lab/nova", "abc")
    )
    return found


def land(shelf: Shelf, zone: LandingZone, at: datetime = NOW) -> None:
    land_headers(zone, hub(shelf), "lab/nova", "abc", lambda: at)


def read(zone: LandingZone) -> list[Tensor]:
    return landed_tensors(zone, fetched(zone)["headers_sha256"].item())


# --- what is asked for ----------------------------------------------------------------------------


def test_one_file_takes_one_range_and_none_of_its_weights(shelf: Shelf, tmp_path: Path) -> None:
    # Five gigabytes of weights, of which no more than the first range is sent.
    shelf.files[ONE] = safetensors(SHAPES | {"layer.weight": (50_000, 50_000)})
    zone = LandingZone(tmp_path)
    land(shelf, zone)
    assert shelf.log == [(f"{PLACE}/{INDEX}", None), (ONE, f"bytes=0-{FIRST_BYTES - 1}")]
    assert shelf.sent < FIRST_BYTES + 1000
    assert read(zone)[0] == Tensor("layer.weight", "BF16", (50_000, 50_000))


def test_the_index_names_the_files_each_of_which_is_asked_once(
    shelf: Shelf, tmp_path: Path
) -> None:
    parts = {
        f"model-{n:05d}-of-00003.safetensors": {f"layers.{n}.weight": (n + 1, 4)} for n in range(3)
    }
    shelf.files |= sharded(PLACE, parts)
    # A copy of the weights in another layout, which the index does not name.
    shelf.files[f"{PLACE}/consolidated.safetensors"] = safetensors(SHAPES)
    zone = LandingZone(tmp_path)
    land(shelf, zone)
    assert [path for path, _ in shelf.log] == [
        f"{PLACE}/{INDEX}",
        *(f"{PLACE}/{name}" for name in parts),
    ]
    assert [tensor.name for tensor in read(zone)] == [f"layers.{n}.weight" for n in range(3)]


def test_a_header_longer_than_the_first_range_takes_a_second_one(shelf: Shelf) -> None:
    many = {f"model.layers.{n}.self_attn.q_proj.weight": (4, 4) for n in range(4000)}
    length = len(header(many))
    assert length > FIRST_BYTES
    shelf.files[ONE] = safetensors(many)
    assert len(json.loads(str(fetch(shelf)["model.safetensors"]["header"]))) == 4001
    assert shelf.log[1:] == [
        (ONE, f"bytes=0-{FIRST_BYTES - 1}"),
        (ONE, f"bytes=0-{8 + length - 1}"),
    ]


@pytest.mark.parametrize("padding", [-1, 0, 1])
def test_a_header_that_just_fits_into_the_first_range_takes_no_second_one(
    shelf: Shelf, padding: int
) -> None:
    text = header(SHAPES)
    shelf.files[ONE] = of_header(text + b" " * (FIRST_BYTES - 8 - len(text) + padding))
    fetch(shelf)
    assert len(shelf.log) == (3 if padding > 0 else 2)


def test_a_server_that_ignores_ranges_is_cut_off(shelf: Shelf) -> None:
    shelf.files[ONE] = safetensors({"layer.weight": (50_000, 50_000)}, has_ranges=False)
    assert fetch(shelf)["model.safetensors"]["size"] == shelf.files[ONE].size  # type: ignore[union-attr]
    # What the sockets hold may have been sent beside the first range.
    assert shelf.sent < 16 * 2**20


def test_a_file_elsewhere_is_followed_to_hosts_that_are_allowed_without_the_token(
    shelf: Shelf,
) -> None:
    shelf.files["/cdn"] = safetensors(SHAPES)
    shelf.files[ONE] = File(status=302, headers={"Location": "/cdn"})
    assert "model.safetensors" in fetch(shelf)
    shelf.files[ONE] = File(status=302, headers={"Location": "http://cdn.example/file"})
    with pytest.raises(HubError, match="another host"):
        fetch(shelf)


def test_the_only_file_may_have_the_name_of_another_library(shelf: Shelf) -> None:
    shelf.files[f"{PLACE}/consolidated.safetensors"] = safetensors(SHAPES)
    assert list(fetch(shelf)) == ["consolidated.safetensors"]


# --- what servers and files do wrong --------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_refused_is_no_error_and_is_said_so(
    shelf: Shelf, tmp_path: Path, status: int
) -> None:
    for path in (f"{PLACE}/{INDEX}", ONE, f"{PLACE}/consolidated.safetensors"):
        shelf.files[path] = File(b"no", 2, status)
    with pytest.raises(RefusedError):
        fetch(shelf)
    zone = LandingZone(tmp_path)
    land(shelf, zone)
    assert fetched(zone)["headers_status"].to_list() == [status]


def test_a_hub_that_wants_fewer_requests_says_nothing_about_the_model(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.files[ONE] = File(status=429, headers={"Retry-After": "0"})
    zone = LandingZone(tmp_path)
    with pytest.raises(HubError, match="429") as raised:
        land(shelf, zone)
    assert raised.value.status == tensor_headers.TOO_MANY_REQUESTS
    assert fetched(zone).is_empty()


def test_passing_trouble_is_asked_again(shelf: Shelf) -> None:
    shelf.files[ONE] = [File(status=503), safetensors(SHAPES)]
    assert "model.safetensors" in fetch(shelf)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (safetensors(SHAPES, sent=40), "connection failed"),
        (
            safetensors(SHAPES, headers={"Content-Range": "bytes 8-99/100"}),
            "answered with the range",
        ),
        (safetensors(SHAPES, headers={"Content-Range": "bytes 0-9/9999999"}), "with the range"),
        (safetensors(SHAPES, headers={"Content-Range": "bytes */100"}), "answered with the range"),
        (safetensors(SHAPES, drip_s=0.05), "not complete after"),
        (File(status=500), "HTTP 500"),
    ],
    ids=["cut off", "another range", "too short", "no range", "drip", "broken"],
)
def test_an_unusable_answer_lands_as_a_failure_of_the_model(
    shelf: Shelf, tmp_path: Path, file: File, why: str
) -> None:
    shelf.files[ONE] = file
    zone = LandingZone(tmp_path)
    quick = Limits(read_s=1, answer_s=1, total_s=1, attempts=2, backoff_s=0.01)
    with pytest.raises(HubError, match=why):
        land_headers(zone, hub(shelf, quick), "lab/nova", "abc", lambda: NOW)
    assert fetched(zone)["headers_status"].to_list() == [UNREADABLE]


@pytest.mark.parametrize(
    ("file", "error", "why"),
    [
        (File(b"1234567", 7), HeaderError, "a file of 7 bytes"),
        (File((2**63).to_bytes(8, "little"), 5 * 10**9), OversizedError, str(2**63)),
        (File(b"\x80\x02}q\x00." * 100, 600), OversizedError, "a header of"),
        (File((99).to_bytes(8, "little") + b"{}", 10), HeaderError, "ends within its header"),
        (File((2).to_bytes(8, "little") + b"\xff\xfe", 10), HeaderError, "not UTF-8"),
    ],
    ids=["short", "endless", "pickle", "truncated", "latin"],
)
def test_a_file_that_begins_with_no_header_costs_itself(
    shelf: Shelf, tmp_path: Path, file: File, error: type[Exception], why: str
) -> None:
    shelf.files[ONE] = file
    with pytest.raises(error, match=why):
        fetch(shelf)
    zone = LandingZone(tmp_path)
    land(shelf, zone)
    status = TOO_LARGE if error is OversizedError else UNREADABLE
    assert fetched(zone)["headers_status"].to_list() == [status]


@pytest.mark.parametrize(
    ("index", "error", "why"),
    [
        (b"not JSON", HeaderError, "is no JSON"),
        (b"[]", HeaderError, "names no files"),
        (b'{"weight_map": {}}', HeaderError, "names no files"),
        (b'{"weight_map": {"a": "../../other/model.safetensors"}}', HeaderError, "names the file"),
        (b'{"weight_map": {"a": "https://cdn.example/a.safetensors"}}', HeaderError, "names the"),
        (b'{"weight_map": {"a": "pytorch_model.bin"}}', HeaderError, "names the file"),
        (b'{"weight_map": {"a": 7}}', HeaderError, "names the file"),
        (
            json.dumps({"weight_map": {str(n): f"{n}.safetensors" for n in range(1001)}}).encode(),
            OversizedError,
            "1001 files",
        ),
    ],
)
def test_an_index_that_names_no_files_of_its_own_is_refused(
    shelf: Shelf, index: bytes, error: type[Exception], why: str
) -> None:
    shelf.files[f"{PLACE}/{INDEX}"] = File(index, len(index))
    with pytest.raises(error, match=why):
        fetch(shelf)
    assert len(shelf.log) == 1


@pytest.mark.parametrize(
    ("names", "is_whole"),
    [
        (["model-00001-of-00002", "model-00002-of-00002"], True),
        (["model-1-of-2", "model-2-of-2", "mtp"], True),
        (["model-00000-of-00001"], True),
        (["model-00001-of-00002"], False),
        (["model_00001-of-00002", "mtp"], False),
        (["a-00001-of-00002", "b-00001-of-00001"], False),
    ],
)
def test_an_index_names_as_many_files_as_their_names_say(
    shelf: Shelf, names: list[str], is_whole: bool
) -> None:
    shelf.files |= sharded(PLACE, {f"{name}.safetensors": {f"{name}.w": (1,)} for name in names})
    if is_whole:
        assert len(fetch(shelf)) == len(names)
    else:
        with pytest.raises(HeaderError, match="names 1 of 2 files"):
            fetch(shelf)


def test_a_part_that_is_missing_leaves_no_count_of_the_rest(shelf: Shelf) -> None:
    shelf.files |= sharded(PLACE, {"a.safetensors": SHAPES, "b.safetensors": {"b": (1,)}})
    del shelf.files[f"{PLACE}/b.safetensors"]
    with pytest.raises(RefusedError, match="404"):
        fetch(shelf)


def test_all_headers_of_a_model_share_one_bound(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.files |= sharded(PLACE, {"a.safetensors": SHAPES, "b.safetensors": {"b": (1,)}})
    both = len(header(SHAPES)) + len(header({"b": (1,)}))
    monkeypatch.setattr(tensor_headers, "MAX_HEADER_BYTES", both)
    assert len(fetch(shelf)) == 2
    monkeypatch.setattr(tensor_headers, "MAX_HEADER_BYTES", both - 1)
    with pytest.raises(OversizedError):
        fetch(shelf)


def test_a_model_whose_files_take_long_is_left(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.files |= sharded(PLACE, {"a.safetensors": SHAPES, "b.safetensors": {"b": (1,)}})
    monkeypatch.setattr(tensor_headers, "MODEL_S", -1)
    with pytest.raises(HubError, match="take longer"):
        fetch(shelf)


def test_headers_that_contradict_themselves_land_and_say_so_when_they_are_read(
    shelf: Shelf, tmp_path: Path
) -> None:
    listed = json.loads(header(SHAPES))
    listed["lm_head.weight"]["shape"] = [10, 5]
    shelf.files[ONE] = of_header(json.dumps(listed).encode())
    zone = LandingZone(tmp_path / "zone")
    land(shelf, zone)
    with pytest.raises(HeaderError, match=r"model\.safetensors: 'lm_head\.weight' has 80 bytes"):
        read(zone)
    sha256 = fetched(zone)["headers_sha256"].item()
    counted = tensor_headers.counts(zone, tmp_path / "cache", sha256, {}, "key")
    assert counted.total is None
    assert "has 80 bytes" in counted.reason


# --- what is kept, and when it is asked again -----------------------------------------------------


def test_counts_are_kept_and_are_the_same_when_the_cache_is_lost(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.files[ONE] = safetensors(SHAPES | {"model.layers.0.mlp.up_proj.weight": (8, 4)})
    zone = LandingZone(tmp_path / "zone")
    land(shelf, zone)
    sha256 = fetched(zone)["headers_sha256"].item()
    found = tensor_headers.counts(zone, tmp_path / "one", sha256, {}, "key")
    assert found == tensor_headers.counts(zone, tmp_path / "one", sha256, {}, "key")
    assert found == tensor_headers.counts(zone, tmp_path / "two", sha256, {}, "key")
    assert (found.total, found.nonembedding) == (112, 32)
    tied = {"tie_word_embeddings": True}
    assert tensor_headers.counts(zone, tmp_path / "one", sha256, tied, "other").total == 72


def test_bytes_that_are_missing_give_a_reason_until_they_are_restored(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.files[ONE] = safetensors(SHAPES)
    zone, cache = LandingZone(tmp_path / "zone"), tmp_path / "cache"
    land(shelf, zone)
    sha256 = fetched(zone)["headers_sha256"].item()
    (stored,) = (path for path in (tmp_path / "zone").rglob("*") if sha256 in path.name)
    content = stored.read_bytes()
    stored.unlink()
    missing = tensor_headers.counts(zone, cache, sha256, {}, "key")
    assert missing.total is None
    assert "restore it" in missing.reason
    stored.write_bytes(content)
    assert tensor_headers.counts(zone, cache, sha256, {}, "key").total == 80


def test_headers_that_have_landed_count_whatever_came_later(tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    url = f"https://hub.example{ONE}"
    for hours, status in ((0, 422), (1, 200), (2, 404)):
        zone.store(HEADERS, url, f"{hours}".encode(), NOW + timedelta(hours=hours), status=status)
    (row,) = fetched(zone).iter_rows(named=True)
    assert (row["revision"], row["headers_status"], row["headers_asked"]) == ("abc", 200, 3)


def candidates(*rows: dict[str, object]) -> pl.DataFrame:
    usual: dict[str, object] = {
        "model_id": "lab/nova",
        "name": "lab/nova",
        "revision": "abc",
        "is_base": True,
        "is_doubtful": False,
        "hub_state": "present",
        "custom_code": False,
        "gated": "no",
        "readable": None,
        "first_seen_at": NOW - timedelta(days=9),
        "headers_status": None,
        "headers_at": None,
        "headers_asked": None,
    }
    types = {
        "headers_status": pl.Int64,
        "headers_at": pl.Datetime("us", "UTC"),
        "headers_asked": pl.UInt32,
        "readable": pl.Boolean,
    }
    return pl.DataFrame([usual | row for row in rows], schema_overrides=types)


@pytest.mark.parametrize(
    "row",
    [
        {"is_base": False},
        {"is_base": None},
        {"is_doubtful": True},
        {"hub_state": "gone"},
        {"hub_state": "replaced"},
        {"revision": None},
        {"custom_code": True},
        {"gated": "manual"},
        {"gated": "auto", "readable": False},
        {"headers_status": 200, "headers_at": NOW - timedelta(days=400), "headers_asked": 1},
    ],
)
def test_headers_are_fetched_for_candidates_of_the_queue_only(row: dict[str, object]) -> None:
    assert due(candidates({}), NOW) == [("lab/nova", "abc")]
    assert due(candidates({"gated": "auto", "readable": True}), NOW) == [("lab/nova", "abc")]
    assert due(candidates({"gated": None}), NOW) == [("lab/nova", "abc")]
    assert due(candidates(row), NOW) == []


def test_the_newest_model_comes_first() -> None:
    rows = [
        {"model_id": name, "name": name, "first_seen_at": NOW - timedelta(days=days)}
        for name, days in (("lab/b", 3), ("lab/old", 9), ("lab/a", 3))
    ]
    assert [name for name, _ in due(candidates(*rows), NOW)] == ["lab/a", "lab/b", "lab/old"]


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (1, RETRY_HEADERS_AFTER),
        (2, 2 * RETRY_HEADERS_AFTER),
        (4, 8 * RETRY_HEADERS_AFTER),
        (30, LONGEST_HEADER_WAIT),
    ],
)
def test_what_failed_is_asked_for_again_ever_more_rarely(asked: int, wait: timedelta) -> None:
    for hours, is_due in ((1, False), (-1, True)):
        at = NOW - wait + timedelta(hours=hours)
        row = {"headers_status": 422, "headers_at": at, "headers_asked": asked}
        assert bool(due(candidates(row), NOW)) is is_due
