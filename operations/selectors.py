"""Which verdicts the figures of this floor call asking, and which rulings they call overriding."""

from reviews.models import Decision, Review

ASKING = (Decision.Verdict.REVIEW, Decision.Verdict.ESCALATE)
OVERRIDING = (Review.Verdict.CORRECT, Review.Verdict.REJECT)
