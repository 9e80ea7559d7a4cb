"""What is remembered of a record means the same when it is read again."""

from typing import Any

import pytest

from densing_pipeline.hub import records
from tests.servers import hub as simulated

LONG = "{%- if tools %}" + "{{- 'You may call these functions.' }}" * 40 + "{%- endif %}"
"""The head of a template as they are today; the turns come late in it."""

TURNS = {
    "ends with the end token": ("<|im_end|>", "{{ m.content }}<|im_end|>"),
    "ends with the end token by name": ("</s>", "{{ m.content + eos_token }}"),
    "ends with another token": ("<|endoftext|>", "{{ m.content }}<|im_end|>"),
    "ends with nothing": ("<|endoftext|>", "<|user|>{{ m.content }}<|assistant|>"),
    "an end token of a kind of its own": ("[|endofturn|]", "{{ m.content }}[|endofturn|]"),
    "an end token that is not known": (None, "{{ m.content }}<|im_end|>"),
}


@pytest.mark.parametrize("place", ["tokenizer_config", "processor_config", "chat_template_jinja"])
@pytest.mark.parametrize("turns", TURNS)
def test_a_long_chat_template_means_the_same_when_the_configuration_has_come(turns, place):
    end, text = TURNS[turns]
    template = LONG + "{% for m in messages %}" + text + "{% endfor %}"
    made = simulated.base_model("ibm-granite/Nova-7B", simulated.FIRST_DAY)
    config = made.record["config"] | {"tokenizer_config": {"eos_token": end}}
    stated: Any = template if place.endswith("jinja") else {"chat_template": template}
    old: Any = config.get(place)
    config[place] = old | stated if isinstance(old, dict) else stated
    first = records.read(made.record | {"config": config})
    for _ in range(2):
        again = records.read(records.unpacked(first["record"]), {"hidden_size": 64})
        for told in ("is_base", "is_doubtful", "relation", "base_evidence"):
            assert again[told] == first[told]
        first = again
    assert len(first["record"]) < 1000


@pytest.mark.parametrize("before", [records.FILES_KEPT - 1, records.FILES_KEPT, 5000])
@pytest.mark.parametrize(
    "files",
    [
        ["model.safetensors"],
        ["pytorch_model.bin"],
        ["model-Q4_K_M.gguf", "model-Q8_0.gguf"],
        ["model.safetensors", "x/adapter_model.safetensors"],
        ["model.safetensors", "mergekit_config.yml"],
        ["model.safetensors", "trainer_state.json"],
        ["model.safetensors", "zz/chat_template.jinja"],
        ["zz.onnx"],
        ["zz-imatrix.safetensors"],
    ],
)
def test_files_after_many_others_mean_the_same_when_the_configuration_has_come(before, files):
    names = [*(f"evals/step{n:04d}.json" for n in range(before)), *files]
    siblings = [{"rfilename": name} for name in names]
    made = simulated.base_model("lab/Nova-1B", simulated.FIRST_DAY, siblings=siblings)
    first = records.read(made.record)
    again = records.read(records.unpacked(first["record"]), made.config)
    for told in ("is_base", "is_doubtful", "relation", "base_evidence", "awaits"):
        assert again[told] == first[told]
    assert len(records.unpacked(first["record"])["siblings"]) <= records.FILES_KEPT + len(files)


@pytest.mark.parametrize(
    ("stated", "day"),
    [
        ("2026-11-22T23:30:00.000-05:00", "2026-11-23"),
        ("2026-11-22T23:30:00.000Z", "2026-11-22"),
        ("2026-11-22 23:30", "2026-11-22"),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_the_day_of_creation_is_that_of_utc(stated, day):
    created = records.created_at({"createdAt": stated})
    assert (created and created.date().isoformat()) == day


@pytest.mark.parametrize(("name", "size"), [("Nova-01B", 134_354_944), ("Nova-1B", 1_134_354_944)])
def test_a_zero_in_front_of_a_size_stands_for_one_before_the_point(name, size):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    listed = {"id": f"lab/{name}", "config": config, "safetensors": {"total": size}}
    assert records.read(listed)["params_total"] == size
    other = listed | {"id": "lab/Nova-1B" if size < 10**9 else "lab/Nova-01B"}
    assert records.read(other)["params_total"] is None
