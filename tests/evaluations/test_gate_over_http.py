"""`countersign gate` against the service itself, over a socket: from a file of answers to an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from countersign.cli import main
from evaluations.models import EvaluationRun, Example
from evaluations.services.gating import Plan, open_run
from evaluations.services.releases import state_release
from evaluations.services.sealing import seal_version
from governance.actors import OPERATOR
from governance.services.credentials import create_access_token
from tests.evaluations.scenes import make_dataset, make_example
from tests.factories import actor_of, make_person


@pytest.mark.django_db(transaction=True)
def test_a_pipeline_learns_the_verdict_by_its_exit_code(
    live_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset = make_dataset()
    for _ in range(30):
        make_example(dataset, expected={"output": "spam"})
    version = seal_version(actor=OPERATOR, dataset_id=dataset.pk, reason="x")
    state_release(actor=OPERATOR, system=dataset.system, name="v1", reason="x")
    person = make_person(dataset.organization, "lead")
    _, secret = create_access_token(
        actor=actor_of(person, dataset.organization), user=person, organization=dataset.organization, name="ci"
    )
    monkeypatch.setenv("COUNTERSIGN_TOKEN", secret)
    monkeypatch.setenv("COUNTERSIGN_URL", live_server.url)
    codes = []
    for right, minimum in ((30, 0.8), (3, 0.8), (25, 0.8), (None, 0.8)):
        plan = Plan(candidate="v1", split="", demands={"minimum": minimum})
        run = open_run(actor=OPERATOR, version=version, plan=plan)
        answers = tmp_path / "answers.jsonl"
        answers.write_text("")
        if right is not None:
            words = ["spam"] * right + ["ham"] * (30 - right)
            pairs = zip(Example.objects.order_by("id"), words, strict=True)
            lines = [
                json.dumps({"example": f"sha256:{one.content_sha256}", "answer": {"output": word}})
                for one, word in pairs
            ]
            answers.write_text("\n".join(lines))
        assert main(["gate", str(run.pk)]) == 3
        codes.append(main(["gate", str(run.pk), "--results", str(answers), "--close"]))
        assert main(["gate", str(run.pk), "--close", "--junit", str(tmp_path / "gate.xml")]) == codes[-1]
    assert codes == [0, 1, 2, 3]
    assert set(EvaluationRun.objects.values_list("status", flat=True)) == {"closed"}
