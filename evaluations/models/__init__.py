"""The nouns of the evaluations floor."""

from evaluations.models.datasets import Dataset, Example, ExampleSource
from evaluations.models.runs import EvaluationRun, Release, RunResult
from evaluations.models.versions import DatasetVersion, ExampleMembership

__all__ = [
    "Dataset",
    "DatasetVersion",
    "EvaluationRun",
    "Example",
    "ExampleMembership",
    "ExampleSource",
    "Release",
    "RunResult",
]
