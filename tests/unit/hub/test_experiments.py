"""Ablation models and checkpoints are told from releases by their names."""

import pytest

from densing_pipeline import facts
from densing_pipeline.hub.experiments import experiments

CORPORA = ("c4", "dclm-baseline", "dolma1_7", "falcon", "fineweb-edu")


def grid(publisher: str) -> list[str]:
    return [f"{publisher}-{corpus}-{size}" for corpus in CORPORA for size in ("60M", "300M", "1B")]


def test_models_named_after_corpora_are_a_series_with_all_of_their_line():
    series = grid("allenai/DataDecide")
    found = experiments([*series, "allenai/OLMo-2-1124-7B", "meta-llama/Llama-9-70B"])
    assert found == dict.fromkeys(series, "of an ablation series")


def test_one_model_named_after_its_corpus_is_a_release():
    assert not experiments(["apple/DCLM-7B", "togethercomputer/RedPajama-INCITE-Base-3B-v1"])


def test_many_of_one_size_are_a_series_and_a_few_are_not():
    many = [f"lab/nova-{corner}-1b" for corner in "abcdefgh"]
    assert set(experiments(many)) == set(many)
    assert not experiments([*many[:7], "lab/nova-a-3b", "other/nova-a-1b"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("OLMo-7B-step1000", "checkpoint"),
        ("TinyLlama-1.1B-intermediate-step-1431k-3T", "checkpoint"),
        ("SmolLM3-3B-checkpoints", "checkpoint"),
        ("Amber-ckpt_358", "checkpoint"),
        ("ablation-model-fineweb-v1", "ablation"),
        ("OLMo-ladder-190M-1xC", "ablation"),
        ("pythia-410m-seed3", "ablation"),
    ],
)
def test_words_that_say_so(name, kind):
    assert kind in experiments([f"lab/{name}"])[f"lab/{name}"]


@pytest.mark.parametrize(
    "name",
    ["Seed-Coder-8B-Base", "Seed-OSS-36B-Base", "Step-3.7-Flash", "Step3-VL-10B-Base", "Seed-36B"],
)
def test_product_names_do_not(name):
    assert not experiments([f"lab/{name}"])


def test_releases_in_the_facts_are_none_but_for_checkpoints_named_so():
    found = experiments(facts.load("base_models")["model_id"])
    assert set(found.values()) <= {"an intermediate checkpoint"}
    assert len(found) <= 2
