"""Starts the evaluation job on this machine, or through Slurm, Ray or Kubernetes (`DENSING_EVALUATE_ON`).

Every launcher runs the same command line and returns when it has ended, so folders, scores and retries do not depend
on which one it is. Not here: the command line (`evaluation.job_path`), and what is written for a job that left no
outcome (`orchestration.evaluation`).
"""
