"""What the owner does in this month beyond incidents, through the API with their access token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from examples.owner import Owner, Stuck

# Only the action's name is judged: the arguments are the mail's own.
SCORER: Mapping[str, Any] = {"kind": "fields", "fields": {"/name": {}}}
HELD_OUT = "test"


class Governor(Owner):
    """The owner of the mail triage, with datasets, releases, runs, costs and reports."""

    async def dataset(self) -> dict[str, Any]:
        """The system's own dataset. Raises Stuck where nobody has corrected anything yet."""
        found = (await self._ask("GET", "/datasets", params={"slug": self._system}))["results"]
        if not found:
            raise Stuck("There is no dataset: nobody has corrected anything.")
        dataset: dict[str, Any] = found[0]
        return dataset

    async def seal(self, dataset: str, reason: str) -> dict[str, Any]:
        version: dict[str, Any] = await self._ask("POST", f"/datasets/{dataset}/versions", json={"reason": reason})
        return version

    async def examples(self, dataset: str, version: int, split: str) -> list[dict[str, Any]]:
        """The examples of one part of a sealed version, as they are exported."""
        params = {"format": "jsonl", "version": version, "split": split}
        lines = await self._lines(f"/datasets/{dataset}/export", params)
        return [json.loads(line) for line in lines if line]

    async def state_release(self, name: str, reason: str) -> None:
        await self._ask("POST", "/releases", json={"system": self._system, "name": name, "reason": reason})

    async def open_run(
        self, dataset: str, version: int, candidate: str, *, baseline: str | None = None, **more: Any
    ) -> str:
        """Begin a run on the examples that no model may learn from; its id."""
        asked: dict[str, Any] = {
            "dataset": dataset,
            "version": version,
            "split": HELD_OUT,
            "candidate": candidate,
            "scorer": SCORER,
            **more,
        }
        if baseline is not None:
            asked["baseline"] = baseline
        return str((await self._ask("POST", "/evaluation-runs", json=asked))["id"])

    async def questions(self, run: str) -> list[dict[str, Any]]:
        """What a run has still to answer."""
        found: list[dict[str, Any]] = []
        page: str | None = f"/evaluation-runs/{run}/examples?page_size=100"
        while page:
            answer = await self._ask("GET", page)
            found += answer["results"]
            page = answer["next"]
        return found

    async def gate(self, run: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask("GET", f"/evaluation-runs/{run}/gate")
        return answer

    async def state_budget(self, micros: int, note: str) -> None:
        await self._ask(
            "PUT",
            f"/systems/{self._system}/budget",
            json={"monthly_micros": micros, "includes_review": True, "note": note},
        )

    async def costs(self, month: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask("GET", f"/systems/{self._system}/costs", params={"month": month})
        return answer

    async def intend(self, **item: Any) -> dict[str, Any]:
        """Decide on something that is to become better."""
        answer: dict[str, Any] = await self._ask("POST", "/improvement-items", json={"system": self._system, **item})
        return answer

    async def freeze(self, month: str) -> dict[str, Any]:
        report: dict[str, Any] = await self._ask("POST", f"/systems/{self._system}/reports", json={"month": month})
        return report

    async def attest(self, report: str, statement: str) -> dict[str, Any]:
        signed: dict[str, Any] = await self._ask("POST", f"/reports/{report}/attest", json={"statement": statement})
        return signed

    async def _lines(self, path: str, params: Mapping[str, Any]) -> list[str]:
        response = await self._http.get(path, params=params)
        if response.status_code != 200:
            raise Stuck(f"GET /api/v1{path} answers {response.status_code}: {response.text[:400]}")
        return response.text.split("\n")
