"""Which tensors a safetensors header lists, and what is no header."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline.hub.parameters.headers import (
    BITS,
    HeaderError,
    header_length,
    of_model,
    read_header,
)
from densing_pipeline.hub.parameters.tensors import Tensor


def entry(shape: list[Any], start: int, end: int, dtype: str = "BF16") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def text(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


TWO = text(b=entry([2, 3], 8, 20), a=entry([4], 0, 8), __metadata__={"format": "pt"})


def test_tensors_come_sorted_by_name_with_dtype_and_shape() -> None:
    found = [Tensor("a", "BF16", (4,)), Tensor("b", "BF16", (2, 3))]
    assert read_header(TWO) == read_header(TWO, 8 + len(TWO) + 20) == found
    assert read_header(b"{}") == []
    assert read_header(text(scalar=entry([], 0, 4, "F32"))) == [Tensor("scalar", "F32", ())]


def test_a_header_may_be_padded_with_spaces() -> None:
    assert len(read_header(TWO + b"   ")) == 2


@pytest.mark.parametrize("dtype", sorted(BITS))
def test_every_dtype_of_the_format_has_its_size(dtype: str) -> None:
    size = 16 * BITS[dtype] // 8
    assert read_header(text(a=entry([16], 0, size, dtype))) == [Tensor("a", dtype, (16,))]
    with pytest.raises(HeaderError, match="which is not"):
        read_header(text(a=entry([16], 0, size + 1, dtype)))


def test_a_dtype_that_is_not_known_here_is_left_to_who_counts() -> None:
    assert read_header(text(a=entry([16], 0, 3, "F2"))) == [Tensor("a", "F2", (16,))]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"", "no JSON"),
        (b"\x80\x02}q\x00.", "no JSON"),
        (b"<html>", "no JSON"),
        (TWO[:-5], "no JSON"),
        (b"[]", "not|no JSON object"),
        (b"[" * 100_000, "no JSON"),
        (b"[" + b"{}," * 6_000_000 + b"{}]", "more than"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "has the place None"),
        (text(a=1), "not a tensor"),
        (text(a={}), "has the place None"),
        (text(a=entry([4], 0, 8) | {"dtype": 7}), "has the dtype 7"),
        (text(a=entry([4], 0, 8) | {"shape": "4"}), "has the shape '4'"),
        (text(a=entry([-4], 0, 8)), "has the shape"),
        (text(a=entry([True], 0, 2)), "has the shape"),
        (text(a=entry([2.0], 0, 4)), "has the shape"),
        (text(a=entry([2**64], 0, 4)), "has the shape"),
        (text(a=entry([1] * 65, 0, 2)), "has the shape"),
        (text(a=entry([4], 8, 0)), "has the place"),
        (text(a=entry([4], 0, 8) | {"data_offsets": [0, 8, 9]}), "has the place"),
        (text(a=entry([4], 0, 9)), "has 9 bytes"),
        (text(a=entry([2**40, 2**40], 0, 8)), "has 8 bytes"),
        (text(a=entry([4], 1, 9)), "begins at byte 1"),
        (text(a=entry([4], 0, 8), b=entry([4], 4, 12)), "begins at byte 4"),
        (text(a=entry([4], 0, 8), b=entry([4], 10, 18)), "begins at byte 10"),
        (b'{"a": %s, "a": %s}' % ((json.dumps(entry([4], 0, 8)).encode(), b"1")), "stated twice"),
    ],
)
def test_what_is_no_header_says_why(header: bytes, why: str) -> None:
    with pytest.raises(HeaderError, match=why):
        read_header(header)


def test_a_file_of_another_size_than_its_header_describes_is_refused() -> None:
    for size in (8 + len(TWO) + 19, 8 + len(TWO) + 21):
        with pytest.raises(HeaderError, match=f"the file has {size} bytes"):
            read_header(TWO, size)


def test_a_length_is_eight_bytes_whatever_they_say() -> None:
    assert header_length((2**63).to_bytes(8, "little") + b"rest") == 2**63
    with pytest.raises(HeaderError, match="a file of 7 bytes"):
        header_length(b"1234567")


def test_a_tensor_in_two_files_counts_once_if_both_say_the_same() -> None:
    a, b = Tensor("a", "BF16", (4,)), Tensor("b", "BF16", (2,))
    assert of_model([[b, a], [a]]) == [a, b]
    with pytest.raises(HeaderError, match="two files state 'a' differently"):
        of_model([[a], [Tensor("a", "F32", (4,))]])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), inner
            )
        ),
    )
)
def test_whatever_json_holds_gives_tensors_or_a_reason(value: object) -> None:
    try:
        found = read_header(json.dumps(value).encode())
    except HeaderError:
        return
    assert all(isinstance(tensor, Tensor) for tensor in found)


def test_the_header_that_safetensors_writes_is_read(tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    import numpy as np

    path = tmp_path / "model.safetensors"
    arrays = {"b.weight": np.zeros((3, 5), np.float32), "a": np.zeros((7,), np.float16)}
    numpy.save_file(arrays, path)
    content = path.read_bytes()
    length = header_length(content[:8])
    assert read_header(content[8 : 8 + length], len(content)) == [
        Tensor("a", "F16", (7,)),
        Tensor("b.weight", "F32", (3, 5)),
    ]
