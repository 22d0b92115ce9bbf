"""The addresses of the review screen."""

from django.urls import path

from reviews.web import review

urlpatterns = [
    path("review/<uuid:escalation_id>/", review.show, name="review"),
    path("review/<uuid:escalation_id>/ruling/", review.submit, name="review-rule"),
    path("review/<uuid:escalation_id>/preview/", review.preview, name="review-preview"),
    path("review/<uuid:escalation_id>/draft/", review.draft, name="review-draft"),
    path("review/<uuid:escalation_id>/claim/", review.take, name="review-claim"),
    path("review/<uuid:escalation_id>/release/", review.give_back, name="review-release"),
    path("review/<uuid:escalation_id>/renew/", review.extend, name="review-renew"),
    path("review/<uuid:escalation_id>/assign/", review.assign, name="review-assign"),
    path("reviews/<uuid:review_id>/undo/", review.undo, name="review-undo"),
]
