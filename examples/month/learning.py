"""From people's rulings to a release that may answer: a sealed version, a candidate that learned from one part of it, and the
gate, which asks it about the other part.

The part is chosen by the product, by a secret hash of the sender: no mail of a sender whose mails test is ever learned from.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from examples.installation import ROOT
from examples.mail_triage.mails import Mail
from examples.month.governor import HELD_OUT, Governor
from examples.month.models import Lesson, Price, Release, usage_of
from examples.telling import instant

LEARNED_FROM = "train"


@dataclass(frozen=True)
class Trial:
    """One candidate at the gate: how many examples it learned from, how many it was asked about, what the gate said."""

    candidate: Release
    version: Mapping[str, Any]
    learned: int
    asked: int
    code: int
    said: str
    gate: Mapping[str, Any]

    @property
    def has_passed(self) -> bool:
        return self.code == 0


class Learning:
    """What the makers of the application do between two releases."""

    def __init__(
        self,
        *,
        governor: Governor,
        url: str,
        token: str,
        training: Sequence[Mail],
        prices: Sequence[Price],
        directory: Path,
    ) -> None:
        self._governor = governor
        self._variables = {"COUNTERSIGN_URL": url, "COUNTERSIGN_TOKEN": token}
        self._training = training
        self._prices = {price.model: price for price in prices}
        self._directory = directory
        self._sealed_at: datetime | None = None

    async def has_news(self) -> bool:
        """Whether anything was taught since the newest version was sealed."""
        if self._sealed_at is None:
            return True
        added_at = (await self._governor.dataset())["last_added_at"]
        return bool(added_at) and instant(added_at) > self._sealed_at

    async def try_release(self, name: str, baseline: Release) -> Trial | None:
        """Seal what was taught so far, train a release of that name on what may be learned from, and ask the gate. None where
        by chance nothing was held out, so that there is nothing to ask."""
        governor = self._governor
        dataset = (await governor.dataset())["id"]
        version = await governor.seal(dataset, f"What people ruled until {name} is trained.")
        self._sealed_at = instant(version["sealed_at"])
        if not await governor.examples(dataset, version["number"], HELD_OUT):
            return None
        taught = await governor.examples(dataset, version["number"], LEARNED_FROM)
        lessons = [lesson_of(line) for line in taught]
        candidate = Release.trained(name, self._training, lessons)
        await governor.state_release(
            name,
            f"Both models trained again, on the mails of {baseline.name} and on {len(lessons)} rulings of version "
            f"{version['number']}.",
        )
        before = await governor.open_run(dataset, version["number"], baseline.name)
        self._ask_gate(before, await self._answer(before, baseline))
        run = await governor.open_run(
            dataset, version["number"], name, baseline=before, goal="better", demands={"smallest_effect": 0.1}
        )
        answers = await self._answer(run, candidate)
        code, said = self._ask_gate(run, answers)
        return Trial(
            candidate=candidate,
            version=version,
            learned=len(lessons),
            asked=len(answers.read_text().splitlines()),
            code=code,
            said=said,
            gate=await governor.gate(run),
        )

    async def _answer(self, run: str, release: Release) -> Path:
        """A file with what a release says to each question of a run."""
        lines = []
        for question in await self._governor.questions(run):
            mail = mail_of(question["input"])
            judgement = release.judge(mail)
            cost_usd = self._prices[release.model_for(mail)].of(usage_of(mail, judgement))
            lines.append(
                {
                    "example": question["example"],
                    "answer": {"action": {"name": judgement.action, "arguments": {}}},
                    "cost_usd": round(cost_usd, 8),
                    "latency_ms": judgement.latency_ms,
                }
            )
        path = self._directory / f"answers-{release.name}-{run}.jsonl"
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return path

    def _ask_gate(self, run: str, answers: Path) -> tuple[int, str]:
        """`countersign gate`, as a pipeline runs it: its exit code and what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "countersign", "gate", run, "--results", str(answers), "--close"],
            cwd=ROOT,
            env={**os.environ, **self._variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout or done.stderr).strip()


def lesson_of(line: Mapping[str, Any]) -> Lesson:
    """What an exported example teaches."""
    return Lesson(mail_of(line["input"]).text, not is_delivered(line["expected"]["action"]["name"]))


def mail_of(given: Mapping[str, Any]) -> Mail:
    """A mail as far as the question that was asked about it tells: enough for a model, which reads subject and text alone."""
    return Mail(
        id="",
        origin="",
        label="",
        sender=given["from"],
        sender_name="",
        to=given["to"],
        subject=given["subject"],
        received_at=given["received_at"],
        is_list=False,
        body=given["body"],
    )


def is_delivered(action: str) -> bool:
    return action == "deliver"
