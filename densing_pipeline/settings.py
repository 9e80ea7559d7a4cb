"""Everything configurable, read from `DENSING_*` environment variables in this one place."""

import difflib
import json
import os
import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import ParseResult, unquote, urlparse

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from densing_pipeline import clock
from densing_pipeline.addresses import HIDDEN, host_patterns, shown
from densing_pipeline.files import file_sha256
from densing_pipeline.os_errors import sentence
from densing_pipeline.text import clean
from densing_pipeline.units import MIB

NO_PART_OF_A_PATH = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and bytes that are no UTF-8 as Python holds them."""

DECISIVE = (
    "seed", "bootstrap_draws", "ladders", "evaluation_limit", "evaluation_sample_error", "gpu_memory_gib", "max_gpu_hours",
    "refused_licences", "evaluation_attempts", "evaluation_data",
)  # fmt: skip
"""Settings that change the content of a table computed from the same inputs."""

SECRET = ("alert_urls", "heartbeat_url")
"""Settings whose addresses hold a secret in any part, also in the path; no value of them is written down."""

MIRROR_DECLARATION = "content.sha256"
"""File of a mirror of benchmark files that declares its content (`evaluation.suite.content`)."""


MOST_DAYS = 36_500
"""Days of the longest time that can be set, a century: beyond it the clock's arithmetic ends."""

MOST_HOURS = 24 * MOST_DAYS
MOST_SECONDS = 3600 * MOST_HOURS

LEAST_REFUSED_DAYS = 30
"""Fewest days for which refused documents are kept."""

REMOTE_PLACES = {
    "s3": "s3://bucket/prefix",
    "gs": "gs://bucket/prefix",
    "az": "az://container/prefix",
    "hf": "hf://datasets/owner/name",
}
"""How an address of each kind of remote place is written, by scheme."""


WITHOUT_STORE = {
    "local": "which evaluates on this machine",
    "slurm": "whose jobs report through files of the state directory",
}
"""Why evaluations do not travel through a store, by `evaluate_on`."""


class SettingsError(ValueError):
    """A variable has a value that is not allowed; a sentence for each names variable, value and remedy."""


def _http(url: str) -> str:
    address = _parsed(url)
    if (
        address is None
        or address.scheme not in ("http", "https")
        or not address.hostname
        or not url.isprintable()
        or " " in url
    ):
        raise ValueError(
            f"{shown(url)!r}: a source has an address that starts with https:// and names a host"
        )
    return url


def _parsed(url: str) -> ParseResult | None:
    """The parts of an address; None if it is none. What the parser says of it may repeat a password."""
    try:
        address = urlparse(url)
        # Read here because it raises if the port is no number or beyond 65535.
        _ = address.port
    except ValueError:
        return None
    return address


