"""Regenerate the generated documentation: the data dictionary, pictures and tables of the result.

Run by `make docs`; pictures and tables show the latest release.
"""

from pathlib import Path

from densing_pipeline.forecasts.backtest import claims_rows, skill_rows
from densing_pipeline.publication.figures import FIGURES
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables import dictionary, markdown
from docs.tables import break_rows, trend_rows

DOCS = Path(__file__).parent


def main() -> None:
    """Write the generated files beside this one."""
    (DOCS / "data_dictionary.md").write_text(dictionary.markdown(), encoding="utf-8")
    tables = read_latest(Settings().publish_dir)
    for stem, figure in FIGURES.items():
        (DOCS / f"{stem}.svg").write_bytes(figure(tables))
    for page, places in {
        "statistics.md": {
            "densing_law": trend_rows(tables["densing_law"]),
            "trend_breaks": break_rows(tables["trend_breaks"]),
        },
        "forecasts.md": {
            "forecast_skill": skill_rows(tables["forecast_skill"]),
            "paper_claims": claims_rows(tables["paper_claims"]),
        },
    }.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, rows in places.items():
            text = markdown.filled(text, name, markdown.table(rows))
        (DOCS / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
