"""Harbour Hall: its people, its booking agent and the agent's rules, as the story's commands make them."""

from __future__ import annotations

from pathlib import Path

from examples.booking_agent.agent import FALLBACK_MESSAGE
from examples.booking_agent.desk import DESK as DESK_QUEUE
from examples.installation import Person, Stage

SYSTEM = "booking-agent"
POLICY = Path(__file__).with_name("policy.yaml")
OWNER = Person("owner", "Olga Ivanova", "olga@harbour.example")
STAGE = Stage(
    organization="harbour-hall",
    system=SYSTEM,
    facts={
        "name": "Booking agent",
        "purpose": "Reads what guests write, and books, moves and cancels tables.",
        "risk": "limited",
        "fallback_message": FALLBACK_MESSAGE,
        "fallback_queue": DESK_QUEUE,
    },
    policy=POLICY,
    owner=OWNER,
    backup=Person("lead", "Lea Lindqvist", "lea@harbour.example"),
    admin=Person("admin", "Adrien Moreau", "adrien@harbour.example"),
    desk=(
        Person("reviewer", "Robin Reyes", "robin@harbour.example"),
        Person("reviewer", "Rita Osei", "rita@harbour.example"),
    ),
)
