"""The full-text index of PostgreSQL; SQLite goes without (reviews/search.py)."""

from typing import Any

from django.db import migrations

CREATE = """
CREATE INDEX IF NOT EXISTS decision_payload_words ON reviews_decisionpayload
USING gin (to_tsvector('simple', left(input, 20000)))
"""
DROP = "DROP INDEX IF EXISTS decision_payload_words"


def _on_postgresql(statement: str) -> Any:
    def run(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(statement)

    return run


class Migration(migrations.Migration):
    dependencies = [("reviews", "0002_warned_at")]
    operations = [migrations.RunPython(_on_postgresql(CREATE), _on_postgresql(DROP))]
