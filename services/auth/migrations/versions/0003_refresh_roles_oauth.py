"""Refresh tokens, roles that managers change, OAuth clients, and messages by SMS and push."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import Json, UtcDateTime

revision = "0003"
down_revision = "0002"

BUILT_IN = {
    "customer": "Donors and buyers",
    "deliveryman": "Collects and ships packages",
    "employee": "Checks, packs and publishes clothes, and helps customers",
    "manager": "Runs the business: people, roles, prices, settings",
}
ADDED = {
    "customer": ("auth:authorizations",),
    "employee": ("auth:customers:read", "auth:customers:write"),
    "manager": (
        "auth:customers:read",
        "auth:customers:write",
        "auth:staff:read",
        "auth:staff:write",
        "auth:roles:read",
        "auth:roles:write",
        "auth:clients:read",
        "auth:clients:write",
    ),
}


def upgrade() -> None:
    _add_tables()
    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("full_name", sa.String(length=120), nullable=True))
        table.add_column(sa.Column("forbidden_reason", sa.String(length=500), nullable=True))
        table.add_column(sa.Column("phone_number", sa.String(length=16), nullable=True))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
        table.create_index("ix_users_kind_created_at", ["kind", "created_at", "id"])
    with op.batch_alter_table("roles") as table:
        table.add_column(sa.Column("description", sa.String(length=200), nullable=False, server_default=""))
        table.add_column(sa.Column("is_built_in", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_user_roles_role", "user_roles", ["role"])
    with op.batch_alter_table("sessions") as table:
        table.alter_column("user_id", existing_type=sa.String(length=36), nullable=True)
        table.add_column(sa.Column("client_id", sa.String(length=36), nullable=True))
        table.add_column(sa.Column("scope", sa.Text(), nullable=True))
        table.add_column(sa.Column("access_expires_at", UtcDateTime(), nullable=True))
        table.add_column(sa.Column("user_agent", sa.String(length=200), nullable=False, server_default=""))
        table.add_column(sa.Column("source_ip", sa.String(length=64), nullable=False, server_default=""))
        table.create_foreign_key("fk_sessions_client_id", "oauth_clients", ["client_id"], ["id"])
        table.create_index("ix_sessions_client_id", ["client_id"])
        table.create_index("ix_sessions_user_id_created_at", ["user_id", "created_at", "id"])
        table.drop_index("ix_sessions_user_id")
    op.execute("UPDATE sessions SET access_expires_at = expires_at")
    with op.batch_alter_table("sessions") as table:
        table.alter_column("access_expires_at", existing_type=UtcDateTime(), nullable=False)
    op.rename_table("outgoing_mails", "outgoing_messages")
    with op.batch_alter_table("outgoing_messages") as table:
        table.alter_column("id", existing_type=sa.String(length=64), type_=sa.String(length=100))
        table.add_column(sa.Column("channel", sa.String(length=10), nullable=False, server_default="email"))
        for columns in (["due_at"], ["recipient", "created_at"], ["created_at"]):
            table.drop_index("ix_outgoing_mails_" + "_".join(columns))
            table.create_index("ix_outgoing_messages_" + "_".join(columns), columns)
    _add_permissions()


def _add_tables() -> None:
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("gateway", sa.String(length=10), nullable=False),
        sa.Column("grant_type", sa.String(length=20), nullable=False),
        sa.Column("redirect_uris", Json(), nullable=False),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_oauth_clients_created_at", "oauth_clients", ["created_at", "id"])
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("redirect_uri", sa.String(length=300), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.String(length=43), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["oauth_clients.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("code_hash"),
    )
    op.create_index("ix_authorization_codes_expires_at", "authorization_codes", ["expires_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"])
    op.create_table(
        "cache_changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "link_requests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.Boolean(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.Column("push", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "phone_confirmations",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("phone_number", sa.String(length=16), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "push_devices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("platform", sa.String(length=10), nullable=False),
        sa.Column("endpoint_arn", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("endpoint_arn"),
    )
    op.create_index("ix_push_devices_user_id", "push_devices", ["user_id", "created_at", "id"])


def _add_permissions() -> None:
    roles = sa.table("roles", sa.column("name"), sa.column("description"), sa.column("is_built_in", sa.Boolean()))
    for name, description in BUILT_IN.items():
        op.execute(roles.update().where(roles.c.name == name).values(description=description, is_built_in=True))
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    rows = [{"role": role, "permission": scope} for role, scopes in ADDED.items() for scope in scopes]
    op.bulk_insert(permissions, rows)


def downgrade() -> None:
    added = {scope for scopes in ADDED.values() for scope in scopes}
    permissions = sa.table("role_permissions", sa.column("role"), sa.column("permission"))
    op.execute(permissions.delete().where(permissions.c.permission.in_(sorted(added))))
    with op.batch_alter_table("outgoing_messages") as table:
        for columns in (["due_at"], ["recipient", "created_at"], ["created_at"]):
            table.drop_index("ix_outgoing_messages_" + "_".join(columns))
            table.create_index("ix_outgoing_mails_" + "_".join(columns), columns)
        table.drop_column("channel")
    op.rename_table("outgoing_messages", "outgoing_mails")
    op.drop_table("refresh_tokens")
    op.execute("DELETE FROM sessions WHERE client_id IS NOT NULL")
    with op.batch_alter_table("sessions") as table:
        table.create_index("ix_sessions_user_id", ["user_id"])
        table.drop_index("ix_sessions_user_id_created_at")
        table.drop_constraint("fk_sessions_client_id", type_="foreignkey")
        table.drop_index("ix_sessions_client_id")
        for column in ("client_id", "scope", "access_expires_at", "user_agent", "source_ip"):
            table.drop_column(column)
        table.alter_column("user_id", existing_type=sa.String(length=36), nullable=False)
    if op.get_bind().dialect.name != "sqlite":
        op.create_index("role", "user_roles", ["role"])  # MySQL's own name: the foreign key needs one
    op.drop_index("ix_user_roles_role", "user_roles")
    with op.batch_alter_table("roles") as table:
        for column in ("description", "is_built_in", "version"):
            table.drop_column(column)
    with op.batch_alter_table("users") as table:
        table.drop_index("ix_users_kind_created_at")
        for column in ("full_name", "forbidden_reason", "phone_number", "version"):
            table.drop_column(column)
    for table_name in (
        "push_devices",
        "phone_confirmations",
        "notification_preferences",
        "cache_changes",
        "link_requests",
        "authorization_codes",
        "oauth_clients",
    ):
        op.drop_table(table_name)
