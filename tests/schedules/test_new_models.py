"""The sensor that turns queued models into partitions and runs, on an ephemeral instance."""

# Dagster says of the result of a sensor that it may be anything a sensor may return.
# mypy: disable-error-code="union-attr"

from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from densing_pipeline.definitions import build_defs
from densing_pipeline.evaluation import installation
from densing_pipeline.evaluation.folder_format import write_json
from densing_pipeline.evaluation.folder_writer import FolderWriter
from densing_pipeline.orchestration.partitions import MODELS, model_id, partition_key
from densing_pipeline.schedules.new_models import sensor
from densing_pipeline.settings import Settings
from densing_pipeline.tables.published import EVALUATION_QUEUE
from densing_pipeline.tables.storage import write_parquet


@dg.asset(partitions_def=MODELS)
def evaluated(context: dg.AssetExecutionContext) -> None:
    """Stands for an evaluation; the real job is an argument of `build_defs`."""
    if context.run.tags.get("dies") == "True":
        raise RuntimeError("the machine went down")


JOB = dg.define_asset_job("evaluate", selection=[evaluated])
DEFINITIONS = dg.Definitions(assets=[evaluated], jobs=[JOB])


@pytest.fixture
def settings(tmp_path):
    return Settings(state_dir=tmp_path, publish_url=str(tmp_path / "published"), runs_per_tick=2)


def store(settings, *rows):
    """Write the queue, as a night does."""
    frame = pl.DataFrame(
        [
            {
                "model_id": name,
                "revision": "a" * 40,
                "state": state,
                "reason": "because",
                "priority": priority,
                "attempts": 0,
                "updated_at": datetime(2026, 6, 1, tzinfo=UTC),
            }
            | (changes[0] if changes else {})
            for name, state, priority, *changes in rows
        ],
        infer_schema_length=None,
    )
    path = settings.tables_dir / "evaluation_queue.parquet"
    write_parquet(EVALUATION_QUEUE.validate(EVALUATION_QUEUE.cast(frame)), path)


def tick(settings, instance, job=JOB, *, cursor=None, dies=False):
    """Evaluate the sensor and do with its result what the daemon does."""
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        definitions=dg.Definitions(assets=[evaluated], jobs=[JOB]),
    )
    result = sensor(settings, job)(context)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(MODELS.name, list(request.partition_keys))
    for request in result.run_requests or []:
        run = {"dagster/run_key": request.run_key, "dagster/partition": request.partition_key}
        ran = DEFINITIONS.resolve_job_def("evaluate").execute_in_process(
            partition_key=request.partition_key,
            instance=instance,
            tags=run | {"dies": str(dies)},
            raise_on_error=False,
        )
        assert ran.success is not dies
    return result


def keys(result):
    return [request.run_key for request in result.run_requests or []]


def test_queued_models_become_partitions_and_runs_the_most_urgent_first(settings):
    store(settings, ("lab/a", "queued", 1), ("lab/b", "queued", 9), ("lab/c", "blocked", 99))
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance)
        assert [r.partition_key for r in result.run_requests] == ["lab--b", "lab--a"]
        assert set(instance.get_dynamic_partitions("models")) == {"lab--a", "lab--b"}


def test_no_more_runs_than_the_cap_per_tick_and_none_twice(settings):
    store(settings, *[(f"lab/m{n}", "queued", n) for n in range(5)])
    with dg.DagsterInstance.ephemeral() as instance:
        asked = [
            [r.partition_key for r in tick(settings, instance).run_requests or []] for _ in range(4)
        ]
        assert asked == [["lab--m4", "lab--m3"], ["lab--m2", "lab--m1"], ["lab--m0"], []]
        assert "every run is asked for" in tick(settings, instance).skip_reason.skip_message


def test_new_weights_of_a_model_are_a_new_run_of_the_same_partition(settings):
    store(settings, ("lab/a", "queued", 1))
    with dg.DagsterInstance.ephemeral() as instance:
        tick(settings, instance)
        path = settings.tables_dir / "evaluation_queue.parquet"
        write_parquet(pl.read_parquet(path).with_columns(revision=pl.lit("b" * 40)), path)
        result = tick(settings, instance)
        assert [r.run_key for r in result.run_requests] == [f"lab--a@{'b' * 40}"]
        assert not result.dynamic_partitions_requests


def test_without_an_evaluation_job_only_partitions_are_kept(settings):
    store(settings, ("lab/a", "queued", 1))
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance, job=None)
        assert not result.run_requests
        assert "DENSING_EVALUATE is off" in result.skip_reason.skip_message
        assert instance.get_dynamic_partitions("models") == ["lab--a"]


