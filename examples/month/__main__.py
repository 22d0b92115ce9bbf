"""`python -m examples.month`, which `make demo-month` runs: the last calendar month of the mail triage, in minutes.

Mails, models, predictions, requests and figures are real; the clock is the story's, and nobody sits at the desk: all rulings come
from the corpus's labels.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from countersign import AsyncClient
from countersign.errors import CountersignError
from examples.desk import DeskRefused, Reviewer
from examples.installation import ROOT, Installation, NotInstalled, Product, install, mails_in
from examples.mail_triage.desk import rule_of
from examples.mail_triage.mails import Acquaintances
from examples.mail_triage.pages import Console
from examples.mail_triage.stage import ORGANIZATION, OWNER, SYSTEM, stage
from examples.month.ending import sign_month, sum_up, verify
from examples.month.governor import Governor
from examples.month.inbox import Inbox
from examples.month.learning import Learning
from examples.month.models import Release, list_prices
from examples.month.playing import Playground
from examples.month.plot import Plot, Told
from examples.month.telling import tell_mails_sent
from examples.month.timetable import Corpus, Plan, arrivals_of, days_of, last_month, looks_of
from examples.month.watchfulness import Watchfulness
from examples.month.world import World, reading
from examples.owner import NotBuilt, Stuck
from examples.telling import say, title, wait_for_interrupt

# Of every ten decisions that are done alone two are looked at, as an owner would while a system is new.
SAMPLED = 0.2
# Of a hundred approvals so many become examples, so that the gate has as many cases that were right as cases that were wrong.
APPROVALS_TAUGHT = "20"
# Of a hundred senders so many are held out. A month has few corrections: with a fifth of them a gate would be passed by the draw.
HELD_OUT = "40"
# By this file a folder is known to be one of ours, which may be forgotten.
MARK = "month-in-minutes"


class Refused(Exception):
    """The story can't be played here."""


async def play(playground: Playground, installation: Installation, directory: Path, plan: Plan) -> Told:
    """Set everybody on the stage, and play the month. Raises Stuck, NotBuilt, DeskRefused, CountersignError, NotInstalled."""
    month = playground.at.date().replace(day=1)
    corpus, prices = Corpus.read(), list_prices()
    say(f"Training two models on {len(corpus.training)} mails …")
    first = Release.trained("mail-triage-1", corpus.training)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient(installation.url, installation.api_key))
        console = await stack.enter_async_context(Console(installation.url))
        await console.sign_in(OWNER.email, OWNER.password)
        governor = Governor(installation.url, installation.owner_token, SYSTEM)
        stack.push_async_callback(governor.aclose)
        rule = rule_of(corpus.coming)
        reviewers = [Reviewer(installation.url, token, rule, reading(playground)) for token in installation.desk_tokens]
        for reviewer in reviewers:
            stack.push_async_callback(reviewer.aclose)
        world = World(
            playground=playground,
            inbox=Inbox(client, first, Acquaintances(corpus.training)),
            reviewers=reviewers,
            arrivals=arrivals_of(month, corpus, plan),
            looks=looks_of(month, plan),
        )
        learning = Learning(
            governor=governor,
            url=installation.url,
            token=installation.owner_token,
            training=corpus.training,
            prices=prices,
            directory=directory,
        )
        plot = Plot(
            month=month,
            world=world,
            governor=governor,
            console=console,
            watch=Watchfulness(governor, playground),
            learning=learning,
            prices=prices,
        )
        await plot.play()
        plot.told.report = await sign_month(playground, governor, month, is_recovered=plot.told.closed_at is not None)
        await sum_up(plot.told, governor, world.inbox.cases, month)
        return plot.told


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the month; 0 when it came to its end, 2 when it could not begin, 3 when it got stuck or its report does not verify."""
    parser = argparse.ArgumentParser(prog="month", description=__doc__)
    parser.add_argument("--port", type=int, default=8430, help="on loopback (%(default)s)")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=ROOT / "var" / "month",
        help="where it keeps its data; the month that an earlier run has left there is forgotten (%(default)s)",
    )
    parser.add_argument(
        "--mails-a-day", type=float, default=Plan.per_day, metavar="N", help="fewer are sooner played (%(default)s)"
    )
    parser.add_argument("--no-serve", action="store_true", help="end when the month has been played")
    chosen = parser.parse_args(arguments)
    try:
        make_room(chosen.data_dir, chosen.port)
        code = play_month(chosen.data_dir, chosen.port, Plan(per_day=chosen.mails_a_day))
        if code == 0 and not chosen.no_serve:
            serve(chosen.data_dir, chosen.port)
    except (Refused, NotInstalled) as refusal:
        print(f"month: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def make_room(directory: Path, port: int) -> None:
    """Forget the month that an earlier run has left. Raises Refused where something else is in the folder, or at the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Refused(
                f"Port {port} is taken: {error.strerror}. Choose another one with --port (make: PORT=…)."
            ) from error
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARK).exists():
            raise Refused(f"{directory} holds something else than a month that was played; nothing was removed.")
        if is_served(directory):
            raise Refused(
                f"Countersign is still running on {directory}. End it (Ctrl-C where it runs), then try again."
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARK).touch()


