"""A stored table is only ever replaced by a valid one."""

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.orchestration.tables import TableIOManager, read_table
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import SCORES
from densing_pipeline.tables.schemas import TableError
from densing_pipeline.tables.storage import write_parquet


@pytest.fixture
def store(tmp_path):
    return TableIOManager(Settings(state_dir=tmp_path))


def save(store, frame):
    spec = dg.AssetSpec("scores")
    context = dg.build_output_context(asset_key=spec.key, asset_spec=spec)
    store.handle_output(context, frame)
    return context.get_logged_metadata()


def load(store):
    return store.load_input(dg.build_input_context(asset_key=dg.AssetKey("scores")))


def test_a_table_comes_back_as_it_was_and_is_described(store, tables):
    metadata = save(store, tables["scores"])
    assert load(store).equals(tables["scores"])
    assert metadata["dagster/row_count"].value == 1
    assert str(metadata["dagster/uri"].value).startswith("file://")
    assert len(metadata["sha256"].value) == 64


def test_a_bad_table_is_refused_and_the_previous_one_stays(store, tables):
    save(store, tables["scores"])
    with pytest.raises(TableError, match=r"write 0\.71 for 71 %"):
        save(store, tables["scores"].with_columns(score=pl.lit(71.0)))
    assert load(store).equals(tables["scores"])


def test_a_table_whose_column_an_update_renamed_is_named_with_the_remedy(store, tables):
    older = tables["scores"].rename({"score": "value"})
    write_parquet(older, store.path("scores"), {})
    with pytest.raises(
        TableError, match=r"another version of the pipeline, without score; run the"
    ):
        load(store)


def test_the_same_table_gives_the_same_bytes(store, tables):
    assert save(store, tables["scores"])["sha256"] == save(store, tables["scores"])["sha256"]


def test_a_crash_while_writing_leaves_the_previous_table(store, tables, monkeypatch):
    save(store, tables["scores"])

    def crash(self: pl.DataFrame, file: object, **options: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    monkeypatch.setattr(pl.DataFrame, "write_parquet", crash)
    with pytest.raises(KeyboardInterrupt):
        save(store, tables["scores"])
    assert load(store).equals(tables["scores"])
    assert [p.name for p in store.path("scores").parent.iterdir()] == ["scores.parquet"]


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\0" * 64 + b"PAR1"]
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, content):
    path = tmp_path / "scores.parquet"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"scores\.parquet: damaged.*materialise `scores` again"):
        read_table(path)


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(TableError, match=r"no such table yet; materialise `scores`"):
        read_table(tmp_path / "scores.parquet")


def test_a_truncated_table_is_damaged(tmp_path, tables):
    path = tmp_path / "scores.parquet"
    write_parquet(SCORES.validate(tables["scores"]), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match="damaged"):
        read_table(path)
