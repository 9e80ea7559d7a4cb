"""Counts that are known from outside, and what comes of records that are odd or wrong.

`published_sizes.json` holds the sizes of bundled models as their publishers state them.
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_pipeline.hub.parameters import count
from densing_pipeline.hub.parameters.compare import compare
from densing_pipeline.hub.parameters.families import supported
from densing_pipeline.hub.parameters.parts import Parts
from densing_pipeline.hub.parameters.tensors import TensorCounts

HERE = Path(__file__).parent
FACTS = HERE.parents[2] / "densing_pipeline" / "facts" / "base_models.csv"
HUB = HERE.parents[3] / "shared" / "data" / "hub"

LLAMA_7B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
}
LLAMA_7B_TOTAL = 6738415616

# Layers, hidden size, inner width, query heads, key heads: table of the reference models on their
# Hub page (openbmb/DensingLaw-ScalingModels); the counts are those of Extended Data Fig. 1.
REFERENCE_MODELS = [
    (5247232, 8, 256, 640, 4, 1),
    (31470080, 12, 512, 1280, 8, 2),
    (106196736, 18, 768, 1920, 12, 3),
    (245416960, 24, 1024, 2560, 16, 2),
    (476852480, 30, 1280, 3200, 20, 2),
    (828225024, 36, 1536, 3840, 24, 3),
]


def of(config: object, **rest: object) -> Any:
    return count({"id": "org/model", "config": config, **rest})


@pytest.mark.parametrize(
    ("expected", "layers", "hidden", "inner", "heads", "keys"), REFERENCE_MODELS
)
def test_the_six_reference_models_of_the_paper(
    expected: int, layers: int, hidden: int, inner: int, heads: int, keys: int
) -> None:
    config = {
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": heads,
        "num_key_value_heads": keys,
        "vocab_size": 73440,
    }
    assert of(config).nonembedding == expected


def bundled() -> list[dict[str, str]]:
    with FACTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_bundled_models_within_one_percent_of_their_reports() -> None:
    sizes = json.loads((HERE / "published_sizes.json").read_text())
    near, exact, far = 0, 0, set()
    for row in bundled():
        if row["model_id"] not in sizes:
            continue
        total, reported = of(sizes[row["model_id"]]).total, int(row["params_total"])
        near += abs(total / reported - 1) <= 0.01
        exact += total == reported
        if abs(total / reported - 1) > 0.01:
            far.add(row["model_id"])
    assert far == set()
    assert near >= 136
    assert exact >= 130


def test_gemma_3_is_exact_with_its_vision_tower() -> None:
    sizes = json.loads((HERE / "published_sizes.json").read_text())["google/gemma-3-4b-pt"]
    tower = {
        "hidden_size": 1152,
        "image_size": 896,
        "intermediate_size": 4304,
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "patch_size": 14,
    }
    config = {"model_type": "gemma3", "text_config": sizes, "vision_config": tower}
    counts = of(config, safetensors={"total": 4300079472})
    assert counts.agrees is True
    assert counts.total == 3880263168
    assert "vision tower" in counts.reason
    assert "unexplained" not in counts.reason


def test_active_parameters_of_a_mixture_are_those_of_the_report() -> None:
    sizes = json.loads((HERE / "published_sizes.json").read_text())
    for model_id, report in (
        ("mistralai/Mixtral-8x7B-v0.1", 12.9e9),
        ("deepseek-ai/DeepSeek-V3-Base", 37e9),
        ("Qwen/Qwen3-30B-A3B-Base", 3.3e9),
        ("databricks/dbrx-base", 36e9),
        ("meta-llama/Llama-4-Scout-17B-16E", 17e9),
    ):
        counts = of(sizes[model_id])
        assert counts.is_moe
        assert counts.active == pytest.approx(report, rel=0.03), model_id
        assert counts.active < counts.total


# --- two counts compared ------------------------------------------------------------------------


def test_two_counts_that_are_equal_agree() -> None:
    counts = of(LLAMA_7B, safetensors={"parameters": {"F16": LLAMA_7B_TOTAL}})
    assert (counts.total, counts.source, counts.agrees) == (LLAMA_7B_TOTAL, "config", True)
    assert counts.architecture == "LlamaForCausalLM"


def test_an_absurd_safetensors_total_is_not_believed() -> None:
    # Seen on the Hub: 333,312 for a model of 7.6 B.
    counts = of(LLAMA_7B, safetensors={"total": 333312})
    assert counts.agrees is False
    assert counts.total is counts.active is counts.nonembedding is None
    assert (counts.from_config, counts.from_safetensors) == (LLAMA_7B_TOTAL, 333312)
    assert "333312" in counts.reason
    assert str(LLAMA_7B_TOTAL) in counts.reason


@pytest.mark.parametrize(
    ("stored", "agrees"), [(950, True), (949, False), (1050, True), (1051, False)]
)
def test_counts_up_to_five_percent_apart_agree(stored: int, agrees: bool) -> None:
    assert compare(Parts(embedding=100, head=100, body=800), (stored,), {}).agrees is agrees


def test_without_a_configuration_the_name_is_the_second_witness() -> None:
    record = {"id": "org/Model-7B", "config": {}, "safetensors": {"total": 333312}}
    counts = count(record)
    assert counts.total is None
    assert counts.agrees is False
    assert "name says about 7000000000" in counts.reason
    counts = count(record | {"safetensors": {"total": 7615616512}})
    assert (counts.total, counts.source, counts.agrees) == (7615616512, "safetensors", None)


def test_the_size_in_a_name_with_experts_is_not_the_total() -> None:
    for name, total in (("Forge-17B-16E", 108641793536), ("Forge-8x7B", 46702792704)):
        counts = count({"id": f"org/{name}", "safetensors": {"total": total}})
        assert (counts.total, counts.agrees) == (total, None)
    assert count({"id": "org/forge_2_7B", "safetensors": {"total": 2775049335}}).agrees is None


def test_a_tied_head_stored_twice_is_explained() -> None:
    tied = {**LLAMA_7B, "tie_word_embeddings": True}
    counts = of(tied, safetensors={"total": LLAMA_7B_TOTAL})
    assert counts.agrees is True
    assert counts.total == LLAMA_7B_TOTAL - 32000 * 4096
    assert "tied head stored twice" in counts.reason


def test_rotary_buffers_are_explained() -> None:
    counts = of(LLAMA_7B, safetensors={"total": LLAMA_7B_TOTAL + 32 * 64})
    assert "rotary buffers" in counts.reason
    assert "unexplained" not in counts.reason


def test_four_percent_apart_agrees_and_says_so_six_does_not() -> None:
    assert of(LLAMA_7B, safetensors={"total": int(LLAMA_7B_TOTAL * 1.04)}).agrees is True
    apart = of(LLAMA_7B, safetensors={"total": int(LLAMA_7B_TOTAL * 1.06)})
    assert apart.agrees is False
    assert "+6.00%" in apart.reason


WEIGHTS = LLAMA_7B_TOTAL - 2 * 32000 * 4096 - 65 * 4096
REST = LLAMA_7B_TOTAL - WEIGHTS


@pytest.mark.parametrize(
    ("parameters", "quantisation"),
    [
        # 4-bit weights eight to an element, zero points and half-precision scales per group of 128
        (
            {"I32": WEIGHTS // 8 + WEIGHTS // 128 // 8, "F16": REST + WEIGHTS // 128},
            {"quant_method": "gptq", "bits": 4, "group_size": 128},
        ),
        (
            {"I32": WEIGHTS // 4 + WEIGHTS // 128 // 4, "F16": REST + WEIGHTS // 128},
            {"quant_method": "gptq", "bits": 8, "group_size": 128},
        ),
        # two to a byte, absolute maxima beside them
        (
            {"U8": WEIGHTS // 2 + WEIGHTS // 64, "F16": REST, "F32": WEIGHTS // 16384},
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
        ),
        # NVFP4: two to a byte, an FP8 scale to sixteen
        (
            {"U8": WEIGHTS // 2, "F8_E4M3": WEIGHTS // 16, "BF16": REST, "F32": 448},
            {"quant_method": "modelopt", "quant_algo": "NVFP4"},
        ),
        # FP8 with a scale to a block of 128 x 128
        (
            {"F8_E4M3": WEIGHTS, "BF16": REST, "F32": WEIGHTS // 16384},
            {"quant_method": "fp8", "weight_block_size": [128, 128]},
        ),
        ({"I8": WEIGHTS, "F16": REST}, {"quant_method": "compressed-tensors"}),
        # MLX packs bits without regard to bytes, with a scale and an offset to a group of 64
        ({"U32": WEIGHTS * 3 // 32, "F16": REST + WEIGHTS // 32}, {"bits": 3, "group_size": 64}),
    ],
    ids=["gptq-4", "gptq-8", "bitsandbytes", "nvfp4", "fp8", "int8", "mlx-3"],
)
def test_packed_weights_are_unpacked(
    parameters: dict[str, int], quantisation: dict[str, Any]
) -> None:
    config = {**LLAMA_7B, "quantization_config": quantisation}
    counts = of(config, safetensors={"parameters": parameters, "total": sum(parameters.values())})
    assert counts.agrees is True, counts.reason
    assert counts.total == LLAMA_7B_TOTAL
    alone = count(
        {"config": {"quantization_config": quantisation}, "safetensors": {"parameters": parameters}}
    )
    assert alone.total == pytest.approx(LLAMA_7B_TOTAL, rel=0.04)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "no configuration"),
        (None, "no configuration"),
        ([], "no configuration"),
        ("text", "no configuration"),
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "hidden_size"),
        ({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}}, "hidden_size"),
        ({**LLAMA_7B, "model_type": None}, "model_type"),
        ({**LLAMA_7B, "model_type": "no-such-family"}, "no formula"),
        ({**LLAMA_7B, "hidden_size": "4096"}, "not a whole number"),
        ({**LLAMA_7B, "hidden_size": -4096}, "outside"),
        ({**LLAMA_7B, "hidden_size": 0}, "is 0"),
        ({**LLAMA_7B, "hidden_size": True}, "not a whole number"),
        ({**LLAMA_7B, "hidden_size": 4095}, "does not divide"),
        ({**LLAMA_7B, "hidden_size": float("nan")}, "not a whole number"),
        ({**LLAMA_7B, "hidden_size": 10**400}, "outside"),
        ({**LLAMA_7B, "num_hidden_layers": 10**9}, "outside"),
        ({**LLAMA_7B, "num_attention_heads": 0}, "does not divide"),
        ({**LLAMA_7B, "vocab_size": [32000]}, "not a whole number"),
        ({**LLAMA_7B, "model_type": "mixtral", "num_experts_per_tok": 99}, "of 8"),
    ],
)
def test_a_configuration_that_cannot_be_counted_says_why(config: object, why: str) -> None:
    counts = of(config)
    assert counts.total is counts.active is counts.nonembedding is counts.source is None
    assert why in counts.reason


@pytest.mark.parametrize(
    "safetensors",
    [
        {"parameters": {"BF16": -5}},
        {"parameters": {"BF16": "7000000000"}},
        {"parameters": {"BF16": None}},
        {"parameters": {"BF16": float("inf")}},
        {"parameters": []},
        {"parameters": {}, "total": "7B"},
        {"total": -1},
        {"total": 0},
        {"total": 10**30},
        [],
        "7B",
    ],
)
def test_a_file_header_that_is_odd_leaves_the_configuration(safetensors: object) -> None:
    counts = of(LLAMA_7B, safetensors=safetensors)
    assert (counts.total, counts.source) == (LLAMA_7B_TOTAL, "config")
    assert counts.from_safetensors is counts.agrees is None
    assert count({"safetensors": safetensors}).total is None


def test_sizes_left_out_of_a_nested_configuration_are_class_defaults() -> None:
    nested = {"model_type": "gemma3_text", "hidden_size": 2560, "num_hidden_layers": 34}
    nested |= {"intermediate_size": 10240, "num_key_value_heads": 4}
    assert of({"model_type": "gemma3", "text_config": nested}).total == 3880263168


def test_an_extract_of_the_hub_is_not_filled_up_with_defaults() -> None:
    extract = {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe"}
    counts = of(extract, safetensors={"total": 235093634560})
    assert (counts.total, counts.source) == (235093634560, "safetensors")
    assert counts.is_moe
    assert counts.active is None


SCOUT = {
    "id": "meta-llama/Llama-4-Scout-17B-16E",
    "config": {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4"},
    "safetensors": {"total": 108641793536},
}


def test_a_mixture_is_known_by_its_type_and_its_active_parameters_are_not() -> None:
    counts = count(SCOUT)
    assert (counts.total, counts.is_moe, counts.active) == (108641793536, True, None)


@pytest.mark.parametrize(
    ("model_type", "is_moe"),
    [
        *((kind, True) for kind in ("gpt_oss", "deepseek_v3", "kimi_k2", "minimax_m2", "dbrx")),
        *((kind, True) for kind in ("longcat_flash", "solar_open", "afmoe", "qwen3_omni_moe_text")),
        *((kind, False) for kind in ("llama", "qwen3", "gemma3_text", "mamba2", "smollm3")),
    ],
)
def test_types_that_are_mixtures_are_known_without_their_sizes(
    model_type: str, is_moe: bool
) -> None:
    counts = count({"config": {"model_type": model_type}, "safetensors": {"total": 10**9}})
    assert counts.is_moe is is_moe
    assert (counts.active is None) is is_moe


@pytest.mark.parametrize(("many", "is_moe"), [(0, False), (1, False), (2, True), (None, True)])
def test_a_stated_number_of_experts_comes_before_the_type(many: int | None, is_moe: bool) -> None:
    config = {"model_type": "granitemoehybrid", "num_local_experts": many}
    assert count({"config": config}).is_moe is is_moe


def test_a_hybrid_whose_sizes_have_no_experts_is_no_mixture() -> None:
    dense = {
        "model_type": "nemotron_h",
        "hidden_size": 64,
        "hybrid_override_pattern": "M*-M",
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 512,
    }
    counts = of(dense)
    assert counts.total
    assert not counts.is_moe


@pytest.mark.parametrize(
    ("added", "total", "is_counted"),
    [
        (333312, 7615616512, False),
        (7615616512, 333312, False),
        (1000, 1011, False),
        (1000, 1010, True),
        (1000, 1000, True),
        (1000, "1000", True),
    ],
)
def test_counts_by_dtype_and_their_total_are_compared(
    added: int, total: object, is_counted: bool
) -> None:
    # Seen on the Hub: counts by dtype of 333,312 for a model of 7.6 B (EuroEval issue 1385).
    record = {"id": "lab/Nova-Large", "config": {"model_type": "nova"}}
    counts = count(record | {"safetensors": {"parameters": {"BF16": added}, "total": total}})
    assert counts.total == (added if is_counted else None)
    assert is_counted or f"add up to {added}, but the total is {total}" in counts.reason


@pytest.mark.parametrize(
    ("tied", "nonembedding"), [(True, 10**9 - 64000), (False, 10**9 - 128000), (None, None)]
)
def test_a_family_without_a_formula_has_vocabulary_x_width_taken_off(
    tied: bool | None, nonembedding: int | None
) -> None:
    sizes = {"model_type": "nova", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 1000}
    counts = of({**sizes, "tie_word_embeddings": tied}, safetensors={"total": 10**9})
    assert (counts.total, counts.nonembedding) == (10**9, nonembedding)
    assert counts.active_nonembedding == nonembedding
    nested = of(
        {"model_type": "nova_vl", "text_config": {**sizes, "tie_word_embeddings": tied}},
        safetensors={"total": 10**9},
    )
    assert nested.nonembedding is None


def test_active_is_published_with_and_without_embeddings() -> None:
    counts = of({**LLAMA_7B, "model_type": "mixtral", "tie_word_embeddings": False})
    assert counts.active_nonembedding == counts.active - 2 * 32000 * 4096
    assert counts.active_nonembedding < counts.nonembedding


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*LLAMA_7B, "text_config", "x"]), inner)
        ),
    )
)
def test_whatever_a_record_holds_gives_a_count_or_a_reason(value: object) -> None:
    records = ({"config": value, "safetensors": value}, {"config": {**LLAMA_7B, "rope": value}})
    configs = (
        {**LLAMA_7B, "model_type": family, key: value}
        for key in ("hidden_size", "num_attention_heads", "layer_types", "moe_layer_freq")
        for family in ("llama", "qwen3_next", "deepseek_v4", "mpt", "gemma4", "nemotron-nas")
    )
    found = [count(record) for record in records] + [of(config) for config in configs]
    for counts in found:
        assert counts.total > 0 if counts.total is not None else counts.reason


@pytest.mark.parametrize("family", supported())
def test_every_family_answers_bare_sizes_with_a_count_or_a_reason(family: str) -> None:
    counts = of({**LLAMA_7B, "model_type": family})
    assert counts.reason
    assert counts.total is None or counts.total > 10**8


# --- recorded configurations ----------------------------------------------------------------------

# Total on record minus ours, where more is in play than the comparison can name: to the weight.
BY_HAND = {
    # FP8 scales: experts 62 x 256 x 3 x 3072 x 1536, attention 62 x 44040192, over 128 x 128;
    # and the routers' corrections, 62 x 256.
    "MiniMaxAI/MiniMax-M2.5": {13713408 + 166656 + 15872},
    # The file names no vision_config: tower and projector, and 57 x 128 corrections.
    "MiniMaxAI/MiniMax-M3": {865567232 + 7296},
    # Three extra layers; FP8 scales without output projections; 47 x 256 corrections; sinks that
    # the nine full-attention layers store unused.
    "XiaomiMiMo/MiMo-V2-Flash": {987820224 + 18716736 + 12032 + 9 * 64},
    # With block scales (kv_a has 576 rows: 4.5 blocks stored as 5, in 62 layers) and corrections.
    "deepseek-ai/DeepSeek-R1": {
        13463441152,
        13463426048 + 41538760 + 59 * 256 + 62 * 56 // 2,
    },
    # The files here state 262,144 rows; the released embeddings have 64 more.
    "google/gemma-3-27b-it": {423060336 + 64 * 5376},
    "google/gemma-3-4b-it": {419816304 + 64 * 2560},
    # 32-bit rotary buffers in a file counted as 16-bit.
    "meta-llama/Llama-2-7b-hf": {2048, 2 * 2048},
    # The files here carry no vision_config: tower, adapter and projector of Llama 4.
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": {871932416},
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": {871932416},
    # 33 sliding layers with 96 heads that the flat file leaves out, three extra layers with a
    # head each, the tower, corrections of 42 x 288.
    "stepfun-ai/Step-3.7-Flash": {33 * 33685504 + 844296960 + 3 * 527958016 + 1981014784 + 12096},
}

# The number on record is no count: vocabulary x d + layers x (4 d^2 + 2 d d_ffn), an estimate that
# forgets the gate and the shared keys. (For Baichuan with the vocabulary of the first version.)
ESTIMATED = {
    "OrionStarAI/Orion-14B-Chat": (5120, 40, 15360, 84608),
    "baichuan-inc/Baichuan-7B": (4096, 32, 11008, 64000),
    "internlm/internlm2-7b": (4096, 32, 14336, 92544),
    "openbmb/MiniCPM-2B-sft-bf16": (2304, 40, 5760, 122753),
}
# The recorded file is a copy of the 26B model's configuration.
NOT_ITS_OWN = {"google/gemma-4-31B-it"}
NO_FORMULA = {"moonshotai/Kimi-K3"}


def known_totals() -> dict[str, set[int]]:
    totals: dict[str, set[int]] = {}
    with (HUB / "params_truth.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if not row["basis"].startswith(("nominal", "published", "model card")):
                totals.setdefault(row["hf_id"], set()).add(int(row["params_total"]))
    return totals


@pytest.mark.shared
def test_recorded_configurations_are_exact_or_explained_to_the_weight() -> None:
    if not HUB.exists():
        pytest.skip("the recorded data in ../shared is absent")
    totals, files = known_totals(), sorted((HUB / "configs").glob("*.json"))
    counted, compared, missed = 0, 0, []
    for path in files:
        model_id = path.stem.replace("--", "/", 1)
        config = json.loads(path.read_text())
        counted += of(config).total is not None
        for known in sorted(totals.get(model_id, ())):
            compared += 1
            counts = of(config, safetensors={"total": known})
            difference = known - (counts.from_config or 0)
            d, layers, inner, rows = ESTIMATED.get(model_id, (0, 0, 0, 0))
            explained = (
                "unexplained" not in counts.reason and counts.agrees is True
            ) or difference in BY_HAND.get(model_id, ())
            estimate = rows * d + layers * (4 * d * d + 2 * d * inner)
            if not (explained or known == estimate or model_id in NOT_ITS_OWN):
                missed.append(model_id)
    assert (len(files), counted) == (127, 126)
    assert set(missed) <= NO_FORMULA
    assert compared >= 80


@pytest.mark.parametrize(
    ("apart", "total", "source", "reason"),
    [
        (0, LLAMA_7B_TOTAL, "tensors", ", equal"),
        (2048, LLAMA_7B_TOTAL, "config", "explained by rotary buffers"),
        (2049, LLAMA_7B_TOTAL + 2049, "tensors", "+2049 (+0.00%) unexplained"),
        (-2048, LLAMA_7B_TOTAL - 2048, "tensors", "-2048 (-0.00%) unexplained"),
        (10**9, None, None, "(+14.84%) unexplained"),
    ],
)
def test_tensors_are_compared_with_the_formula_and_what_it_names_beside_the_model(
    apart: int, total: int | None, source: str | None, reason: str
) -> None:
    stored = LLAMA_7B_TOTAL + apart
    tensors = TensorCounts(stored, stored, stored - 10, stored - 10)
    counts = count({"id": "org/model", "config": LLAMA_7B}, tensors)
    assert (counts.total, counts.source, counts.from_safetensors) == (total, source, stored)
    assert reason in counts.reason
    assert counts.agrees is (total is not None)
    if source == "config":
        assert counts.nonembedding == LLAMA_7B_TOTAL - 2 * 32000 * 4096
    elif total:
        assert counts.nonembedding == total - 10


@pytest.mark.parametrize(("more", "is_counted"), [(0, True), (1, False)])
def test_a_large_difference_is_explained_to_the_weight_or_not_at_all(
    more: int, is_counted: bool
) -> None:
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = {**LLAMA_7B, **sizes, "intermediate_size": 128, "tie_word_embeddings": True}
    formula = of(config).total
    stored = formula + 32000 * 64 + more
    counts = count({"id": "org/model", "config": config}, TensorCounts(stored, stored, None, None))
    assert counts.total == (formula if is_counted else None)
    assert ("tied head stored twice" in counts.reason) is is_counted


@pytest.mark.parametrize(("method", "total"), [("bitnet", 3_030), ("bitsandbytes", 1_650)])
def test_a_byte_of_bitnet_holds_four_weights_and_one_of_another_format_two(
    method: str, total: int
) -> None:
    # Falcon-E 3B has 690 million bytes of ternary weights, and its embeddings in BF16.
    stored = {"parameters": {"BF16": 270_000_000, "U8": 690_000_000}}
    config = {"model_type": "nova", "quantization_config": {"quant_method": method}}
    counts = count({"id": "lab/Nova-E", "config": config, "safetensors": stored})
    assert counts.total == total * 10**6
