"""Applications and reviewers at work, and what they were told: the load of the kill test.

Each behaves as a careful client does: an answer that was lost is asked for again under the same idempotency key, and
what was answered is written down, since that is what must still be true in the end.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

TERMINAL = frozenset({"allowed", "blocked", "approved", "corrected", "rejected", "answered", "cancelled"})
POLICY = """
apiVersion: governance/v1
kind: Policy
metadata: {key: kills, description: Some of everything}
default: review
on_error: review
rules:
  - {id: small, when: action.arguments.amount < 30, verdict: allow, reason: Small}
  - {id: large, when: action.arguments.amount >= 95, verdict: block, reason: Too large}
  - {id: middling, when: action.arguments.amount >= 30 && action.arguments.amount < 95, verdict: review, queue: kills,
     sla: {respond: 2h, on_timeout: block}, reason: Somebody looks}
"""


@dataclass(slots=True)
class Ledger:
    """What the service has answered: the last known status of every decision, and every final ruling."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    decisions: dict[str, str] = field(default_factory=dict)
    rulings: dict[str, tuple[str, str]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    lost_answers: int = 0
    outages: int = 0

    def note_decision(self, answer: dict[str, Any]) -> None:
        """A status that moved after it was terminal is a fault at once."""
        with self.lock:
            known = self.decisions.get(answer["id"])
            if known in TERMINAL and known != answer["status"]:
                self.faults.append(f"{answer['id']} was answered {known}, then {answer['status']}")
            self.decisions[answer["id"]] = answer["status"]

    def pending(self) -> list[str]:
        with self.lock:
            return [decision_id for decision_id, status in self.decisions.items() if status == "pending"]


class Traffic:
    """Threads that ask, wait, cancel, rule and take back, until told to stop."""

    def __init__(self, *, url: str, key: str, tokens: list[str], seed: int) -> None:
        self.ledger = Ledger()
        self._url = url
        self._key = key
        self._seed = seed
        self._stop = threading.Event()
        self._threads = [self._thread(work, key, number) for number, work in enumerate(self.applications())]
        self._threads += [self._thread(self._rule, token, 10 + number) for number, token in enumerate(tokens)]

    def applications(self) -> list[Callable[[httpx.Client, random.Random], None]]:
        """What each of the applications does, over and over."""
        return [self._ask, self._ask, self._wait, self._cancel]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def _thread(
        self, work: Callable[[httpx.Client, random.Random], None], secret: str, number: int
    ) -> threading.Thread:
        def run() -> None:
            chance = random.Random(f"{self._seed}/{number}")
            with httpx.Client(base_url=self._url, headers={"Authorization": f"Bearer {secret}"}, timeout=20) as client:
                while not self._stop.is_set():
                    try:
                        work(client, chance)
                    except Exception as error:  # noqa: BLE001 (a client that died would leave the test without load)
                        self.ledger.faults.append(f"{work.__name__}: {error!r}")
                        time.sleep(0.5)

        return threading.Thread(target=run, daemon=True)

    def _send(self, client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response | None:
        """The answer, asked for until there is one; None when the test ends first. A 5xx promises nothing and may be
        tried again; what is answered otherwise must be a real answer."""
        while True:
            try:
                answer = client.request(method, path, **request)
            except httpx.TransportError:
                self.ledger.lost_answers += 1
            else:
                in_flight = answer.status_code == 409 and answer.json()["type"].endswith("idempotency-in-flight")
                if answer.status_code == 500:
                    self.ledger.faults.append(f"{method} {path}: 500")
                if answer.status_code < 500 and not in_flight:
                    return answer
                self.ledger.outages += answer.status_code > 500
            if self._stop.wait(0.2):
                return None

    def _ask(self, client: httpx.Client, chance: random.Random) -> None:
        amount = chance.randrange(100)
        body = {
            "action": {"name": "pay", "arguments": {"amount": amount, "note": "x" * chance.randrange(400)}},
            "input": {"case": str(uuid.uuid4())},
            "confidence": chance.random(),
        }
        answer = self._send(
            client, "POST", "/api/v1/decisions", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
        )
        if answer is not None:
            assert answer.status_code in {201, 202}, answer.text
            self.ledger.note_decision(answer.json())
        time.sleep(0.15)

    def _wait(self, client: httpx.Client, chance: random.Random) -> None:
        pending = self.ledger.pending()
        if not pending:
            time.sleep(0.2)
            return
        answer = self._send(client, "GET", f"/api/v1/decisions/{chance.choice(pending)}?wait=2")
        if answer is not None:
            assert answer.status_code == 200, answer.text
            self.ledger.note_decision(answer.json())

    def _cancel(self, client: httpx.Client, chance: random.Random) -> None:
        pending = self.ledger.pending()
        if pending:
            path = f"/api/v1/decisions/{chance.choice(pending)}"
            answer = self._send(client, "POST", f"{path}/cancel", json={"reason": "no longer wanted"})
            if answer is not None:
                assert answer.status_code in {200, 409}, answer.text
                seen = self._send(client, "GET", path)
                if seen is not None:
                    self.ledger.note_decision(seen.json())
        time.sleep(1.5)

    def _rule(self, client: httpx.Client, chance: random.Random) -> None:
        taken = self._send(client, "POST", "/api/v1/queues/kills/take-next")
        if taken is None or taken.status_code == 404 or taken.json()["escalation"] is None:
            time.sleep(0.3)
            return
        escalation = taken.json()["escalation"]
        verdict = chance.choice(["approve", "correct", "correct", "reject", "answer"])
        ruling: dict[str, Any] = {"verdict": verdict, "claim_token": escalation["claim"]["token"]}
        if verdict == "correct":
            ruling["action"] = {"name": "pay", "arguments": {"amount": 1, "note": str(uuid.uuid4())}}
        elif verdict == "answer":
            ruling["answer"] = {"text": "We look into it."}
        else:
            ruling["reason"] = "as it should be"
        answer = self._send(
            client,
            "POST",
            f"/api/v1/escalations/{escalation['id']}/review",
            json=ruling,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        if answer is None or answer.status_code == 409:  # cancelled meanwhile
            return
        assert answer.status_code == 200, answer.text
        review_id = answer.json()["review"]["id"]
        with self.ledger.lock:
            self.ledger.rulings[review_id] = (answer.json()["decision"]["id"], verdict)
        if chance.random() < 0.1:
            undone = self._send(client, "DELETE", f"/api/v1/reviews/{review_id}")
            if undone is None or undone.status_code < 300 or undone.status_code == 409:
                with self.ledger.lock:
                    # A 409 may be the echo of an undo whose answer was lost: the database knows.
                    self.ledger.undone.add(review_id)
        time.sleep(0.2)
