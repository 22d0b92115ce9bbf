"""The nouns of the evaluations floor."""

from evaluations.models.datasets import Dataset, Example, ExampleSource

__all__ = ["Dataset", "Example", "ExampleSource"]
