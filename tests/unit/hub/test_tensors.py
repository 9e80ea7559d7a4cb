"""Counts from the names, dtypes and shapes of tensors, as real files have them.

The layouts are those of released files; sizes are small and unlike each other.
"""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from densing_pipeline.hub.parameters.config import LIMIT
from densing_pipeline.hub.parameters.safetensors import MAX_PARAMS
from densing_pipeline.hub.parameters.tensors import MAX_TENSORS, Tensor, TensorCounts, count_tensors

D, V, F, LAYERS = 64, 1000, 160, 3
CONFIG: dict[str, Any] = {
    "model_type": "nova",
    "hidden_size": D,
    "num_hidden_layers": LAYERS,
    "vocab_size": V,
    "tie_word_embeddings": False,
}
ATTENTION = {f"self_attn.{name}_proj": (D, D) for name in "qkvo"}
MLP = {"mlp.gate_proj": (F, D), "mlp.up_proj": (F, D), "mlp.down_proj": (D, F)}
LAYER = sum(math.prod(shape) for shape in (ATTENTION | MLP).values()) + 2 * D
BODY = LAYERS * LAYER + D


def of(shapes: dict[str, tuple[int, ...]], dtype: str = "BF16") -> list[Tensor]:
    return [Tensor(name, dtype, shape) for name, shape in shapes.items()]


def layer(number: int, prefix: str = "model.layers", linear: Any = None) -> Iterator[Tensor]:
    """A dense layer; `linear` gives the tensors of each linear map."""
    for name, shape in (ATTENTION | MLP).items():
        module = f"{prefix}.{number}.{name}"
        yield from linear(module, *shape) if linear else of({f"{module}.weight": shape})
    for norm in ("input_layernorm", "post_attention_layernorm"):
        yield Tensor(f"{prefix}.{number}.{norm}.weight", "BF16", (D,))


def dense(linear: Any = None, head: str = "lm_head.weight") -> list[Tensor]:
    """A small model of Llama's layout."""
    ends = of({"model.embed_tokens.weight": (V, D), head: (V, D), "model.norm.weight": (D,)})
    return [*ends, *(each for number in range(LAYERS) for each in layer(number, linear=linear))]


def counted(tensors: list[Tensor], **config: Any) -> TensorCounts:
    counts = count_tensors(tensors, CONFIG | config)
    assert counts.reason == ""
    return counts


def parts(counts: TensorCounts) -> tuple[int | None, ...]:
    return counts.total, counts.active, counts.nonembedding, counts.active_nonembedding


# --- embedding and head ---------------------------------------------------------------------------


def test_a_dense_model_by_part() -> None:
    counts = counted(dense())
    assert parts(counts) == (BODY + 2 * V * D, BODY + 2 * V * D, BODY, BODY)
    assert (counts.input_embedding, counts.head, counts.tied_head) == (V * D, V * D, 0)
    assert counts.notes == ()
    assert not counts.is_moe


def test_a_head_stored_twice_counts_once_if_the_configuration_says_it_is_the_embedding() -> None:
    for tied, total in ((True, BODY + V * D), (False, BODY + 2 * V * D)):
        counts = counted(dense(), tie_word_embeddings=tied)
        assert counts.total == total
        assert counts.tied_head == (V * D if tied else 0)
        assert counts.nonembedding == BODY


def test_a_head_that_is_not_stated_to_be_the_embedding_counts() -> None:
    unstated = {key: value for key, value in CONFIG.items() if key != "tie_word_embeddings"}
    assert count_tensors(dense(), unstated).total == BODY + 2 * V * D


def test_a_head_of_another_shape_than_the_embedding_is_not_it() -> None:
    tensors = [each for each in dense() if each.name != "lm_head.weight"]
    tensors.append(Tensor("lm_head.weight", "BF16", (V + 8, D)))
    assert counted(tensors, tie_word_embeddings=True).head == (V + 8) * D


@pytest.mark.parametrize("rows", [V - 1, V, V + 24])
def test_an_embedding_known_by_name_may_have_other_rows_than_the_vocabulary(rows: int) -> None:
    tensors = [each for each in dense() if each.name != "model.embed_tokens.weight"]
    tensors.append(Tensor("model.embed_tokens.weight", "BF16", (rows, D)))
    assert counted(tensors).input_embedding == rows * D


