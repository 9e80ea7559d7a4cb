"""Benchmark data: one content from every source, and nothing else is taken."""

import csv
import dataclasses
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.__main__ import main
from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.suite import Benchmark, DataError, Store, data
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.data import digest, load, read
from densing_pipeline.evaluation.suite.fresh_text import DOMAINS, FRESH_TEXT
from densing_pipeline.evaluation.suite.mathematics import MATH, SUBJECTS
from densing_pipeline.evaluation.suite.mbpp import MBPP
from densing_pipeline.evaluation.suite.mmlu import MMLU
from densing_pipeline.evaluation.suite.mmlu_cf import MMLU_CF
from densing_pipeline.evaluation.suite.mmlu_pro import MMLU_PRO
from densing_pipeline.evaluation.suite.scaling_bench import SCALING_BENCH
from tests.servers.loopback import LoopbackServer


def only(benchmark: Benchmark, parts: list[str], n_items: int | None = None) -> Benchmark:
    """A benchmark cut to some parts, of content that has not been seen."""
    splits = tuple(
        dataclasses.replace(split, content=dict.fromkeys(parts)) for split in benchmark.splits
    )
    return counting(dataclasses.replace(benchmark, splits=splits), n_items)


def counting(benchmark: Benchmark, n_items: int | None) -> Benchmark:
    """A benchmark that declares another number of questions."""
    return dataclasses.replace(benchmark, facts=dataclasses.replace(benchmark.facts, items=n_items))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


ASKED = [
    ('Which is "prime", 4 or 5?', ["4", "5 ", "both, of course", "N/A"], 1),
    ("Which is even?\n(zero counts)", ["1", "3", "", "0"], 3),
]


@pytest.fixture
def as_csv(tmp_path: Path) -> Path:
    """MMLU of two subjects as CSV files."""
    for subject in ("numbers", "words"):
        rows = [
            {"question": question, **{f"choice{n}": text for n, text in enumerate(choices)}, "answer": answer}
            for question, choices, answer in ASKED
        ]  # fmt: skip
        for split in ("dev", "test"):
            write_csv(tmp_path / f"csv/MMLU/data/mmlu/{split}/{subject}_{split}.csv", rows)
    return tmp_path / "csv"


@pytest.fixture
def as_parquet(tmp_path: Path) -> Path:
    """The same as one parquet file a split, as on the Hub."""
    rows = [
        {"question": f"{question} \r\n", "subject": subject, "choices": choices, "answer": answer}
        for subject in ("words", "numbers")
        for question, choices, answer in ASKED
    ]
    for split in ("dev", "test"):
        path = tmp_path / f"hub/cais/mmlu/all/{split}-00000-of-00001.parquet"
        write_parquet(path, rows)
    return tmp_path / "hub"


def test_csv_and_parquet_of_one_content_have_one_hash(as_csv: Path, as_parquet: Path) -> None:
    benchmark = only(MMLU, ["numbers", "words"])
    one, other = load(benchmark, Store(as_csv)), load(benchmark, Store(as_parquet))
    assert one.content == other.content
    assert one.sha256 == other.sha256
    assert len(one.records["test"]["words"]) == len(ASKED)
    assert one.records["test"]["numbers"][0]["B"] == "5 "
    assert one.origins == {"dev": "mirror: MMLU", "test": "mirror: MMLU"}


def test_content_with_another_hash_is_refused_by_name(as_csv: Path) -> None:
    benchmark = only(MMLU, ["numbers", "words"])
    seen = load(benchmark, Store(as_csv)).content
    splits = tuple(
        dataclasses.replace(
            split, content={part: seen[f"{split.name}/{part}"] for part in split.content}
        )
        for split in benchmark.splits
    )
    declared = dataclasses.replace(benchmark, splits=splits)
    assert load(declared, Store(as_csv)).content == seen

    path = as_csv / "MMLU/data/mmlu/test/words_test.csv"
    path.write_text(path.read_text().replace("even", "odd"))
    found = load(benchmark, Store(as_csv)).content["test/words"]
    complaint = (
        f"{path}: not the test data of MMLU (words): expected content with SHA-256 "
        f"{seen['test/words']}, found {found}"
    )
    with pytest.raises(DataError, match=re.escape(complaint)):
        load(declared, Store(as_csv))


