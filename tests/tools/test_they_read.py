"""`datasets`, pandas, pyarrow, the csv module, OpenAI Evals and promptfoo read what we write, and find in it what was there."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evaluations.models import DatasetVersion, Example
from evaluations.services.exporting import export_dataset
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from tests.evaluations.hostile import EVERYTHING, TEXTS
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import make_system
from tests.tools.ground import read_with

pytestmark = [pytest.mark.django_db, pytest.mark.tools, pytest.mark.slow]


@pytest.fixture
def dataset() -> Any:
    """Everything hostile, each as input and as the answer to itself."""
    dataset = make_dataset(make_system(slug="mail-triage", name='Mail: "triage"\n# {{x}} [a](b)'))
    for number, value in enumerate(EVERYTHING):
        make_example(
            dataset,
            input=value,
            expected={"output": value},
            labels=["=1+1", "{{x}}", "\u202e"][: number % 4],
            split="test" if number % 3 == 0 else "train",
            sources=number % 3,
        )
    return dataset


def write(dataset: Any, folder: Path, format: str, **options: Any) -> Path:
    export = export_dataset(actor=OPERATOR, dataset=dataset, format=format, **options)
    target = folder / export.file_name
    target.write_bytes(b"".join(export))
    return target


def lines_of(dataset: Any, **options: Any) -> list[dict[str, Any]]:
    pieces = export_dataset(actor=OPERATOR, dataset=dataset, **options)
    return [json.loads(line) for line in b"".join(pieces).split(b"\n")[:-1]]


def unpack(archive: Path) -> Path:
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        packed.extractall(folder)
    return folder


def is_row_of(row: dict[str, Any], line: dict[str, Any], *, is_text: bool) -> bool:
    """Whether a row of a table says what the line of JSON says."""
    listed = {name: json.loads(row[name]) if is_text else row[name] for name in ("labels", "sources")}
    texts = {name: json.loads(row[name]) for name in ("input", "expected")}
    return {**texts, **listed, "id": row["id"], "split": row["split"]} == line


def test_datasets_loads_the_folder(dataset: Any, tmp_path: Path) -> None:
    read = read_with("read_folder.py", unpack(write(dataset, tmp_path, "huggingface")), home=tmp_path)
    assert set(read) == {"train", "test"}
    for split, found in read.items():
        lines = lines_of(dataset, selection=selection(split))
        assert found["described"] == len(lines) == len(found["rows"])
        assert all(is_row_of(row, line, is_text=False) for row, line in zip(found["rows"], lines, strict=True))
        stored = Example.objects.filter(split=split).order_by("id").values_list("input", "expected")
        assert [(row["input"], row["expected"]) for row in found["rows"]] == list(stored)


def test_datasets_loads_a_version_and_one_split_and_what_is_empty(dataset: Any, tmp_path: Path) -> None:
    version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    make_example(dataset)
    folder = unpack(write(dataset, tmp_path, "huggingface", version=version))
    assert folder.name == "mail-triage-v1.hf"
    assert f"sha256:{version.root_sha256}" in (folder / "README.md").read_text(encoding="utf-8")
    read = read_with("read_folder.py", folder, home=tmp_path)
    assert sum(len(found["rows"]) for found in read.values()) == version.examples == len(EVERYTHING)
    Example.objects.filter(split="test").update(status="disputed")
    read = read_with("read_folder.py", unpack(write(dataset, tmp_path, "huggingface")), home=tmp_path)
    assert list(read) == ["train"] and read["train"]["rows"]


def test_datasets_knows_the_column_of_statuses(dataset: Any, tmp_path: Path) -> None:
    folder = unpack(
        write(dataset, tmp_path, "huggingface", selection=selection("train", statuses=("active", "retired")))
    )
    read = read_with("read_folder.py", folder, home=tmp_path)
    assert list(read) == ["train"] and {row["status"] for row in read["train"]["rows"]} == {"active"}


def test_pandas_pyarrow_and_the_csv_module_read_the_tables(dataset: Any, tmp_path: Path) -> None:
    version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    sheet, columns = (write(dataset, tmp_path, format, version=version) for format in ("csv", "parquet"))
    read = read_with("read_tables.py", sheet, columns, home=tmp_path)
    lines = lines_of(dataset, version=version)
    for name in ("csv", "pandas csv", "pandas parquet", "pyarrow"):
        rows = zip(read[name], lines, strict=True)
        assert all(is_row_of(row, line, is_text="csv" in name) for row, line in rows), name
    stored = list(Example.objects.order_by("id").values_list("input", "expected"))
    assert [(row["input"], row["expected"]) for row in read["pyarrow"]] == stored
    assert [(row["input"], row["expected"]) for row in read["pandas parquet"]] == stored
    assert read["metadata"]["countersign.root"] == f"sha256:{DatasetVersion.objects.get().root_sha256}"


def test_openai_evals_reads_the_samples(dataset: Any, tmp_path: Path) -> None:
    """What its templates then ask of a sample (evals/elsuite/basic/match.py): an object with `input` and `ideal`, the latter
    a text or a list of them, the former messages of a role and a text."""
    read = read_with("read_samples.py", write(dataset, tmp_path, "openai-evals"), home=tmp_path)
    assert len(read) == len(EVERYTHING) - 1
    for sample in read:
        assert set(sample) == {"input", "ideal"} and isinstance(sample["ideal"], str)
        assert all(set(message) == {"role", "content"} for message in sample["input"])
    texts = [sample["ideal"] for sample in read[: len(TEXTS)]]
    assert texts == TEXTS == [sample["input"][0]["content"] for sample in read[: len(TEXTS)]]


def test_promptfoo_runs_the_tests_and_nothing_in_them(dataset: Any, tmp_path: Path) -> None:
    read = read_with("run_tests.mjs", write(dataset, tmp_path, "promptfoo"), "{{input}}", home=tmp_path)
    lines = [line for line in lines_of(dataset) if line["expected"] != {"output": None}]
    assert [result["example"] for result in read] == [line["id"] for line in lines]
    assert [result for result in read if not result["passed"]] == []
    for result, line in zip(read, lines, strict=True):
        said = result["answer"]
        assert (said if isinstance(line["input"], str) else json.loads(said)) == line["input"]


def test_promptfoo_fails_an_answer_that_differs(dataset: Any, tmp_path: Path) -> None:
    read = read_with("run_tests.mjs", write(dataset, tmp_path, "promptfoo"), "not {{input}}", home=tmp_path)
    assert read and not any(result["passed"] for result in read)


def test_promptfoo_executes_nothing_in_a_prompt_of_messages(dataset: Any, tmp_path: Path) -> None:
    """There, variables are put in as they are: a text's escapes stay visible, and JSON has the same value."""
    prompt = '[{"role": "user", "content": "{{input}}"}]'
    read = read_with("run_tests.mjs", write(dataset, tmp_path, "promptfoo"), prompt, home=tmp_path)
    said = [json.loads(result["answer"])[0]["content"] for result in read]
    assert len(said) == len(EVERYTHING) - 1
    assert not any("/usr/bin" in answer or "012345678" in answer for answer in said)
    lines = [line for line in lines_of(dataset) if line["expected"] != {"output": None}]
    for answer, line in zip(said, lines, strict=True):
        if not isinstance(line["input"], str):
            assert json.loads(answer) == line["input"]


def selection(split: str, **chosen: Any) -> Any:
    from evaluations.selectors import Selection

    return Selection(split=split, **chosen)
