"""The billing service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import Json, UtcDateTime
from libs.chassis.money import Money


class Base(DeclarativeBase):
    """The base of this service's tables."""


class Payment(Base):
    """A payment for a buying order, or for the fee of a donation or return (`fee_id`). `live_order_id` is the order
    while the payment may still succeed, else null: it is unique, so that an order has one live payment.

    One by coins has no card and no intent; `coins` says how many it took. `refunded` is what was given back or is
    on its way back, so that no more can be than was taken. `attempt` is part of the keys at the provider.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("refunded >= 0 AND refunded <= amount", name="ck_payments_refunded"),
        Index("ix_payments_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_payments_order_id", "order_id"),
        Index("ix_payments_settle_at", "settle_at"),
        Index("ix_payments_state", "state", "changed_at", "id"),
        Index("ix_payments_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
    live_order_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    buyer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    lines: Mapped[Any] = mapped_column(Json)
    fee_id: Mapped[str | None] = mapped_column(String(36))
    coins: Mapped[int | None] = mapped_column(BigInteger)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    provider_method_id: Mapped[str | None] = mapped_column(String(100))
    provider_intent_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    next_action: Mapped[Any] = mapped_column(Json, nullable=True)
    client_secret: Mapped[str | None] = mapped_column(String(200))
    failure_code: Mapped[str | None] = mapped_column(String(64))
    failure_message: Mapped[str | None] = mapped_column(String(300))
    card_brand: Mapped[str | None] = mapped_column(String(20))
    card_last4: Mapped[str | None] = mapped_column(String(4))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settle_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    captured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reconciled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Refund(Base):
    """Money or coins of a payment that go back. `unique_key` names what for, so that twice is once.

    `replaces` is the failed refund that it stands for; `reference` is that of a bank transfer.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="ck_refunds_amount"),
        Index("ix_refunds_buyer_id", "buyer_id", "created_at", "id"),
        Index("ix_refunds_created_at", "created_at", "id"),
        Index("ix_refunds_payment_id", "payment_id"),
        Index("ix_refunds_order_id", "order_id"),
        Index("ix_refunds_return_id", "return_id"),
        Index("ix_refunds_settle_at", "settle_at"),
        Index("ix_refunds_made_at", "made_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    order_id: Mapped[str] = mapped_column(String(36))
    return_id: Mapped[str | None] = mapped_column(String(36))
    buyer_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(8))
    method: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    coins: Mapped[int | None] = mapped_column(BigInteger)
    provider_refund_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    failure_code: Mapped[str | None] = mapped_column(String(64))
    replaces: Mapped[str | None] = mapped_column(ForeignKey("refunds.id"), unique=True)
    reference: Mapped[str | None] = mapped_column(String(140))
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settle_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    made_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reconciled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Purchase(Base):
    """What billing knows of a buying order: whether it ended without a sale, when its rewards were decided, and
    which products came back."""

    __tablename__ = "purchases"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kept_product_ids: Mapped[Any] = mapped_column(Json)
    returned_product_ids: Mapped[Any] = mapped_column(Json)
    rewarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class MoneyRecord(Base):
    """A transaction of the money ledger. `unique_key` names what it is for, so that twice is once. Triggers in the
    database refuse every UPDATE and DELETE of it and of its entries."""

    __tablename__ = "money_records"
    __table_args__ = (Index("ix_money_records_subject_id", "subject_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject_id: Mapped[str] = mapped_column(String(36))
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MoneyEntry(Base):
    """What a record puts on one account, in minor units; those of one record sum to zero."""

    __tablename__ = "money_entries"
    __table_args__ = (Index("ix_money_entries_account", "account"),)

    record_id: Mapped[str] = mapped_column(ForeignKey("money_records.id"), primary_key=True)
    account: Mapped[str] = mapped_column(String(48), primary_key=True)
    amount: Mapped[int] = mapped_column(BigInteger)


class ReconciliationWindow(Base):
    """How far the comparison with the provider got: payments and refunds each have one row."""

    __tablename__ = "reconciliation_windows"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    after: Mapped[str | None] = mapped_column(String(100))


class ReconciliationFinding(Base):
    """Something about money that does not agree; `unique_key` is its kind and its subject.

    It is mended when it agrees again, or closed by a manager with a note on what was done.
    """

    __tablename__ = "reconciliation_findings"
    __table_args__ = (
        Index("ix_reconciliation_findings_found_at", "found_at", "id"),
        Index("ix_reconciliation_findings_state", "state", "found_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(160), unique=True)
    kind: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(100))
    payment_id: Mapped[str | None] = mapped_column(String(36))
    detail: Mapped[str] = mapped_column(String(300))
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(500))


class ProviderEvent(Base):
    """An event of the provider that was taken; the primary key makes twice once."""

    __tablename__ = "provider_events"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CoinAccount(Base):
    """An account of the coin ledger: a person's wallet, what that person owes (a debt, never above zero), or one of
    the house. The house's have no `balance`: every transaction touches one, and all would wait for its row; the sum
    of its entries is its balance."""

    __tablename__ = "coin_accounts"
    __table_args__ = (
        CheckConstraint("kind <> 'wallet' OR balance >= 0", name="ck_coin_accounts_wallet"),
        CheckConstraint("kind <> 'debt' OR balance <= 0", name="ck_coin_accounts_debt"),
    )

    id: Mapped[str] = mapped_column(String(48), primary_key=True)
    kind: Mapped[str] = mapped_column(String(6))
    person_id: Mapped[str | None] = mapped_column(String(36))
    balance: Mapped[int | None] = mapped_column(BigInteger)


class CoinRecord(Base):
    """A transaction of the coin ledger, as its person sees it. `unique_key` names what it is for, so that twice is
    once. Triggers in the database refuse every UPDATE and DELETE of it and of its entries."""

    __tablename__ = "coin_records"
    __table_args__ = (
        Index("ix_coin_records_person_id", "person_id", "created_at", "id"),
        Index("ix_coin_records_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    person_id: Mapped[str] = mapped_column(String(36))
    reason: Mapped[str] = mapped_column(String(20))
    coins: Mapped[int] = mapped_column(BigInteger)
    order_id: Mapped[str | None] = mapped_column(String(36))
    note: Mapped[str | None] = mapped_column(String(300))
    given_by: Mapped[str | None] = mapped_column(String(64))
    balance_after: Mapped[int] = mapped_column(BigInteger)
    debt_after: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CoinEntry(Base):
    """What a record puts on one account; those of one record sum to zero."""

    __tablename__ = "coin_entries"
    __table_args__ = (Index("ix_coin_entries_account_id", "account_id"),)

    record_id: Mapped[str] = mapped_column(ForeignKey("coin_records.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("coin_accounts.id"), primary_key=True)
    coins: Mapped[int] = mapped_column(BigInteger)


class LedgerCheck(Base):
    """The nightly comparison of the ledger's balances with its rows, and what was wrong."""

    __tablename__ = "ledger_checks"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    faults: Mapped[Any] = mapped_column(Json)


class FollowedOrder(Base):
    """What billing knows of a donating order, or of the return of one (then `donation_id` is another order).

    `rewards_ended_at`: since when the donation earns nothing more, because it was cancelled or returned.
    """

    __tablename__ = "followed_orders"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    donation_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    order_version: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rewards_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Fee(Base):
    """A fee of a donation that is cancelled (occupation) or returned (delivery), payable in money or in `coins`."""

    __tablename__ = "fees"
    __table_args__ = (Index("ix_fees_payer_id", "payer_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    order_id: Mapped[str] = mapped_column(String(36), unique=True)
    payer_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    coins: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)


class Coupon(Base):
    """An off-line coupon. `unique_key` names what it was given for, so that twice is once."""

    __tablename__ = "coupons"
    __table_args__ = (
        Index("ix_coupons_person_id", "person_id", "given_at", "id"),
        Index("ix_coupons_given_at", "given_at", "id"),
        Index("ix_coupons_state", "state", "given_at", "id"),
        Index("ix_coupons_state_valid_until", "state", "valid_until"),
        Index("ix_coupons_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    unique_key: Mapped[str] = mapped_column(String(80), unique=True)
    code: Mapped[str] = mapped_column(String(14), unique=True)
    person_id: Mapped[str] = mapped_column(String(36))
    order_id: Mapped[str | None] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(8))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    note: Mapped[str | None] = mapped_column(String(300))
    given_by: Mapped[str | None] = mapped_column(String(64))
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    valid_until: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_by: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def value(self) -> Money:
        return Money(self.amount, self.currency)


class Payout(Base):
    """The donor's share of one sale, in money. A product that is sold again after a return is another sale.

    It is due when the buyer can no longer return the product; `reference` is that of the bank transfer.
    """

    __tablename__ = "payouts"
    __table_args__ = (
        UniqueConstraint("product_id", "buying_order_id", name="uq_payouts_sale"),
        Index("ix_payouts_person_id", "person_id", "created_at", "id"),
        Index("ix_payouts_state", "state", "created_at"),
        Index("ix_payouts_created_at", "created_at", "id"),
        Index("ix_payouts_buying_order_id", "buying_order_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36))
    order_id: Mapped[str] = mapped_column(String(36))
    product_id: Mapped[str] = mapped_column(String(36))
    buying_order_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(8))
    price: Mapped[int] = mapped_column(BigInteger)
    share_percent: Mapped[int] = mapped_column(Integer)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reference: Mapped[str | None] = mapped_column(String(140))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}

    @property
    def money(self) -> Money:
        return Money(self.amount, self.currency)