def test_the_real_declaration_refuses_small_data(as_parquet: Path) -> None:
    with pytest.raises(DataError, match=r"dev-00000-of-00001\.parquet: not the dev data of MMLU"):
        load(MMLU, Store(as_parquet))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part.parquet", b"PAR1 and then nothing"),
        ("part.csv", b'question,answer\n"never closed'),
        ("part.json", b'{"examples": [{"input": "cut o'),
        ("part.json", b'{"rows": []}'),
        ("part.json", b"null"),
        ("part.json", b"[" * 100_000),
        ("part.jsonl", b'{"a": 1}\n{"a": '),
        ("part.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:-9]),
        ("part.jsonl.gz", gzip.compress(b'{"a": 1}\n', mtime=0)[:10] + b"\xff" * 30),
        ("part.txt", b"\xff\xfe\x00"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{re.escape(name)}: cannot be read"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["part.jsonl", "part.jsonl.gz"])
def test_a_file_is_read_up_to_its_bound_in_size_whatever_it_unpacks_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    line = b'{"a": "' + b"x" * 990 + b'"}\n'
    monkeypatch.setattr(data, "BOUNDS", dataclasses.replace(data.BOUNDS, max_bytes=len(line)))
    for content, is_within in ((line, True), (line + b"\n", False)):
        (tmp_path / name).write_bytes(gzip.compress(content) if name[-2:] == "gz" else content)
        if is_within:
            assert len(data.read(tmp_path / name)) == 1
        else:
            with pytest.raises(DataError, match=r"more than 1,000 bytes"):
                data.read(tmp_path / name)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "zero"},
        {"answer": 4},
        {"answer": -1},
        {"question": None},
        {"choices": ["1", "2", "3"]},
        {"choices": ["1", "2", "3", None]},
    ],
    ids=str,
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "cais/mmlu/all/dev-00000-of-00001.parquet"
    row = {"question": "1 + 1?", "subject": "numbers", "choices": list("1234"), "answer": 1}
    write_parquet(path, [row | change])
    write_parquet(path.with_name("test-00000-of-00001.parquet"), [row])
    with pytest.raises(DataError, match=r"dev-.*parquet: a record is not in the form of cais/mmlu"):
        load(only(MMLU, ["numbers"]), Store(tmp_path))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load(BBH, Store(tmp_path))
    assert str(tmp_path / "BBH/cot-prompts/boolean_expressions.txt") in str(raised.value)
    assert str(tmp_path / "suzgunmirac/BIG-Bench-Hard") in str(raised.value)


def test_another_number_of_items_is_refused(as_csv: Path) -> None:
    with pytest.raises(DataError, match="MMLU: 2 items, 3 declared"):
        load(only(MMLU, ["numbers"], n_items=3), Store(as_csv))


@given(st.lists(st.text(st.sampled_from("ab \t\n")), min_size=1, max_size=4))
def test_the_hash_sees_words_and_lines_but_no_ends(lines: list[str]) -> None:
    text = "\n".join(lines)
    here = digest([{"text": text}])
    assert digest([{"text": text.replace("\n", "\r\n") + " \n"}]) == here
    assert digest([{"text": text + "c"}]) != here
    assert digest([{"text": text}, {"text": ""}]) != here


def test_indentation_counts() -> None:
    assert digest([{"code": "if a:\n  b\n  c"}]) != digest([{"code": "if a:\n  b\nc"}])


def test_bbh_examples_are_read_from_a_prompt_file(tmp_path: Path) -> None:
    path = tmp_path / "BBH/cot-prompts/sums.txt"
    path.parent.mkdir(parents=True)
    path.write_text(
        "A warning not to train on this.\n-----\nAdd up.\n\nWith care.\n\n"
        "Q: 1 + 1?\nOptions:\n(A) 2\nA: Let's think step by step.\nIt is 2.\nSo (A).\n\n"
        "Q: 2 + 1?\nA: Let's think step by step. It is 3.\n"
    )
    tasks = tmp_path / "BBH/bbh/sums.json"
    tasks.parent.mkdir()
    tasks.write_text(json.dumps({"canary": "x", "examples": [{"input": "3?", "target": "3 "}]}))
    loaded = load(only(BBH, ["sums"]), Store(tmp_path))
    assert loaded.records == {
        "cot": {
            "sums": [
                {"header": "Add up.\n\nWith care.", "question": "1 + 1?\nOptions:\n(A) 2", "reasoning": "It is 2.\nSo (A)."},
                {"header": "Add up.\n\nWith care.", "question": "2 + 1?", "reasoning": "It is 3."},
            ]
        },
        "test": {"sums": [{"question": "3?", "reference": "3"}]},
    }  # fmt: skip


