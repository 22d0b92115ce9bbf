"""Small filters of the pages of alarms, for what a template can't say by itself."""

from django import template

from operations.web import watch_words

register = template.Library()


@register.filter
def place_words(segment: str) -> str:
    """Where an alarm is: "action=refund" as "action refund"."""
    return watch_words.say_where(segment)
