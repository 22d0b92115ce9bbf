"""What models cost: the prices that the organization states, what holds where it states none, and what nobody prices."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.actors import Actor
from governance.errors import Invalid, NotFound
from governance.permissions import may, require
from governance.web.forms import add_refusal
from governance.web.paging import take_page
from governance.web.session import page
from operations.errors import PriceWithdrawn
from operations.price_selectors import list_models_seen, prices_of
from operations.pricing import Rates
from operations.services.costs import LONGEST_NOTE, LONGEST_PATTERN, state_price, withdraw_price


def _dollars(label: str, *, required: bool, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=required,
        help_text=help_text,
        max_digits=12,
        decimal_places=6,
        min_value=0,
        widget=forms.NumberInput(attrs={"step": "any", "min": "0", "inputmode": "decimal"}),
    )


class PriceForm(forms.Form):
    """Dollars per million tokens; the service decides."""

    pattern = forms.CharField(
        label="Model",
        max_length=LONGEST_PATTERN,
        help_text="As decisions name it, * for any characters: openai/gpt-5*",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    effective_from = forms.DateField(label="From the day", widget=forms.DateInput(attrs={"type": "date"}))
    input = _dollars("Input", required=True)
    output = _dollars("Output", required=True)
    cached_input = _dollars("Cached input", required=False, help_text="Empty: as input.")
    cache_write = _dollars("Cache write", required=False, help_text="Empty: as input.")
    reasoning = _dollars("Reasoning", required=False, help_text="Empty: as output.")
    note = forms.CharField(max_length=LONGEST_NOTE, required=False, help_text="Where the price is from.")


@page("overview.read")
@require_http_methods(["GET", "POST"])
def price_list(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Shows the prices, and states one."""
    now = timezone.now()
    if request.method == "POST":
        require(actor, "prices.manage")
        form = PriceForm(request.POST)
        if form.is_valid() and _state(actor, form):
            messages.success(request, "The price is stated. It holds for decisions that are made from now on.")
            return redirect("price-list")
    else:
        given = {"pattern": request.GET.get("model", "")[:LONGEST_PATTERN], "effective_from": now.date()}
        form = PriceForm(initial=given)
    context = {
        "page": take_page(request, prices_of(actor)),
        "models": list_models_seen(actor, now=now),
        "form": form,
        "may_manage": may(actor, "prices.manage"),
    }
    return render(request, "operations/prices.html", context, status=422 if form.errors else 200)


@page("prices.manage")
@require_http_methods(["GET", "POST"])
def price_withdraw(request: HttpRequest, actor: Actor, price_id: uuid.UUID) -> HttpResponse:
    """Asks, then takes the price out of the table. Asking for one that is withdrawn already is refused as withdrawing is."""
    if request.method == "POST":
        withdraw_price(actor=actor, price_id=price_id)
        messages.success(request, "The price is withdrawn. What it priced stays as it is.")
        return redirect("price-list")
    price = prices_of(actor).filter(pk=price_id).first()
    if price is None:
        raise NotFound()
    if price.withdrawn_at is not None:
        raise PriceWithdrawn()
    return render(request, "operations/price_withdraw.html", {"price": price})


def _state(actor: Actor, form: PriceForm) -> bool:
    fields = dict(form.cleaned_data)
    rates = Rates(**{name: fields[name] for name in ("input", "output", "cached_input", "cache_write", "reasoning")})
    try:
        state_price(
            actor=actor,
            pattern=fields["pattern"],
            effective_from=fields["effective_from"],
            rates=rates,
            note=fields["note"],
        )
    except Invalid as refusal:
        add_refusal(form, refusal)
        return False
    return True
