"""A Hub on loopback for the tests: listings, records, files, refusals, as recorded from the real one.

It knows repositories by day: `today` decides what exists, under which name, and who may see it.
Shapes follow `../shared/data/models/hf_api`. The generated world has a few thousand repositories of
the kinds a night brings, with base models planted among them.
"""

import base64
import contextlib
import json
import math
import random
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from tests.servers import weights
from tests.servers.loopback import LoopbackServer
from tests.servers.model_hub import Shelf, commit

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an answer."""

GOOD_TOKEN = "hf_good"  # noqa: S105
FIRST_DAY = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Repo:
    """One repository and its history."""

    record: dict[str, Any]
    config: dict[str, Any] | None = None
    public_from: datetime | None = None
    hidden_from: datetime | None = None
    renamed: tuple[datetime, str] | None = None
    trending: float = 0
    upload: str = "first"
    files: dict[str, bytes] = field(default_factory=dict)

    def name(self, now: datetime) -> str:
        return (
            self.renamed[1] if self.renamed and self.renamed[0] <= now else str(self.record["id"])
        )

    def is_visible(self, now: datetime) -> bool:
        start = self.public_from or datetime.fromisoformat(self.record["createdAt"])
        is_future = start > now and start.year < 2090
        return not is_future and not (self.hidden_from and self.hidden_from <= now)


@dataclass
class World:
    """What the server serves.

    Attributes:
        repos: everything that ever exists.
        today: the simulated instant.
        log: path and query of each request, in order.
        faults: called with the path before it is answered; a returned (status, headers, body)
            is sent instead.
        altered: called with the path and the answer (status, headers, body); what it returns is
            sent.
        expired: whether the good token is refused.
        shelf: the repositories whose files can be fetched.
    """

    repos: list[Repo]
    today: datetime = FIRST_DAY
    log: list[str] = field(default_factory=list)
    faults: Callable[[str], Reply | None] = lambda path: None
    altered: Callable[[str, Reply], Reply] = lambda path, reply: reply
    expired: bool = False
    page_limit: int = 1000
    shelf: Shelf = field(default_factory=lambda: Shelf({}))

    _orders: dict[Any, Any] = field(default_factory=dict)

    def ordered(self, sort: str, author: str | None) -> list[tuple[tuple[str, str], Repo]]:
        """Visible repositories of an author, or all, with their sort key, in ascending order."""
        if self._orders.get("at") != (self.today, len(self.repos)):
            # A day's orders are kept: a night asks for hundreds of pages.
            self._orders = {"at": (self.today, len(self.repos)), "by owner": {}}
            for repo in self.repos:
                if repo.is_visible(self.today):
                    owner = repo.name(self.today).partition("/")[0]
                    self._orders["by owner"].setdefault(owner, []).append(repo)
        if (sort, author) not in self._orders:
            owned = self._orders["by owner"]
            these = (
                owned.get(author, []) if author else [r for each in owned.values() for r in each]
            )
            keyed = [((SORTS[sort](r), str(r.record.get("_id"))), r) for r in these]
            self._orders[sort, author] = sorted(keyed, key=lambda each: each[0])
        found: list[tuple[tuple[str, str], Repo]] = self._orders[sort, author]
        return found

    def lists(self) -> int:
        return sum(path.startswith("/api/models?") for path in self.log)


SORTS: dict[str, Callable[[Repo], str]] = {
    "createdAt": lambda repo: str(repo.record.get("createdAt", "")),
    "lastModified": lambda repo: str(repo.record.get("lastModified", "")),
    "trendingScore": lambda repo: f"{repo.trending:012.3f}",
}


@contextlib.contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve on a free port of the loopback; yields the endpoint."""
    with LoopbackServer(_handler(world)) as server:
        yield server.url


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            world.log.append(self.path)
            reply = world.faults(self.path) or self._answer()
            status, headers, body = world.altered(self.path, reply)
            part = re.fullmatch(r"bytes=0-(\d+)", self.headers.get("Range", ""))
            if part and status == 200:
                whole, body = len(body), body[: int(part[1]) + 1]
                headers = headers | {"Content-Range": f"bytes 0-{len(body) - 1}/{whole}"}
                status = 206
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the test output clean."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            """The time of the simulated Hub."""
            return super().date_time_string(timestamp or world.today.timestamp())

        def _answer(self) -> tuple[int, dict[str, str], bytes]:
            # A user and password are for a mirror before the Hub, not for the Hub.
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            token = token if kind == "Bearer" else ""
            if token and (world.expired or token != GOOD_TOKEN):
                message = "Invalid credentials in Authorization header"
                return 401, {"X-Error-Message": message}, b'{"error":"Invalid credentials"}'
            url = urlparse(self.path)
            query = parse_qs(url.query)
            if url.path == "/api/models":
                return self._list(query)
            if any(part in url.path for part in ("/resolve/", "/revision/", "/tree/")) and any(
                f"/{model}/" in url.path for model in world.shelf.models
            ):
                return world.shelf.answer(unquote(url.path))
            if url.path.startswith("/api/models/"):
                name = unquote(url.path.removeprefix("/api/models/"))
                return self._info(name, url.query)
            return self._file(unquote(url.path).strip("/"), token)

        def _list(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
            ordered = world.ordered(query["sort"][0], query.get("author", [None])[0])
            end = len(ordered)
            if "cursor" in query:
                after = tuple(json.loads(base64.urlsafe_b64decode(query["cursor"][0])))
                end = bisect_left(ordered, after, key=lambda each: each[0])
            start = max(0, end - min(int(query["limit"][0]), world.page_limit))
            page = ordered[start:end][::-1]
            headers = {"Content-Type": "application/json"}
            if start:
                last = json.dumps(page[-1][0]).encode()
                cursor = base64.urlsafe_b64encode(last).decode().replace("=", "%3D")
                base = self.path.partition("&cursor=")[0]
                host = self.headers["Host"]
                headers["Link"] = f'<http://{host}{base}&cursor={cursor}>; rel="next"'
            body = [_expanded(r, query.get("expand", []), world.today) for _, r in page]
            return 200, headers, json.dumps(body).encode()

        def _info(self, name: str, text: str) -> tuple[int, dict[str, str], bytes]:
            visible = [repo for repo in world.repos if repo.is_visible(world.today)]
            for repo in visible:
                if repo.name(world.today) == name:
                    fields = parse_qs(text).get("expand")
                    record = (
                        _expanded(repo, fields, world.today)
                        if fields
                        else _whole(repo, world.today)
                    )
                    return 200, {}, json.dumps(record).encode()
            for repo in visible:
                if repo.record["id"] == name:
                    target = f"/api/models/{repo.name(world.today)}?{text}"
                    return 307, {"Location": target}, b""
            return 401, {}, b'{"error":"Invalid username or password."}'

        def _file(self, path: str, token: str) -> tuple[int, dict[str, str], bytes]:
            name, _, rest = path.partition("/resolve/")
            for repo in world.repos:
                if name in (repo.name(world.today), repo.record["id"]) and repo.is_visible(
                    world.today
                ):
                    if repo.record.get("gated") and token != GOOD_TOKEN:
                        return 401, {"X-Error-Code": "GatedRepo"}, b"gated"
                    _, _, file = rest.partition("/")
                    if file in repo.files:
                        return 200, {}, repo.files[file]
                    if repo.config is None or file != "config.json":
                        return 404, {"X-Error-Code": "EntryNotFound"}, b"no such file"
                    return 200, {"ETag": '"config"'}, json.dumps(repo.config).encode()
            return 401, {}, b"Invalid username or password."

    return Handler


def _expanded(repo: Repo, fields: list[str], now: datetime) -> dict[str, Any]:
    kept = {"_id", "id", *fields}
    record = {k: v for k, v in repo.record.items() if k in kept}
    return record | {"id": repo.name(now)}


def _whole(repo: Repo, now: datetime) -> dict[str, Any]:
    """A record as asked for with `blobs=true`: every field, and the hashes of large files."""
    siblings = [
        file | {"lfs": {"sha256": f"{repo.upload} {file['rfilename']}", "size": 9}}
        if file["rfilename"].endswith(".safetensors")
        else file
        for file in repo.record["siblings"]
    ]
    return _expanded(repo, list(repo.record), now) | {"siblings": siblings, "spaces": []}


def llama(hidden: int, layers: int, vocabulary: int = 32000) -> tuple[dict[str, Any], int]:
    """A Llama configuration and its number of parameters."""
    inner = hidden * 3
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 64,
        "vocab_size": vocabulary,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
    }
    layer = 4 * hidden**2 + 3 * hidden * inner + 2 * hidden
    return config, 2 * vocabulary * hidden + layers * layer + hidden


def base_model(
    model_id: str, created: datetime, *, hidden: int = 1024, layers: int = 16, **changes: Any
) -> Repo:
    """A pretrained model as its publisher uploads it."""
    config, total = llama(hidden, layers)
    extract = {
        "architectures": config["architectures"],
        "model_type": "llama",
        "tokenizer_config": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    }
    record = _record(model_id, created) | {
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "tags": ["transformers", "safetensors", "llama", "text-generation", "license:apache-2.0"],
        "config": extract,
        "cardData": {"license": "apache-2.0", "language": ["en"]},
        "safetensors": {"parameters": {"BF16": total}, "total": total},
        "siblings": _files(
            "config.json", "generation_config.json", "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json",
            "tokenizer_config.json",
        ),
    }  # fmt: skip
    return Repo(record | changes, config=config)


def stored_model(model_id: str, created: datetime, folder: Path) -> Repo:
    """A pretrained model with the record the Hub makes of its files; a `Shelf` serves them."""
    config = json.loads((folder / "config.json").read_text())
    with (folder / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    total = sum(math.prod(each["shape"]) for key, each in header.items() if key != "__metadata__")
    repo = base_model(
        model_id,
        created,
        sha=commit(model_id),
        siblings=_files(*sorted(path.name for path in folder.iterdir())),
        safetensors={"parameters": {"BF16": total}, "total": total},
    )
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    known = {key: config[key] for key in ("architectures", "model_type")}
    repo.record["config"] = known | {"tokenizer_config": {"eos_token": tokenizer["eos_token"]}}
    return replace(repo, config=config)


def with_weights(repo: Repo, shapes: dict[str, tuple[int, ...]]) -> Repo:
    """The repository with two files of weights, all of them zero, and their index."""
    names = sorted(shapes)
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    parts = {files[0]: names[::2], files[1]: names[1::2]}
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    repo.files["model.safetensors.index.json"] = json.dumps(index).encode()
    for file, part in parts.items():
        made = weights.safetensors({name: shapes[name] for name in part})
        repo.files[file] = made.begun + bytes(made.size - len(made.begun))
    return repo


def llama_tensors(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of a model of `llama`, by name."""
    d, inner, rows = (config[key] for key in ("hidden_size", "intermediate_size", "vocab_size"))
    layer: dict[str, tuple[int, ...]] = {f"self_attn.{kind}_proj": (d, d) for kind in "qkvo"}
    layer |= {"mlp.gate_proj": (inner, d), "mlp.up_proj": (inner, d), "mlp.down_proj": (d, inner)}
    layer |= {"input_layernorm": (d,), "post_attention_layernorm": (d,)}
    return {
        "model.embed_tokens.weight": (rows, d),
        "lm_head.weight": (rows, d),
        "model.norm.weight": (d,),
        **{
            f"model.layers.{n}.{name}.weight": shape
            for n in range(config["num_hidden_layers"])
            for name, shape in layer.items()
        },
    }


