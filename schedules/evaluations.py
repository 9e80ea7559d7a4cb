"""The job that evaluates one model, started by the sensor `new_models` or by hand."""

import dagster as dg

job = dg.define_asset_job(
    "evaluate",
    selection=dg.AssetSelection.assets("evaluation"),
    description="Measure one model on the suite; the next nightly run publishes its scores.",
)
