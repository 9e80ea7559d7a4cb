"""How sizes are read from configurations: other names, nulls, nesting, tied heads, towers beside the model.

`test_parameters.py` has the counts themselves.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.hub.parameters import config as configuration
from densing_pipeline.hub.parameters import count
from densing_pipeline.hub.parameters.config import NAMES
from densing_pipeline.hub.record_fields import generates, quantisation

CASES = Path(__file__).parents[4] / "shared" / "cases" / "hub"

SMALL = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 160,
    "vocab_size": 1000,
    "tie_word_embeddings": False,
}
HEAD = 64 * 1000
BODY = 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 160 + 2 * 64) + 64
VISION = {
    "model_type": "pixtral",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "patch_size": 4,
}
PIXTRAL = 3 * 16 * 32 + 32 + 2 * (4 * 32 * 32 + 3 * 32 * 48 + 2 * 32)
PROJECTOR = 32 + 4 * 32 * 32 + 32 * 64 + 64 * 64


def of(config: object, **rest: object) -> Any:
    return count({"id": "org/model", "config": config, **rest})


@pytest.mark.parametrize(
    ("name", "other"),
    [(name, other) for name in ("hidden_size", "num_hidden_layers") for other in NAMES[name]],
)
def test_a_null_leaves_the_size_to_its_other_names(name: str, other: str) -> None:
    assert of({**SMALL, name: None, other: SMALL[name]}).total == BODY + 2 * HEAD
    assert of({**SMALL, other: None}).total == BODY + 2 * HEAD


@pytest.mark.parametrize("name", ["hidden_size", "num_hidden_layers"])
def test_what_is_null_everywhere_is_not_stated_and_only_zero_is_zero(name: str) -> None:
    assert f"does not state {name}" in of({**SMALL, name: None}).reason
    without = {key: value for key, value in SMALL.items() if key != name}
    assert f"does not state {name}" in of(without).reason
    assert of({**SMALL, name: 0}).reason.startswith(f"{name} is 0")


def test_nothing_but_nulls_means_derive_it() -> None:
    # GPT-2 writes `n_inner: null` for four times the width; the class default must not come in.
    gpt2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100}
    assert of({**gpt2, "n_inner": None}).total == of({**gpt2, "n_inner": 256}).total


def test_bloom_states_its_width_as_n_embed() -> None:
    bloom = {"model_type": "bloom", "n_layer": 3, "num_attention_heads": 4, "vocab_size": 1000}
    assert of({**bloom, "n_embed": 64}).total == of({**bloom, "hidden_size": 64}).total


@pytest.mark.parametrize(
    "path",
    [
        ("text_config",),
        ("llm_config",),
        ("language_config",),
        ("llm_config", "text_config"),
        ("thinker_config", "text_config"),
        ("thinker_config", "llm_config", "text_config"),
    ],
)
def test_nested_text_models_are_found_at_any_depth(path: tuple[str, ...]) -> None:
    config: dict[str, Any] = SMALL
    for key in reversed(path):
        config = {"model_type": "whole", "vision_config": {}, key: config}
    assert of(config).total == BODY + 2 * HEAD
    assert configuration.nested(config)[-1] is SMALL
    assert generates({"config": {**config, "architectures": ["NewForConditionalGeneration"]}})


def test_an_empty_nested_configuration_leaves_the_flat_one() -> None:
    assert of({**SMALL, "text_config": {}}).total == BODY + 2 * HEAD


@pytest.mark.parametrize(
    ("outer", "inner", "is_tied"),
    [
        (True, False, False),
        (False, True, True),
        (None, False, False),
        (None, True, True),
        (True, None, True),
        (False, None, False),
        # The class default of Llama.
        (None, None, False),
    ],
)
def test_the_text_configuration_says_whether_the_head_is_tied(
    outer: bool | None, inner: bool | None, is_tied: bool
) -> None:
    text = {key: value for key, value in SMALL.items() if key != "tie_word_embeddings"}
    text |= {} if inner is None else {"tie_word_embeddings": inner}
    config: dict[str, Any] = {"model_type": "whole", "text_config": text}
    config |= {} if outer is None else {"tie_word_embeddings": outer}
    assert of(config).total == BODY + HEAD * (1 if is_tied else 2)


def test_a_configuration_between_the_two_decides_before_the_outermost() -> None:
    text = {key: value for key, value in SMALL.items() if key != "tie_word_embeddings"}
    between = {"text_config": text, "tie_word_embeddings": True}
    assert of({"tie_word_embeddings": False, "llm_config": between}).total == BODY + HEAD


def composite(**changes: object) -> dict[str, Any]:
    text = {**SMALL, "model_type": "ministral3", "head_dim": 16}
    return {"model_type": "mistral3", "text_config": text, "vision_config": VISION} | changes


def test_the_tower_of_mistral_3_explains_the_file_to_the_weight() -> None:
    stored = {"total": BODY + 2 * HEAD + PIXTRAL + PROJECTOR}
    counts = of(composite(), safetensors=stored)
    assert (counts.total, counts.agrees) == (BODY + 2 * HEAD, True)
    assert counts.reason.endswith("explained by vision tower")


def test_no_tied_head_is_invented_for_a_tower_that_is_not_known() -> None:
    # The tower is about as large as the embedding, and could be taken for a head stored twice.
    vision = {"model_type": "novel_vision", "hidden_size": 48, "num_hidden_layers": 2}
    about = 2 * 12 * 48 * 48
    config = composite(model_type="novel", vision_config=vision, tie_word_embeddings=True)
    config["text_config"] = {**SMALL, "tie_word_embeddings": True}
    for size, agrees in ((about, True), (2 * about, True), (2 * about + 1, False)):
        counts = of(config, safetensors={"total": BODY + HEAD + size})
        assert counts.agrees is agrees, counts.reason
        assert "tied head" not in counts.reason
        assert "vision tower (novel_vision)" in counts.reason
        assert counts.total == (BODY + HEAD if agrees else None)
    exact = of(config, safetensors={"total": BODY + 2 * HEAD})
    assert exact.reason.endswith("explained by tied head stored twice")


def test_a_tower_whose_sizes_are_not_stated_explains_nothing() -> None:
    config = composite(model_type="novel", vision_config={"model_type": "novel_vision"})
    near = of(config, safetensors={"total": round(1.04 * (BODY + 2 * HEAD))})
    far = of(config, safetensors={"total": round(1.06 * (BODY + 2 * HEAD))})
    assert (near.agrees, far.agrees) == (True, False)
    assert "the size of the vision tower (novel_vision) is not known" in far.reason


def test_an_audio_encoder_is_told_from_the_rest() -> None:
    audio = {"model_type": "novel_audio", "hidden_size": 32, "num_hidden_layers": 4}
    config = composite(audio_config=audio)
    about = 4 * (4 * 32 * 32 + 4 * 32 * 128)
    stored = {"total": BODY + 2 * HEAD + PIXTRAL + PROJECTOR + about + 77}
    counts = of(config, safetensors=stored)
    assert counts.agrees is True
    assert "explained by vision tower" in counts.reason
    assert f"about the size of the audio encoder (novel_audio): {about}" in counts.reason


def test_mlx_states_its_packing_under_a_name_of_its_own() -> None:
    weights = BODY - 7 * 64
    packed = {"U32": weights * 4 // 32, "F16": 2 * HEAD + 7 * 64 + weights // 32}
    config = {**SMALL, "quantization": {"bits": 4, "group_size": 64}}
    counts = of(config, safetensors={"parameters": packed})
    assert (counts.total, counts.agrees) == (BODY + 2 * HEAD, True), counts.reason
    assert quantisation({"config": config}) == "mlx-4bit"
    nested = {"llm_config": {"text_config": config}}
    assert quantisation({"config": nested}) == "mlx-4bit"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "total", "reason"),
    [
        ("bloom_n_embed", 176247271424, "configuration alone"),
        ("alias_beside_null", 6738415616, "configuration alone"),
        ("tied_outer_true_inner_false", 23572403200, ""),
        ("ministral3_tower", 3429006336, "explained by vision tower"),
    ],
)
def test_cases_on_record(case: str, total: int, reason: str) -> None:
    path = CASES / case / "input.json"
    if not path.exists():
        pytest.skip("the recorded cases in ../shared are absent")
    counts = count(json.loads(path.read_text()))
    assert counts.total == total
    assert reason in counts.reason
    assert "tied head" not in counts.reason