def test_embedding_and_head_of_unknown_names_are_found_by_the_vocabulary_and_noted() -> None:
    tensors = of({"table.weight": (V, D), "logits.weight": (V, D), "other.weight": (V + 1, D)})
    tensors += [each for number in range(LAYERS) for each in layer(number, "stack")]
    counts = counted(tensors)
    assert (counts.input_embedding, counts.head) == (V * D, V * D)
    assert any("table.weight" in note and "embedding" in note for note in counts.notes)
    assert any("logits.weight" in note and "head" in note for note in counts.notes)
    assert any(f"other ({(V + 1) * D})" in note for note in counts.notes)


def test_without_an_embedding_only_the_total_is_known() -> None:
    counts = counted([each for number in range(LAYERS) for each in layer(number)])
    assert parts(counts) == (BODY - D, BODY - D, None, None)
    assert counts.input_embedding is None


def test_learned_positions_and_embeddings_per_layer_count_as_embedding() -> None:
    counts = counted(
        [
            *dense(),
            *of({"model.wpe.weight": (128, D), "model.embed_tokens_per_layer.weight": (V, 96)}),
            Tensor("model.layers.1.ple.ple_embedding.ngram_embedding.0.weight", "BF16", (5000, 8)),
        ]
    )
    assert counts.input_embedding == V * D
    assert counts.embedding == V * D + 128 * D + V * 96 + 5000 * 8
    assert counts.nonembedding == BODY


# --- experts --------------------------------------------------------------------------------------

EXPERTS, USED, INNER = 8, 2, 40
ROUTED = EXPERTS * 3 * D * INNER


def mixture(experts: list[tuple[str, tuple[int, ...]]]) -> list[Tensor]:
    rest = {"gate.weight": (EXPERTS, D), "gate.e_score_correction_bias": (EXPERTS,)}
    rest |= {"shared_experts.up_proj.weight": (INNER, D)}
    named = [*rest.items(), *experts]
    return [*dense(), *of({f"model.layers.0.mlp.{name}": shape for name, shape in named})]


SEPARATE = [
    (f"experts.{number}.{name}.weight", shape)
    for number in range(EXPERTS)
    for name, shape in (("w1", (INNER, D)), ("w2", (D, INNER)), ("w3", (INNER, D)))
]
FUSED: list[tuple[str, tuple[int, ...]]] = [
    ("experts.gate_up_proj", (EXPERTS, D, 2 * INNER)),
    ("experts.down_proj", (EXPERTS, INNER, D)),
]
STACKED: list[tuple[str, tuple[int, ...]]] = [
    (f"experts.mlp.{name}", (EXPERTS * INNER, D)) for name in ("w1", "v1", "w2")
]
SWITCH: list[tuple[str, tuple[int, ...]]] = [
    ("switch_mlp.gate_proj.weight", (EXPERTS, INNER, D)),
    ("switch_mlp.up_proj.weight", (EXPERTS, INNER, D)),
    ("switch_mlp.down_proj.weight", (EXPERTS, D, INNER)),
]
UNNAMED: list[tuple[str, tuple[int, ...]]] = [
    ("input_linear.weight", (EXPERTS, 2 * INNER, D)),
    ("output_linear.weight", (EXPERTS, D, INNER)),
]


@pytest.mark.parametrize("experts", [SEPARATE, FUSED, STACKED, SWITCH, UNNAMED])
def test_routed_experts_are_told_from_shared_ones_and_their_router(
    experts: list[tuple[str, tuple[int, ...]]],
) -> None:
    counts = counted(mixture(experts), num_experts=EXPERTS, num_experts_per_tok=USED)
    beside = EXPERTS * D + INNER * D
    assert (counts.experts, counts.is_moe, counts.buffers) == (ROUTED, True, EXPERTS)
    assert counts.nonembedding == BODY + beside + ROUTED
    assert counts.active_nonembedding == BODY + beside + ROUTED * USED // EXPERTS
    assert counts.active == counts.active_nonembedding + 2 * V * D


def test_biases_of_fused_experts_are_shared_out_and_one_for_all_is_not() -> None:
    biases: list[tuple[str, tuple[int, ...]]] = [
        ("experts.down_proj_bias", (EXPERTS, D)),
        ("experts.bias", (D,)),
    ]
    counts = counted(mixture(FUSED + biases), num_experts=EXPERTS, num_experts_per_tok=USED)
    assert counts.experts == ROUTED + EXPERTS * D


