"""Benchmarks of watching the Hub: a night, a full sweep, recognising and counting one record.

`python -m benchmarks.hub land FOLDER ROWS` and `... read FOLDER` are the two halves of the sweep,
in processes of their own so that their memory can be measured and one can be killed.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from huggingface_hub import HfApi, ModelInfo

from benchmarks.measure import Measurement, Row, compare, machine, own_peak_mb, row
from densing_pipeline import facts
from densing_pipeline.hub import bundled, models, parameters, poll, sweep, tensor_headers, watermark
from densing_pipeline.hub.classify import classify
from densing_pipeline.hub.client import EXPAND, Answer, Hub
from densing_pipeline.hub.parameters.tensors import Tensor, count_tensors
from densing_pipeline.hub.pretrainers import known_pretrainers
from densing_pipeline.landing import LandingZone
from tests.servers import hub as simulated
from tests.servers import weights

ROWS = 2_500_000
PAGE = 1000
BASE_PER_PAGE = 20
DOUBTFUL_PER_PAGE = 20
RECORDS = 2_000
PER_DAY = 2_500
"""New repositories on an ordinary day of the simulated Hub."""

EXPERT_LAYERS, EXPERTS = 130, 256
EXPERT_SHAPES = {"gate_proj": [2048, 7168], "up_proj": [2048, 7168], "down_proj": [7168, 2048]}
"""Layers and experts of the mixture whose header is counted, and the matrices of an expert."""

SHARDS = 64
EXPERTS = 256
"""Files of a large mixture of experts, and the experts of a layer, a layer in each file."""

DAYS = 62
"""Days of the simulated Hub: the window in which a night looks for late publications, and two nights."""


def benchmarks() -> Iterator[Row]:
    """A record, a configuration, a night, and everything there is."""
    records = [json.loads(text) for text in _page_text(0)] * (RECORDS // PAGE)
    yield row(
        "hub.classify",
        f"{RECORDS:,} whole records recognised, {BASE_PER_PAGE * 100 // PAGE} % of them base models",
        lambda: [classify(record) for record in records],
        lambda: [ModelInfo(**record) for record in records],
        "huggingface_hub.ModelInfo of the same records (parsed, not judged)",
    )
    configs = [_config(8 + n % 100) for n in range(RECORDS)]
    texts = [json.dumps(record) for record in configs]
    yield row(
        "hub.parameters",
        f"total, active and non-embedding parameters of {RECORDS:,} configurations",
        lambda: [parameters.count(record) for record in configs],
        lambda: [json.loads(text) for text in texts],
        "json.loads of the same configurations (read, not counted)",
    )
    yield Row("hub.tensors", _tensors)
    yield Row("hub.headers", _headers)
    yield Row("hub.night", _night)
    yield Row("hub.sweep", _sweep, is_long=True)


def _tensors() -> Measurement:
    """The header of a mixture of experts as large as the largest released ones."""
    header = {
        f"model.layers.{layer}.mlp.experts.{expert}.{name}.weight": {
            "dtype": "BF16",
            "shape": shape,
            "data_offsets": [0, 29_360_128],
        }
        for layer in range(EXPERT_LAYERS)
        for expert in range(EXPERTS)
        for name, shape in EXPERT_SHAPES.items()
    }
    header["model.embed_tokens.weight"] = {"dtype": "BF16", "shape": [128_000, 7168]}
    text = json.dumps(header)
    listed = [Tensor(name, each["dtype"], tuple(each["shape"])) for name, each in header.items()]
    config = {"num_experts": EXPERTS, "num_experts_per_tok": 8}
    return compare(
        "hub.tensors",
        f"parameters by part from the names, dtypes and shapes of {len(listed):,} tensors",
        lambda: count_tensors(listed, config),
        lambda: json.loads(text),
        "json.loads of the same header (read, not counted)",
    )


def _headers() -> Measurement:
    """The headers of a mixture of experts in many files, over HTTP on loopback."""
    experts = [
        (f"model.layers.{layer}.mlp.experts.{expert}.{name}.weight", shape)
        for layer in range(SHARDS)
        for expert in range(EXPERTS)
        for name, shape in (
            ("gate_proj", (2048, 7168)),
            ("up_proj", (2048, 7168)),
            ("down_proj", (7168, 2048)),
        )
    ]
    each = len(experts) // SHARDS
    parts = {
        f"model-{n:05d}-of-{SHARDS:05d}.safetensors": dict(experts[n * each : (n + 1) * each])
        for n in range(SHARDS)
    }
    place = "/lab/nova/resolve/abc"
    with weights.serving(weights.sharded(place, parts)) as shelf:
        hub, api = Hub(shelf.endpoint, simulated.GOOD_TOKEN), HfApi(shelf.endpoint)
        found = tensor_headers.fetch_headers(hub, "lab/nova", "abc")
        requests, sent = len(shelf.log), shelf.sent
        stored = len(gzip.compress(found, mtime=0))
        return compare(
            "hub.headers",
            f"headers of a model in {SHARDS} files with {len(experts):,} tensors: {requests} requests, "
            f"{sent / 1e6:.1f} MB received, {stored / 1e6:.2f} MB kept",
            lambda: tensor_headers.fetch_headers(hub, "lab/nova", "abc"),
            lambda: [
                api.parse_safetensors_file_metadata("lab/nova", name, revision="abc")
                for name in parts
            ],
            "huggingface_hub.HfApi.parse_safetensors_file_metadata of the same files (without the index)",
        )


def _night() -> Measurement:
    """An ordinary night with the default limits and all publishers, over HTTP on loopback."""
    world = simulated.world(per_day=PER_DAY, days=DAYS, history=0)
    world.today = simulated.FIRST_DAY + timedelta(days=DAYS - 2, hours=23)
    with simulated.serving(world) as endpoint, tempfile.TemporaryDirectory() as folder:
        zone, cache = LandingZone(Path(folder) / "landing"), Path(folder) / "cache"
        ticks = iter(range(10**9))

        def night(limits: poll.Limits) -> watermark.Night:
            at = world.today
            for sort in simulated.SORTS:
                # The server's own sorting is not measured.
                world.ordered(sort, None)
            clock = lambda: at + timedelta(milliseconds=next(ticks))  # noqa: E731
            # With a token, for a client that looks for one lets the peer's library ask no other host.
            hub = Hub(endpoint, simulated.GOOD_TOKEN)
            return poll.poll(zone, cache, hub, limits, (), clock)

        first = night(poll.Limits(first_days=DAYS - 2, page_size=1000))
        world.today += timedelta(days=1)
        done = night(poll.Limits())
        assert (first.outcome, done.outcome) == ("ok", "ok"), (first.message, done.message)
        api, listed = HfApi(endpoint), PER_DAY * (1 + poll.Limits().overlap_days)
        return compare(
            "hub.night",
            f"an ordinary night: {PER_DAY:,} new repositories a day, {done.requests} requests, "
            f"{done.list_requests} of them for listings, {len(known_pretrainers())} for one publisher "
            f"each; {done.rows:,} records received",
            lambda: night(poll.Limits()),
            lambda: list(api.list_models(sort="createdAt", limit=listed, expand=list(EXPAND))),
            f"huggingface_hub.HfApi.list_models of the {listed:,} newest (not landed, not recognised)",
        )


def _sweep() -> Measurement:
    """Everything there is: landed, killed half way, gone on with, read again and folded."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        landed = land_killed_half_way(Path(folder), ROWS)
        read = in_a_process("read", folder)
        ours = time.perf_counter() - started
    started = time.perf_counter()
    for n in range(ROWS // PAGE):
        json.loads("[" + ",".join(_page_text(n)) + "]")
    peer = time.perf_counter() - started
    return Measurement(
        name="hub.sweep",
        what=(
            f"{ROWS:,} synthetic records landed (killed half way and gone on with; "
            f"{landed['peak_mb']:.0f} MB), read again and folded into {read['models']:,} models "
            f"({read['peak_mb']:.0f} MB, {read['seconds']:.0f} s)"
        ),
        ours=round(ours, 1),
        peer=round(peer, 1),
        peer_name="json.loads of the same pages (nothing kept)",
        unit="s",
        ratio=round(peer / ours, 2),
        peak_mb=max(landed["peak_mb"], read["peak_mb"]),
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
    )


def land_killed_half_way(folder: Path, rows: int) -> dict[str, Any]:
    """Land a sweep in a process that is killed about half way, and in another that goes on."""
    command = [sys.executable, "-m", "benchmarks.hub", "land", str(folder), str(rows)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    while process.poll() is None:
        begun = sweep.unfinished(LandingZone(folder / "landing"))
        if begun and begun.rows >= rows / 2:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    process.wait()
    resumed = in_a_process("land", str(folder), str(rows))
    return resumed | {"killed": process.returncode == -signal.SIGKILL}


def in_a_process(*arguments: str) -> dict[str, Any]:
    """Run one half of a sweep apart; its report."""
    command = [sys.executable, "-m", "benchmarks.hub", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    report: dict[str, Any] = json.loads(done.stdout)
    return report


class Synthetic(Hub):
    """A Hub that makes its listing up, a page when it is asked for."""

    def __init__(self, rows: int) -> None:
        """List so many records."""
        super().__init__("https://hub.invalid")
        self._pages = -(-rows // PAGE)

    def get(self, url: str, max_bytes: int | None = None, first_bytes: int | None = None) -> Answer:
        """A page of the listing; its number is in the address."""
        self.requests += 1
        _, _, number = url.partition("&page=")
        n = int(number or 0)
        # All pages are full, so the last one names another, which is empty.
        following = f"{url.partition('&page=')[0]}&page={n + 1}" if n < self._pages else None
        content = ("[" + ",".join(_page_text(n) if following else []) + "]").encode()
        return Answer(url, content, 200, None, following)


def _page_text(n: int) -> list[str]:
    """The records of one page, as JSON."""
    return [text.replace("@@", f"{n:05d}") for text in _templates()]


_MADE: list[str] = []


def _templates() -> list[str]:
    if not _MADE:
        made = simulated.FIRST_DAY - timedelta(days=200)
        for n in range(PAGE):
            if n < BASE_PER_PAGE:
                repo = simulated.base_model(f"lab@@/Nova-{n}-Base", made)
            elif n < BASE_PER_PAGE + DOUBTFUL_PER_PAGE:
                repo = simulated.base_model(f"user@@/Thing-{n}", made, cardData=None)
            elif n % 3:
                repo = simulated.finetune(f"user@@/thing-{n}-Instruct", made, "lab/Nova")
            else:
                repo = simulated.adapter(f"user@@/thing-{n}-lora", made, "lab/Nova")
            record = repo.record | {"_id": f"{n:019d}@@", "sha": f"{n:035d}@@"}
            _MADE.append(json.dumps(record))
    return _MADE


def _config(layers: int) -> dict[str, Any]:
    return {"id": f"lab/Nova-{layers}", "config": simulated.llama(1024, layers)[0]}


def _land(folder: Path, rows: int) -> dict[str, Any]:
    zone = LandingZone(folder / "landing")
    done = sweep.sweep(zone, Synthetic(rows), PAGE, lambda: datetime.now(UTC))
    return {"rows": done.rows, "pages": done.pages, "finished": done.next_url is None}


def _read(folder: Path) -> dict[str, Any]:
    zone = LandingZone(folder / "landing")
    started = time.perf_counter()
    base_models = facts.load("base_models")
    found, refused = models.landed(zone, folder / "cache", set(base_models["model_id"]))
    table, _ = models.models(bundled.models(base_models, facts.load("nmi_models")), found, refused)
    new = table.filter(pl.col("source") == models.SOURCE)
    return {"models": new.height, "seconds": time.perf_counter() - started}


def _main() -> None:
    half, folder, *rows = sys.argv[1:]
    report = _land(Path(folder), int(rows[0])) if half == "land" else _read(Path(folder))
    report["peak_mb"] = own_peak_mb()
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    _main()
