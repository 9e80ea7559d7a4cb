"""Regenerate the generated documentation: the data dictionary, and the pictures of the result.

Run by `make docs`; the pictures show the latest release.
"""

from pathlib import Path

from densing_pipeline.publication.figures import FIGURES
from densing_pipeline.publication.release import read_latest
from densing_pipeline.settings import Settings
from densing_pipeline.tables.dictionary import markdown

DOCS = Path(__file__).parent


def main() -> None:
    """Write the generated files beside this one."""
    (DOCS / "data_dictionary.md").write_text(markdown(), encoding="utf-8")
    tables = read_latest(Settings().publish_dir)
    for stem, figure in FIGURES.items():
        (DOCS / f"{stem}.svg").write_bytes(figure(tables))


if __name__ == "__main__":
    main()