def test_math_reads_its_subjects_and_finds_its_examples(tmp_path: Path) -> None:
    openings = MATH.fewshot.ids if MATH.fewshot else ()
    examples = [
        {
            "problem": opening.removesuffix("…") + " …",
            "level": "Level 1",
            "solution": r"$\boxed{1}$",
        }
        for opening in openings
    ]
    other = {"problem": "2?", "level": "Level 5", "solution": r"$2 = \boxed{2}$"}
    for subject in SUBJECTS:
        folder = tmp_path / "EleutherAI/hendrycks_math" / subject
        train = examples if subject == "algebra" else [other]
        write_parquet(folder / "train-00000-of-00001.parquet", train)
        write_parquet(folder / "test-00000-of-00001.parquet", [other])
    small = counting(MATH, len(SUBJECTS))
    items = small.items(load(small, Store(tmp_path)))
    assert [item.item_id for item in items] == [f"{subject}/0" for subject in SUBJECTS]
    assert {item.reference for item in items} == {"2"}
    assert items[0].request.prompt.count("Problem:") == 5


def test_a_mathematical_solution_without_answer_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "EleutherAI/hendrycks_math/algebra"
    write_parquet(folder / "train-00000-of-00001.parquet", [{"problem": "2?", "solution": "Two."}])
    with pytest.raises(DataError, match="without a final answer: Two"):
        load(only(MATH, ["algebra"]), Store(tmp_path))


def test_mbpp_takes_its_splits_from_the_whole_data_set(tmp_path: Path) -> None:
    tasks = [
        {
            "task_id": number,
            "text": f"Write f{number}.",
            "code": "pass",
            "test_setup_code": "import re" if number == 11 else "",
            "test_list": ["assert f()", "assert True"],
        }
        for number in range(1, 975)
    ]
    write_jsonl(tmp_path / "MBPP/data/mbpp.jsonl", tasks)
    loaded = load(only(MBPP, [""], n_items=500), Store(tmp_path))
    assert [record["id"] for record in loaded.records["prompt"][""]] == list(map(str, range(1, 11)))
    first, second, *_, last = loaded.records["test"][""]
    assert (first["id"], last["id"]) == ("11", "510")
    assert first["reference"] == "import re\nassert f()\nassert True"
    assert second["reference"] == "assert f()\nassert True"


@pytest.mark.parametrize("folder", ["val/{}_{}.parquet", "data/{}_{}.parquet"])
def test_mmlu_cf_as_documented(tmp_path: Path, folder: str) -> None:
    row = {
        "Question": "1 + 1?",
        "A": "1",
        "B": "2",
        "C": "3",
        "D": "None of the others",
        "Answer": "B",
    }
    for split in ("dev", "val"):
        for subject in ("Computer_Science", "Math"):
            path = tmp_path / "microsoft/MMLU-CF" / folder.format(subject, split)
            write_parquet(path, [row] * 5)
    small = only(MMLU_CF, ["Computer_Science", "Math"], n_items=10)
    items = small.items(load(small, Store(tmp_path)))
    assert items[0].request.prompt.startswith(
        "The following are multiple choice questions (with answers) about computer science.\n\n"
    )
    assert {item.reference for item in items} == {"B"}
    assert {item.subject for item in items} == {"Computer_Science", "Math"}


def test_mmlu_pro_as_on_the_hub(tmp_path: Path) -> None:
    """One file a split for all subjects, up to ten options, names of subjects with a space."""
    row = {
        "question": "1 + 1?",
        "options": [f" {n} " for n in range(12)],
        "answer": "C",
        "answer_index": 2,
        "cot_content": "A: Let's think step by step. It is 2. The answer is (C).",
        "category": "computer science",
    }
    for split, count in (("validation", 5), ("test", 2)):
        path = tmp_path / f"TIGER-Lab/MMLU-Pro/data/{split}-00000-of-00001.parquet"
        write_parquet(path, [row, row | {"category": "math"}] * count)
    small = only(MMLU_PRO, ["computer_science", "math"], n_items=4)
    items = small.items(load(small, Store(tmp_path)))
    assert [item.item_id for item in items] == [
        f"{subject}/{n}" for subject in ("computer_science", "math") for n in range(2)
    ]
    assert "(with answers) about computer science. Think" in items[0].request.prompt
    assert items[0].request.prompt.endswith(
        "".join(f"{letter}. {n}\n" for n, letter in enumerate("ABCDEFGHIJ"))
        + "Answer: Let's think step by step."
    )
    write_parquet(path, [row | {"options": ["1", "2"]}])
    with pytest.raises(
        DataError, match=r"test-.*parquet: a record is not in the form of TIGER-Lab"
    ):
        load(small, Store(tmp_path))


