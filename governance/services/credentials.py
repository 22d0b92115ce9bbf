"""API keys and personal access tokens: made once, shown once, stored as a hash, recognized by it."""

import hashlib
import secrets
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from governance.actors import Actor
from governance.errors import NotFound, NotPermitted
from governance.models import AccessToken, AISystem, ApiKey, Organization, User
from governance.permissions import require, require_within
from governance.services.fields import read_text, refuse_field
from governance.services.membership import lock_organization, require_standing
from governance.services.recording import record
from governance.services.registry import find_gaps, refuse_unready

TOKEN_PREFIX = "cs_pat_"  # noqa: S105 (what every token begins with)
KEY_PREFIXES = {ApiKey.Kind.LIVE: "cs_live_", ApiKey.Kind.TEST: "cs_test_"}
# How coarse "last used" is: a write a request would cost more than the fact is worth.
LAST_USED_RESOLUTION = timedelta(minutes=5)


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def make_secret(prefix: str) -> str:
    """256 random bits behind a readable prefix."""
    return prefix + secrets.token_urlsafe(32)


def create_api_key(*, actor: Actor, system: AISystem, name: str, kind: str = ApiKey.Kind.LIVE) -> tuple[ApiKey, str]:
    """A new key of a system and its secret, which is shown this once. Refuses (Invalid) an unknown kind and a name that
    says nothing, (SystemNotReady) a live key of a system without owner, backup, risk tier or fallback message. Needs
    `keys.manage`."""
    require_within(actor, "keys.manage", system.organization_id)
    chosen_name = read_text(name, field="name", limit=100)
    if kind not in ApiKey.Kind.values:
        raise refuse_field("kind", f"Kinds of keys: {', '.join(ApiKey.Kind.values)}.")
    secret = make_secret(KEY_PREFIXES[ApiKey.Kind(kind)])
    with transaction.atomic(durable=True):
        lock_organization(system.organization_id)
        if kind == ApiKey.Kind.LIVE:
            current = AISystem.objects.get(pk=system.pk)
            gaps = find_gaps(current)
            if gaps:
                raise refuse_unready(current, gaps)
        key = ApiKey.objects.create(
            organization_id=system.organization_id,
            system=system,
            name=chosen_name,
            kind=kind,
            prefix=secret[:12],
            secret_sha256=hash_secret(secret),
            created_by_id=actor.user_id,
        )
        record(
            organization_id=system.organization_id,
            type="api_key.created",
            actor=actor,
            subject=f"system:{system.pk}",
            payload={
                "key": str(key.pk),
                "prefix": key.prefix,
                "name": chosen_name,
                "kind": str(kind),
                "system": system.slug,
            },
        )
    return key, secret


def revoke_api_key(*, actor: Actor, key_id: uuid.UUID) -> ApiKey:
    """A revoked key is refused from the next request on. Revoking twice changes nothing. Needs `keys.manage`."""
    require(actor, "keys.manage")
    with transaction.atomic(durable=True):
        visible = ApiKey.objects.filter(pk=key_id, organization_id=actor.member_organization_id)
        revoked = visible.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        key = visible.select_related("system").first()
        if key is None:
            raise NotFound()
        if revoked:
            record(
                organization_id=key.organization_id,
                type="api_key.revoked",
                actor=actor,
                subject=f"system:{key.system_id}",
                payload={"key": str(key.pk), "prefix": key.prefix, "name": key.name},
            )
    return key


def create_access_token(*, actor: Actor, user: User, organization: Organization, name: str) -> tuple[AccessToken, str]:
    """A personal access token for one organization and its secret, which is shown this once. People make their own
    (NotPermitted otherwise; the operator makes anybody's). Refuses (NotAMember) somebody without a role there."""
    if actor.kind != "system" and (actor.user_id != user.pk or actor.organization_id != organization.pk):
        raise NotPermitted("A personal access token is made by the person whose it is.")
    chosen_name = read_text(name, field="name", limit=100)
    secret = make_secret(TOKEN_PREFIX)
    with transaction.atomic(durable=True):
        require_standing(organization.pk, user)
        token = AccessToken.objects.create(
            organization=organization,
            user=user,
            name=chosen_name,
            prefix=secret[:12],
            secret_sha256=hash_secret(secret),
        )
        record(
            organization_id=organization.pk,
            type="access_token.created",
            actor=actor,
            subject=f"user:{user.pk}",
            payload={"token": str(token.pk), "prefix": token.prefix, "name": chosen_name, "user": user.email},
        )
    return token, secret


def revoke_access_token(*, actor: Actor, token_id: uuid.UUID) -> AccessToken:
    """Takes back one of one's own tokens; an admin may take back anybody's of the organization."""
    with transaction.atomic(durable=True):
        visible = AccessToken.objects.filter(pk=token_id, organization_id=actor.member_organization_id)
        if "admin" not in actor.roles:
            visible = visible.filter(user_id=actor.id)
        revoked = visible.filter(revoked_at__isnull=True).update(revoked_at=timezone.now())
        token = visible.select_related("user").first()
        if token is None:
            raise NotFound()
        if revoked:
            record(
                organization_id=token.organization_id,
                type="access_token.revoked",
                actor=actor,
                subject=f"user:{token.user_id}",
                payload={"token": str(token.pk), "prefix": token.prefix, "name": token.name},
            )
    return token


def note_use(credential: ApiKey | AccessToken) -> None:
    """Remember that a credential was used, at most once in five minutes."""
    now = timezone.now()
    if credential.last_used_at is None or now - credential.last_used_at > LAST_USED_RESOLUTION:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_RESOLUTION)
        type(credential).objects.filter(stale, pk=credential.pk).update(last_used_at=now)
