"""The addresses of this floor's pages."""

from django.contrib.auth.views import LogoutView, PasswordResetCompleteView, PasswordResetDoneView
from django.urls import URLPattern, path

from governance.web import accounts, audit, groups, people, policies, policy_drafts, systems

urlpatterns: list[URLPattern] = [
    path("", accounts.home, name="home"),
    path("keys/", accounts.keys, name="keys"),
    path("sign-in/", accounts.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("password-reset/", accounts.password_reset, name="password-reset"),
    path("password-reset/done/", PasswordResetDoneView.as_view(), name="password-reset-done"),
    path(
        "password-reset/<uidb64>/<token>/",
        accounts.PasswordResetConfirm.as_view(success_url="/password-reset/complete/"),
        name="password-reset-confirm",
    ),
    path("password-reset/complete/", PasswordResetCompleteView.as_view(), name="password-reset-complete"),
    path("switch-organization/", accounts.switch_organization, name="switch-organization"),
    path("preferences/", accounts.preferences, name="preferences"),
    path("preferences/tokens/", accounts.token_create, name="token-create"),
    path("preferences/tokens/<uuid:token_id>/revoke/", accounts.token_revoke, name="token-revoke"),
    path("preferences/password/", accounts.password_change, name="password-change"),
    path("preferences/password/done/", accounts.password_change_done, name="password-change-done"),
    path("people/", people.people_list, name="people-list"),
    path("people/add/", people.person_add, name="person-add"),
    path("people/<uuid:person_id>/", people.person_detail, name="person-detail"),
    path("people/<uuid:person_id>/roles/add/", people.person_role_add, name="person-role-add"),
    path("people/<uuid:person_id>/roles/remove/", people.person_role_remove, name="person-role-remove"),
    path("people/<uuid:person_id>/invite/", people.person_invite, name="person-invite"),
    path("people/<uuid:person_id>/remove/", people.person_remove, name="person-remove"),
    path("people/<uuid:person_id>/deactivate/", people.person_deactivate, name="person-deactivate"),
    path("people/<uuid:person_id>/reactivate/", people.person_reactivate, name="person-reactivate"),
    path("groups/", groups.group_list, name="group-list"),
    path("groups/add/", groups.group_add, name="group-add"),
    path("groups/<uuid:group_id>/", groups.group_edit, name="group-edit"),
    path("systems/", systems.system_list, name="system-list"),
    path("systems/add/", systems.system_add, name="system-add"),
    path("systems/<slug:slug>/", systems.system_detail, name="system-detail"),
    path("systems/<slug:slug>/edit/", systems.system_edit, name="system-edit"),
    path("systems/<slug:slug>/keys/", systems.key_create, name="key-create"),
    path("keys/<uuid:key_id>/revoke/", systems.key_revoke, name="key-revoke"),
    path("policies/", policies.policy_list, name="policy-list"),
    path("policies/for/<slug:slug>/", policies.policy_open, name="policy-open"),
    path("policies/<uuid:policy_id>/", policies.policy_detail, name="policy-detail"),
    path("policies/<uuid:policy_id>/roll-back/", policies.policy_roll_back, name="policy-roll-back"),
    path("policies/<uuid:policy_id>/draft/", policy_drafts.policy_draft_start, name="policy-draft-start"),
    path("policies/<uuid:policy_id>/draft/<int:number>/", policy_drafts.policy_draft, name="policy-draft"),
    path(
        "policies/<uuid:policy_id>/draft/<int:number>/check/",
        policy_drafts.policy_draft_check,
        name="policy-draft-check",
    ),
    path("policies/<uuid:policy_id>/draft/<int:number>/try/", policy_drafts.policy_draft_try, name="policy-draft-try"),
    path("policies/<uuid:policy_id>/versions/<int:number>/", policies.policy_version, name="policy-version"),
    *(
        path(
            f"policies/<uuid:policy_id>/versions/<int:number>/{verb}/",
            policies.policy_version_rule,
            {"verb": verb},
            name=f"policy-version-{verb}",
        )
        for verb in policies.VERBS
    ),
    path("audit/", audit.audit_log, name="audit-log"),
    path("audit/<int:entry_id>/", audit.audit_entry, name="audit-entry"),
    path("audit/<int:entry_id>/erase/", audit.audit_erase, name="audit-erase"),
    path("audit/export/<slug:format>/", audit.audit_export, name="audit-export"),
]
