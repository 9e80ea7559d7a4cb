"""What comes back from vLLM is what the model says, and what cannot be said is said to be so."""

import json
import math

import pytest

from densing_pipeline.evaluation.failures import BlockedError, EvaluationError
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    Failed,
    GenerateRequest,
    LossRequest,
)
from tests.engine.conftest import TINY_CONTEXT

LETTERS = (" A", " B", " C", " D")
SHOT = "Question: what is the capital of France?\nA. Paris\nB. Rome\nC. Oslo\nD. Bern\nAnswer:"
SHOTS = f"{SHOT} A\n\n" * 5


def question(number):
    return f"{SHOTS}Question: add {number} and {number * 7}?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"


@pytest.fixture(scope="module")
def reference(tiny):
    """Log-probability of each token of a text after its first, by transformers itself."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)

    def logprobs(ids):
        with torch.no_grad():
            rows = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        return [float(rows[place, token]) for place, token in enumerate(ids[1:])]

    return logprobs


def ids_of(engine, text):
    return engine.llm.get_tokenizer()(text)["input_ids"]


def test_choices_have_the_probabilities_that_the_model_gives_them(engine, serve, reference):
    prompts = [question(n) for n in range(3)]
    for prompt, result in zip(
        prompts, serve([ChoiceRequest(p, LETTERS) for p in prompts]), strict=True
    ):
        wanted = [reference(ids_of(engine, prompt + each))[-1] for each in LETTERS]
        assert result.logprobs == pytest.approx(wanted, abs=1e-4)
        assert result.prompt_tokens == len(ids_of(engine, prompt))


def test_choices_of_several_tokens_are_scored_whole(engine, serve, reference):
    choices = (" the capital of France", " Rome and Oslo", " A")
    (result,) = serve([ChoiceRequest(question(1), choices)])
    start = len(ids_of(engine, question(1))) - 1
    wanted = [sum(reference(ids_of(engine, question(1) + each))[start:]) for each in choices]
    assert result.logprobs == pytest.approx(wanted, abs=1e-3)


def test_a_loss_is_that_of_the_answer_alone(engine, serve, reference):
    answers = [" Paris is the answer.\nSo A", " B", " because 5 + 5 == 10"]
    requests = [LossRequest(question(n), answer) for n, answer in enumerate(answers)]
    for request, result in zip(requests, serve(requests), strict=True):
        start = len(ids_of(engine, request.prompt))
        wanted = reference(ids_of(engine, request.prompt + request.answer))[start - 1 :]
        assert result.nll_nats == pytest.approx(-math.fsum(wanted), abs=1e-3)
        assert result.answer_tokens == len(wanted)


def test_reused_prefixes_change_no_loss(engine, serve):
    # Prompts of every length around a cache block, twice: warm rows must not be read.
    block = engine.llm.llm_engine.vllm_config.cache_config.block_size
    words = "a b " * block
    requests = [LossRequest(words[: 2 * n], " = 5\n") for n in range(block - 4, block + 4)]
    engine.llm.reset_prefix_cache()
    cold = serve(requests)
    warm = serve(requests)
    for first, second in zip(cold, warm, strict=True):
        assert second.nll_nats == pytest.approx(first.nll_nats, abs=1e-4)


def test_texts_are_the_ones_that_vllm_writes(engine, serve):
    from vllm import SamplingParams

    prompts = [question(n) for n in range(20)]
    found = serve([GenerateRequest(each, ("\n\n",), 40) for each in prompts])
    asked = SamplingParams(temperature=0, max_tokens=40, stop=["\n\n"])
    wanted = engine.llm.generate(prompts, asked, use_tqdm=False)
    assert [each.text for each in found] == [each.outputs[0].text for each in wanted]
    assert [each.completion_tokens for each in found] == [
        len(each.outputs[0].token_ids) for each in wanted
    ]


def test_endless_writing_ends_with_its_budget(serve):
    (result,) = serve([GenerateRequest(question(0), (), 77)])
    assert result.truncated
    assert result.completion_tokens == 77


def test_a_stop_ends_a_text_and_is_no_part_of_it(serve):
    (free,) = serve([GenerateRequest(question(0), (), 60)])
    stop = free.text[10:14]
    (stopped,) = serve([GenerateRequest(question(0), (stop,), 60)])
    assert not stopped.truncated
    assert stop not in stopped.text
    assert free.text.startswith(stopped.text)


def test_all_kinds_go_in_one_queue(serve):
    requests = []
    for n in range(150):
        requests += [
            GenerateRequest(question(n), (), 5 + n % 7),
            ChoiceRequest(question(n), LETTERS),
            LossRequest(question(n), " A"),
        ]
    found = serve(requests)
    for n, (text, choice, loss) in enumerate(
        zip(found[::3], found[1::3], found[2::3], strict=True)
    ):
        assert text.completion_tokens == 5 + n % 7
        assert loss.nll_nats == pytest.approx(-choice.logprobs[0], abs=1e-4)


def test_a_prompt_longer_than_the_context_fails_alone(serve):
    long = question(0) * (TINY_CONTEXT // 50)
    found = serve([ChoiceRequest(long, LETTERS), ChoiceRequest(question(0), LETTERS)])
    assert isinstance(found[0], Failed)
    assert found[0].kind == "context"
    assert found[0].reason.endswith(f"tokens, in a context of {TINY_CONTEXT}")
    assert not isinstance(found[1], Failed)


def test_a_text_gets_what_room_its_prompt_leaves(engine, serve):
    ids = ids_of(engine, question(0) * 40)[: TINY_CONTEXT - 30]
    prompt = engine.llm.get_tokenizer().decode(ids)
    (result,) = serve([GenerateRequest(prompt, (), 1000)])
    assert result.truncated
    assert result.prompt_tokens + result.completion_tokens == TINY_CONTEXT


def test_numbers_that_are_none_are_no_answers(tiny, load, serve, tmp_path):
    from safetensors.torch import load_file, save_file

    tmp_path = tmp_path / "nan"
    tmp_path.mkdir()
    for path in tiny.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["model.norm.weight"][:] = float("nan")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    spoilt = load(tmp_path)
    requests = [
        ChoiceRequest(question(0), LETTERS),
        LossRequest(question(0), " A"),
        GenerateRequest(question(0), (), 60),
    ]
    for result in serve(requests, by=spoilt):
        assert isinstance(result, Failed), result
        assert result.kind == "not_a_number"
    spoilt.close()


def test_memory_that_runs_out_makes_batches_smaller_and_loses_nothing(tiny, load, serve):
    import torch

    engine = load(tiny)
    before, step, calls = engine.sizing, engine.llm.llm_engine.step, []

    def short():
        calls.append(1)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return step()

    engine.llm.llm_engine.step = short
    found = serve([ChoiceRequest(question(n), LETTERS) for n in range(400)], by=engine)
    assert None not in found
    assert engine.sizing.sequences == before.sequences // 2
    wanted = serve([ChoiceRequest(question(n), LETTERS) for n in range(400)])
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.logprobs == pytest.approx(theirs.logprobs, abs=1e-4)
    engine.llm.llm_engine.step = lambda: 1 / 0
    with pytest.raises(EvaluationError, match="the engine broke down: ZeroDivisionError"):
        serve([ChoiceRequest(question(0), LETTERS)], by=engine)
    engine.close()


def test_an_architecture_that_vllm_does_not_know_is_refused(tiny, load, tmp_path):
    from tests.engine.models import with_config

    changed = with_config(tiny, tmp_path / "new", architectures=["NewForCausalLM"])
    with pytest.raises(BlockedError, match="cannot run its architecture"):
        load(changed)


def test_weights_of_another_shape_than_configured_are_refused(tiny, load, tmp_path):
    from tests.engine.models import with_config

    told = json.loads((tiny / "config.json").read_text())
    wider = {"intermediate_size": told["intermediate_size"] * 2}
    with pytest.raises(BlockedError, match="vLLM cannot load it"):
        load(with_config(tiny, tmp_path / "wider", **wider))


def test_provenance_says_what_was_loaded(engine):
    told = engine.provenance()
    assert (told["engine"], told["device"], told["dtype"]) == ("vllm", "cpu", "float32")
    assert told["context"] == TINY_CONTEXT
    assert len(str(told["tokenizer_sha256"])) == 64
    assert {"vllm_version", "torch_version", "transformers_version"} <= set(told)
