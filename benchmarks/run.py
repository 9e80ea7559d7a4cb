"""Run every benchmark and write `benchmarks/results.json` (`make bench`)."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import book, density, evaluation, hub, prices, publication, trends

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure, print and write the results."""
    table = Table("benchmark", "what", "ours", "peer", "times faster", "peak MB", "against")
    results = []
    for module in (density, trends, prices, book, hub, publication, evaluation):
        for row in module.benchmarks():
            results.append(row)
            table.add_row(
                row["name"],
                row["what"],
                f"{row['ours']:.3g} {row['unit']}",
                f"{row['peer']:.3g} {row['unit']}",
                f"{row['ratio']:.3g}",
                f"{row['peak_mb']:.3g}",
                row["peer_name"],
            )
            # After each row, so that an interrupted run keeps what it has measured.
            text = json.dumps(results, indent=2, ensure_ascii=False)
            RESULTS.write_text(text + "\n", encoding="utf-8")
    Console().print(table)


if __name__ == "__main__":
    main()
