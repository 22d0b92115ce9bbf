"""One page on every AI system: who answers for it, how much it does, how often people disagree."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from governance.actors import Actor
from governance.models import AISystem
from governance.permissions import may
from governance.web.paging import take_page
from governance.web.session import page
from operations.selectors import measure_systems


@page("overview.read")
@require_GET
def overview(request: HttpRequest, actor: Actor) -> HttpResponse:
    systems = AISystem.objects.visible_to(actor).select_related("owner", "backup").order_by("name", "id")
    listed = take_page(request, systems)
    figures = measure_systems(listed.rows, now=timezone.now())
    context = {"page": listed, "figures": figures, "may_manage": may(actor, "systems.manage")}
    return render(request, "operations/overview.html", context)
