"""docs/drill.md: what the drill found, as measured."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

HEAD = """# The failure drill

Written by `make drill`. Silent failures are injected into live streams of decisions through the API: nothing reports an
error, the answers stay 200, only what happens is different. Each stream is an inbox under governance with its owner; its
inputs are real mails, and what is true of each case is known to the drill, whose reviewer rules accordingly through the API
with a token of their own. Time is the drill's (one decision a minute), the product's code is the real one: API, rules,
queues, audit log, monitors, incidents, notifications, pages. A fault comes after {before:,} decisions.

What counts as noticed is an alarm of a monitor that exists for such a fault; "stated" is what that monitor had promised
before: within how many of its own observations (decisions, rulings or outcomes) 95 % of the changes that it is designed for
are noticed.

Run on {on}.
"""


def write_report(path: Path, findings: list[dict[str, Any]], *, on: date) -> None:
    """Write the page anew."""
    from tests.drill.drill import BEFORE

    faults = [one for one in findings if one["expected"]]
    unchanged = [one for one in findings if not one["expected"]]
    lines = [HEAD.format(before=BEFORE, on=on.isoformat()), "## Faults", ""]
    lines += [
        "| fault | noticed by | after | its own observations (stated) | in time | owner told | page says what, since when |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_fault_row(one) for one in faults]
    lines += ["", "What the owner read first:", ""]
    lines += [f"- {one['words']}: “{one['first']['title']}”" for one in faults if one["first"]]
    lines += ["", "## Unchanged streams", ""]
    lines += _unchanged_lines(unchanged)
    path.write_text("\n".join(lines) + "\n")


def _fault_row(one: dict[str, Any]) -> str:
    first = one["first"]
    if first is None:
        return f"| {one['words']} | **not noticed** | | | | | |"
    within = first["stated"].get("delay_within")
    stated = f"{within:,.0f}" if within is not None else "exact"
    unit = first["stated"].get("unit", "observations")
    others = [alarm["monitor"] for alarm in one["alarms"] if alarm["monitor"] != first["monitor"]]
    also = f"; then {', '.join(dict.fromkeys(others))}" if others else ""
    return (
        f"| {one['words']} | {first['monitor']}{also} | {first['after_decisions']:,} decisions, {first['after_minutes']:,.0f} min"
        f" | {first['delay_observations']:,} {unit} ({stated}) | {_yes(one['is_in_time'])} | {_yes(one['is_owner_told'])}"
        f" | {_yes(one['does_page_say_what'])}, {_yes(one['does_page_say_since'])} |"
    )


def _unchanged_lines(unchanged: list[dict[str, Any]]) -> list[str]:
    total = sum(len(one["alarms"]) for one in unchanged)
    promised = sum(one["promised_false_alarms"] for one in unchanged)
    decisions = sum(one["decisions"] for one in unchanged)
    lines = [
        f"{len(unchanged)} streams, {decisions:,} decisions in which nothing changed: **{total} false alarms**; the monitors together",
        f"had announced up to {promised:.1f} for what they saw.",
        "",
        "| stream | decisions | false alarms | announced |",
        "| --- | --- | --- | --- |",
    ]
    for one in unchanged:
        raised = (
            ", ".join(f"{alarm['monitor']} after {alarm['after_decisions']:,}" for alarm in one["alarms"]) or "none"
        )
        lines.append(f"| {one['name']} | {one['decisions']:,} | {raised} | {one['promised_false_alarms']:.2f} |")
    return lines


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "**no**"