@pytest.mark.parametrize("used", [None, EXPERTS + 1, "2", 0, -2, True])
def test_active_is_not_known_without_a_plausible_number_of_experts_a_token_uses(used: Any) -> None:
    counts = counted(mixture(SEPARATE), num_experts=EXPERTS, num_experts_per_tok=used)
    assert counts.total is not None
    assert counts.active is counts.active_nonembedding is None
    assert any("active parameters not known" in note for note in counts.notes)
    assert counted(mixture(SEPARATE), num_experts_per_tok=EXPERTS).active is not None


def test_experts_stated_but_not_found_leave_active_unknown() -> None:
    counts = counted(dense(), num_experts=EXPERTS, num_experts_per_tok=USED)
    assert (counts.total, counts.active) == (BODY + 2 * V * D, None)
    assert any("no tensor is one" in note for note in counts.notes)


def test_a_number_of_experts_that_tensors_contradict_is_noted() -> None:
    counts = counted(mixture(SEPARATE), num_experts=16, num_experts_per_tok=USED)
    assert any("states 16 experts, layers hold 8" in note for note in counts.notes)
    assert counts.active_nonembedding is not None
    assert counts.experts == ROUTED


def test_experts_used_may_differ_by_layer() -> None:
    tensors = mixture(FUSED) + of({"model.layers.2.mlp.experts.up_proj": (EXPERTS, D, INNER)})
    counts = counted(tensors, num_experts_per_tok=[1, 1, 4])
    skipped = ROUTED - ROUTED // EXPERTS + EXPERTS * D * INNER // 2
    assert counts.active == (counts.total or 0) - skipped


# --- beside the language model --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight",
        "visual.blocks.0.attn.qkv.weight",
        "model.multi_modal_projector.linear_1.weight",
        "mm_projector.0.weight",
        "thinker.audio_tower.layers.0.fc1.weight",
        "vpm.encoder.layers.0.fc1.weight",
        "model.connector.modality_projection.proj.weight",
        "talker.model.layers.0.mlp.experts.0.up_proj.weight",
        "token2wav.code2wav_dit_model.text_embed.weight",
        "model.layers.0.self_attn.vision_expert_query_key_value.weight",
    ],
)
def test_towers_are_beside_the_model(name: str) -> None:
    counts = counted([*dense(), Tensor(name, "F32", (77, 55))])
    assert (counts.total, counts.tower) == (BODY + 2 * V * D, 77 * 55)
    assert counts.input_embedding == V * D
    assert not counts.is_moe


EXTRA = {
    "eh_proj.weight": (D, 2 * D),
    "enorm.weight": (D,),
    "embed_tokens.weight": (V, D),
    "shared_head.head.weight": (V, D),
    "mlp.experts.0.up_proj.weight": (INNER, D),
}


@pytest.mark.parametrize("prefix", [f"model.layers.{LAYERS}", "mtp.layers.0", "model.mtp_layers.0"])
def test_extra_prediction_layers_are_beside_the_model(prefix: str) -> None:
    extra = of({f"{prefix}.{name}": shape for name, shape in EXTRA.items()})
    counts = counted([*dense(), *extra])
    assert counts.total == BODY + 2 * V * D
    assert counts.prediction == sum(math.prod(shape) for shape in EXTRA.values())
    assert (counts.input_embedding, counts.experts) == (V * D, 0)


def test_layers_after_the_last_are_extra_ones_only_as_far_as_stated() -> None:
    more = [each for number in (LAYERS, LAYERS + 1) for each in layer(number)]
    assert counted([*dense(), *more]).total == BODY + 2 * V * D + 2 * LAYER
    counts = counted([*dense(), *more], num_nextn_predict_layers=1)
    assert (counts.total, counts.prediction) == (BODY + 2 * V * D + LAYER, LAYER)
    # However many are announced, only those that there are take time and memory.
    counts = counted([*dense(), *more], num_nextn_predict_layers=LIMIT)
    assert (counts.total, counts.prediction) == (BODY + 2 * V * D, 2 * LAYER)