def is_served(directory: Path) -> bool:
    """Whether a Countersign holds the folder: its lock is the kernel's, and ends with it."""
    try:
        with (directory / "serve-web.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def play_month(directory: Path, port: int, plan: Plan) -> int:
    month = last_month(datetime.now(UTC).date())
    days = days_of(month)
    begins = days[0] + timedelta(hours=6)
    title(f"{month:%B %Y}, in minutes")
    say(
        f"{len(days)} days of the mail triage, {days[0]:%d %B} to {days[-1]:%d %B %Y} (UTC), played through Countersign's API in\n"
        f"{directory}. One day takes six to nine seconds on two quiet cores.\n"
        f"The clock is the story's: it jumps from mail to mail, and every instant in the data is as it would be in life.\n"
        f"People look every {plan.every_minutes} minutes, and the log is read as often; the whole schedule runs hourly\n"
        f"(in life: every few seconds). Nobody sits at the desk: all rulings come from the corpus's labels, and say so."
    )
    began = time.monotonic()
    try:
        with Playground(directory=directory, port=port, at=begins) as playground:
            installation = install(
                stage(directory, SAMPLED, approvals_taught=APPROVALS_TAUGHT, held_out=HELD_OUT),
                playground.url,
                directory=directory,
                say=say,
                run=playground.command,
            )
            asyncio.run(play(playground, installation, directory, plan))
    except NotBuilt as absent:
        print(f"\nThe story stops here: {absent}. This Countersign can't tell what comes next.", file=sys.stderr)
        return 3
    except (Stuck, DeskRefused, CountersignError) as reason:
        print(f"\nThe story is stuck: {reason}", file=sys.stderr)
        return 3
    is_whole, said = verify(directory, month)
    say(f"  manage.py report {ORGANIZATION}/{SYSTEM} {month:%Y-%m} --verify: {said}")
    tell_mails_sent(mails_in(directory))
    took = time.monotonic() - began
    faster = len(days) * 86_400 / took
    say(f"\nPlayed in {took / 60:.1f} minutes: a day in {took / len(days):.1f} s, {faster:,.0f} times as fast as life.")
    return 0 if is_whole else 3


def serve(directory: Path, port: int) -> None:
    """The console at real time, with the month inside, until Ctrl-C."""
    with Product(directory=directory, port=port, say=say) as product:
        month = last_month(datetime.now(UTC).date())
        say(
            f"\nIt is {datetime.now(UTC):%d %B %Y} again. Open {product.url}/reports/{SYSTEM}/{month:%Y-%m}/\n"
            f"and sign in as {OWNER.email}, password {OWNER.password}: the report, and from there costs and incidents.\n"
            f"No mail has come since the month ended, so Countersign says before long that the triage is silent: it is.\n"
            f"Ctrl-C ends it."
        )
        wait_for_interrupt()


if __name__ == "__main__":
    sys.exit(main())