def test_before_the_first_night_it_says_what_to_do(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(settings, instance)
        assert "materialise `evaluation_queue`" in result.skip_reason.skip_message


def test_partitions_are_added_a_few_at_a_time(settings):
    store(settings, *[(f"lab/m{n}", "queued", n) for n in range(500)])
    with dg.DagsterInstance.ephemeral() as instance:
        for ticks in (1, 2):
            tick(settings, instance, job=None)
            assert len(instance.get_dynamic_partitions("models")) == 2 * ticks
        tick(settings, instance)
        assert len(instance.get_dynamic_partitions("models")) == 4, "those asked for are known"


def test_a_commit_that_becomes_known_is_no_new_revision_and_another_one_is(settings):
    """Queued before the Hub was polled, then polled, then uploaded anew."""
    with dg.DagsterInstance.ephemeral() as instance:
        store(settings, ("lab/a", "queued", 1, {"revision": None}))
        first = tick(settings, instance)
        assert keys(first) == ["lab--a@main"]
        store(settings, ("lab/a", "queued", 1, {"revision": "b" * 40}))
        known = tick(settings, instance, cursor=first.cursor)
        assert keys(known) == []
        again = tick(settings, instance, cursor=known.cursor)
        assert keys(again) == []
        store(settings, ("lab/a", "queued", 1, {"revision": "c" * 40}))
        assert keys(tick(settings, instance, cursor=again.cursor)) == [f"lab--a@{'c' * 40}"]


def test_another_suite_version_or_trial_is_asked_for_anew(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        for version in ("one", "two"):
            store(settings, ("lab/a", "queued", 1, {"suite_version": version}))
            assert keys(tick(settings, instance)) == [f"lab--a@{'a' * 40}/{version}"]
        trial = settings.model_copy(update={"evaluation_limit": 20})
        assert keys(tick(trial, instance)) == [f"lab--a@{'a' * 40}/two-first-20"]


def test_a_failed_evaluation_is_asked_for_again_once_the_queue_says_so(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        store(settings, ("lab/a", "queued", 1))
        tick(settings, instance, dies=True)
        assert keys(tick(settings, instance)) == [], "the queue has not heard of it yet"
        store(settings, ("lab/a", "queued", 1, {"attempts": 1}))
        assert keys(tick(settings, instance)) == [f"lab--a@{'a' * 40}+1"]
        store(settings, ("lab/a", "failed", 1, {"attempts": 2}))
        assert keys(tick(settings, instance)) == []


def test_a_run_that_died_before_it_began_is_repeated_but_not_for_ever(settings):
    """Nothing counted the attempt: the queue of the next night still says none was made."""
    with dg.DagsterInstance.ephemeral() as instance:
        asked = []
        for _ in range(5):
            store(settings, ("lab/a", "queued", 1))
            asked += keys(tick(settings, instance, dies=True))
        assert asked == [f"lab--a@{'a' * 40}{n}" for n in ("", "+1", "+2")]
        assert "every run is asked for" in tick(settings, instance).skip_reason.skip_message


def test_runs_are_asked_for_only_where_evaluation_is_switched_on(settings):
    assert build_defs(settings).resolve_sensor_def("new_models").targets == []
    on = build_defs(settings.model_copy(update={"evaluate": True}))
    dg.Definitions.validate_loadable(on)
    jobs = [each.job_name for each in on.resolve_sensor_def("new_models").targets]
    assert jobs == ["evaluate", "check_evaluation"]


def test_without_the_evaluation_environment_it_says_how_to_build_it(settings, tmp_path):
    store(settings, ("lab/a", "queued", 1))
    on = settings.model_copy(update={"evaluate": True, "evaluation_python": tmp_path / "absent"})
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(on, instance)
        assert not result.run_requests
        assert "make evaluation-env" in result.skip_reason.skip_message


def test_another_evaluation_job_can_take_the_place_of_ours(settings):
    defs = dg.Definitions.merge(dg.Definitions(assets=[evaluated]), build_defs(settings, JOB))
    dg.Definitions.validate_loadable(defs)
    assert defs.resolve_sensor_def("new_models").job_name == "evaluate"


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B", "gpt2", "a-b/c_d.e"])
def test_a_partition_leads_back_to_its_model(name):
    assert model_id(partition_key(name)) == name


@pytest.mark.parametrize("name", ["../secrets", "a/b/c", "a/b,c", "a--b/c", "lab/modèle", ""])
def test_what_the_hub_does_not_allow_becomes_no_partition(name):
    with pytest.raises(ValueError, match="not a repository id"):
        partition_key(name)


def test_attempts_that_the_installation_spoilt_do_not_count(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        store(settings, ("lab/a", "queued", 1, {"attempts": 4, "attempts_excused": 2}))
        assert keys(tick(settings, instance)) == [f"lab--a@{'a' * 40}+4"]
        store(settings, ("lab/a", "queued", 1, {"attempts": 5, "attempts_excused": 2}))
        assert keys(tick(settings, instance)) == []


def fail(settings, model, reason="driver 570 is too old"):
    """End the evaluation of a model by a fault of the installation."""
    with FolderWriter(settings.evaluations_dir / f"lab--{model}" / ("a" * 40) / "v") as writer:
        writer.end("failed", reason, resumable=True, fault="installation")


def test_faults_of_the_installation_make_models_wait_for_a_check_and_two_alike_all_of_them(
    settings,
):
    with dg.DagsterInstance.ephemeral() as instance:
        store(settings, *((f"lab/{name}", "queued", 1) for name in "abc"))
        fail(settings, "a")
        assert [key[:6] for key in keys(tick(settings, instance))] == ["lab--b", "lab--c"]
        fail(settings, "b")
        stopped = tick(settings, instance)
        assert not stopped.run_requests
        assert "two models in a row failed by the same fault" in stopped.skip_reason.skip_message
        installation.write_check(settings.state_dir, "disk: 0.1 GiB are free")
        stopped = tick(settings, instance)
        assert (
            "the last check of this installation failed: disk: 0.1 GiB are free"
            in stopped.skip_reason.skip_message
        )
        installation.write_check(settings.state_dir, None)
        assert [key[:6] for key in keys(tick(settings, instance))] == ["lab--a"]


@dg.op
def trial() -> None:
    """Stands for the check of the installation."""


@dg.job(name="check_evaluation")
def check_job() -> None:
    """One step."""
    trial()


def test_the_installation_is_checked_before_the_first_model_and_again_while_it_is_faulty(settings):
    store(settings, ("lab/a", "queued", 1), ("lab/b", "queued", 1), ("lab/c", "queued", 1))
    new_models = sensor(settings, JOB, check_job)

    def asked(instance):
        repository = dg.Definitions(assets=[evaluated], jobs=[JOB, check_job])
        result = new_models(dg.build_sensor_context(instance=instance, definitions=repository))
        for key in [each.run_key for each in result.run_requests or []]:
            instance.create_run_for_job(check_job, tags={"dagster/run_key": key})
        names = [each.job_name for each in result.run_requests or []]
        return names, result.skip_reason and result.skip_reason.skip_message

    def forget_hour(instance):
        for run in instance.get_runs():
            instance.delete_run(run.run_id)

    with dg.DagsterInstance.ephemeral() as instance:
        assert asked(instance)[0] == ["check_evaluation"]
        assert asked(instance) == (
            [],
            "this installation is checked before the first model is evaluated",
        )
        installation.write_check(settings.state_dir, None)
        assert asked(instance)[0] == ["evaluate", "evaluate"]
        old = {"checked_at": "2026-01-01T00:00:00+00:00", "problem": "disk: full"}
        write_json(settings.state_dir / installation.FILE, old)
        assert "disk: full" in asked(instance)[1], "one check an hour"
        forget_hour(instance)
        assert asked(instance)[0] == ["check_evaluation"]


def test_with_several_gpus_more_runs_are_asked_for_the_longest_of_a_priority_first(settings):
    hours = {"a": 1.0, "b": 3.0, "c": 2.0, "d": 9.0, "e": None}
    store(
        settings,
        *(("lab/" + name, "queued", 5 if name == "d" else 9, {"estimated_gpu_hours": h}) for name, h in hours.items()),
    )  # fmt: skip
    new_models = sensor(settings, JOB, check_job)
    repository = dg.Definitions(assets=[evaluated], jobs=[JOB, check_job])
    with dg.DagsterInstance.ephemeral() as instance:
        for places, order in ((1, "ac"), (2, "bcae")):
            installation.write_check(settings.state_dir, None, None, places)
            context = dg.build_sensor_context(instance=instance, definitions=repository)
            asked = new_models(context).run_requests
            assert "".join(each.partition_key[-1] for each in asked) == order
            assert {each.tags["dagster/priority"] for each in asked} == {"9"}, (
                "d waits for the others"
            )
            (limit,) = [
                each for each in instance.event_log_storage.get_pool_limits() if each.name == "gpu"
            ]
            assert limit.limit == places
