"""The two models of the story, their tokens and their list prices.

Both are scikit-learn's, trained within seconds on this machine, and cost nothing: it is the *mechanism* of cost that is shown. Each
bears the list price of a language model (`LIKE`), as genai-prices has it, for the tokens that such a model would have read and
written: counted from the very texts, four characters a token, which is OpenAI's rule of thumb for English
(help.openai.com/en/articles/4936856).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from examples.mail_triage.classifier import Classifier, Judgement, Word
from examples.mail_triage.mails import Acquaintances, Mail
from examples.mail_triage.proposals import question_for

SMALL, LARGE = "northwind/few-words", "northwind/words-and-letters"
# Of a provider and a model in genai-prices: whose list price ours bears.
LIKE = {SMALL: ("openai", "gpt-5-mini"), LARGE: ("openai", "gpt-5")}
CHARACTERS_A_TOKEN = 4
# How often a ruling counts beside a mail of the training set. 1, 3, 5, 10 and 20 were tried on the corpus's hard mails: more
# mends more of them and spoils more easy ones. Whether approvals weigh as much or as little as a mail made no difference.
WEIGHT = 5.0


@dataclass(frozen=True)
class Price:
    """A list price in US dollars per million tokens, and where it is from."""

    model: str
    input: Decimal
    output: Decimal
    source: str

    def of(self, usage: Mapping[str, int]) -> float:
        """What these tokens cost at it, in dollars."""
        return float(usage["input_tokens"] * self.input + usage["output_tokens"] * self.output) / 1_000_000


@dataclass(frozen=True)
class Lesson:
    """A mail's text as people ruled it."""

    text: str
    is_spam: bool


class Words(Classifier):
    """A classifier that names whole words alone among what weighed, never pieces of them."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        # The pieces stand behind the words.
        self._whole = sum(not name.startswith("pieces__") for name in self._names)

    def _weightiest(self, vector: Any, count: int) -> tuple[Word, ...]:
        named = super()._weightiest(vector[:, : self._whole], count)
        return tuple(replace(one, text=one.text.removeprefix("words__")) for one in named)


@dataclass(frozen=True)
class Release:
    """Both models as they were trained together, and the way to them: half of the mails, by their text, goes to each."""

    name: str
    small: Classifier
    large: Classifier

    @classmethod
    def trained(cls, name: str, mails: Sequence[Mail], lessons: Sequence[Lesson] = ()) -> Release:
        """Learn from labelled mails and from what people ruled since; each lesson counts five times."""
        texts = [*(mail.text for mail in mails), *(lesson.text for lesson in lessons)]
        spam = [*(mail.label == "spam" for mail in mails), *(lesson.is_spam for lesson in lessons)]
        weights = [1.0] * len(mails) + [WEIGHT] * len(lessons)
        made = []
        for pipeline in (few_words(), words_and_letters()):
            pipeline.fit(texts, spam, judgement__sample_weight=weights)
            made.append(Words(pipeline))
        return cls(name, *made)

    def model_for(self, mail: Mail) -> str:
        """Which of the two reads a mail; the same in every release."""
        return SMALL if hashlib.sha256(mail.text.encode()).digest()[0] < 128 else LARGE

    def judge(self, mail: Mail) -> Judgement:
        """What the model that reads this mail makes of it."""
        return self.classifier(self.model_for(mail)).judge(mail)

    def classifier(self, model: str) -> Classifier:
        return self.small if model == SMALL else self.large

    def question(self, mail: Mail, acquaintances: Acquaintances) -> dict[str, Any]:
        """All that is asked about a mail, with model, release and tokens. No latency is sent: that of this machine, which may be
        busy with other things, would be no news of the month."""
        judgement = self.judge(mail)
        question = question_for(mail, judgement, acquaintances)
        del question["latency_ms"]
        return {
            **question,
            "model": self.model_for(mail),
            "release": self.name,
            "usage": usage_of(mail, judgement),
        }


def few_words() -> Pipeline:
    """Five hundred words, each by itself."""
    words = TfidfVectorizer(sublinear_tf=True, max_features=500, strip_accents="unicode")
    return Pipeline([("words", words), ("judgement", LogisticRegression(C=1.0, max_iter=1000))])


def words_and_letters() -> Pipeline:
    """All words and pairs of words that came twice, and pieces of words of three and four letters."""
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, strip_accents="unicode")
    pieces = TfidfVectorizer(
        sublinear_tf=True,
        analyzer="char_wb",
        ngram_range=(3, 4),
        min_df=3,
        max_features=20_000,
        strip_accents="unicode",
    )
    both = FeatureUnion([("words", words), ("pieces", pieces)])
    return Pipeline([("words", both), ("judgement", LogisticRegression(C=10.0, max_iter=1000))])


def usage_of(mail: Mail, judgement: Judgement) -> dict[str, int]:
    """The tokens of what was read (the mail) and written (the proposal and why)."""
    written = {"action": judgement.action, "confidence": judgement.confidence, "rationale": judgement.rationale}
    return {"input_tokens": tokens_in(mail.text), "output_tokens": tokens_in(json.dumps(written))}


def tokens_in(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_A_TOKEN)


def list_prices() -> list[Price]:
    """What the two are priced at, from the table that comes with genai-prices."""
    from importlib.metadata import version

    from genai_prices import Usage, calc_price

    prices = []
    for model, (provider, like) in LIKE.items():
        of_input, of_output = (
            calc_price(usage, like, provider_id=provider).total_price
            for usage in (Usage(input_tokens=10_000), Usage(output_tokens=10_000))
        )
        source = f"List price of {provider}/{like} (genai-prices {version('genai_prices')})"
        prices.append(Price(model, of_input * 100, of_output * 100, source))
    return prices