def _with_scheme(url: str) -> tuple[str, str, bool]:
    """An address with its scheme in small letters, the scheme, and whether it is one of a remote place."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, scheme, False
    scheme = scheme.lower()
    return f"{scheme}{separator}{rest}", scheme, scheme in REMOTE_PLACES


def _remote(url: str, address: ParseResult) -> None:
    """Refuse an address of a remote place that holds a secret, names no place, or is not the one it seems to be."""
    if (
        address.username or address.password or address.query or address.fragment
        or not address.netloc
    ):  # fmt: skip
        raise ValueError(
            f"{shown(url)!r}: an address of this kind is {REMOTE_PLACES[address.scheme]}; "
            "credentials come from the environment, under the names of the store's own client"
        )
    # The store's client would resolve them, and write elsewhere than the address says.
    if {".", ".."} & set(unquote(address.path).split("/")):
        raise ValueError(f"{shown(url)!r}: write the prefix without `.` and `..`")


def _written_out(path: Any) -> Any:
    """A path as it was written in a variable; an empty one would be the working directory."""
    if isinstance(path, str) and not path.strip():
        raise ValueError("it names no file or folder; write a path")
    if isinstance(path, str) and path.startswith("~"):
        raise ValueError("only a shell expands ~; write the whole path")
    if isinstance(path, str) and NO_PART_OF_A_PATH.search(path):
        raise ValueError(
            "it has control characters, or bytes that are no UTF-8; choose another path"
        )
    return path


def _folder(path: Path) -> Path:
    """The path of a folder, which may not exist yet."""
    try:
        nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
    except OSError as error:
        raise ValueError(sentence(error)) from error
    if not nearest.is_dir():
        raise ValueError(
            f"{nearest} is a file where a folder must be; move it away or write another path"
        )
    return path


def _folder_that_exists(path: Path) -> Path:
    if not _folder(path).is_dir():
        raise ValueError(f"there is no folder {path.absolute()}; correct the path")
    return path


def _file_that_exists(path: Path) -> Path:
    try:
        is_file = path.is_file()
    except OSError as error:
        raise ValueError(sentence(error)) from error
    if not is_file:
        raise ValueError(f"there is no file {path.absolute()}; correct the path")
    return path


def _instant(given: Any) -> Any:
    return clock.parsed(given) if isinstance(given, str) else given


def _database(url: str) -> str:
    address = _parsed(url)
    if (
        address is None
        or address.scheme not in ("postgresql", "postgres", "postgresql+psycopg2")
        or not (address.hostname or "host=" in address.query)
        or not address.path.strip("/")
        or not url.isprintable()
        or " " in url
    ):
        raise ValueError(
            f"{shown(url)!r}: a database has an address such as postgresql://user@host/database; write "
            "the password there, with reserved characters percent-encoded, or set PGPASSWORD"
        )
    return url


def _hosts(listed: str) -> str:
    if unclear := [host for host in host_patterns(listed) if not HOST_PATTERN.fullmatch(host)]:
        raise ValueError(
            f"{shown(unclear[0])!r} is no host; write `host`, `*.domain` or `host:port`, with commas between"
        )
    return listed


HOST_PATTERN = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?", re.IGNORECASE)
"""A host to which may be redirected."""

HttpAddress = Annotated[str, AfterValidator(_http), Field(repr=False)]
"""An address that starts with http:// or https:// and names a host."""

AnyPath = Annotated[Path, BeforeValidator(_written_out)]

Folder = Annotated[AnyPath, AfterValidator(_folder)]
"""The path of a folder, which is created if there is none."""


