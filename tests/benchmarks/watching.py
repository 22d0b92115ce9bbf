"""B9: the pages over ninety days, with a million decisions behind them and with ten thousand.

Each page is asked for through Django, with session, permissions and templates, without HTTP; a page's median is taken over
rounds in which all pages take their turn. The floor is the same page where the database holds ten thousand decisions and
nothing else; on both sides there is enough for full pages. Ten thousand are then read once more beside the million
(`again`), which shows how the machine was meanwhile.
Run `python -m tests.benchmarks.watching [--json]`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.ground import describe_ground, fresh_database
from tests.benchmarks.watching_ground import DAYS, Site, seed_site

SIZES = (10_000, 1_000_000)
ROUNDS = 25
QUERIES_AT_MOST = 12
RATIO_AT_MOST = 1.3
LIMITS = """
    The pages of figures read roll-ups: hours up to eight days, days beyond, whatever the number of decisions. Ten thousand
    decisions of ninety days leave many hours empty, so the floor reads fewer rows there. The lists read one page of an index.
    Rendering takes most of the time of every page.
"""
# Name, address and query of each page; `{slug}` is the organization's largest system.
PAGES: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("overview", "overview", {}, ""),
    ("clients", "client-list", {}, ""),
    ("health, 24 h", "system-health", {"slug": "{slug}"}, "range=24h"),
    ("health, 7 d", "system-health", {"slug": "{slug}"}, "range=7d"),
    ("health, 90 d", "system-health", {"slug": "{slug}"}, "range=90d"),
    ("prices", "price-list", {}, ""),
    ("monitors", "monitor-list", {}, ""),
    ("incidents", "incident-list", {}, ""),
    ("decisions", "decision-list", {}, ""),
    ("decisions of a system", "decision-list", {}, "system={slug}"),
    ("search for one", "decision-list", {}, "q=4711"),
    ("search that all fit", "decision-list", {}, "q=pieces"),
    ("queue", "queue", {"view": "all"}, ""),
)


def address_of(page: tuple[str, str, dict[str, str], str], site: Site) -> str:
    from django.urls import reverse

    _, name, arguments, query = page
    path = reverse(name, kwargs={key: value.format(slug=site.slug) for key, value in arguments.items()})
    return f"{path}?{query.format(slug=site.slug)}" if query else path


class Visitor:
    """Somebody who is signed in and asks for pages."""

    def __init__(self, site: Site) -> None:
        from django.test import Client

        from governance.models import User

        self.site = site
        self.client = Client(HTTP_HOST="localhost")
        self.client.force_login(User.objects.get(pk=site.person_id))
        self.pages = {page[0]: address_of(page, site) for page in PAGES}

    def take(self, page: str) -> float:
        """Milliseconds. Refuses (SystemExit) a figure for what is not that page."""
        started = time.perf_counter()
        response = self.client.get(self.pages[page])
        took = (time.perf_counter() - started) * 1000
        if response.status_code != 200:
            raise SystemExit(f"{self.pages[page]} answered {response.status_code}")
        return took

    def count_queries(self, page: str) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as queries:
            self.take(page)
        return len(queries)


def time_pages(visitors: Sequence[Visitor], rounds: int) -> list[dict[str, float]]:
    """The median of each page for each visitor, in milliseconds, after two rounds that do not count."""
    taken: list[dict[str, list[float]]] = [{page: [] for page in visitor.pages} for visitor in visitors]
    for number in range(rounds + 2):
        for page in visitors[0].pages:
            for visitor, times in zip(visitors, taken, strict=True):
                took = visitor.take(page)
                if number >= 2:
                    times[page].append(took)
    return [{page: statistics.median(times) for page, times in one.items()} for one in taken]


def build(decisions: int) -> tuple[Site, dict[str, Any]]:
    """An organization of that size with its roll-ups, and how long these took."""
    from django.db import connection

    from governance.models import AISystem
    from operations.models import RollUp
    from operations.services.monitoring import watch
    from operations.services.rollups import read_log, rebuild

    site = seed_site(decisions)
    # The log's readers have been here, as in every installation that runs: of one that never was each page asks more.
    read_log()
    watch()
    began = time.perf_counter()
    hours = sum(rebuild(system=system) for system in AISystem.objects.filter(pk__in=site.system_ids))
    seconds = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) operations_rollup")
    rows = RollUp.objects.filter(organization_id=site.organization_id).count()
    built = {"hours": hours, "rows": rows, "seconds": round(seconds, 1), "decisions_per_s": round(decisions / seconds)}
    return site, built


def measure_busy_hour(site: Site, decisions: int = 10_000) -> dict[str, Any]:
    """How long one recount takes of an hour into which that many decisions fell."""
    from datetime import timedelta

    from django.db import connection
    from django.db.models import F

    from governance.models import AISystem
    from operations.services.rollups import rebuild
    from reviews.models import Decision

    system = AISystem.objects.get(pk=site.system_ids[-1])
    hour = Decision.objects.filter(system=system).latest("created_at").created_at - timedelta(days=DAYS * 2)
    hour = hour.replace(minute=0, second=0, microsecond=0)
    chosen = Decision.objects.filter(system=system).order_by("created_at").values("pk")[:decisions]
    first = Decision.objects.filter(system=system).earliest("created_at").created_at
    span = Decision.objects.filter(pk__in=chosen).latest("created_at").created_at - first
    moved = Decision.objects.filter(pk__in=chosen).update(
        created_at=hour + (F("created_at") - first) * (0.99 * 3600 / max(span.total_seconds(), 1))
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) reviews_decision")
    times = []
    for _ in range(5):
        began = time.perf_counter()
        rebuild(system=system, since=hour, until=hour + timedelta(hours=1))
        times.append(time.perf_counter() - began)
    return {"decisions": moved, "recount_ms": round(statistics.median(times) * 1000)}


def measure(*, sizes: tuple[int, int] = SIZES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Medians in milliseconds and queries of each page at both sizes, and what the roll-ups cost."""
    small, large = sizes
    with fresh_database():
        site, built = build(small)
        floor_visitor = Visitor(site)
        (floor,) = time_pages([floor_visitor], rounds)
        big_site, big_built = build(large)
        visitor = Visitor(big_site)
        ours, again = time_pages([visitor, floor_visitor], rounds)
        pages = {
            page: {
                "floor_ms": round(floor[page], 1),
                "again_ms": round(again[page], 1),
                "ms": round(ours[page], 1),
                "ratio": round(ours[page] / floor[page], 2),
                "ratio_to_again": round(ours[page] / again[page], 2),
                "queries": visitor.count_queries(page),
            }
            for page in visitor.pages
        }
        return {
            "benchmark": "B9",
            "sizes": list(sizes),
            "rounds": rounds,
            "ground": describe_ground(),
            "pages": pages,
            "roll_ups": {str(small): built, str(large): big_built},
            "busy_hour": measure_busy_hour(big_site, min(10_000, large // 20)),
        }


def describe(report: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    small, large = report["sizes"]
    lines = [
        f"| page | queries | {small:,} decisions | again, beside {large:,} | {large:,} decisions | ratio | to again |",
        "| --- " * 7 + "|",
    ]
    for page, found in report["pages"].items():
        lines.append(
            f"| {page} | {found['queries']} | {found['floor_ms']} ms | {found['again_ms']} ms | {found['ms']} ms"
            f" | {found['ratio']} | {found['ratio_to_again']} |"
        )
    over = [
        page
        for page, found in report["pages"].items()
        if found["queries"] > QUERIES_AT_MOST or min(found["ratio"], found["ratio_to_again"]) > RATIO_AT_MOST
    ]
    built, busy = report["roll_ups"][str(large)], report["busy_hour"]
    lines += [
        "",
        f"The rule is {RATIO_AT_MOST} and {QUERIES_AT_MOST} queries. Outside it: {', '.join(over) or 'none'}.",
        "",
        f"All roll-ups anew: {built['seconds']:,} s for {built['hours']:,} hours, {built['decisions_per_s']:,} decisions/s, "
        f"{built['rows']:,} rows. A recount of one hour with {busy['decisions']:,} decisions: {busy['recount_ms']} ms.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Prints the figures, as a table or (`--json`) as one JSON object."""
    parser = argparse.ArgumentParser(description="B9: the pages over ninety days, with a million decisions.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=int, nargs=2, default=list(SIZES), help="how many decisions, twice")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each page is asked for")
    arguments = parser.parse_args()
    small, large = arguments.sizes
    report = measure(sizes=(small, large), rounds=arguments.rounds)
    print(json.dumps(report, indent=2) if arguments.json else describe(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
