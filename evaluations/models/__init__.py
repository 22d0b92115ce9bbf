"""The nouns of the evaluations floor."""

from evaluations.models.datasets import Dataset, Example, ExampleSource
from evaluations.models.runs import EvaluationRun, Release, RunResult
from evaluations.models.versions import DatasetVersion, Membership

__all__ = [
    "Dataset",
    "DatasetVersion",
    "EvaluationRun",
    "Example",
    "ExampleSource",
    "Membership",
    "Release",
    "RunResult",
]
