"""A mirror with questions of its own: measured if it declares them, under another suite version."""

import re
from pathlib import Path

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.requests import ChoiceRequest, GenerateRequest
from densing_pipeline.evaluation.suite import content
from densing_pipeline.evaluation.suite.benchmark import DataError
from tests.mirror import QUESTIONS, mirror


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return mirror(tmp_path / "mirror")


def declaration(mirror: Path) -> list[str]:
    return (mirror / content.FILE).read_text().splitlines()


def declare(mirror: Path, lines: list[str]) -> None:
    (mirror / content.FILE).write_text("".join(f"{line}\n" for line in lines))


def test_every_benchmark_is_loaded_from_a_mirror_with_declared_content(own: Path) -> None:
    for benchmark in suite.in_force(own):
        data = suite.load(benchmark, suite.Store(own))
        items = benchmark.items(data)
        assert len(items) == benchmark.n_items == QUESTIONS * len(benchmark.questions(data.records))
        assert all(item.reference for item in items)


def test_prompts_show_the_mirrors_own_examples_and_questions(own: Path) -> None:
    (mmlu, bbh, *_) = suite.in_force(own)
    store = suite.Store(own)
    asked = mmlu.items(suite.load(mmlu, store))[1].request
    assert isinstance(asked, ChoiceRequest)
    assert asked.prompt.startswith(
        "The following are multiple choice questions (with answers) about astronomy.\n\nWhich of"
    )
    assert asked.prompt.endswith("A. Io\nB. The Sun\nC. The Moon\nD. Mars\nAnswer:")
    counted = bbh.items(suite.load(bbh, store))[-1]
    assert isinstance(counted.request, GenerateRequest)
    assert counted.request.prompt.count("So the answer is") == 3
    assert counted.reference == "9"


def test_declared_content_has_a_suite_version_of_its_own(own: Path) -> None:
    assert suite.version(suite.in_force(own)) != suite.version(suite.SUITE)
    assert all(each.has_own_content for each in suite.in_force(own))
    assert suite.in_force(None) == suite.SUITE


def test_a_benchmark_that_is_not_declared_keeps_its_content_and_version(own: Path) -> None:
    declare(own, [line for line in declaration(own) if " MMLU/" in line])
    mmlu, *others = suite.in_force(own)
    assert mmlu.version != suite.BENCHMARKS["MMLU"].version
    assert tuple(others) == suite.SUITE[1:]
    bbh = suite.BENCHMARKS["BBH"]
    with pytest.raises(DataError, match="BBH, cot: no data"):
        suite.load(bbh, suite.Store(own))


def test_content_that_differs_from_its_declaration_is_refused(own: Path) -> None:
    path = own / "MMLU/data/mmlu/test/astronomy_test.csv"
    path.write_text(path.read_text().replace("Mars", "Venus"))
    with pytest.raises(
        DataError,
        match=re.escape(f"{path}: not the test data of MMLU (astronomy): expected content with"),
    ):
        suite.load(suite.in_force(own)[0], suite.Store(own))


def test_without_a_declaration_other_content_is_refused(own: Path) -> None:
    (own / content.FILE).unlink()
    assert suite.in_force(own) == suite.SUITE
    for name in ("HumanEval", "MBPP"):
        with pytest.raises(DataError, match=f"not the .* data of {name}: expected content with"):
            suite.load(suite.BENCHMARKS[name], suite.Store(own))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("abc", "line 1: not `<SHA-256> <records> <benchmark>/<split>/<part>`"),
        (f"{'0' * 64} 0 MMLU/test/astronomy", "line 1: not `<SHA-256>"),
        (f"{'0' * 64} 4 MLU/test/astronomy", "line 1: no benchmark MLU: MMLU, BBH"),
        (f"{'0' * 64} 4 MMLU/test/astronomy", "declares test of MMLU, which has the splits dev, test"),
        (f"{'0' * 64} 4 HumanEval/dev/", "declares dev of HumanEval, which has the splits test"),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_used_is_named(
    tmp_path: Path, line: str, complaint: str
) -> None:
    declare(tmp_path, [line])
    with pytest.raises(DataError, match=re.escape(complaint)):
        suite.in_force(tmp_path)


def test_the_command_declares_what_a_mirror_has(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = declaration(own)
    (own / content.FILE).unlink()
    names = [each.name for each in suite.SUITE]
    assert main(["benchmarks", "--mirror", str(own), "--declare", *names]) == 0
    assert declaration(own) == before == capsys.readouterr().out.splitlines()
    assert main(["benchmarks", "--mirror", str(own), *names]) == 0
    assert capsys.readouterr().out.splitlines() == before


def test_the_command_needs_data_of_every_split_to_declare_it(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "HumanEval/data/HumanEval.jsonl.gz").unlink()
    assert main(["benchmarks", "--mirror", str(own), "--declare", "HumanEval"]) == 1
    assert f"{own}: no data of HumanEval, test" in capsys.readouterr().err
