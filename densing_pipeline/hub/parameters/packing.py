"""How many weights the tensors of quantised files hold, from their dtypes and shapes.

A packed tensor holds several weights in one element. The tensors beside it that belong to its
module (scales, zero points, indices) tell by their shapes how many, or the configuration does. They
are no parameters. Not here: element counts by dtype without shapes (`safetensors`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densing_pipeline.hub.parameters.safetensors import MAX_PARAMS, TERNARY_IN_A_BYTE, Tensor

MAX_DIMENSIONS = 16
"""Largest accepted number of dimensions of a tensor."""

MAX_UNKNOWN = 0.02
"""Largest share of elements in integer tensors of unknown meaning; above it there is no count."""

WHOLE = frozenset({"F64", "F32", "F16", "BF16", "C64"})
"""Dtypes with one weight an element, in which models are trained."""

SMALL = frozenset(
    {
        "F8_E4M3", "F8_E4M3FN", "F8_E4M3FNUZ", "F8_E5M2", "F8_E5M2FNUZ", "F6_E2M3", "F6_E3M2", "F4",
    }
)  # fmt: skip
"""Dtypes with one weight an element, which have scales beside them.

Headers count elements of F4 and F6 singly, though several share a byte.
"""

SCALES = frozenset({"F8_E8M0"})
"""Dtypes that only scales have: a power of two, without sign and mantissa."""

INDICES = frozenset({"BOOL", "I64", "U64"})
"""Dtypes that no weights have; masks, positions and routing tables do."""

INTEGERS = frozenset({"I8", "U8", "I16", "U16", "I32", "U32"})
"""Dtypes of packed weights, and of what belongs to them."""

BITS = {"I8": 8, "U8": 8, "I16": 16, "U16": 16, "I32": 32, "U32": 32}

MATRICES = ("weight", "qweight", "weight_packed", "W_q", "codes", "_data")
"""Last components of names of packed weights."""

BESIDE = frozenset(
    {
        "qzeros", "scales", "scale", "scale_inv", "biases", "zeros", "zero", "zero_point", "g_idx",
        "weight_scale", "weight_scale_inv", "weight_scale_2", "weight_zero_point", "weight_shape",
        "weight_g_idx", "weight_global_scale", "weight_scales", "weight_format", "weight_offset",
        "absmax", "quant_map", "nested_absmax", "nested_quant_map", "bitsandbytes__nf4",
        "bitsandbytes__fp4", "SCB", "CB", "codebooks", "_scale", "_zero", "_shift", "meta",
    }
)  # fmt: skip
"""Last components of names of what belongs to packed weights of the same module."""

ACTIVATIONS = frozenset(
    {
        "input_scale", "output_scale", "k_scale", "v_scale", "q_scale", "kv_scale", "prob_scale",
        "input_global_scale", "input_zero_point", "input_amax", "weight_amax", "output_amax",
        "act_scale", "input_activation_scale",
    }
)  # fmt: skip
"""Last components of names of scales of activations, whatever they stand beside."""

ENDINGS = {
    "_blocks": "_blocks", "_packed": "_packed", "_scales": "scales", "_scale_inv": "scale_inv",
    "_scale_2": "weight_scale_2", "_scale": "scale", "_zero_point": "zero_point",
    "_input_scale": "input_scale",
}  # fmt: skip
"""Endings of names of fused experts, whose matrices have no `.weight`, and what each means."""

BLOCK_BITS = 4
"""Bits of a weight in two-to-a-byte formats: NF4, FP4, NVFP4, MXFP4."""

PACKED_BITS = (2, 3, 4, 5, 6, 8)
"""Bits a packed weight may have."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Weights of each tensor.

    Attributes:
        weights: weights in each tensor, in the order of the tensors; 0 if it holds no parameters.
        notes: formats found, one sentence each.
        reason: why the weights cannot be counted; empty if they can.
    """

    weights: Sequence[int]
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Module:
    """A packed tensor and what belongs to it, by the last component of its name."""

    stem: str
    kind: str
    packed: Tensor
    beside: Mapping[str, Tensor]

    def shape(self, *kinds: str) -> tuple[int, ...]:
        """Shape of the first tensor beside it of one of these kinds; empty if there is none."""
        found = (self.beside[kind].shape for kind in kinds if kind in self.beside)
        return next(found, ())


def elements(tensor: Tensor) -> int | None:
    """Elements of a tensor; None if its name, dtype or shape is none, or makes too many."""
    shape = tensor.shape
    if not (
        isinstance(tensor.name, str)
        and isinstance(tensor.dtype, str)
        and isinstance(shape, tuple)
        and len(shape) <= MAX_DIMENSIONS
    ):
        return None
    product = 1
    for size in shape:
        if type(size) is not int or not 0 <= size <= MAX_PARAMS:
            return None
        product *= size
    return product if product <= MAX_PARAMS else None


def unpack(
    tensors: Sequence[Tensor], counts: Sequence[int], quantisation: Mapping[str, Any]
) -> Unpacked:
    """Count the weights of each tensor.

    Args:
        tensors: all tensors of a model, of valid shapes.
        counts: elements of each.
        quantisation: how the configuration says that weights are packed; may be empty.
    """
    dtypes = {tensor.dtype for tensor in tensors}
    if dtypes <= WHOLE | INDICES:
        return Unpacked(
            [0 if each.dtype in INDICES else n for each, n in zip(tensors, counts, strict=True)]
        )
    if unknown := dtypes - WHOLE - INDICES - SMALL - SCALES - INTEGERS:
        return Unpacked((), reason=f"dtype {min(unknown)[:40]!r} is not known")
    return _unpack_modules(tensors, counts, quantisation)


def _unpack_modules(
    tensors: Sequence[Tensor], counts: Sequence[int], quantisation: Mapping[str, Any]
) -> Unpacked:
    names = [_split(tensor.name) for tensor in tensors]
    low = SMALL | INTEGERS
    packed = {
        stem
        for tensor, (stem, kind) in zip(tensors, names, strict=True)
        if tensor.dtype in low and kind not in BESIDE and kind not in ACTIVATIONS
    }
    beside: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for tensor, (stem, kind) in zip(tensors, names, strict=True):
        if stem in packed and kind in BESIDE:
            beside[stem][kind] = tensor
    weights: list[int] = []
    notes: dict[str, int] = defaultdict(int)
    unknown = 0
    for tensor, (stem, kind), count in zip(tensors, names, counts, strict=True):
        belongs = stem in packed and kind in BESIDE
        if belongs or kind in ACTIVATIONS or tensor.dtype in INDICES | SCALES:
            weights.append(0)
        elif tensor.dtype not in INTEGERS:
            weights.append(count)
        elif stem not in beside:
            # Nothing says that it is packed: a mask, positions, or a format that is not known.
            unknown += 0 if _is_mask(tensor) else count
            weights.append(0)
        else:
            module = _Module(stem, kind, tensor, beside[stem])
            held = _weights(module, count, quantisation)
            if held is None:
                return Unpacked(
                    (), reason=f"it is not known how many weights {tensor.name[:100]!r} packs"
                )
            weights.append(held)
            notes[tensor.dtype] += held
    if unknown > MAX_UNKNOWN * max(sum(weights), 1):
        return Unpacked(
            (), reason=f"{unknown} elements in integer tensors without scales: format not known"
        )
    return Unpacked(
        weights,
        tuple(f"{held} weights unpacked from {dtype}" for dtype, held in sorted(notes.items())),
    )


def _is_mask(tensor: Tensor) -> bool:
    """Whether it has the shape of a mask for all heads of all sequences, as GPT-Neo stores in bytes."""
    shape = tensor.shape
    return len(shape) == 4 and shape[0] == shape[1] == 1 and shape[2] == shape[3]


def _split(name: str) -> tuple[str, str]:
    """The module a tensor belongs to, and what it is there."""
    stem, _, last = name.rpartition(".")
    if last in BESIDE or last in ACTIVATIONS or last in MATRICES:
        return stem.removesuffix(".quant_state").removesuffix(".weight"), last
    for ending, kind in ENDINGS.items():
        if last.endswith(ending):
            stem = name.removesuffix(ending)
            return stem.removesuffix("_weight").removesuffix(".weight"), kind
    return name, ""


def _weights(module: _Module, count: int, quantisation: Mapping[str, Any]) -> int | None:
    """Weights of a packed integer tensor; None if neither shapes nor configuration tell."""
    if module.kind == "codes":
        return _additive(module)
    dtype = module.packed.dtype
    if dtype == "I8":
        return count * (2 if _is_two_to_a_byte(module) else 1)
    if dtype == "U8":
        return count * _in_a_byte(module, quantisation)
    bits = _bits(module, count, quantisation)
    return None if bits is None else count * BITS[dtype] // bits


def _is_two_to_a_byte(module: _Module) -> bool:
    """Whether signed bytes hold two 4-bit floats each: a scale to 16 bytes serves 32 weights."""
    scales, shape = module.shape("scale", "weight_scale", "scales"), module.packed.shape
    return (
        len(scales) == len(shape) >= 2
        and scales[-1] > 0
        and shape[-1] in (16 * scales[-1], 8 * scales[-1])
    )


def _in_a_byte(module: _Module, quantisation: Mapping[str, Any]) -> int:
    """Weights in an unsigned byte: by the format stated, else two."""
    if quantisation.get("quant_method") == "bitnet":
        return TERNARY_IN_A_BYTE
    if module.kind == "W_q" or quantisation.get("quant_method") in ("quanto", "hqq"):
        stated = _stated_bits(quantisation)
        return 8 // stated if stated in (1, 2, 4, 8) else 8 // BLOCK_BITS
    if "SCB" in module.beside:
        return 1
    return 8 // BLOCK_BITS


def _bits(module: _Module, count: int, quantisation: Mapping[str, Any]) -> int | None:
    """Bits of a weight packed in words, by the shapes beside it, else as stated."""
    word, shape = BITS[module.packed.dtype], module.packed.shape
    scales, zeros = module.shape("scales"), module.shape("qzeros")
    if scales and zeros and scales[-1] and zeros[-1]:
        # GPTQ and AWQ: zero points are packed along the outputs, of which each has a scale.
        return _whole_bits(word * zeros[-1], scales[-1])
    if module.kind == "qweight" and (indices := module.shape("g_idx")) and indices[0]:
        return _whole_bits(word * shape[0], indices[0]) if shape else None
    stated = _stated_bits(quantisation)
    scale_shape = scales or module.shape("weight_scale")
    for bits, group in _groups(module.stem, quantisation, "biases" in module.beside):
        if scale_shape and shape and shape[-1] * word == scale_shape[-1] * group * bits:
            return bits
    if module.kind == "weight" and scales and count:
        # MLX: a scale to a group of inputs; the group is stated, or 64.
        group = _group(module.stem, quantisation) or (64 if "biases" in module.beside else 32)
        return _whole_bits(word * shape[-1], scales[-1] * group)
    return stated if stated in PACKED_BITS else None


def _whole_bits(bits: int, weights: int) -> int | None:
    whole, rest = divmod(bits, weights) if weights else (0, 1)
    return whole if not rest and whole in PACKED_BITS else None


def _groups(stem: str, quantisation: Mapping[str, Any], is_mlx: bool) -> list[tuple[int, int]]:
    """Bits of a weight and weights to a scale that the configuration states for its modules."""
    found = []
    groups = quantisation.get("config_groups")
    stated = list(groups.values())[:100] if isinstance(groups, Mapping) else []
    sources = [each.get("weights") for each in stated if isinstance(each, Mapping)]
    for source in (quantisation.get(stem) if is_mlx else None, *sources, quantisation):
        if isinstance(source, Mapping):
            bits, group = _stated_bits(source), source.get("group_size")
            if bits in PACKED_BITS and type(group) is int and group > 0:
                found.append((bits, group))
    return found


def _group(stem: str, quantisation: Mapping[str, Any]) -> int | None:
    own = quantisation.get(stem)
    for source in (own, quantisation):
        group = source.get("group_size") if isinstance(source, Mapping) else None
        if type(group) is int and group > 0:
            return group
    return None


def _stated_bits(quantisation: Mapping[str, Any]) -> int | None:
    for name in ("bits", "num_bits", "w_bit", "nbits", "weight_bits", "weights"):
        value = quantisation.get(name)
        if isinstance(value, str):
            value = {"int2": 2, "int4": 4, "int8": 8}.get(value)
        if type(value) is int:
            return value
    groups = quantisation.get("config_groups")
    several = list(groups.values())[:100] if isinstance(groups, Mapping) else []
    for each in several:
        weights = each.get("weights") if isinstance(each, Mapping) else None
        if isinstance(weights, Mapping) and type(weights.get("num_bits")) is int:
            return int(weights["num_bits"])
    return None


def _additive(module: _Module) -> int | None:
    """AQLM: codes of (outputs, groups of inputs, codebooks); a codebook's entry is one group."""
    books, codes = module.shape("codebooks"), module.packed.shape
    if len(codes) != 3 or len(books) != 4:
        return None
    return codes[0] * codes[1] * books[-1] * books[-2]