@pytest.mark.parametrize("fields", [("instruction", "answer"), ("input", "output")])
def test_scaling_bench_in_its_likely_form(tmp_path: Path, fields: tuple[str, str]) -> None:
    folder = tmp_path / "openbmb/DensingLaw-ScalingBench"
    for name in ("mmlu", "BBH", "math", "human_eval", "mbpp"):
        write_jsonl(
            folder / f"{name}.jsonl", [dict(zip(fields, ("1 + 1?\n", "It is 2."), strict=True))]
        )
    (folder / "README.md").write_text("card")
    items = SCALING_BENCH.items(load(SCALING_BENCH, Store(tmp_path)))
    assert [item.subject for item in items] == ["MMLU", "BBH", "MATH", "HumanEval", "MBPP"]


def test_scaling_bench_in_another_form_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "openbmb/DensingLaw-ScalingBench"
    for name in ("mmlu", "bbh", "math", "human_eval", "mbpp"):
        write_jsonl(folder / f"{name}.jsonl", [{"q": "1 + 1?", "a": "2"}])
    with pytest.raises(DataError, match=r"mmlu\.jsonl: a record is not in the form of openbmb"):
        load(SCALING_BENCH, Store(tmp_path))
    (folder / "mmlu-2.jsonl").touch()
    with pytest.raises(
        DataError, match=r"one file like \*mmlu\*\.\* expected, found mmlu-2.jsonl, mmlu.jsonl"
    ):
        load(SCALING_BENCH, Store(tmp_path))


class Server(Protocol):
    """Serves files by path, less so many bytes at the end of each as it promises; its address."""

    def __call__(self, files: dict[str, bytes], cut_off: int = 0) -> str: ...


COMMIT = "c30699e8356da336a370243923dbaf21066bb9fe"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Hub on loopback that has the given files at one commit, and nothing else."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")

    def serve(files: dict[str, bytes], cut_off: int = 0) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

            def _answer(self, *, body: bool) -> None:
                content = files.get(self.path)
                self.send_response(200 if content is not None else 404)
                content = content or b""
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", str(len(content) + cut_off))
                self.end_headers()
                if body:
                    self.wfile.write(content)

        return running.enter_context(LoopbackServer(Handler)).url

    with ExitStack() as running:
        yield serve


def test_the_hub_is_asked_for_the_pinned_revision(
    server: Server, as_parquet: Path, tmp_path: Path
) -> None:
    files = {
        f"/datasets/cais/mmlu/resolve/{COMMIT}/{path.relative_to(as_parquet / 'cais/mmlu')}": path.read_bytes()
        for path in as_parquet.rglob("*.parquet")
    }
    benchmark = only(MMLU, ["numbers", "words"])
    found = load(benchmark, Store(cache=tmp_path / "cache", hub=server(files)))
    assert found.content == load(benchmark, Store(as_parquet)).content
    assert found.origins["test"] == f"cais/mmlu@{COMMIT}"


def test_what_the_hub_does_not_have_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"MMLU, dev: no data: cais/mmlu/all/dev-00000-of-00001.parquet: cannot be fetched",
    ):
        load(MMLU, Store(cache=tmp_path, hub=server({})))


def test_an_unknown_commit_is_that_of_the_day_for_all_files(server: Server, tmp_path: Path) -> None:
    names = [f"{name}.jsonl" for name in ("mmlu", "bbh", "math", "human_eval", "mbpp")]
    api, files = (
        "/api/datasets/openbmb/DensingLaw-ScalingBench",
        "/datasets/openbmb/DensingLaw-ScalingBench",
    )
    tree = [{"type": "file", "path": name, "size": 9, "oid": "0" * 40} for name in names]
    answer = json.dumps({"question": "1 + 1?", "answer": "2"}).encode()
    hub = server(
        {
            api: json.dumps({"id": "openbmb/DensingLaw-ScalingBench", "sha": COMMIT}).encode(),
            f"{api}/tree/{COMMIT}?recursive=true&expand=false": json.dumps(tree).encode(),
            **{f"{files}/resolve/{COMMIT}/{name}": answer for name in names},
        }
    )
    loaded = load(SCALING_BENCH, Store(cache=tmp_path, hub=hub))
    assert loaded.origins == {"test": f"openbmb/DensingLaw-ScalingBench@{COMMIT}"}
    assert len(loaded.content) == len(names)


def test_prompt_files_come_from_the_pinned_commit_once(server: Server, tmp_path: Path) -> None:
    source = BBH.splits[0].sources[0]
    files = {f"/{source.dataset}/{source.revision}/cot-prompts/sums.txt": b"text"}
    store = Store(cache=tmp_path, github=server(files))
    assert store.file(source, "sums").read_text() == "text"
    files.clear()
    assert store.file(source, "sums").read_text() == "text"
    with pytest.raises(DataError, match=r"cot-prompts/other\.txt: cannot be fetched: .*404"):
        store.file(source, "other")


