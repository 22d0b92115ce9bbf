"""A system's releases: which are in traffic, who stated them and why, and stating the next one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from evaluations.release_selectors import find_system, is_before_first_gate, releases_of
from evaluations.run_selectors import find_newest_runs
from evaluations.services.releases import state_release
from evaluations.web.forms import ReleaseForm
from governance.actors import Actor
from governance.errors import Conflict, Invalid
from governance.permissions import may, require
from governance.web.forms import add_refusal
from governance.web.session import page
from reviews.web.keyset import take_keyset_page


@page("systems.read")
@require_http_methods(["GET", "POST"])
def release_list(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    """Shows the releases, and states one."""
    system = find_system(actor=actor, slug=slug)
    form = ReleaseForm(request.POST or None)
    status = 200
    if request.method == "POST":
        require(actor, "releases.state")
        try:
            if form.is_valid():
                release = state_release(actor=actor, system=system, **form.cleaned_data)
                messages.success(request, f"Release {release.name} is stated.")
                return redirect("release-list", slug)
            status = 422
        except (Conflict, Invalid) as refusal:
            add_refusal(form, refusal)
            status = refusal.status
    listed = take_keyset_page(request, releases_of(actor).filter(system=system), ("-created_at", "-id"))
    newest = find_newest_runs(listed.rows)
    context = {
        "system": system,
        "page": listed,
        "rows": [(release, newest.get(release.pk)) for release in listed.rows],
        "is_before_first_gate": is_before_first_gate(system),
        "form": form,
        "may_state": may(actor, "releases.state"),
    }
    return render(request, "evaluations/releases.html", context, status=status)
