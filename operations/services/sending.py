"""Reaching the world outside: one message to one address of a service, and never to a machine of our own network.

An address comes from an organization's admin, who is not whoever runs the installation. So only remote services are let in,
nothing in an address may name a file or slow a worker down, and the socket itself is watched while a message is sent: what
a name resolves to, a redirect or a name that changes between two look-ups ends there too (OWASP, SSRF prevention).
"""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

import apprise
from apprise.plugins import url_to_dict
from django.conf import settings

logger = logging.getLogger(__name__)

# Services whose address is the service's own, and services that stand at the host which the address names. What is missing
# reaches this machine (desktops, syslog, D-Bus, local programs), reads its files, or is mail, which the product sends itself.
FIXED: Final = frozenset(
    {
        "discord", "gchat", "opsgenie", "pagerduty", "pagertree", "pover", "signl4", "slack", "spike", "splunk",
        "squadcast", "tgram", "twilio", "victorops", "webex", "wxteams", "zulip",
    }
)  # fmt: skip
HOSTED: Final = frozenset(
    {
        "form", "forms", "gotify", "gotifys", "json", "jsons", "mmost", "mmosts", "ntfy", "ntfys", "rocket", "rockets",
        "workflow", "workflows", "xml", "xmls",
    }
)  # fmt: skip
SCHEMES: Final = FIXED | HOSTED
# These make Apprise read a file, write one, or wait and try again, which is our own sweep's business.
REFUSED_OPTIONS: Final = frozenset({"template", "attach", "attach-as", "store", "retry", "wait", "rto", "cto"})
LONGEST_ADDRESS: Final = 2000
TIMEOUT_S: Final = 5.0
# NAT64 (RFC 6052): an IPv4 address in the last 32 bits.
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

_refused: ContextVar[list[str] | None] = ContextVar("refused", default=None)
_status: Final = re.compile(r"error=(\d{3})")


class UnfitAddress(ValueError):
    """The address is refused; the message says why and repeats no secret."""


class NotSent(Exception):
    """The message was not taken; the message says why and repeats no secret."""


class _PrivateAddress(OSError):
    """The connection is not made."""


def read_address(url: str) -> str:
    """The scheme of an address that may be used. Refuses (UnfitAddress) another service, an option that would touch this
    machine, what Apprise can't read, and a host in a private network."""
    scheme, plugin = _read_scheme(url), _instantiate(url)
    if plugin is None:
        raise UnfitAddress("This is not an address as Apprise writes them for this service.")
    if scheme in HOSTED and not settings.ALLOW_PRIVATE_CHANNELS:
        _refuse_private_host(str(getattr(plugin, "host", "") or ""))
    return scheme


def send_message(*, url: str, title: str, body: str) -> None:
    """Send one message in plain text. Raises NotSent where the service did not take it. Blocks for 10 seconds at the most
    (connecting and reading)."""
    try:
        _read_scheme(url)
        plugin = _instantiate(url)
    except UnfitAddress as error:
        raise NotSent(str(error)) from error
    if plugin is None:
        raise NotSent("Apprise can't read the address any more.")
    said: list[str] = []
    with _guarded() as refused, _listening(said):
        try:
            was_taken = plugin.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:
            raise NotSent(f"The service's answer could not be read ({type(error).__name__}).") from error
    if refused:
        raise NotSent("The address leads into a private network, and those are not reached.")
    if not was_taken:
        codes = [found.group(1) for line in said for found in _status.finditer(line)]
        raise NotSent(f"The service answered {codes[-1]}." if codes else "The service could not be reached.")


def write_plainly(text: str, limit: int = 300) -> str:
    """What a stranger wrote, as one line that is nothing but text: no control or formatting characters, no mention of
    everybody, no link, no markup of a chat."""
    words = " ".join(text.split())
    shown = "".join(sign for sign in words if unicodedata.category(sign) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    for sign, harmless in (("<", "‹"), (">", "›"), ("@", "(at)"), ("://", ": //"), ("`", "'")):
        shown = shown.replace(sign, harmless)
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def _read_scheme(url: str) -> str:
    if len(url) > LONGEST_ADDRESS:
        raise UnfitAddress(f"An address may have {LONGEST_ADDRESS:,} characters at the most.")
    try:
        parts = urlsplit(url.strip())
    except ValueError as error:
        raise UnfitAddress("This is not an address.") from error
    if parts.scheme.lower() not in SCHEMES:
        raise UnfitAddress(f"An address begins with the service that is told, one of: {', '.join(sorted(SCHEMES))}.")
    return parts.scheme.lower()


def _instantiate(url: str) -> Any:
    """Apprise's object for an address, None where it can't read it. Refuses (UnfitAddress) options by what Apprise itself has
    read: it takes `;` for `&`, looks behind a `#` and trims names, so another reader of the same text sees other options."""
    asset = apprise.AppriseAsset(
        app_id="Countersign",
        app_desc="Countersign",
        app_url=settings.BASE_URL,
        image_url_mask=None,
        image_url_logo=None,
        secure_logging=True,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    with _listening([]):
        read = url_to_dict(url.strip(), secure_logging=True)  # type: ignore[no-untyped-call]
        if read is None or read.get("schema") not in SCHEMES:
            return None
        unfit = sorted(read["qsd"].keys() & REFUSED_OPTIONS)
        if unfit:
            raise UnfitAddress(f"These options can't be used here: {', '.join(unfit)}.")
        plugin = apprise.Apprise.instantiate(read, asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.socket_connect_timeout = plugin.socket_read_timeout = TIMEOUT_S
        plugin.retry = 0
    return plugin


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's, with what is wrapped in it."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            return wrapped.is_global and not wrapped.is_multicast
    return ip.is_global and not ip.is_multicast and not getattr(ip, "is_site_local", False)


def _refuse_private_host(host: str) -> None:
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        # It may be there tomorrow; the connection is watched in any case.
        return
    if not all(is_public(address) for address in found):
        raise UnfitAddress(
            "This host stands in a private network, and those are not reached "
            "(COUNTERSIGN_ALLOW_PRIVATE_CHANNELS, a setting of the installation)."
        )


@contextmanager
def _guarded() -> Iterator[list[str]]:
    """While it lasts this thread connects to public addresses alone; yields those that it was kept from."""
    refused: list[str] = []
    if settings.ALLOW_PRIVATE_CHANNELS:
        yield refused
        return
    _install_guard()
    token = _refused.set(refused)
    try:
        yield refused
    finally:
        _refused.reset(token)


def _watch_sockets(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    refused = _refused.get()
    if refused is None:
        return
    address = arguments[1]
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    if not isinstance(address, tuple) or not is_public(host):
        refused.append(host)
        raise _PrivateAddress(f"{host} is not reached")


_installing = threading.Lock()
_installed: list[bool] = []


def _install_guard() -> None:
    """An audit hook (PEP 578) sees every connection that Python makes, and can't be taken back; so it is installed by the
    first message, and asks for nothing but a context variable."""
    with _installing:
        if not _installed:
            sys.addaudithook(_watch_sockets)
            _installed.append(True)


class _Listener(logging.Handler):
    """Keeps what Apprise says in this thread: it tells no other way why it failed."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said, self._thread = said, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._said.append(record.getMessage())


@contextmanager
def _listening(said: list[str]) -> Iterator[None]:
    spoken, listener = logging.getLogger("apprise"), _Listener(said)
    # Its lines hold addresses; they go nowhere else.
    spoken.propagate = False
    spoken.addHandler(listener)
    try:
        yield
    finally:
        spoken.removeHandler(listener)