def finetune(model_id: str, created: datetime, parent: str) -> Repo:
    """An instruction-tuned model that names its parent."""
    repo = base_model(model_id, created)
    repo.record |= {
        "tags": [
            *repo.record["tags"], "conversational", f"base_model:{parent}",
            f"base_model:finetune:{parent}",
        ],
        "cardData": {"license": "apache-2.0", "base_model": [parent]},
        "config": repo.record["config"]
        | {"tokenizer_config": {"chat_template": "{% for message in messages %}...{% endfor %}"}},
    }  # fmt: skip
    return repo


def adapter(model_id: str, created: datetime, parent: str) -> Repo:
    """LoRA weights, tagged as a finetune as many are."""
    record = _record(model_id, created) | {
        "library_name": "peft",
        "tags": ["peft", "safetensors", f"base_model:{parent}", f"base_model:adapter:{parent}"],
        "cardData": {"base_model": parent, "library_name": "peft"},
        "siblings": _files("adapter_config.json", "adapter_model.safetensors"),
    }
    return Repo(record)


def gguf(model_id: str, created: datetime, parent: str) -> Repo:
    """A quantised copy for llama.cpp."""
    record = _record(model_id, created) | {
        "tags": ["gguf", f"base_model:{parent}", f"base_model:quantized:{parent}"],
        "cardData": {"base_model": parent, "base_model_relation": "quantized"},
        "siblings": _files("model-Q4_K_M.gguf", "model-Q8_0.gguf"),
    }
    return Repo(record)


