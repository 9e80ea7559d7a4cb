"""The versions of models in Epoch AI's benchmarking hub: which model each belongs to, maker, date, access.

`model_metadata.csv` of the archive that `epoch_benchmarks` reads; it is asked for once more, which costs
nothing while it is unchanged. Source: Epoch AI, https://epoch.ai/benchmarks, CC-BY 4.0.
"""

from datetime import date

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources.values import UnreadableError, day
from densing_pipeline.score_sources.archive import Archive, MemberError
from densing_pipeline.score_sources.csv_rows import CsvError
from densing_pipeline.score_sources.parsed import WHOLE, ParsedReports, Reports, number
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources.epoch_benchmarks import VERSIONS
from densing_pipeline.score_sources.sources.epoch_eci import LICENCE, URL
from densing_pipeline.tables.published import MODEL_REPORTS

NAME = "epoch-versions"


def parse(content: bytes, observed_on: date) -> ParsedReports:
    """The versions of all models.

    Args:
        content: `benchmark_data.zip`.
        observed_on: day it was received; not used.

    Raises:
        SnapshotError: the archive or its list of versions is unusable.
    """
    reports = Reports(NAME, MODEL_REPORTS, LICENCE)
    try:
        rows = reports.rows(Archive(content).read(VERSIONS), ("model_version",))
        for row in rows:
            version, group = row["model_version"].strip(), row.get("model_group", "").strip()
            with reports.entry(WHOLE, version or group or "a row without names"):
                if not version:
                    raise UnreadableError("model_version", "", "a row without a model")
                reports.add(
                    model=version,
                    display_name=row.get("display_name"),
                    model_group=group,
                    entry="1",
                    organisation=row.get("organization"),
                    release_date=day(row.get("date")),
                    training_flop=number("training_compute_flop", row.get("training_compute_flop")),
                    accessibility=row.get("accessibility"),
                    source_url=URL,
                )
    except (MemberError, CsvError) as error:
        raise SnapshotError(f"{VERSIONS}: {error}") from error
    return reports.parsed()


SOURCE = ScoreSource(
    NAME,
    address_setting="epoch_benchmarks_url",
    table=MODEL_REPORTS,
    parse=parse,
    licence=LICENCE,
    attribution="Epoch AI",
)
