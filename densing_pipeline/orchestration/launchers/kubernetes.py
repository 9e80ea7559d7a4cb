"""Runs the evaluation job as a pod, through the Pipes client of dagster-k8s.

Image, volumes, tolerations and the secret with `HF_TOKEN` come from a file, `DENSING_KUBERNETES_POD`
(`deploy/kubernetes/evaluation-pod.yaml` is one to begin with, `evaluation-pod-store.yaml` one without a shared volume); command, variables and the number of GPUs are added to
its first container. Messages of Dagster Pipes come through the pod's log. If this process dies the pod goes on, and
the job writes its outcome. Never run on a cluster.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any

import kubernetes.config
import urllib3
import yaml
from dagster._core.pipes.client import PipesClientCompletedInvocation
from dagster_k8s import PipesK8sClient
from dagster_k8s.client import (
    DagsterK8sAPIRetryLimitExceeded,
    DagsterK8sError,
    DagsterK8sUnrecoverableAPIError,
)
from kubernetes.client import ApiException

from densing_pipeline.orchestration.launchers.launcher import (
    GRACE_SECONDS,
    VISIBLE_AFTER_S,
    Context,
    JobEndedError,
    Order,
    in_short,
)
from densing_pipeline.settings import Settings, SettingsError

GPU = "nvidia.com/gpu"
"""Name of a GPU among a container's resources, of NVIDIA's device plugin."""

TELLS_STATUS = '"$@"; status=$?; echo "exit status $status" >/dev/termination-log; exit $status'
"""Shell that runs its arguments and tells Kubernetes their exit status, which dagster-k8s passes on in its error."""

EXIT_STATUS = re.compile(r'failed with message: "exit status (\d+)')


class KubernetesLauncher:
    """Runs orders as pods of a Kubernetes cluster."""

    def __init__(self, settings: Settings, visible_after_s: float = VISIBLE_AFTER_S) -> None:
        """Read the pod's specification.

        Raises:
            SettingsError: `DENSING_KUBERNETES_POD` is not set, or holds no specification of a pod.
        """
        self.visible_after_s = visible_after_s
        self._namespace = settings.kubernetes_namespace
        self._spec = _specification(settings)

    def run(self, context: Context, order: Order) -> Mapping[str, Any]:
        """Run an order, as `Launcher.run`."""
        return self._run(context, order).get_materialize_result().metadata or {}

    def _run(self, context: Context, order: Order) -> PipesClientCompletedInvocation:
        try:
            ended: PipesClientCompletedInvocation = PipesK8sClient().run(
                context=context,
                command=["sh", "-c", TELLS_STATUS, "sh", *order.bounded()],
                namespace=self._namespace,
                env=order.environment,
                base_pod_spec=with_gpus(self._spec, order.gpus),
                base_pod_meta={"labels": {"app.kubernetes.io/name": "densing-evaluation"}},
                pod_wait_timeout=order.hours * 3600 + GRACE_SECONDS,
            )
        except (
            ApiException,
            DagsterK8sAPIRetryLimitExceeded,
            DagsterK8sError,
            DagsterK8sUnrecoverableAPIError,
            kubernetes.config.ConfigException,
            urllib3.exceptions.HTTPError,
        ) as error:
            said = in_short(error)
            found = EXIT_STATUS.search(" ".join(str(error).split()))
            status = int(found[1]) if found else None
            raise JobEndedError(said, status, None if found else "installation") from error
        return ended

    def output(self, context: Context, order: Order) -> tuple[int | None, list[str]]:
        """Run an order, as `Launcher.output`; its output is in the run's log alone."""
        try:
            self._run(context, order)
        except JobEndedError as error:
            if error.status is None:
                raise
            return error.status, []
        return 0, []


def with_gpus(spec: Mapping[str, Any], gpus: int) -> dict[str, Any]:
    """A pod's specification whose first container is given GPUs.

    Args:
        spec: as Kubernetes' API has it, with at least one container.
        gpus: how many; with 0 the container keeps what it asks for.
    """
    asked = copy.deepcopy(dict(spec))
    if gpus:
        limits = asked["containers"][0].setdefault("resources", {}).setdefault("limits", {})
        limits[GPU] = gpus
    return asked


def _specification(settings: Settings) -> dict[str, Any]:
    path = settings.kubernetes_pod
    if path is None:
        raise SettingsError(
            "DENSING_EVALUATE_ON is 'kubernetes', so DENSING_KUBERNETES_POD must name a file with a pod; "
            "deploy/kubernetes/evaluation-pod.yaml is one to begin with"
        )
    try:
        # The owner's own file, with numbers, so read as YAML has it.
        spec = yaml.safe_load(path.read_bytes())["spec"]
        if not spec["containers"][0]["image"]:
            raise KeyError("image")
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise SettingsError(
            f"{path} has no pod with a container and its image ({error}); see deploy/kubernetes/evaluation-pod.yaml"
        ) from error
    return dict(spec)