@pytest.mark.parametrize(
    ("name", "dtype", "shape"),
    [
        ("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", (D // 2,)),
        ("transformer.h.0.attn.bias", "F32", (1, 1, 128, 128)),
        ("transformer.h.0.attn.attention.bias", "U8", (1, 1, 2048, 2048)),
        ("transformer.h.0.attn.masked_bias", "F32", ()),
        ("model.layers.1.mlp.gate.e_score_correction_bias", "F32", (EXPERTS,)),
        ("model.layers.1.mlp.gate.tid2eid", "I64", (V, USED)),
        ("model.embeddings.position_ids", "I64", (1, 512)),
        ("model.layers.1.mask", "BOOL", (32, 32)),
    ],
)
def test_buffers_are_no_parameters(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    counts = counted([*dense(), Tensor(name, dtype, shape)])
    assert (counts.total, counts.buffers) == (BODY + 2 * V * D, math.prod(shape))


def test_a_bias_of_a_query_projection_is_no_mask() -> None:
    counts = counted([*dense(), Tensor("transformer.h.0.attn.bias", "F32", (3 * D,))])
    assert counts.total == BODY + 2 * V * D + 3 * D


def test_a_part_of_unknown_name_is_counted_and_named() -> None:
    counts = counted(
        [*dense(), *of({"memory.cells.weight": (500, D), "value_head.weight": (1, D)})]
    )
    assert counts.nonembedding == BODY + 500 * D + D
    assert counts.notes == (
        f"counted with the language model, of unknown name: memory ({500 * D})",
    )


def test_a_language_model_nested_in_another_is_found() -> None:
    nested = [
        Tensor(f"thinker.language_model.{each.name}", each.dtype, each.shape) for each in dense()
    ]
    counts = count_tensors(nested, {"model_type": "nova_vl", "text_config": CONFIG})
    assert parts(counts) == parts(counted(dense()))
    assert counts.notes == ()


# --- quantised storage ----------------------------------------------------------------------------


def gptq(bits: int) -> Any:
    def linear(name: str, outputs: int, inputs: int) -> list[Tensor]:
        groups = inputs // 32
        return [
            Tensor(f"{name}.qweight", "I32", (inputs * bits // 32, outputs)),
            Tensor(f"{name}.qzeros", "I32", (groups, outputs * bits // 32)),
            Tensor(f"{name}.scales", "F16", (groups, outputs)),
            Tensor(f"{name}.g_idx", "I32", (inputs,)),
        ]

    return linear


def awq(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.qweight", "I32", (inputs, outputs // 8)),
        Tensor(f"{name}.qzeros", "I32", (inputs // 32, outputs // 8)),
        Tensor(f"{name}.scales", "F16", (inputs // 32, outputs)),
    ]


def compressed(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight_packed", "I32", (outputs, inputs // 8)),
        Tensor(f"{name}.weight_scale", "BF16", (outputs, inputs // 32)),
        Tensor(f"{name}.weight_shape", "I64", (2,)),
    ]


def nf4(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "U8", (outputs * inputs // 2, 1)),
        Tensor(f"{name}.weight.absmax", "U8", (outputs * inputs // 64,)),
        Tensor(f"{name}.weight.quant_map", "F32", (16,)),
        Tensor(f"{name}.weight.nested_absmax", "F32", (outputs * inputs // 16384 + 1,)),
        Tensor(f"{name}.weight.nested_quant_map", "F32", (256,)),
        Tensor(f"{name}.weight.quant_state.bitsandbytes__nf4", "U8", (82,)),
    ]


def int8(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "I8", (outputs, inputs)),
        Tensor(f"{name}.SCB", "F32", (outputs,)),
        Tensor(f"{name}.weight_format", "U8", ()),
    ]


def mlx(bits: int, group: int) -> Any:
    def linear(name: str, outputs: int, inputs: int) -> list[Tensor]:
        return [
            Tensor(f"{name}.weight", "U32", (outputs, inputs * bits // 32)),
            Tensor(f"{name}.scales", "BF16", (outputs, inputs // group)),
            Tensor(f"{name}.biases", "BF16", (outputs, inputs // group)),
        ]

    return linear


def nvfp4(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "U8", (outputs, inputs // 2)),
        Tensor(f"{name}.weight_scale", "F8_E4M3", (outputs, inputs // 16)),
        Tensor(f"{name}.weight_scale_2", "F32", ()),
        Tensor(f"{name}.input_scale", "F32", ()),
    ]


def mxfp4(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "I8", (outputs, inputs // 2)),
        Tensor(f"{name}.scale", "F8_E8M0", (outputs, inputs // 32)),
    ]


def f4(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "F4", (outputs, inputs)),
        Tensor(f"{name}.weight_scale", "F8_E8M0", (outputs, inputs // 32)),
    ]


def fp8(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "F8_E4M3", (outputs, inputs)),
        Tensor(f"{name}.weight_scale_inv", "F32", (-(-outputs // 128), -(-inputs // 128))),
        Tensor(f"{name}.input_scale", "F32", ()),
        Tensor(f"{name}.k_scale", "F32", ()),
    ]


def ternary(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.weight", "U8", (outputs // 4, inputs)),
        Tensor(f"{name}.weight_scale", "BF16", (1,)),
    ]


def hqq(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.W_q", "U8", (outputs * inputs // 2, 1)),
        Tensor(f"{name}.scale", "F16", (1, outputs)),
        Tensor(f"{name}.zero", "F16", (1, outputs)),
    ]


def additive(name: str, outputs: int, inputs: int) -> list[Tensor]:
    return [
        Tensor(f"{name}.codes", "I16", (outputs, inputs // 8, 2)),
        Tensor(f"{name}.codebooks", "F16", (2, 256, 1, 8)),
        Tensor(f"{name}.scales", "F16", (outputs, 1, 1, 1)),
    ]


@pytest.mark.parametrize(
    ("linear", "stated"),
    [
        *((gptq(bits), {"quant_method": "gptq"}) for bits in (2, 3, 4, 8)),
        (awq, {"quant_method": "awq"}),
        (compressed, {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}}),
        (
            compressed,
            {
                "config_groups": {
                    "group_0": {"weights": {"num_bits": 8, "group_size": 32}},
                    "group_1": {"weights": {"num_bits": 4, "group_size": 32}},
                }
            },
        ),
        (nf4, {"quant_method": "bitsandbytes"}),
        (int8, {"quant_method": "bitsandbytes"}),
        *((mlx(bits, 32), {"bits": bits, "group_size": 32}) for bits in (2, 3, 4, 6, 8)),
        (nvfp4, {"quant_method": "modelopt"}),
        (mxfp4, {}),
        (f4, {}),
        (fp8, {"quant_method": "fp8"}),
        (ternary, {"quant_method": "bitnet"}),
        (hqq, {"quant_method": "hqq", "nbits": 4}),
        (additive, {"quant_method": "aqlm"}),
    ],
)
def test_packed_weights_are_unpacked_by_their_shapes(linear: Any, stated: dict[str, Any]) -> None:
    counts = counted(dense(linear), quantization_config=stated)
    assert parts(counts) == parts(counted(dense()))


def test_fused_experts_of_blocks_and_scales() -> None:
    fused = [
        Tensor("model.layers.0.mlp.experts.up_proj_blocks", "U8", (EXPERTS, INNER, D // 32, 16)),
        Tensor("model.layers.0.mlp.experts.up_proj_scales", "U8", (EXPERTS, INNER, D // 32)),
        Tensor("model.layers.0.mlp.experts.up_proj_bias", "BF16", (EXPERTS, INNER)),
    ]
    counts = counted([*dense(), *fused], num_local_experts=EXPERTS, experts_per_token=USED)
    assert counts.experts == EXPERTS * INNER * (D + 1)
    assert counts.buffers == EXPERTS * INNER * D // 32
    assert counts.active == (counts.total or 0) - counts.experts * (EXPERTS - USED) // EXPERTS


def test_a_packed_embedding_is_the_embedding() -> None:
    packed = mlx(4, 32)("model.embed_tokens", V, D)
    tensors = [each for each in dense() if each.name != "model.embed_tokens.weight"]
    counts = counted([*tensors, *packed], quantization_config={"bits": 4, "group_size": 32})
    assert counts.input_embedding == V * D
    assert parts(counts) == parts(counted(dense()))


@pytest.mark.parametrize(
    ("tensor", "why"),
    [
        (Tensor("model.layers.0.mlp.up_proj.qweight", "I32", (800, D)), "format not known"),
        (Tensor("model.layers.0.mlp.up_proj.weight", "Q4_K", (F, D)), "'Q4_K' is not known"),
        (Tensor("model.layers.0.mlp.up_proj.weight", "", (F, D)), "is not known"),
    ],
)
def test_packed_weights_of_unknown_format_are_not_counted(tensor: Tensor, why: str) -> None:
    rest = [each for each in dense() if not each.name.startswith("model.layers.0.mlp.up")]
    counts = count_tensors([*rest, tensor], CONFIG)
    assert why in counts.reason
    assert parts(counts) == (None, None, None, None)


def test_packed_words_of_unknown_bits_are_not_counted() -> None:
    counts = count_tensors(dense(compressed), CONFIG)
    assert "how many weights" in counts.reason


def test_a_scale_beside_weights_in_full_precision_is_a_parameter() -> None:
    tensors = [*dense(), Tensor("model.layers.0.mlp.up_proj.scale", "F32", (F,))]
    assert counted(tensors).total == BODY + 2 * V * D + F


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape",
    [
        (-1, D), (0.5,), ("64",), (True,), (None,), (10**30,), (10**8, 10**8), (1,) * 5000,
        [D, D], D, None, "64",
    ],
)  # fmt: skip
def test_a_shape_that_is_none_gives_a_reason(shape: Any) -> None:
    counts = count_tensors([*dense(), Tensor("odd", "BF16", shape)], CONFIG)
    assert counts.total is None
    assert "'odd'" in counts.reason
    assert len(counts.reason) < 300


def test_sizes_that_add_up_to_too_much_give_a_reason() -> None:
    huge = [Tensor(f"layers.{n}.x.weight", "BF16", (MAX_PARAMS // 2, 1)) for n in range(3)]
    assert "elements" in count_tensors(huge, {}).reason
    assert count_tensors(huge[:2], {}).total == MAX_PARAMS


def test_packed_weights_that_add_up_to_too_much_give_a_reason() -> None:
    def packed(rows: int) -> list[Tensor]:
        books = Tensor("layers.0.x.codebooks", "F16", (1, 1, 10**4, 10**4))
        return [Tensor("layers.0.x.codes", "I8", (rows, 10**3, 1)), books]

    assert count_tensors(packed(10**3), {}).total == MAX_PARAMS
    assert "weights" in count_tensors(packed(10**3 + 1), {}).reason


@pytest.mark.parametrize("name", ["layers.#.up.weight", "layers.0.experts.#.up.weight", "#.#.a.b"])
def test_a_sign_that_stands_for_numbers_is_none_in_a_name(name: str) -> None:
    plain = count_tensors([*dense(), Tensor(name.replace("#", "_"), "BF16", (7,))], CONFIG)
    assert count_tensors([*dense(), Tensor(name, "BF16", (7,))], CONFIG).total == plain.total
    assert plain.total == BODY + 2 * V * D + 7


def test_more_tensors_than_accepted_give_a_reason_without_being_read() -> None:
    def endless() -> Iterator[Tensor]:
        one = Tensor("model.norm.weight", "BF16", (1,))
        while True:
            yield one

    assert f"{MAX_TENSORS:,}" in count_tensors(endless(), {}).reason


@pytest.mark.parametrize("tensors", [[], of({"a": (0,)}), of({"vision.x": (3,)})])
def test_no_language_model_gives_a_reason(tensors: list[Tensor]) -> None:
    counts = count_tensors(tensors, CONFIG)
    assert counts.total is None
    assert counts.reason


def test_a_name_given_twice_gives_a_reason() -> None:
    assert "same name" in count_tensors([*dense(), *dense()], CONFIG).reason


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CONFIG, "text_config", "num_experts", "bits"]), inner)
    ),
)
NAMES = st.lists(
    st.sampled_from(
        [
            "model", "layers", "0", "7" * 5000, "experts", "weight", "qweight", "scales", "bias",
            "embed_tokens", "lm_head", "mtp", "vision", "", "#", "é", "x" * 600, "gate",
        ]
    ),
    max_size=7,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            NAMES.map(".".join),
            st.sampled_from(["BF16", "I32", "U8", "U32", "F8_E4M3", "I64", "F4", "x", None]),
            st.lists(st.integers(-1, 99) | st.integers() | st.none(), max_size=5).map(tuple),
        ),
        max_size=12,
    ),
    ANYTHING,
)
def test_whatever_a_header_holds_gives_a_count_or_a_reason(listed: Any, config: Any) -> None:
    tensors = [Tensor(*each) for each in listed]
    for stated in (config, {"quantization_config": config, "text_config": config}, CONFIG):
        counts = count_tensors(tensors, stated)
        assert (counts.total is None) == bool(counts.reason)
        if counts.total is not None:
            assert 0 < counts.total <= 16 * MAX_PARAMS
            assert counts.active is None or 0 <= counts.active <= counts.total
            assert counts.nonembedding is None or 0 <= counts.nonembedding <= counts.total