def test_what_breaks_off_on_the_way_is_named_and_not_kept(server: Server, tmp_path: Path) -> None:
    source = BBH.splits[0].sources[0]
    files = {f"/{source.dataset}/{source.revision}/cot-prompts/sums.txt": b"text"}
    with pytest.raises(
        DataError, match=r"cot-prompts/sums\.txt: cannot be fetched: .*received 4 bytes"
    ):
        Store(cache=tmp_path, github=server(files, cut_off=9)).file(source, "sums")
    assert Store(cache=tmp_path, github=server(files)).file(source, "sums").read_text() == "text"


@pytest.mark.shared
@pytest.mark.parametrize("name", ["MMLU", "BBH", "HumanEval", "MBPP", "GSM8K"])
def test_recorded_files_are_what_is_declared(recorded: Path, name: str) -> None:
    benchmark = suite.BENCHMARKS[name]
    items = benchmark.items(load(benchmark, Store(recorded / "bench")))
    assert len(items) == len({item.item_id for item in items}) == benchmark.n_items


@pytest.mark.shared
def test_the_same_in_the_hubs_form_has_the_same_hashes(recorded: Path, tmp_path: Path) -> None:
    bench, hub = recorded / "bench", tmp_path
    for split in ("dev", "test"):
        rows = [
            {"question": row["question"], "subject": subject, "choices": [row[f"choice{n}"] for n in range(4)], "answer": int(row["answer"])}
            for subject in MMLU.splits[0].content
            for row in read(bench / f"MMLU/data/mmlu/{split}/{subject}_{split}.csv")
        ]  # fmt: skip
        write_parquet(hub / f"cais/mmlu/all/{split}-00000-of-00001.parquet", rows)
    tasks = read(bench / "HumanEval/data/HumanEval.jsonl.gz")
    write_parquet(
        hub / "openai/openai_humaneval/openai_humaneval/test-00000-of-00001.parquet", tasks
    )
    programs = read(bench / "MBPP/data/mbpp.jsonl")
    for split, numbers in (("prompt", range(1, 11)), ("test", range(11, 511))):
        rows = [row for row in programs if row["task_id"] in numbers]
        path = hub / f"google-research-datasets/mbpp/full/{split}-00000-of-00001.parquet"
        write_parquet(path, rows)
    for name in ("MMLU", "HumanEval", "MBPP"):
        benchmark = suite.BENCHMARKS[name]
        assert load(benchmark, Store(hub)).content == load(benchmark, Store(bench)).content


def test_the_command_prints_hashes_and_names_what_is_missing(
    as_csv: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = only(MMLU, ["numbers"])
    monkeypatch.setitem(suite.BENCHMARKS, "MMLU", benchmark)
    assert main(["benchmarks", "--mirror", str(as_csv), "MMLU", "HumanEval"]) == 1
    said = capsys.readouterr()
    content = load(benchmark, Store(as_csv)).content
    assert said.out.splitlines() == [
        f"{content[key]} {len(ASKED)} MMLU/{key}" for key in ("dev/numbers", "test/numbers")
    ]
    assert "HumanEval, test: no data" in said.err


def test_only_texts_that_are_younger_than_the_model_are_loaded(tmp_path: Path) -> None:
    first = FRESH_TEXT.splits[0]
    source = dataclasses.replace(first.sources[0], dataset="texts-of-august")
    second = dataclasses.replace(
        first, name="2026-08", sources=(source,), written_from=date(2026, 8, 1)
    )
    rows = [{"category": domain, "content": f"About {domain}."} for domain in DOMAINS]
    for split in (first, second):
        write_parquet(
            tmp_path / split.sources[0].dataset / "data/test-00000-of-00001.parquet", rows
        )
    texts = counting(dataclasses.replace(FRESH_TEXT, splits=(first, second)), 2 * len(DOMAINS))
    assert first.written_from == date(2026, 7, 1)
    for released, months in (
        (None, ["2026-07", "2026-08"]),
        (date(2026, 6, 30), ["2026-07", "2026-08"]),
        (date(2026, 7, 1), ["2026-08"]),
        (date(2026, 7, 31), ["2026-08"]),
    ):
        assert list(load(texts, Store(tmp_path), released).records) == months
    with pytest.raises(DataError, match="after the model's release on 2026-08-01, only to 2026-08"):
        load(texts, Store(tmp_path), date(2026, 8, 1))
