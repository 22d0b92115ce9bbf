"""Run by the tools' own Python: pandas on a CSV and a Parquet file, the csv module on the former, pyarrow on the latter."""

import csv
import json
import sys
from pathlib import Path

import pandas
from pyarrow import parquet

sheet, columns = map(Path, sys.argv[1:])
csv.field_size_limit(2**24)
with sheet.open(encoding="utf-8", newline="") as lines:
    plain = list(csv.DictReader(lines))
framed = pandas.read_csv(sheet, dtype=str, keep_default_na=False)
typed = pandas.read_parquet(columns)
file = parquet.ParquetFile(columns)
read = {
    "csv": plain,
    "pandas csv": framed.to_dict(orient="records"),
    "pandas parquet": json.loads(typed.to_json(orient="records")),
    "pyarrow": file.read().to_pylist(),
    "metadata": {key.decode(): value.decode() for key, value in (file.schema_arrow.metadata or {}).items()},
    "groups": file.num_row_groups,
}
Path("read.json").write_text(json.dumps(read), encoding="utf-8")
