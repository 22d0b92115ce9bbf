"""The pages of policies, by their buttons alone: two people change a rule, and nobody's text is lost on the way."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from governance.actors import Actor
from governance.models import AuditEntry, PolicyVersion, User
from governance.services.policy_activation import activate_version
from governance.services.policy_life import edit_draft
from tests.factories import make_actor, make_organization, make_system
from tests.governance.policies.texts import Governed, make_governed, policy_text

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


def visitor(actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=actor.user_id))
    return client


def home(governed: Governed) -> str:
    return f"/policies/{governed.policy.pk}/"


def test_two_people_change_a_rule_in_the_browser(db: None) -> None:
    governed = make_governed()
    author, approver = visitor(governed.author), visitor(governed.approver)
    begun = author.post(f"{home(governed)}draft/")
    editor = begun["Location"]
    assert "amount &gt; 200.0" in author.get(editor).content.decode()
    form = {"document": policy_text(amount=500.0), "revision": "1"}
    saved = author.post(editor, {**form, "intent": "save"}, follow=True)
    assert "The draft is saved." in saved.content.decode()
    sent = {**form, "revision": "2", "intent": "submit", "reason": "Finance asked for it"}
    submitted = author.post(editor, sent, follow=True).content.decode()
    assert "awaits approval" in submitted and "another person rules on it" in submitted
    version = PolicyVersion.objects.get(policy=governed.policy, number=2)
    address = f"{home(governed)}versions/2/"
    assert "Waiting for your approval" in approver.get("/policies/").content.decode()
    assert version.sha256 in approver.get(address).content.decode()
    approved = approver.post(f"{address}approve/", {"sha256": version.sha256}, follow=True)
    assert "is approved. It is not in force yet." in approved.content.decode()
    active = approver.post(f"{address}activate/", follow=True).content.decode()
    assert "is in force." in active
    assert "In force: " in author.get(home(governed)).content.decode() and governed.in_force() == 2
    back = author.post(f"{home(governed)}roll-back/", {"activation": "2", "reason": "Too lax"}, follow=True)
    assert "Version 1 is in force again." in back.content.decode()


def test_a_conflict_keeps_the_text_and_shows_both(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    edit_draft(actor=governed.second_author, version_id=draft.pk, source="# theirs\n", revision=1)
    author = visitor(governed.author)
    editor = f"{home(governed)}draft/{draft.number}/"
    answer = author.post(editor, {"document": "# my own words\n", "revision": "1", "intent": "save"})
    page = answer.content.decode()
    assert answer.status_code == 412 and "Somebody else has saved this draft meanwhile" in page
    assert "# my own words\n</textarea>" in page and "# theirs" in page.replace("<del>", "").replace("</del>", "")
    assert 'name="revision" value="2"' in page and "Save mine over theirs" in page
    again = author.post(editor, {"document": "# my own words\n", "revision": "2", "intent": "save"})
    assert again.status_code == 302
    assert PolicyVersion.objects.get(pk=draft.pk).source == "# my own words\n"


def test_an_edit_after_submission_keeps_the_text_on_the_page(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    answer = visitor(governed.second_author).post(
        f"{home(governed)}draft/{version.number}/", {"document": "# late words\n", "revision": "1", "intent": "save"}
    )
    assert answer.status_code == 409 and "# late words\n</textarea>" in answer.content.decode()


def test_checking_by_the_button_or_while_typing_names_line_column_and_suggestion(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    author = visitor(governed.author)
    text = policy_text().replace("verdict: review\n    queue", "verdict: reviev\n    queue")
    editor = f"{home(governed)}draft/{draft.number}/"
    whole = author.post(editor, {"document": text, "revision": "1", "intent": "check"}).content.decode()
    part = author.post(f"{editor}check/", {"document": text}).content.decode()
    for page in (whole, part):
        assert 'data-line="8" data-column="14">line 8, column 14</a>' in page
        assert 'Did you mean <code class="mono">review</code>?' in page
    assert "<html" not in part and "verdict: reviev" in whole
    assert PolicyVersion.objects.get(pk=draft.pk).source != text


def test_failing_tests_say_what_they_expected_and_got(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    author = visitor(governed.author)
    editor = f"{home(governed)}draft/{draft.number}/"
    part = author.post(f"{editor}check/", {"document": policy_text(expect="block")}).content.decode()
    assert "1 of 1 tests fail." in part and "expected" in part and "got" in part
    sent = {"document": policy_text(expect="block"), "revision": "1", "intent": "submit", "reason": "Try"}
    refused = author.post(editor, sent)
    assert refused.status_code == 422 and "own tests fail" in refused.content.decode()
    # The text was saved on the way; what is in the form fits what stands there.
    assert 'name="revision" value="2"' in refused.content.decode()
    assert PolicyVersion.objects.get(pk=draft.pk).status == "draft"


def test_the_playground_shows_verdict_and_what_rules_read_and_records_nothing(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    author = visitor(governed.author)
    before = AuditEntry.objects.count()
    editor = f"{home(governed)}draft/{draft.number}/"
    asked = {"document": policy_text(), "context": '{"action": {"name": "refund", "arguments": {"amount": 900}}}'}
    part = author.post(f"{editor}try/", asked).content.decode()
    assert "hit" in part and "action.arguments.amount" in part and "900" in part
    whole = author.post(editor, {**asked, "revision": "1", "intent": "try"})
    assert whole.status_code == 200 and "action.arguments.amount" in whole.content.decode()
    for wrong in ("{", "[]", '{"a": NaN}', ""):
        assert "context" in author.post(f"{editor}try/", {**asked, "context": wrong}).content.decode()
    assert AuditEntry.objects.count() == before


def test_a_draft_whose_base_moved_is_offered_a_fresh_start(db: None) -> None:
    governed = make_governed()
    draft = governed.draft(amount=300.0)
    activate_version(actor=governed.approver, version_id=governed.approve(amount=400.0).pk)
    author = visitor(governed.author)
    page = author.get(f"{home(governed)}draft/{draft.number}/").content.decode()
    assert "The version in force has changed." in page and "on today’s version" in page
    begun = author.post(f"{home(governed)}draft/", {"copy_of": str(draft.number)})
    fresh = PolicyVersion.objects.get(policy=governed.policy, number=int(begun["Location"].split("/")[-2]))
    assert fresh.source == draft.source and fresh.base is not None and fresh.base.number == governed.in_force()


def test_a_refused_ruling_stays_on_the_page(db: None) -> None:
    governed = make_governed()
    version = governed.submit()
    address = f"{home(governed)}versions/{version.number}/"
    approver = visitor(governed.approver)
    assert approver.post(f"{address}reject/", {"sha256": version.sha256, "reason": ""}).status_code == 422
    stale = approver.post(f"{address}approve/", {"sha256": "0" * 64, "comment": "fine"})
    assert stale.status_code == 409 and "not the text that was submitted" in stale.content.decode()
    assert visitor(governed.author).post(f"{address}approve/", {"sha256": version.sha256}).status_code == 403
    assert PolicyVersion.objects.get(pk=version.pk).status == "submitted"


def test_a_rollback_without_reason_or_of_something_else_changes_nothing(db: None) -> None:
    governed = make_governed()
    governed.activate()
    author = visitor(governed.author)
    assert author.post(f"{home(governed)}roll-back/", {"activation": "2", "reason": " "}).status_code == 422
    assert author.post(f"{home(governed)}roll-back/", {"activation": "1", "reason": "Back"}).status_code == 409
    assert governed.in_force() == 2


def test_hostile_text_is_shown_as_text(db: None) -> None:
    governed = make_governed()
    draft = governed.draft(source=f"# {HOSTILE}\n{HOSTILE}: {HOSTILE}\n")
    author = visitor(governed.author)
    pages = [
        author.get(f"{home(governed)}draft/{draft.number}/"),
        author.get(f"{home(governed)}versions/{draft.number}/"),
        author.post(f"{home(governed)}draft/{draft.number}/check/", {"document": HOSTILE}),
        author.post(f"{home(governed)}draft/{draft.number}/try/", {"document": policy_text(), "context": HOSTILE}),
        author.post(
            f"{home(governed)}draft/{draft.number}/",
            {"document": HOSTILE, "revision": HOSTILE, "context": HOSTILE, "reason": HOSTILE, "intent": "submit"},
        ),
        author.post(f"{home(governed)}roll-back/", {"activation": HOSTILE, "reason": HOSTILE}),
    ]
    for page in pages:
        assert "<script>alert" not in page.content.decode() and "<img src=x" not in page.content.decode()


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "owner", "admin", "auditor"])
def test_readers_read_and_are_offered_no_change(db: None, role: str) -> None:
    governed = make_governed()
    version = governed.submit()
    reader = visitor(make_actor(governed.organization, role))
    for address in ("/policies/", home(governed), f"{home(governed)}versions/{version.number}/"):
        page = reader.get(address)
        assert page.status_code == 200 and "Draft a change" not in page.content.decode()
    assert reader.get(f"{home(governed)}draft/{version.number}/").status_code == 403
    assert reader.post(f"{home(governed)}draft/").status_code == 403
    assert reader.post(f"{home(governed)}versions/{version.number}/approve/").status_code == 403


def test_another_organizations_policy_is_404_on_every_page(db: None) -> None:
    governed = make_governed()
    draft = governed.draft()
    roles = ("policy_author", "policy_approver", "owner", "admin")
    stranger = visitor(make_actor(make_organization(), *roles))
    assert governed.system.name not in stranger.get("/policies/").content.decode()
    for address in (home(governed), f"{home(governed)}draft/", f"{home(governed)}draft/{draft.number}/"):
        assert stranger.get(address).status_code == 404
    assert stranger.get(f"{home(governed)}versions/{draft.number}/").status_code == 404
    for address in ("draft/", "roll-back/", f"draft/{draft.number}/check/", f"versions/{draft.number}/approve/"):
        assert stranger.post(f"{home(governed)}{address}").status_code == 404
    assert stranger.post(f"/policies/for/{governed.system.slug}/").status_code == 404


def test_a_system_without_a_policy_gets_its_first_draft_by_a_button(db: None) -> None:
    organization = make_organization()
    author = make_actor(organization, "policy_author")
    system = make_system(organization)
    client = visitor(author)
    assert "Write a first policy" in client.get("/policies/").content.decode()
    editor = client.post(f"/policies/for/{system.slug}/", follow=True)
    assert editor.status_code == 200 and "sure-enough" in editor.content.decode()


def test_the_list_costs_the_same_for_one_system_and_for_many(
    db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    governed = make_governed()
    client = visitor(governed.approver)
    client.get("/policies/")

    def count() -> int:
        with django_assert_max_num_queries(20) as queries:
            assert client.get("/policies/").status_code == 200
        return len(queries)

    governed.submit()
    one = count()
    for _ in range(3):
        governed.submit()
        governed.draft()
        make_system(governed.organization)
    assert count() == one


def test_the_pages_of_a_version_cost_the_same_for_a_short_and_a_long_history(
    db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    governed = make_governed()
    client = visitor(governed.approver)

    def count(address: str) -> int:
        with django_assert_max_num_queries(30) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    governed.activate(amount=300.0)
    before = count(home(governed))
    governed.activate(amount=400.0)
    governed.submit()
    governed.draft()
    assert count(home(governed)) == before
