"""The settings of queues. A queue comes into being when a policy first names it; here a lead says how it works."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from governance.actors import Actor
from governance.errors import Invalid, NotFound
from governance.models import Group
from governance.permissions import may
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.session import page
from reviews.models import Queue
from reviews.services.queue_settings import BOUNDS, QueueSettings, update_queue


class GroupsChoice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


def _seconds(name: str, label: str, help_text: str) -> forms.IntegerField:
    least, most = BOUNDS[name]
    return forms.IntegerField(label=label, min_value=least, max_value=most, help_text=help_text)


class QueueForm(forms.Form):
    name = forms.CharField(max_length=200)
    undo_window_s = _seconds(
        "undo_window_s",
        "Undo window, in seconds",
        "A ruling waits so long before the application gets it. 0 where every second counts, at most 3,600.",
    )
    lease_s = _seconds(
        "lease_s", "Lease, in seconds", "A claim lasts so long unless it is renewed: from 30 to 86,400 (a day)."
    )
    respond_s = _seconds(
        "respond_s", "Time to answer, in seconds", "Where the rule names none. 3,600 is an hour, 86,400 a day."
    )
    groups = GroupsChoice(
        label="Who may take",
        queryset=Group.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="With none ticked, everybody who may rule.",
    )

    def __init__(self, *args: Any, groups: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["groups"].queryset = groups  # type: ignore[attr-defined]


@page("systems.read")
@require_GET
def queue_settings_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """All queues with what waits in each."""
    waiting = Count("escalations", filter=~Q(escalations__status="closed"))
    queues = Queue.objects.visible_to(actor).annotate(waiting=waiting).prefetch_related("groups")
    listed = take_page(request, queues.order_by("name", "id"))
    return render(request, "queues/list.html", {"page": listed, "may_manage": may(actor, "queues.manage")})


@page("queues.manage")
@require_http_methods(["GET", "POST"])
def queue_settings(request: HttpRequest, actor: Actor, slug: str) -> HttpResponse:
    queue = Queue.objects.visible_to(actor).filter(slug=slug).first()
    if queue is None:
        raise NotFound()
    names = ("name", "undo_window_s", "lease_s", "respond_s")
    initial = {**{name: getattr(queue, name) for name in names}, "groups": queue.groups.all()}
    groups = Group.objects.filter(organization_id=actor.member_organization_id)
    form = QueueForm(request.POST if request.method == "POST" else None, initial=initial, groups=groups)
    if request.method == "POST" and form.is_valid():
        try:
            update_queue(actor=actor, queue=queue, settings=QueueSettings(**form.cleaned_data))
        except Invalid as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, f"The queue {form.cleaned_data['name']} is saved.")
            return redirect("queue-settings-list")
    return render(request, "queues/edit.html", {"form": form, "queue": queue}, status=422 if form.errors else 200)