class Settings(BaseSettings):
    """The settings of one installation.

    An address may hold a password or a signature, so neither `repr` nor an error repeats one.

    A field is set by the variable of its name, such as `DENSING_STATE_DIR`.
    """

    model_config = SettingsConfigDict(
        env_prefix="DENSING_",
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    state_dir: Folder = Field(
        default=Path(".densing"),
        description="Where tables, the landing zone and Dagster's database live.",
    )
    database_url: Annotated[str, AfterValidator(_database)] | None = Field(
        repr=False,
        default=None,
        description="Postgres database for Dagster's runs, events and schedules, postgresql://user@host/database; by default SQLite files in the state directory.",
    )
    publish_url: str = Field(
        repr=False,
        default="published",
        description="Where releases are published: a directory (a path or a file:// address), an object store (s3://, gs://, az://) or a data set on the Hub (hf://datasets/owner/name).",
    )
    homepage: Annotated[str, AfterValidator(_http)] | None = Field(
        repr=False,
        default=None,
        description="Address at which readers find the releases; the data package and the feed name it.",
    )
    keep_releases: Annotated[int, Field(ge=2)] | None = Field(
        default=None,
        description="Newest releases that are kept, besides the last of each month; without, all are.",
    )
    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = Field(
        default=1000, description="Resamples behind every bootstrap interval."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=20241206, description="Seed of every random draw; part of the release."
    )

    now: Annotated[datetime, BeforeValidator(_instant)] | None = Field(
        default=None,
        description="Instant at which the clock stands, for tests and replays of past nights; results are kept apart from real ones.",
    )

    night_wait_minutes: Annotated[float, Field(ge=0, le=MOST_SECONDS / 60)] = Field(
        default=120,
        description="Longest wait of a scheduled night for another run that writes the state directory.",
    )

    night_hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = Field(
        default=12, description="Longest time for which a night may run before it is ended."
    )

    step_hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = Field(
        default=3,
        description="Longest time for which one step of a night may run before it is ended; steps that do not need it go on.",
    )

    keep_runs_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = Field(
        default=180,
        description="Days for which runs that ended stay in Dagster, with their events and logs; 0 keeps them for ever.",
    )

    keep_ticks_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = Field(
        default=90,
        description="Days for which ticks of schedules and sensors stay in Dagster; 0 keeps them for ever.",
    )

    keep_refused_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = Field(
        default=365,
        description="Days for which the bytes of refused documents stay in the landing zone, where nothing reads them; 0 keeps them for ever.",
    )

    @field_validator("keep_refused_days")
    @classmethod
    def _long_enough(cls, days: int) -> int:
        if 0 < days < LEAST_REFUSED_DAYS:
            raise ValueError(
                f"a document that is refused on several nights is compared with those before: at least {LEAST_REFUSED_DAYS}, "
                "or 0 for ever"
            )
        return days

    alert_urls: str = Field(
        repr=False,
        default="",
        description="Addresses of apprise, separated by spaces, that are told what is wrong (mailto://, slack://, json:// ...).",
    )
    alert_repeat_hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = Field(
        default=168, description="Hours after which a problem that lasts is told again."
    )
    heartbeat_url: Annotated[str, AfterValidator(_http)] | None = Field(
        repr=False,
        default=None,
        description="Address that is asked after each night that succeeded: of a service that tells you when it is not.",
    )
    ui_url: Annotated[str, AfterValidator(_http)] | None = Field(
        repr=False, default=None, description="Address of Dagster's web page, for links in alerts."
    )

    poll: bool = Field(
        default=False,
        description="Whether a night asks the remote price lists and score sources; without, it runs on what is there.",
    )
    openrouter_url: HttpAddress = Field(
        default="https://openrouter.ai/api/v1/models",
        description="OpenRouter's list of models; `/<model>/endpoints` below it has the providers.",
    )
    litellm_url: HttpAddress = Field(
        default="https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
        description="The LiteLLM map of prices.",
    )
    models_dev_url: HttpAddress = Field(
        default="https://models.dev/api.json", description="The models.dev list."
    )
    genai_prices_url: HttpAddress = Field(
        default="https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json",
        description="The genai-prices list, version 2 of its data.",
    )
    llm_prices_url: HttpAddress = Field(
        default="https://www.llm-prices.com/historical-v1.json",
        description="The llm-prices list with its history.",
    )
    litellm_git_url: HttpAddress = Field(
        default="https://github.com/BerriAI/litellm",
        description="Git repository with the history of the LiteLLM map (`densing backfill --from-git`).",
    )
    models_dev_git_url: HttpAddress = Field(
        default="https://github.com/anomalyco/models.dev",
        description="Git repository with the files that models.dev is made of.",
    )
    genai_prices_git_url: HttpAddress = Field(
        default="https://github.com/pydantic/genai-prices",
        description="Git repository with the history of genai-prices.",
    )
    llm_prices_git_url: HttpAddress = Field(
        default="https://github.com/simonw/llm-prices",
        description="Git repository with the files that llm-prices is made of.",
    )
    git_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=3600, description="Longest time of all requests to one git repository."
    )
    git_max_bytes: Annotated[int, Field(gt=0)] = Field(
        default=2048 * MIB, description="Largest copy of a git repository on disk, in bytes."
    )
    every_eval_ever_url: HttpAddress = Field(
        default="https://huggingface.co/datasets/evaleval/EEE_datastore",
        description="Data store of Every Eval Ever on the Hub: logs of evaluations, of which those of boards that "
        "state costs are read.",
    )
    epoch_benchmarks_url: HttpAddress = Field(
        default="https://epoch.ai/data/benchmark_data.zip",
        description="Epoch AI's benchmark scores, a zip archive of CSV files.",
    )
    epoch_eci_url: HttpAddress = Field(
        default="https://epoch.ai/data/eci_scores.csv",
        description="The Epoch Capabilities Index of models.",
    )
    epoch_edi_url: HttpAddress = Field(
        default="https://epoch.ai/data/edi_scores.csv",
        description="Difficulties of benchmarks on the scale of the Epoch Capabilities Index.",
    )
    epoch_eci_benchmarks_url: HttpAddress = Field(
        default="https://epoch.ai/data/eci_benchmarks.csv",
        description="The scores that the Epoch Capabilities Index is fitted to.",
    )
    epoch_models_url: HttpAddress = Field(
        default="https://epoch.ai/data/all_ai_models.csv",
        description="Epoch AI's table of models: parameters, data, training compute, dates.",
    )
    swallow_leaderboard_url: HttpAddress = Field(
        default="https://raw.githubusercontent.com/swallow-llm/leaderboard/main/_data/model.yml",
        description="The Swallow LLM leaderboard.",
    )
    ikp_url: HttpAddress = Field(
        default="https://raw.githubusercontent.com/19PINE-AI/ikp/main/data/results/evaluation_summary.json",
        description="Results of Incompressible Knowledge Probes.",
    )
    uncheatable_eval_url: HttpAddress = Field(
        default="https://jellyfish042-uncheatableeval.hf.space/config",
        description="Configuration of the app that shows Uncheatable Eval's leaderboard.",
    )
    openrouter_endpoints: Annotated[int, Field(ge=0, le=500)] = Field(
        default=40,
        description="Models near a frontier whose sellers OpenRouter is asked for; 0 for none.",
    )
    poll_connect_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=5, description="Longest time to open a connection to a source."
    )
    poll_read_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=20, description="Longest silence of a source within a response."
    )
    poll_total_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=120, description="Longest time for one document, with retries and waits."
    )
    poll_max_bytes: Annotated[int, Field(gt=0)] = Field(
        default=64 * MIB, description="Largest document accepted, in bytes after decoding."
    )
    poll_attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=3, description="Requests for one document before a source is reported as failed."
    )
    poll_backoff_seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] = Field(
        default=2, description="Longest wait before the first retry; doubles with each."
    )
    poll_retry_after_seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)] = Field(
        default=60, description="Longest Retry-After that is waited for."
    )
    accept_shrunk: str = Field(
        default="",
        description="Sources, separated by commas, whose next list is taken even if it lost over 30 % of its rows, or if its prices moved by one factor.",
    )

    hub_poll: bool = Field(
        default=False,
        description="Whether the nightly run asks the Hub for new models.",
    )
    hub_endpoint: Annotated[str, AfterValidator(_http)] | None = Field(
        repr=False,
        default=None,
        validation_alias="HF_ENDPOINT",
        description="Address of the Hub, under the name its own client has for it.",
    )
    hub_answer_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=60, description="Longest time for one answer of the Hub, to its last byte."
    )
    hub_poll_seconds: Annotated[float, Field(gt=0, le=MOST_SECONDS)] = Field(
        default=7200,
        description="Longest time for a night's requests to the Hub; the rest waits for the next night.",
    )
    redirect_hosts: Annotated[str, AfterValidator(_hosts)] = Field(
        repr=False,
        default="",
        description="Hosts, separated by commas, to which a source or the Hub may redirect besides its own: `host`, `*.domain` or `host:port`.",
    )
    hub_overlap_days: Annotated[int, Field(ge=1, le=60)] = Field(
        default=3, description="Days before the last poll that are read again."
    )
    hub_first_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=30, description="Days the first poll reads back."
    )
    hub_page_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=500, description="Records asked for per page."
    )
    hub_configs_per_night: Annotated[int, Field(ge=0)] = Field(
        default=500, description="Whole configurations fetched per night at most."
    )
    hub_revisits_per_night: Annotated[int, Field(ge=0)] = Field(
        default=100, description="Known repositories looked at again per night at most."
    )
    hub_claims_per_night: Annotated[int, Field(ge=0)] = Field(
        default=200,
        description="Most base models that a night asks for the scores they claim.",
    )
    hub_headers_per_night: Annotated[int, Field(ge=0)] = Field(
        default=50,
        description="Most base models of which a night fetches the headers of their weights; 0 for none.",
    )
    gpu_memory_gib: Annotated[float, Field(gt=0)] = Field(
        default=80, description="GPU memory one evaluation may use."
    )
    max_gpu_hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = Field(
        default=24, description="Longest evaluation that is queued."
    )
    refused_licences: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Licence identifiers that are not evaluated, separated by commas.",
    )
    runs_per_tick: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Evaluations the sensor asks for at a time."
    )

    evaluate: bool = Field(
        default=False, description="Whether queued models are evaluated without being asked for."
    )
    # It may not exist yet: the run that needs it says so (`evaluation.job_path.environment_lacks`).
    evaluation_python: AnyPath = Field(
        default=Path(".venv-evaluation/bin/python"),
        description="Python of the evaluation environment (`make evaluation-env`); on a cluster, its path on the nodes.",
    )
    evaluate_on: Literal["local", "slurm", "ray", "kubernetes"] = Field(
        default="local",
        description="Where evaluations run: on this machine, or as jobs of a cluster (`slurm`, `ray`, `kubernetes`).",
    )
    cluster_places: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=8, description="Models that are evaluated at a time on a cluster."
    )
    cluster_gpu_gib: Annotated[float, Field(ge=0)] = Field(
        default=80,
        description="Memory of one GPU of the cluster, in GiB, by which GPUs are asked for; 0 if its nodes have none.",
    )
    cluster_state_dir: AnyPath | None = Field(
        default=None,
        description="Path of the state directory on the nodes of the cluster, if it is another one there.",
    )
    evaluation_store: str | None = Field(
        repr=False,
        default=None,
        description="Object store through which evaluation folders travel (s3://, gs://, az://), so that nodes of Ray or Kubernetes need no shared disk.",
    )
    slurm_options: str = Field(
        default="",
        description="Options of sbatch for each evaluation, such as `--partition=gpu --account=lab`.",
    )
    ray_address: Annotated[str, AfterValidator(_http)] | None = Field(
        repr=False,
        default=None,
        description="Address of the Ray cluster's dashboard, such as http://head:8265; without, RAY_ADDRESS.",
    )
    kubernetes_namespace: str | None = Field(
        default=None,
        description="Kubernetes namespace of the pods; by default that of the context.",
    )
    kubernetes_pod: Annotated[AnyPath, AfterValidator(_file_that_exists)] | None = Field(
        default=None,
        description="File with the pod that evaluates on Kubernetes: image, volumes, secrets.",
    )
    evaluation_data: Annotated[AnyPath, AfterValidator(_folder_that_exists)] | None = Field(
        default=None, description="Local mirror of the benchmark files; without, the Hub is asked."
    )
    evaluation_cache: Folder | None = Field(
        default=None,
        description="Where weights are kept while they are needed; by default in the state directory.",
    )
    evaluation_disk_gib: Annotated[float, Field(gt=0)] = Field(
        default=500, description="Most that weights may take on disk."
    )
    evaluation_limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="Items per benchmark, for a trial; whole and limited scores are never mixed.",
    )
    evaluation_sample_error: Annotated[float, Field(ge=0.01, lt=1)] | None = Field(
        default=None,
        description="Measure a sample of each benchmark, enlarged until the standard error of the model's ln N_eff is this "
        "(0.15 is a good one), in place of the whole; such scores are marked.",
    )
    evaluation_attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        default=3, description="Evaluations of the same weights that are begun at most."
    )
    ladders: Annotated[AnyPath, AfterValidator(_file_that_exists)] | None = Field(
        default=None,
        description="Ladders of our own reference laws, a file like facts/ladders.csv, in its place.",
    )
    evaluation_hours: Annotated[float, Field(gt=0, le=MOST_HOURS)] = Field(
        default=36, description="Longest an evaluation may take before it is stopped."
    )

    @field_validator("refused_licences", mode="before")
    @classmethod
    def _list(cls, given: Any) -> Any:
        """A list with commas, `mit, gpl-3.0`; a JSON list, the only form of earlier versions, too."""
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            try:
                return json.loads(given)
            except json.JSONDecodeError:
                raise ValueError(
                    "write names with commas between them, such as mit,gpl-3.0"
                ) from None
        return [name.strip() for name in given.split(",") if name.strip()]

    @field_validator("slurm_options")
    @classmethod
    def _can_be_split(cls, options: str) -> str:
        try:
            shlex.split(options)
        except ValueError as error:
            raise ValueError(f"{error}; write options as in a shell") from error
        return options

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_variable(cls, values: Any) -> Any:
        known = {f"DENSING_{name.upper()}" for name in cls.model_fields}
        given = {name for name in os.environ if name.startswith("DENSING_")}
        if unknown := sorted(given - known):
            raise ValueError("; ".join(_unknown(name, sorted(known)) for name in unknown))
        return values

    @field_validator("publish_url")
    @classmethod
    def _place(cls, url: str) -> str:
        url, scheme, is_remote = _with_scheme(url)
        address, separator = _parsed(url), "://" in url
        if is_remote and address is not None:
            _remote(url, address)
            if scheme == "hf" and not re.fullmatch(r"hf://datasets/[^/]+/[^/]+/?", url):
                raise ValueError(
                    f"{shown(url)!r}: a data set on the Hub is {REMOTE_PLACES['hf']}; releases have a repository of their own"
                )
            return url
        is_path = not separator and scheme.partition(":")[0].lower() not in (*REMOTE_PLACES, "file")
        is_file = (
            separator and address is not None and address.scheme == "file" and not address.netloc
        )
        if not url or not (is_path or is_file):
            raise ValueError(
                f"{shown(url)!r}: releases are published to a local directory (a path or file:///path) or to "
                f"{', '.join(REMOTE_PLACES.values())}"
            )
        # A file:// address is decoded, and what it says is looked at again.
        path = str(_published_to(_written_out(url)))
        _folder(Path(_written_out(path)))
        return url

    @field_validator("evaluation_store")
    @classmethod
    def _store(cls, url: str | None) -> str | None:
        if url is None:
            return None
        url, scheme, is_remote = _with_scheme(url)
        address = _parsed(url)
        if not is_remote or scheme == "hf" or address is None:
            stores = [place for name, place in REMOTE_PLACES.items() if name != "hf"]
            raise ValueError(
                f"evaluation folders travel through an object store: {', '.join(stores)}"
            )
        _remote(url, address)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _store_of_a_cluster(self) -> Self:
        if self.evaluation_store is not None and self.evaluate_on in WITHOUT_STORE:
            raise ValueError(
                f"DENSING_EVALUATION_STORE is for machines that share no disk, and DENSING_EVALUATE_ON is {self.evaluate_on!r}, "
                f"{WITHOUT_STORE[self.evaluate_on]}: unset it, or set DENSING_EVALUATE_ON to ray or kubernetes"
            )
        return self

    @model_validator(mode="after")
    def _no_replay_is_sent(self) -> Self:
        if self.now is not None and self.is_remote:
            raise ValueError(
                "DENSING_NOW sets the clock for tests and replays, and their releases are sent nowhere: unset it, or "
                "set DENSING_PUBLISH_URL to a directory of its own"
            )
        if self.now is not None and self.evaluation_store is not None:
            raise ValueError(
                "DENSING_NOW sets the clock for tests and replays, which share no evaluations with other machines: unset "
                "it, or DENSING_EVALUATION_STORE"
            )
        return self

    def decisive(self) -> dict[str, str]:
        """The settings that change the content of a table, as text by variable; of a file its SHA-256.

        Raises:
            OSError: the file of ladders cannot be read.
        """
        return {f"DENSING_{name.upper()}": _as_text(getattr(self, name)) for name in DECISIVE}

    @property
    def allowed_redirect_hosts(self) -> tuple[str, ...]:
        """The hosts of `redirect_hosts`."""
        return host_patterns(self.redirect_hosts)

    @property
    def accepted_lists(self) -> frozenset[str]:
        """The names in `accept_shrunk`."""
        return frozenset(name.strip() for name in self.accept_shrunk.split(",")) - {""}

    @property
    def is_remote(self) -> bool:
        """Whether `publish_url` is no local directory."""
        return self.publish_url.partition("://")[0] in REMOTE_PLACES

    @property
    def publish_dir(self) -> Path:
        """The directory of `publish_url`; of a remote place that of its local copy."""
        return self.state_dir / "published" if self.is_remote else _published_to(self.publish_url)

    @property
    def tables_dir(self) -> Path:
        """Where the current tables are kept between runs."""
        return self.state_dir / "tables"

    @property
    def landing_dir(self) -> Path:
        """Where responses are kept as they were received."""
        return self.state_dir / "landing"

    @property
    def git_dir(self) -> Path:
        """Where copies of the price lists' git repositories are kept; can be fetched again."""
        return self.state_dir / "git"

    @property
    def book_dir(self) -> Path:
        """Where the histories of the polled price lists are kept; can be rebuilt from the landing zone."""
        return self.state_dir / "book"

    @property
    def score_history_dir(self) -> Path:
        """Where the histories of the score sources are kept; can be rebuilt from the landing zone."""
        return self.state_dir / "scores"

    @property
    def hub_cache_dir(self) -> Path:
        """Where what was read from landed pages of the Hub is cached."""
        return self.state_dir / "hub"

    @property
    def job_dir(self) -> Path:
        """Where evaluation jobs find this package: a link to it, or for other machines copies."""
        return self.state_dir / "job"

    @property
    def orders_dir(self) -> Path:
        """Where jobs of Slurm leave what they print and report, one folder per job while it runs."""
        return self.state_dir / "orders"

    @property
    def evaluations_dir(self) -> Path:
        """Where the evaluation job leaves one folder per model, revision and suite version."""
        return self.state_dir / "evaluations"

    def on_nodes(self, path: Path) -> Path:
        """The path, absolute, as the machine that evaluates sees it (`cluster_state_dir`)."""
        here, there = path.absolute(), self.cluster_state_dir
        state_dir = self.state_dir.absolute()
        if self.evaluate_on == "local" or there is None or not here.is_relative_to(state_dir):
            return here
        return there / here.relative_to(state_dir)

    @property
    def evaluation_cache_dir(self) -> Path:
        """Where weights are kept while they are needed."""
        return self.evaluation_cache or self.state_dir / "weights"


