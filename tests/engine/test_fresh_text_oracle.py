"""lm-eval's own task group `uncheatable_eval` gives the same bits per byte, on the same engine and texts."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.scoring import Judges
from densing_pipeline.evaluation.suite.fresh_text import DOMAINS, DUMPS, FRESH_TEXT
from tests.engine.conftest import TINY_CONTEXT

OTHERS = (
    "wikipedia_nonenglish", "github_javascript", "github_markdown", "github_other", "arxiv_math",
    "arxiv_other", "biorxiv_all", "ao3_english", "ao3_nonenglish",
)  # fmt: skip
"""Kinds of text that lm-eval measures as well."""

MONTH = next(iter(DUMPS))


@pytest.fixture(scope="module")
def dump(tmp_path_factory) -> Path:
    """A mirror with a month of our own: short and long texts, one of them longer than the context."""
    from pydoc_data import topics

    draw = random.Random(7)  # noqa: S311
    pages = [str(page) for page in topics.topics.values()]
    rows = []
    for kind in (*DOMAINS, *OTHERS):
        texts = [draw.choice(pages)[: draw.randint(50, 3000)] for _ in range(3)]
        if kind == "arxiv_cs":
            texts.append("".join(pages)[: 6 * TINY_CONTEXT])
        if kind == "github_python":
            # The same beginning, as of a licence, and characters of several bytes.
            texts = [f"{texts[0]}\n# Größe → {n} 日本語\n" for n in range(3)]
        rows += [{"category": kind, "content": text} for text in texts]
    folder = tmp_path_factory.mktemp("mirror")
    path = folder / f"Jellyfish042/UncheatableEval-{MONTH}/data/test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame(rows).write_parquet(path)
    return folder


@pytest.fixture
def theirs(engine, tiny, dump, monkeypatch) -> dict[str, dict[str, Any]]:
    """What lm-eval reports of the group's tasks; only the data come from the mirror."""
    pytest.importorskip("lm_eval")
    import datasets
    from lm_eval.tasks import TaskManager

    from tests.engine.peer import lm_eval_on

    def load_dataset(path: str, name: str | None = None, **_: Any) -> Any:
        rows = pl.read_parquet(dump / path / "data/test-00000-of-00001.parquet").to_dicts()
        return datasets.DatasetDict({"test": datasets.Dataset.from_list(rows)})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    tasks = TaskManager().load(["uncheatable_eval"])["tasks"]
    return lm_eval_on(engine, tiny).evaluate(tasks)


def test_every_domain_has_lm_evals_bits_per_byte(serve, dump, theirs):
    items = FRESH_TEXT.items(suite.load(FRESH_TEXT, suite.Store(dump)))
    results = serve([item.request for item in items])
    assert max(result.answer_tokens for result in results) > TINY_CONTEXT
    scored = [FRESH_TEXT.score(*pair, Judges()) for pair in zip(items, results, strict=True)]
    for domain in DOMAINS:
        texts = [
            each
            for item, each in zip(items, scored, strict=True)
            if item.subject == f"{MONTH}/{domain}"
        ]
        bits = sum(each.bits_per_byte * each.text_bytes for each in texts)
        ours = bits / sum(each.text_bytes for each in texts)
        wanted = theirs[f"uncheatable_eval_{domain}"]["bits_per_byte,none"]
        assert ours == pytest.approx(wanted, abs=1e-4), domain
