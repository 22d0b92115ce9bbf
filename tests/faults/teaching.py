"""Applications and reviewers whose rulings teach, some of them taken back and ruled otherwise: the load under which the
dataset has to end as the set of final corrections."""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from governance.canonical import canonicalize, sha256_hex
from tests.faults.traffic import Traffic

# More than so many questions without a ruling, or rulings that have not become examples, and the applications wait: what is
# killed has to be in the middle of the work, not ahead of it.
MOST_PENDING = 60
MOST_BEHIND = 400
# Of a hundred questions so many were asked before: two rulings of one input agree, or contradict each other.
ASKED_AGAIN_PERCENT = 3
TAKEN_BACK_PERCENT = 8
PROPOSED = {"name": "pay", "arguments": {"amount": 50}}


@dataclass(frozen=True, slots=True)
class Taught:
    """A ruling that was answered: on which decision, and what it should teach."""

    decision_id: str
    expected: str


class Teaching(Traffic):
    """Counts what was taught for good; asks on until told that it is enough, and rules on until all is ruled."""

    def __init__(self, *, url: str, key: str, tokens: list[str], seed: int) -> None:
        self.inputs: dict[str, str] = {}
        self.taught: dict[str, Taught] = {}
        self.taken_back: set[str] = set()
        # Asked to be taken back, and answered that it is too late: it may have been the echo of a lost answer.
        self.unsure: set[str] = set()
        self.is_enough = False
        # How many corrections have become examples, as the test last saw it in the database.
        self.harvested = 0
        self._open: set[str] = set()
        self._teaching = 0
        super().__init__(url=url, key=key, tokens=tokens, seed=seed)

    def applications(self) -> list[Callable[[httpx.Client, random.Random], None]]:
        return [self._ask, self._ask]

    @property
    def final(self) -> int:
        """How many corrections stand."""
        with self.ledger.lock:
            return self._teaching

    @property
    def has_to_wait(self) -> bool:
        return self.is_enough or self.pending_count >= MOST_PENDING or self.final - self.harvested >= MOST_BEHIND

    @property
    def pending_count(self) -> int:
        with self.ledger.lock:
            return len(self._open)

    def _ask(self, client: httpx.Client, chance: random.Random) -> None:
        if self.has_to_wait:
            time.sleep(0.05)
            return
        case = str(uuid.uuid4())
        with self.ledger.lock:
            known = list(self.inputs.values())[-500:]
        given = (
            chance.choice(known) if known and chance.randrange(100) < ASKED_AGAIN_PERCENT else f'{{"case":"{case}"}}'
        )
        body = {"action": PROPOSED, "input": {"case": given[9:-2]}}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._send(client, "POST", "/api/v1/decisions", json=body, headers=key)
        if answer is not None:
            assert answer.status_code == 202, answer.text
            with self.ledger.lock:
                self.inputs[answer.json()["id"]] = given
                self._open.add(answer.json()["id"])

    def _rule(self, client: httpx.Client, chance: random.Random) -> None:
        taken = self._send(client, "POST", "/api/v1/queues/kills/take-next")
        if taken is None or taken.status_code == 404 or taken.json()["escalation"] is None:
            time.sleep(0.2)
            return
        escalation = taken.json()["escalation"]
        review_id = self._submit(client, escalation, choose_ruling(chance))
        while review_id is not None and chance.randrange(100) < TAKEN_BACK_PERCENT:
            # The question is open again, and this reviewer's: the next ruling overturns the one before.
            undone = self._send(client, "DELETE", f"/api/v1/reviews/{review_id}")
            with self.ledger.lock:
                if undone is None or undone.status_code >= 300:
                    self.unsure.add(review_id)
                    return
                self.taken_back.add(review_id)
                self._teaching -= 1
                self._open.add(self.taught[review_id].decision_id)
            review_id = self._submit(client, undone.json()["escalation"], choose_ruling(chance))

    def _submit(self, client: httpx.Client, escalation: dict[str, Any], ruling: dict[str, Any]) -> str | None:
        """The ruling's id; None where the claim ran out before it came through, and somebody else rules."""
        answer = self._send(
            client,
            "POST",
            f"/api/v1/escalations/{escalation['id']}/review",
            json={**ruling, "claim_token": escalation["claim"]["token"]},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        if answer is None or answer.status_code == 409:
            return None
        assert answer.status_code == 200, answer.text
        review_id: str = answer.json()["review"]["id"]
        decision_id = answer.json()["decision"]["id"]
        with self.ledger.lock:
            self.taught[review_id] = Taught(decision_id, read_expected(ruling))
            self._teaching += 1
            self._open.discard(decision_id)
        return review_id


def choose_ruling(chance: random.Random) -> dict[str, Any]:
    verdict = chance.choices(["correct", "answer", "reject", "approve"], [70, 12, 13, 5])[0]
    if verdict == "correct":
        # Few amounts, so that two rulings of one input agree now and then.
        arguments = {"amount": chance.randrange(1, 4)}
        return {"verdict": verdict, "action": {"name": "pay", "arguments": arguments}, "reason": "another amount"}
    if verdict == "answer":
        return {"verdict": verdict, "answer": {"text": f"We look into it, {chance.randrange(3)}."}}
    return {"verdict": verdict, "reason": "as it should be"}


def read_expected(ruling: dict[str, Any]) -> str:
    """What this ruling teaches, as whoever sent it knows it."""
    if ruling["verdict"] == "approve":
        return canonicalize({"action": PROPOSED})
    if ruling["verdict"] == "correct":
        return canonicalize({"action": ruling["action"]})
    if ruling["verdict"] == "answer":
        return canonicalize({"output": ruling["answer"]})
    return canonicalize({"action": None})


def hash_content(given: str, expected: str) -> str:
    return sha256_hex(f'{{"expected":{expected},"input":{given},"scorer":"exact"}}')
