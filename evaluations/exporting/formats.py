"""The formats by name, each with what a person needs to choose one."""

from __future__ import annotations

from importlib.util import find_spec

from evaluations.exporting.columns import write_parquet
from evaluations.exporting.folder import write_huggingface
from evaluations.exporting.lines import (
    write_langfuse,
    write_lines,
    write_openai_evals,
    write_openai_finetuning,
    write_phoenix,
)
from evaluations.exporting.promptfoo import write_promptfoo
from evaluations.exporting.shapes import Format
from evaluations.exporting.sheets import write_csv

JSON_LINES = "application/jsonl"
_ALL = (
    Format(
        name="jsonl",
        label="JSON lines",
        sentence="One JSON object a line with everything, byte for byte as it was hashed.",
        suffix="jsonl",
        media_type=JSON_LINES,
        write=write_lines,
    ),
    Format(
        name="csv",
        label="CSV",
        sentence="For spreadsheets and data frames; input and expected are JSON texts in their cells, and no cell is a formula.",
        suffix="csv",
        media_type="text/csv; charset=utf-8; header=present",
        write=write_csv,
    ),
    Format(
        name="parquet",
        label="Parquet",
        sentence="Columns for pandas, Polars, DuckDB and Spark; small and quick to read.",
        suffix="parquet",
        media_type="application/vnd.apache.parquet",
        write=write_parquet,
        module="pyarrow",
        extra="parquet",
    ),
    Format(
        name="huggingface",
        label="Hugging Face folder",
        sentence="An archive that load_dataset reads once it is unpacked: a Parquet file a split, and a dataset card.",
        suffix="hf.zip",
        media_type="application/zip",
        write=write_huggingface,
        module="pyarrow",
        extra="parquet",
    ),
    Format(
        name="openai-evals",
        label="OpenAI evals",
        sentence="Messages and the ideal answer, as samples for OpenAI Evals.",
        suffix="evals.jsonl",
        media_type=JSON_LINES,
        write=write_openai_evals,
        needs_answer=True,
    ),
    Format(
        name="openai-finetuning",
        label="OpenAI fine-tuning",
        sentence="Conversations that end with the right answer, to train on: the train split unless you choose the other.",
        suffix="finetuning.jsonl",
        media_type=JSON_LINES,
        write=write_openai_finetuning,
        needs_answer=True,
        is_training=True,
    ),
    Format(
        name="promptfoo",
        label="promptfoo tests",
        sentence="A test an example: the input as a variable, and what the answer must equal; nothing in it runs as a template.",
        suffix="promptfoo.jsonl",
        media_type=JSON_LINES,
        write=write_promptfoo,
        needs_answer=True,
    ),
    Format(
        name="langfuse",
        label="Langfuse items",
        sentence="Dataset items as the API of Langfuse takes them, one a line.",
        suffix="langfuse.jsonl",
        media_type=JSON_LINES,
        write=write_langfuse,
    ),
    Format(
        name="phoenix",
        label="Phoenix examples",
        sentence="Input, output and metadata as Arize Phoenix takes them, one example a line.",
        suffix="phoenix.jsonl",
        media_type=JSON_LINES,
        write=write_phoenix,
    ),
)
FORMATS = {format.name: format for format in _ALL}


def is_there(format: Format) -> bool:
    """Whether what the format takes is installed here."""
    return not format.module or find_spec(format.module) is not None
