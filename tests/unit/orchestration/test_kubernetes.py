"""The pod of an evaluation, as dagster-k8s makes it from ours, against Kubernetes' own schema.

Needs the libraries of `make clusters`; no cluster is asked.
"""

from pathlib import Path

import pytest
import yaml

from densing_pipeline.orchestration.launchers.choice import chosen
from densing_pipeline.orchestration.launchers.launcher import Order
from densing_pipeline.settings import SettingsError
from tests import stub_jobs

pytest.importorskip("dagster_k8s", reason="needs `make clusters`")

from densing_pipeline.orchestration.launchers import kubernetes

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
POD = FOLDER / "evaluation-pod.yaml"
ORDER = Order("order-1", ("/python", "-m", "densing_pipeline.evaluation.job"), {"A": "1"}, 36, 2)


def validate(document: dict) -> None:
    import kubernetes_validate

    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_kubernetes_knows_every_field_of_the_manifests(path):
    documents = list(yaml.safe_load_all(path.read_text()))
    assert documents
    for each in documents:
        validate(each)


def test_the_pod_has_the_command_the_variables_and_the_gpus_of_the_order():
    from dagster_k8s.pipes import build_pod_body
    from kubernetes.client import ApiClient

    spec = kubernetes_spec(2)
    made = build_pod_body("densing-1", None, list(ORDER.command), ORDER.environment, {}, spec)
    body = ApiClient().sanitize_for_serialization(made)
    validate({"apiVersion": "v1", "kind": "Pod", **body})
    (container,) = body["spec"]["containers"]
    assert container["command"] == list(ORDER.command)
    assert {"name": "A", "value": "1"} in container["env"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert container["resources"]["requests"]["memory"] == "32Gi", "what the file asks for stays"
    assert [each["name"] for each in container["env"]].count("HF_TOKEN") == 1


def kubernetes_spec(gpus: int) -> dict:
    return kubernetes.with_gpus(yaml.safe_load(POD.read_text())["spec"], gpus)


def test_without_gpus_none_are_asked_for():
    assert "limits" not in kubernetes_spec(0)["containers"][0]["resources"]


def test_the_status_of_a_job_comes_back_in_the_message_of_its_pod():
    said = 'Container "evaluation" failed with message: "exit status 137\n". Last 100 log lines: "exit status 1"'
    assert kubernetes.EXIT_STATUS.search(" ".join(said.split()))[1] == "137"


@pytest.mark.parametrize(
    "text", [None, "", "spec: {containers: []}", "spec: {containers: [{name: a}]}", "a: ["]
)
def test_a_file_that_is_no_pod_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "pod.yaml"
    path.write_text(text or "")
    given = {} if text is None else {"kubernetes_pod": path}
    told = stub_jobs.settings(tmp_path, evaluate_on="kubernetes", **given)
    with pytest.raises(SettingsError, match=r"evaluation-pod\.yaml"):
        chosen(told)


def test_a_cluster_that_cannot_be_reached_is_the_installations_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    told = stub_jobs.settings(tmp_path, evaluate_on="kubernetes", kubernetes_pod=POD)
    stub_jobs.queue(told, "lab/model")
    assert stub_jobs.evaluate(told, chosen(told)) is not None
    assert stub_jobs.row(told)["attempts_excused"] == 1
