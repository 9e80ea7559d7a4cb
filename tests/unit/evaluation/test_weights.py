"""Only whole, plain safetensors models are loaded; everything else is refused with its reason."""

import json

import pytest

from densing_pipeline.evaluation import weights
from densing_pipeline.evaluation.failures import BlockedError
from densing_pipeline.files import file_sha256
from tests.small_models import CONFIG, ELEMENTS, TENSORS, VOCABULARY, safetensors, write_model


def check(folder):
    return weights.check(folder)


def test_sizes_come_from_the_files(tmp_path):
    found = check(write_model(tmp_path, max_position_embeddings=10**9))
    assert (found.elements, found.stored_bytes) == (ELEMENTS, 4 * ELEMENTS)
    assert found.bytes_in(2) == 2 * ELEMENTS
    assert (found.vocabulary, found.heads, found.quantisation) == (VOCABULARY, 4, None)


def test_a_model_is_told_from_another_by_any_of_its_files(tmp_path):
    found = check(write_model(tmp_path / "one"))
    assert found.sha256 == weights.digest(tmp_path / "one")
    assert check(write_model(tmp_path / "same")).sha256 == found.sha256
    assert check(write_model(tmp_path / "other", rms_norm_eps=1e-5)).sha256 != found.sha256
    (tmp_path / "same" / "tokenizer.json").write_text("{ }")
    assert check(tmp_path / "same").sha256 != found.sha256
    (tmp_path / "one" / "README.md").write_text("not of the model")
    assert weights.digest(tmp_path / "one") == found.sha256
    with pytest.raises(BlockedError, match="no folder"):
        weights.digest(tmp_path / "none")


def test_a_hash_that_is_known_is_that_of_the_file(tmp_path):
    model = write_model(tmp_path)
    known = {"model.safetensors": file_sha256(model / "model.safetensors")}
    assert weights.digest(model, known) == weights.digest(model)
    assert weights.digest(model, {"model.safetensors": "0" * 64}) != weights.digest(model)


def test_quantised_weights_take_the_memory_they_are_stored_in(tmp_path):
    found = check(write_model(tmp_path, quantization_config={"quant_method": "fp8"}))
    assert found.quantisation == "fp8"
    assert found.bytes_in(2) == found.stored_bytes


def test_pickled_weights_are_refused(tmp_path):
    model = write_model(tmp_path)
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(BlockedError, match=r"only pickled ones \(pytorch_model.bin\)"):
        check(model)


def test_pickled_files_beside_safetensors_are_left_alone():
    names = ["config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin", "run.py"]
    assert weights.check_names(names) == ["config.json", "model.safetensors", "tokenizer.json"]


def test_weights_that_are_there_twice_are_fetched_once():
    names = ["config.json", "tokenizer.json", "model.safetensors", "consolidated.safetensors"]
    assert "consolidated.safetensors" not in weights.check_names(names)


def test_code_from_a_repository_is_never_run(tmp_path):
    model = write_model(tmp_path, model_type="own", auto_map={"AutoModelForCausalLM": "own.Own"})
    with pytest.raises(BlockedError, match=r"needs code of its own \(model type 'own'\)"):
        check(model)


def test_code_that_the_libraries_bring_themselves_is_theirs(tmp_path):
    write_model(tmp_path, auto_map={"AutoModelForCausalLM": "modeling_llama.Llama"})
    assert check(tmp_path).elements == ELEMENTS


def test_a_model_without_tokenizer_is_refused(tmp_path):
    (write_model(tmp_path) / "tokenizer.json").unlink()
    with pytest.raises(BlockedError, match="no tokenizer"):
        check(tmp_path)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_weights_are_refused(tmp_path, kept):
    path = write_model(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BlockedError, match=r"model\.safetensors is cut off"):
        check(tmp_path)


def test_a_header_that_promises_other_bytes_than_its_shapes_is_refused(tmp_path):
    text = b'{"w": {"dtype": "F32", "shape": [1000000, 1000000], "data_offsets": [0, 4]}}'
    path = write_model(tmp_path) / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(BlockedError, match="invalid shape, data type, or offset"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"num_hidden_layers": 80}, "says 80 layers, the weights have 2"),
        ({"num_hidden_layers": 1}, "says 1 layers, the weights have 2"),
        ({"vocab_size": 10**9}, "says an embedding of"),
        ({"hidden_size": 8192}, "says an embedding of"),
    ],
)
def test_a_configuration_that_lies_about_its_size_is_refused(tmp_path, lie, reason):
    with pytest.raises(BlockedError, match=reason):
        check(write_model(tmp_path, **lie))


def test_padding_of_the_vocabulary_is_no_lie(tmp_path):
    assert check(write_model(tmp_path, vocab_size=VOCABULARY - 3)).vocabulary == VOCABULARY


def test_every_shard_of_the_index_must_be_there(tmp_path):
    model = write_model(tmp_path)
    (model / "model.safetensors").unlink()
    names = list(TENSORS)
    first = {name: TENSORS[name] for name in names[:2]}
    (model / "model-00001-of-00002.safetensors").write_bytes(safetensors(first))
    placed = {name: f"model-0000{1 + (name not in first)}-of-00002.safetensors" for name in names}
    (model / weights.INDEX).write_text(json.dumps({"weight_map": placed}))
    with pytest.raises(BlockedError, match=r"weight files missing: model-00002-of-00002"):
        check(model)
    short = {name: TENSORS[name] for name in names[2:-1]}
    (model / "model-00002-of-00002.safetensors").write_bytes(safetensors(short))
    with pytest.raises(BlockedError, match=r"1 tensors missing, such as lm_head"):
        check(model)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "{}"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    write_model(tmp_path, CONFIG)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BlockedError, match=r"config\.json"):
        check(tmp_path)


def test_another_tokenizer_is_another_hash(tmp_path):
    before = check(write_model(tmp_path)).tokenizer_sha256
    (tmp_path / "tokenizer.json").write_text('{"merges": []}')
    assert check(tmp_path).tokenizer_sha256 != before
