"""The addresses of this floor's endpoints, below /api/v1/."""

from django.urls import URLPattern, path

from governance.api import audit, policies, systems

urlpatterns: list[URLPattern] = [
    path("audit/entries", audit.AuditEntryList.as_view(), name="api-audit-entries"),
    path("systems", systems.SystemList.as_view(), name="api-systems"),
    path("systems/<uuid:system_id>", systems.SystemDetail.as_view(), name="api-system"),
    path("policies", policies.PolicyList.as_view(), name="api-policies"),
    path("policies/<uuid:policy_id>", policies.PolicyDetail.as_view(), name="api-policy"),
    path("policies/<uuid:policy_id>/activations", policies.ActivationList.as_view(), name="api-policy-activations"),
    path("policies/<uuid:policy_id>/rollback", policies.RollBack.as_view(), name="api-policy-rollback"),
    path("policies/<uuid:policy_id>/versions", policies.VersionList.as_view(), name="api-policy-versions"),
    *(
        path(f"policies/<uuid:policy_id>/versions/<uuid:version_id>{address}", view.as_view(), name=name)
        for address, view, name in (
            ("", policies.VersionDetail, "api-policy-version"),
            ("/submit", policies.SubmitVersion, "api-policy-version-submit"),
            ("/approve", policies.ApproveVersion, "api-policy-version-approve"),
            ("/reject", policies.RejectVersion, "api-policy-version-reject"),
            ("/withdraw", policies.WithdrawVersion, "api-policy-version-withdraw"),
            ("/activate", policies.ActivateVersion, "api-policy-version-activate"),
        )
    ),
]