def _published_to(url: str) -> Path:
    """The directory of a path or a file:// address."""
    return Path(url if "://" not in url else unquote(urlparse(url).path))


def _as_text(value: object) -> str:
    """A value of a setting as text that is the same in every process."""
    if isinstance(value, Path) and not value.is_file():
        # A mirror of benchmark files decides the suite's version by what it declares, if anything.
        return (
            _as_text(value / MIRROR_DECLARATION)
            if (value / MIRROR_DECLARATION).is_file()
            else "null"
        )
    if isinstance(value, Path):
        return f"{value.name} (SHA-256 {file_sha256(value)})"
    if isinstance(value, frozenset):
        return json.dumps(sorted(value))
    return json.dumps(value)


def read_settings(**given: Any) -> Settings:
    """The settings that the environment of this process gives.

    Args:
        **given: values by field that take the place of the environment's.

    Raises:
        SettingsError: a variable is unknown or has a value that is not allowed.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(map(_sentence, error.errors()))) from error


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{clean(name)} is no variable of densing: {meant}`densing settings` lists them"


def _sentence(problem: Any) -> str:
    """A problem that pydantic found, as a sentence with variable, value and remedy."""
    what = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return what
    name = str(problem["loc"][0])
    variable = next((one for one in variables() if name in (one.field, one.name)), None)
    if variable is None:
        return f"{name}: {what}"
    given = variable.shown(str(problem["input"]))
    if problem["type"] != "value_error":  # a sentence of pydantic, not one of this module
        what = f"{what[0].lower()}{what[1:]}"
    return (
        f"{variable.name} is {given[:100]!r}: {what}; "
        f"unset it for the default ({variable.default}), or see `densing settings {variable.name}`"
    )


@dataclass(frozen=True)
class Variable:
    """An environment variable that configures the pipeline.

    Attributes:
        name: of the variable, such as `DENSING_SEED`.
        field: the field of `Settings` it sets.
        description: what it means.
        default: what holds when it is not set, as text.
    """

    name: str
    field: str
    description: str
    default: str

    def shown(self, value: str) -> str:
        """A value of it as it may be written down: of an address, without what may be secret."""
        if self.field in SECRET:
            return HIDDEN
        return value if Settings.model_fields[self.field].repr else shown(value)


def variables() -> list[Variable]:
    """Every variable there is, in the order of the fields."""
    return [
        Variable(
            name=str(field.validation_alias or f"DENSING_{name.upper()}"),
            field=name,
            description=str(field.description),
            default=_text(field.default),
        )
        for name, field in Settings.model_fields.items()
    ]


def _text(value: object) -> str:
    """A value as one writes it in a variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        value = ",".join(sorted(value))
    return "none" if value is None or value == "" else str(value)