def picture_model(model_id: str, created: datetime) -> Repo:
    """Something that is no language model."""
    record = _record(model_id, created) | {
        "pipeline_tag": "text-to-image",
        "library_name": "diffusers",
        "tags": ["diffusers", "text-to-image", "safetensors"],
        "siblings": _files("model_index.json", "unet/diffusion_pytorch_model.safetensors"),
    }
    return Repo(record)


def empty(model_id: str, created: datetime) -> Repo:
    """A repository somebody has just made."""
    return Repo(_record(model_id, created))


def world(
    seed: int = 0,
    per_day: int = 100,
    days: int = 30,
    history: int = 300,
    first: datetime = FIRST_DAY,
) -> World:
    """A month of ordinary days from `first` on, after some history; base models are planted by the tests."""
    rng = random.Random(seed)  # noqa: S311
    parents = ("meta-llama/Llama-3.1-8B", "Qwen/Qwen2.5-7B", "mistralai/Mistral-7B-v0.1")
    repos = []
    for n in range(per_day * days + history):
        if n < history:
            created = first - timedelta(days=60) + timedelta(days=rng.random() * 59)
        else:
            created = first + timedelta(days=(n - history) // per_day, hours=rng.random() * 20)
        name, parent = f"user{rng.randrange(400)}/thing-{n}", rng.choice(parents)
        kind = rng.random()
        if kind < 0.35:
            repos.append(finetune(f"{name}-Instruct", created, parent))
        elif kind < 0.6:
            repos.append(adapter(f"{name}-lora", created, parent))
        elif kind < 0.75:
            repos.append(gguf(f"{name}-GGUF", created, parent))
        elif kind < 0.9:
            repos.append(picture_model(name, created))
        else:
            repos.append(empty(name, created))
    return World(repos)


def _record(model_id: str, created: datetime) -> dict[str, Any]:
    digest = random.Random(f"{model_id} {created}")  # noqa: S311
    instant = created.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "_id": f"{digest.getrandbits(96):024x}",
        "id": model_id,
        "author": model_id.partition("/")[0],
        "sha": f"{digest.getrandbits(160):040x}",
        "createdAt": instant,
        "lastModified": instant,
        "private": False,
        "gated": False,
        "disabled": False,
        "tags": [],
        "config": {},
        "cardData": None,
        "siblings": _files(),
    }


def _files(*names: str) -> list[dict[str, str]]:
    return [{"rfilename": name} for name in (".gitattributes", "README.md", *names)]
