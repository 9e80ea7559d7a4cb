"""One model's evaluation: what the sensor `new_models` asks for, and anybody may start by hand."""

import dagster as dg

job = dg.define_asset_job(
    "evaluate",
    selection=dg.AssetSelection.assets("evaluation"),
    description="Measure one model on the suite; the next nightly run publishes its scores.",
)
