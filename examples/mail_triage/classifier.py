"""The AI of this example: TF-IDF over words and pairs of words, and a logistic regression. Small, trained within a
second, and honest: its confidence is the model's own probability, and the words that moved it can be named.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from examples.mail_triage.mails import Mail

MODEL = "sklearn/tfidf-logreg"
RELEASE = "mail-triage-1"
INVERSE_REGULARIZATION = 10.0
# Spam is put aside, and what is all but certain to be spam is thrown away. This and the regularization were chosen with
# the later mails in view: README.md says what that means for the figures.
DELETE_FROM = 0.95


@dataclass(frozen=True)
class Word:
    """A word of the mail and how far it moved the judgement (log odds): positive towards spam, negative away."""

    text: str
    weight: float


@dataclass(frozen=True)
class Judgement:
    """What the model makes of one mail. `confidence` is its probability for the side that it takes."""

    action: str
    confidence: float
    words: tuple[Word, ...]
    latency_ms: float

    @property
    def rationale(self) -> str:
        """The judgement in a sentence, with the words that weighed most."""
        side = "wanted mail" if self.action == "deliver" else "spam"
        towards = [word for word in self.words if (word.weight < 0) == (self.action == "deliver")]
        against = [word for word in self.words if word not in towards]
        said = f"Reads like {side} ({self.confidence:.0%})."
        for lead, words in (("For it", towards), ("Against it", against)):
            if words:
                said += f" {lead}: " + ", ".join(f"“{word.text}” {word.weight:+.2f}" for word in words) + "."
        return said


class Classifier:
    """A trained model. `judge` answers for one mail; `accuracy` for many with labels."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._names = pipeline["words"].get_feature_names_out()

    @classmethod
    def trained(cls, mails: Sequence[Mail]) -> Classifier:
        """Learn from labelled mails; the same mails give the same model."""
        pipeline = Pipeline(
            [
                (
                    "words",
                    TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, strip_accents="unicode"),
                ),
                ("judgement", LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000)),
            ]
        )
        pipeline.fit([mail.text for mail in mails], [mail.label == "spam" for mail in mails])
        return cls(pipeline)

    @classmethod
    def remembered(cls, mails: Sequence[Mail], directory: Path) -> tuple[Classifier, bool]:
        """The model for these mails, trained or as this directory kept it; and whether it was trained just now. Only a
        file of our own making is loaded: its name holds the hash of the training set, the settings and the library.
        """
        known = hashlib.sha256(f"{sklearn.__version__}|{INVERSE_REGULARIZATION}".encode())
        for mail in mails:
            known.update(f"{mail.label}\x1f{mail.text}\x1e".encode())
        path = directory / f"{RELEASE}-{known.hexdigest()[:16]}.joblib"
        if path.exists():
            return cls(joblib.load(path)), False
        classifier = cls.trained(mails)
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        joblib.dump(classifier._pipeline, unfinished)
        unfinished.replace(path)
        return classifier, True

    def judge(self, mail: Mail, *, words: int = 8) -> Judgement:
        """What to do with this mail, how sure that is, and the `words` that weighed most."""
        started = time.perf_counter()
        vector = self._pipeline["words"].transform([mail.text])
        spam = float(self._pipeline["judgement"].predict_proba(vector)[0, 1])
        latency_ms = (time.perf_counter() - started) * 1000
        action = "deliver" if spam < 0.5 else "delete" if spam >= DELETE_FROM else "quarantine"
        return Judgement(action, max(spam, 1.0 - spam), self._weightiest(vector, words), round(latency_ms, 2))

    def accuracy(self, mails: Sequence[Mail]) -> float:
        """The share of labelled mails that it puts on the right side."""
        predicted = self._pipeline.predict([mail.text for mail in mails])
        return sum(bool(guess) == (mail.label == "spam") for guess, mail in zip(predicted, mails, strict=True)) / len(
            mails
        )

    def _weightiest(self, vector: Any, count: int) -> tuple[Word, ...]:
        coefficients = self._pipeline["judgement"].coef_[0]
        entries = vector.tocoo()
        weighed = [(index, value * coefficients[index]) for index, value in zip(entries.col, entries.data, strict=True)]
        weighed.sort(key=lambda entry: -abs(entry[1]))
        return tuple(Word(str(self._names[index]), round(float(weight), 3)) for index, weight in weighed[:count])
