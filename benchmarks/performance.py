"""The tables of docs/performance.md: what `make bench` measured of evaluations, and `tests/gpu/first_night.sh` on a GPU.

To publish the figures of a GPU: copy `first_night.json` out of the script's folder here, then `make docs`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from densing_pipeline.tables import markdown

RESULTS, NIGHT = (Path(__file__).with_name(name) for name in ("results.json", "first_night.json"))

ROOM = "evaluation."
"""Beginning of the names of the rows that are told."""

NONE_YET = "No GPU has run it yet."

RUNNERS = {"v1": "V1 runner", "v2": "V2 runner"}
"""Names of vLLM's model runners, as the figures and as readers know them."""

FIGURES = {
    "device": "device",
    "dtype": "data type",
    "loading_s": "loading and self-test, s",
    "memory_gib": "GPU memory of the engine, GiB",
    "sequences": "texts in a batch",
    "tokens": "tokens in a batch",
    "questions": "questions",
    "choices_s": "choices, s",
    "lm_eval_choices_s": "choices with lm-eval, s",
    "losses_s": "losses, s",
    "lm_eval_losses_s": "losses with lm-eval, s",
    "texts_s": "texts, s",
    "lm_eval_texts_s": "texts with lm-eval, s",
}
"""What a runner's figures are called in the table."""

Found = Mapping[str, Any]


def places() -> dict[str, str]:
    """The tables in Markdown by the place they have in the page."""
    night = json.loads(NIGHT.read_bytes()) if NIGHT.exists() else None
    return {
        "evaluation_speed": markdown.table(speed_rows(json.loads(RESULTS.read_bytes()))),
        "first_night": NONE_YET if night is None else night_text(night),
    }


def speed_rows(results: Sequence[Found]) -> list[list[str]]:
    """Times of evaluations and of their peers, a row each under a header."""
    return [
        ["task", "ours", "peer's", "times faster", "peer", "measured"],
        *(
            [each["what"], f"{each['ours']:.3g} {each['unit']}", f"{each['peer']:.3g} {each['unit']}", f"{each['peer'] / each['ours']:.3g}",
             each["peer_name"], each["date"]]
            for each in results
            if each["name"].startswith(ROOM)
        ),
    ]  # fmt: skip


def night_text(found: Found) -> str:
    """Tables of the stages, of both runners and of what was compared, those for which there are figures."""
    stages = [
        [name, each["verdict"], f"{each['seconds']:.0f}", _cell(each["said"])]
        for name, each in found["stages"].items()
    ]
    tables = [[["stage", "verdict", "s", "what it found"], *stages]]
    runners = {name: found[f"runner-{name}"] for name in RUNNERS if f"runner-{name}" in found}
    if runners:
        rows = [
            [label, *(_cell(each.get(figure)) for each in runners.values())]
            for figure, label in FIGURES.items()
            if any(figure in each for each in runners.values())
        ]
        tables.append([["", *(RUNNERS[name] for name in runners)], *rows])
    compared = {
        **{
            f"{RUNNERS[name]} and lm-eval": each["agreement"]
            for name, each in runners.items()
            if "agreement" in each
        },
        **({"V1 and V2 runner": found["agreement"]} if "agreement" in found else {}),
    }
    if compared:
        rows = [
            [name, f"{each['choices']:.1%}", f"{each['nats']:.4f}", f"{each['texts']:.1%}"]
            for name, each in compared.items()
        ]
        head = ["", "equal choices", "largest difference of a loss, nats a token", "equal texts"]
        tables.append([head, *rows])
    return "\n\n".join(map(markdown.table, tables))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value).replace("|", "\\|")
