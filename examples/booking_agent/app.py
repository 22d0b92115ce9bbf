"""The agent alone: it answers the demo's messages under the rules of a Countersign that runs already."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from countersign import AsyncClient
from examples.booking_agent.agent import FALLBACK_MESSAGE, Agent, Hopeless
from examples.booking_agent.calendar_client import Calendar
from examples.booking_agent.calendar_service import FIRST, SECOND, CalendarService
from examples.booking_agent.messages import write_messages

DEFAULT_URL = "http://127.0.0.1:8000"


async def serve(chosen: argparse.Namespace, client: AsyncClient) -> None:
    """Accept so many messages, then wait until people have ruled on what was asked. Raises Hopeless."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(client)
        url = chosen.calendar
        if url is None:
            own = CalendarService(SECOND if chosen.calendar_changed else FIRST)
            own.start()
            stack.callback(own.stop)
            url = own.url
        calendar = await stack.enter_async_context(Calendar(url, SECOND if chosen.repair else FIRST))
        agent = Agent(
            client=client,
            calendar=calendar,
            fallback_message=chosen.fallback_message,
            run=chosen.run,
            directory=chosen.letters,
            say=print,
        )
        stack.push_async_callback(agent.aclose)
        for message in write_messages(chosen.messages):
            case = await agent.accept(message)
            print(f"{message.id}  {case.state:8} attempt {case.attempt}  {message.text[:60]!r}", flush=True)
            await asyncio.sleep(chosen.interval)
        print(f"All messages are read; {len(agent.waiting())} wait for people.", flush=True)
        await agent.settled()
        print(", ".join(f"{count} {what}" for what, count in sorted(agent.counts.items())), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; 0 when it was done, 2 when it could not work at all, 130 when it was stopped."""
    parser = argparse.ArgumentParser(prog="booking_agent", description=__doc__)
    parser.add_argument(
        "--url", default=os.environ.get("COUNTERSIGN_URL", DEFAULT_URL), help="the service (%(default)s)"
    )
    parser.add_argument("--messages", type=int, default=50, metavar="N", help="how many messages (%(default)s)")
    parser.add_argument("--interval", type=float, default=0.5, metavar="S", help="seconds between them (%(default)s)")
    parser.add_argument("--calendar", metavar="URL", help="a calendar that runs already (default: one of its own)")
    parser.add_argument("--calendar-changed", action="store_true", help="its own calendar has the new field names")
    parser.add_argument("--repair", action="store_true", help="the adapter speaks the new field names")
    parser.add_argument(
        "--fallback-message", default=FALLBACK_MESSAGE, metavar="TEXT", help="what guests are told meanwhile"
    )
    parser.add_argument("--run", default="first", metavar="NAME", help="part of every question's key (%(default)s)")
    parser.add_argument(
        "--letters", type=Path, metavar="DIR", help="a folder for what guests are told (default: nowhere)"
    )
    chosen = parser.parse_args(arguments)
    try:
        client = AsyncClient(chosen.url, os.environ.get("COUNTERSIGN_API_KEY", ""))
    except ValueError as error:
        print(f"booking_agent: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(chosen, client))
    except Hopeless as refusal:
        print(f"booking_agent: the service refuses this agent: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
