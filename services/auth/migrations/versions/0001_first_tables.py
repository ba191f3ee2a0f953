"""Create all tables, and the built-in roles with their permissions."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.types import Json, UtcDateTime

revision = "0001"
down_revision = None

ALL_USERS = ("auth:notifications", "auth:session")
EMPLOYEE = (
    *ALL_USERS,
    "admin:checking-orders",
    "admin:packages",
    "admin:packing-orders",
    "admin:recycling",
    "admin:return-contacts",
    "auth:customers:read",
    "auth:customers:write",
    "billing:coupons:read",
    "billing:payments:monitor",
    "customer:buying-orders:monitor",
    "customer:donating-orders:monitor",
    "customer:order-counts:read",
    "locker:boxes:read",
    "shopping:products:read",
    "shopping:products:write",
)
PERMISSIONS = {
    "customer": (
        *ALL_USERS,
        "auth:authorizations",
        "billing:fees",
        "billing:payments",
        "billing:rewards",
        "customer:buying-orders",
        "customer:donating-orders",
        "customer:profile",
        "locker:doors",
        "shopping:cart",
    ),
    "deliveryman": (
        *ALL_USERS,
        "admin:collecting-orders",
        "admin:packages",
        "admin:shipping-orders",
        "locker:doors",
    ),
    "employee": EMPLOYEE,
    "manager": (
        *EMPLOYEE,
        "admin:audit:read",
        "admin:employees:read",
        "admin:employees:write",
        "admin:factories:write",
        "admin:settings:read",
        "admin:settings:write",
        "admin:work-orders:monitor",
        "admin:work-orders:write",
        "auth:clients:read",
        "auth:clients:write",
        "auth:roles:read",
        "auth:roles:write",
        "auth:staff:read",
        "auth:staff:write",
        "billing:coupons:write",
        "billing:payouts:read",
        "billing:payouts:write",
        "billing:reconciliation:read",
        "billing:reconciliation:write",
        "billing:refunds:write",
        "billing:rewards:write",
        "customer:buying-orders:force-cancel",
        "customer:rankings:read",
        "locker:activity:read",
        "locker:boxes:write",
        "locker:locations:write",
        "shopping:prices:write",
        "shopping:products:publish",
    ),
}
ROLES = (
    ("customer", "customer", "Donors and buyers"),
    ("deliveryman", "internal", "Collects and ships packages"),
    ("employee", "internal", "Checks, packs and publishes clothes, and helps customers"),
    ("manager", "internal", "Runs the business: people, roles, prices, settings"),
)


def upgrade() -> None:
    create_chassis_tables(op)
    _create_account_tables()
    _create_oauth_tables()
    _create_session_tables()
    _create_notification_tables()
    _insert_built_in_roles()


def _create_account_tables() -> None:
    op.create_table(
        "roles",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("description", sa.String(200), nullable=False, server_default=""),
        sa.Column("is_built_in", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    )
    op.create_table(
        "role_permissions",
        sa.Column("role", sa.String(40), sa.ForeignKey("roles.name"), primary_key=True),
        sa.Column("permission", sa.String(64), primary_key=True),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("full_name", sa.String(120), nullable=True),
        sa.Column("suspension_reason", sa.String(500), nullable=True),
        sa.Column("phone_number", sa.String(16), nullable=True),
        sa.Column("locale", sa.String(35), nullable=False, server_default="en"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    )
    op.create_index("ix_users_kind_created_at", "users", ["kind", "created_at", "id"])
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(40), sa.ForeignKey("roles.name"), primary_key=True),
    )
    op.create_index("ix_user_roles_role", "user_roles", ["role"])
    op.create_table(
        "one_time_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("password_hash", sa.String(200), nullable=True),
    )
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"])
    op.create_table(
        "password_reset_requests",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
    )


def _create_oauth_tables() -> None:
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("gateway", sa.String(10), nullable=False),
        sa.Column("grant_type", sa.String(20), nullable=False),
        sa.Column("redirect_uris", Json(), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
    )
    op.create_index("ix_oauth_clients_created_at", "oauth_clients", ["created_at", "id"])
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("client_id", sa.String(36), sa.ForeignKey("oauth_clients.id"), nullable=False),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("redirect_uri", sa.String(300), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=True),
    )
    op.create_index("ix_authorization_codes_expires_at", "authorization_codes", ["expires_at"])


def _create_session_tables() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=True),
        sa.Column(
            "client_id",
            sa.String(36),
            sa.ForeignKey("oauth_clients.id", name="fk_sessions_client_id"),
            nullable=True,
        ),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("access_expires_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("user_agent", sa.String(200), nullable=False, server_default=""),
        sa.Column("source_ip", sa.String(64), nullable=False, server_default=""),
    )
    op.create_index("ix_sessions_user_id_created_at", "sessions", ["user_id", "created_at", "id"])
    op.create_index("ix_sessions_client_id", "sessions", ["client_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(36), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("replacement", sa.String(400), nullable=True),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_table(
        "session_cache_updates",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=True),
    )
    op.create_table(
        "login_failures",
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("wait_until", UtcDateTime(), nullable=True),
    )
    op.create_index("ix_login_failures_last_at", "login_failures", ["last_at"])


def _create_notification_tables() -> None:
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("email", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.Column("push", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "phone_confirmations",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("phone_number", sa.String(16), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
    )
    op.create_table(
        "push_devices",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("platform", sa.String(10), nullable=False),
        sa.Column("endpoint_arn", sa.String(255), nullable=False, unique=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_push_devices_user_id", "push_devices", ["user_id", "created_at", "id"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("template", sa.String(60), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
    )
    op.create_index("ix_notifications_user_id_created_at", "notifications", ["user_id", "created_at", "id"])
    op.create_table(
        "outgoing_messages",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("channel", sa.String(10), nullable=False, server_default="email"),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
    )
    op.create_index("ix_outgoing_messages_due_at", "outgoing_messages", ["due_at"])
    op.create_index("ix_outgoing_messages_recipient_created_at", "outgoing_messages", ["recipient", "created_at"])
    op.create_index("ix_outgoing_messages_created_at", "outgoing_messages", ["created_at"])


def _insert_built_in_roles() -> None:
    """Insert the roles that ReClothes starts with; managers change them later."""
    roles = sa.table(
        "roles",
        sa.column("name"),
        sa.column("kind"),
        sa.column("description"),
        sa.column("is_built_in", sa.Boolean()),
    )
    op.bulk_insert(
        roles,
        [
            {"name": name, "kind": kind, "description": description, "is_built_in": True}
            for name, kind, description in ROLES
        ],
    )
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    rows = [{"role": role, "permission": scope} for role, scopes in PERMISSIONS.items() for scope in scopes]
    op.bulk_insert(permissions, rows)


def downgrade() -> None:
    for table in (
        *("outgoing_messages", "notifications", "push_devices", "phone_confirmations", "notification_preferences"),
        *("login_failures", "session_cache_updates", "refresh_tokens", "sessions"),
        *("authorization_codes", "oauth_clients"),
        *("password_reset_requests", "one_time_tokens", "user_roles", "users", "role_permissions", "roles"),
    ):
        op.drop_table(table)
    drop_chassis_tables(op)
