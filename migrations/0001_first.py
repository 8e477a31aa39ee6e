"""The first tables, and the triggers that keep ledger and history append-only. Frozen: never edited once shipped."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    Database,
    DateField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    fn,
)
from playhouse.migrate import SchemaMigrator

from database import InstantField, JsonField


class Table(Model):
    class Meta:
        legacy_table_names = False


class Setting(Table):
    name = CharField(primary_key=True)
    value = JsonField()
    changed_at = InstantField()


class StoredFile(Table):
    id = AutoField()
    sha256 = CharField(max_length=64, unique=True)
    media_type = CharField()
    size = BigIntegerField()
    stored_at = InstantField()


class ClockLock(Table):
    name = CharField(primary_key=True)
    holder = CharField()
    until = InstantField()


class ClockRun(Table):
    name = CharField(primary_key=True)
    ran_at = InstantField()


class History(Table):
    id = BigAutoField()
    at = InstantField()
    actor_kind = CharField(max_length=16)
    actor_id = IntegerField(null=True)
    subject_kind = CharField(max_length=32)
    subject_id = IntegerField()
    event = CharField(max_length=64)
    details = JsonField()

    class Meta:
        indexes = ((("subject_kind", "subject_id", "id"), False),)


class Attention(Table):
    id = AutoField()
    kind = CharField(max_length=48)
    cause = CharField(unique=True)
    subject_kind = CharField(max_length=32)
    subject_id = IntegerField()
    details = JsonField()
    at = InstantField()
    settled_at = InstantField(null=True)
    settled_by = IntegerField(null=True)

    class Meta:
        indexes = ((("settled_at", "id"), False),)


class Customer(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    name = TextField()
    source = CharField(null=True)
    source_id = CharField(null=True)
    vat_number = CharField(null=True, index=True)
    registration_number = CharField(null=True)
    match_key = CharField(max_length=64, index=True)
    email = CharField(null=True)
    phone = CharField(null=True)
    address = JsonField()
    created_at = InstantField()
    archived_at = InstantField(null=True)

    class Meta:
        indexes = ((("source", "source_id"), True),)


Customer.add_index(Customer.index(fn.LOWER(Customer.name), Customer.id, name="customer_name"))


class BillingGroup(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    customer = ForeignKeyField(Customer)
    name = TextField()
    currency = CharField(max_length=3)
    credit = BigIntegerField()
    created_at = InstantField()
    contract_ended_on = DateField(null=True)

    class Meta:
        table_name = "billing_group"
        constraints = (Check("credit >= 0"),)


class Person(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    email = CharField(unique=True)
    name = TextField()
    language = CharField(max_length=16, null=True)
    created_at = InstantField()
    last_sign_in_at = InstantField(null=True)


class Membership(Table):
    id = AutoField()
    person = ForeignKeyField(Person)
    group = ForeignKeyField(BillingGroup)
    role = CharField(max_length=8)
    created_at = InstantField()
    expires_at = InstantField(null=True)

    class Meta:
        indexes = ((("person", "group"), True),)
        constraints = (Check("role IN ('view', 'pay', 'manage')"),)


class Staff(Table):
    id = AutoField()
    email = CharField(unique=True)
    name = TextField()
    password_hash = CharField(null=True)
    created_at = InstantField()
    last_sign_in_at = InstantField(null=True)
    failed_sign_ins = IntegerField()
    locked_at = InstantField(null=True)


class Session(Table):
    id = AutoField()
    token_hash = CharField(max_length=64, unique=True)
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    group = ForeignKeyField(BillingGroup, null=True)
    created_at = InstantField()
    last_seen_at = InstantField()
    expires_at = InstantField()
    ended_at = InstantField(null=True)
    remembered = BooleanField()
    agent = CharField()
    notices = JsonField()

    class Meta:
        constraints = (Check("(person_id IS NULL) <> (staff_id IS NULL)"),)


class SignIn(Table):
    id = AutoField()
    guesses = IntegerField()
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    next = TextField()
    created_at = InstantField()
    link_expires_at = InstantField()
    code_expires_at = InstantField(null=True)
    used_at = InstantField(null=True)
    replaced_at = InstantField(null=True)
    reusable = BooleanField()

    class Meta:
        table_name = "sign_in"
        constraints = (Check("(person_id IS NULL) <> (staff_id IS NULL)"),)


class Invoice(Table):
    id = AutoField()
    address = CharField(unique=True)
    number = CharField()
    kind = CharField(max_length=16)
    group = ForeignKeyField(BillingGroup)
    status = CharField(max_length=8)
    issued_on = DateField()
    due_on = DateField()
    currency = CharField(max_length=3)
    total = BigIntegerField()
    payable = BigIntegerField()
    open = BigIntegerField()
    claimed = BigIntegerField()
    po_number = CharField(null=True)
    credits = ForeignKeyField("self", null=True)
    version = IntegerField()
    source = CharField(null=True)
    seller_key = CharField()
    identity = CharField(max_length=64, null=True, unique=True)
    brought_forward = BooleanField()
    held_since = InstantField(null=True)
    held_reason = CharField(null=True)
    pays_itself = BooleanField()
    created_at = InstantField()
    sent_at = InstantField(null=True)
    viewed_at = InstantField(null=True)
    voided_at = InstantField(null=True)
    settled_on = DateField(null=True)

    class Meta:
        constraints = (
            Check("open >= 0"),
            Check("claimed >= 0"),
            Check("status IN ('open', 'void')"),
            Check("kind IN ('invoice', 'credit_note')"),
        )


Invoice.add_index(
    Invoice.index(Invoice.group, Invoice.issued_on.desc(), Invoice.id.desc(), name="invoice_group_issued")
)

Invoice.add_index(
    Invoice.index(Invoice.group, Invoice.due_on, Invoice.id, where=Invoice.open > 0, name="invoice_group_to_pay")
)

Invoice.add_index(Invoice.index(Invoice.issued_on.desc(), Invoice.id.desc(), name="invoice_issued"))

Invoice.add_index(
    Invoice.index(
        Invoice.due_on, Invoice.id, Invoice.currency, Invoice.open, where=Invoice.open > 0, name="invoice_to_pay"
    )
)

Invoice.add_index(
    Invoice.index(Invoice.currency, Invoice.due_on, Invoice.open, where=Invoice.open > 0, name="invoice_owed")
)

Invoice.add_index(Invoice.index(Invoice.number, name="invoice_number"))

Invoice.add_index(Invoice.index(Invoice.seller_key, Invoice.number, name="invoice_seller_number"))


class InvoiceVersion(Table):
    id = AutoField()
    invoice = ForeignKeyField(Invoice)
    version = IntegerField()
    content = JsonField()
    content_hash = CharField(max_length=64)
    total = BigIntegerField()
    payable = BigIntegerField()
    arrived_at = InstantField()

    class Meta:
        table_name = "invoice_version"
        indexes = ((("invoice", "version"), True),)


class InvoiceFile(Table):
    id = AutoField()
    invoice = ForeignKeyField(Invoice)
    version = IntegerField()
    file = ForeignKeyField(StoredFile)
    role = CharField(max_length=16)
    syntax = CharField(max_length=8)
    name = TextField()

    class Meta:
        table_name = "invoice_file"
        indexes = ((("invoice", "version", "file", "role"), True),)


class Import(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    origin = CharField(max_length=16)
    staff = ForeignKeyField(Staff, null=True)
    state = CharField(max_length=8)
    dry_run = BooleanField()
    total = IntegerField()
    done = IntegerField()
    counts = JsonField()
    created_at = InstantField()
    lease_until = InstantField(null=True)
    ended_at = InstantField(null=True)
    undone_at = InstantField(null=True)
    failure = TextField(null=True)


class ImportItem(Table):
    id = AutoField()
    run = ForeignKeyField(Import)
    position = IntegerField()
    file_name = TextField()
    file = ForeignKeyField(StoredFile, null=True)
    outcome = CharField(max_length=8)
    number = CharField(null=True)
    payable = BigIntegerField(null=True)
    currency = CharField(max_length=3, null=True)
    line = IntegerField(null=True)
    reason = TextField(null=True)
    invoice = ForeignKeyField(Invoice, null=True)
    content = JsonField(null=True)
    decided_at = InstantField(null=True)
    decision = CharField(max_length=16, null=True)

    class Meta:
        table_name = "import_item"
        indexes = ((("run", "position"), False), (("outcome", "decided_at"), False))


class Connection(Table):
    id = AutoField()
    provider = CharField(max_length=32)
    account = CharField()
    live = BooleanField()
    created_at = InstantField()
    ended_at = InstantField(null=True)
    cursor = TextField(null=True)
    read_at = InstantField(null=True)

    class Meta:
        indexes = ((("provider", "account", "live"), True),)


class PaymentMethod(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    group = ForeignKeyField(BillingGroup)
    connection = ForeignKeyField(Connection)
    token = CharField()
    kind = CharField(max_length=16)
    brand = CharField()
    last4 = CharField(max_length=4)
    expires_year = IntegerField(null=True)
    expires_month = IntegerField(null=True)
    mandate = CharField(null=True)
    is_default = BooleanField()
    refused_at = InstantField(null=True)
    created_at = InstantField()
    removed_at = InstantField(null=True)

    class Meta:
        table_name = "payment_method"
        indexes = ((("connection", "token"), True),)


PaymentMethod.add_index(
    PaymentMethod.index(PaymentMethod.group, unique=True, where=PaymentMethod.is_default, name="payment_method_default")
)


class Payment(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    secret = CharField(max_length=32, unique=True)
    group = ForeignKeyField(BillingGroup)
    connection = ForeignKeyField(Connection)
    amount = BigIntegerField()
    currency = CharField(max_length=3)
    state = CharField(max_length=16)
    rank = IntegerField()
    initiator = CharField(max_length=16)
    cause = CharField(null=True, unique=True)
    person = ForeignKeyField(Person, null=True)
    method = ForeignKeyField(PaymentMethod, null=True)
    keep_method = BooleanField()
    form_owner = CharField(null=True)
    form_token = CharField(null=True)
    form_hash = CharField(max_length=64, null=True)
    created_at = InstantField()
    not_before = InstantField(null=True)
    cancel_asked_at = InstantField(null=True)
    again_asked_at = InstantField(null=True)
    unknown_since = InstantField(null=True)
    unknown_told_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    captured = BigIntegerField()
    refundable = BigIntegerField()
    decline_code = CharField(null=True)
    decline_hard = BooleanField(null=True)
    decline_tell = BooleanField()
    looked_at = InstantField(null=True)

    class Meta:
        constraints = (Check("amount > 0"), Check("refundable >= 0"))
        indexes = ((("form_owner", "form_token"), True),)


Payment.add_index(
    Payment.index(Payment.group, Payment.created_at.desc(), Payment.id.desc(), name="payment_group_created")
)

Payment.add_index(Payment.index(Payment.created_at.desc(), Payment.id.desc(), name="payment_created"))

Payment.add_index(Payment.index(Payment.state, Payment.id, where=Payment.rank < 6, name="payment_live"))

Payment.add_index(
    Payment.index(
        Payment.currency,
        Payment.ended_at,
        Payment.captured,
        Payment.state,
        where=Payment.state == "paid",
        name="payment_came_in",
    )
)


class Allocation(Table):
    id = AutoField()
    payment = ForeignKeyField(Payment)
    invoice = ForeignKeyField(Invoice)
    amount = BigIntegerField()

    class Meta:
        indexes = ((("payment", "invoice"), True),)
        constraints = (Check("amount > 0"),)


class Attempt(Table):
    id = AutoField()
    payment = ForeignKeyField(Payment)
    number = IntegerField()
    operation = CharField(max_length=16)
    key = CharField(max_length=64, unique=True)
    parameters = JsonField()
    parameters_hash = CharField(max_length=64)
    connection = ForeignKeyField(Connection)
    state = CharField(max_length=16)
    live = BooleanField(null=True)
    lease_until = InstantField(null=True)
    theirs = CharField(null=True)
    url = TextField(null=True)
    expires_at = InstantField(null=True)
    setup = CharField(null=True)
    setup_ended_at = InstantField(null=True)
    fee = BigIntegerField(null=True)
    tries = IntegerField()
    asked = IntegerField()
    ask_at = InstantField(null=True)
    started_at = InstantField()
    ended_at = InstantField(null=True)
    raw = JsonField()

    class Meta:
        indexes = ((("payment", "number"), True), (("payment", "live"), True), (("connection", "theirs"), True))


Attempt.add_index(Attempt.index(Attempt.state, Attempt.ask_at, where=Attempt.live.is_null(False), name="attempt_live"))


class GatewayEvent(Table):
    id = AutoField()
    connection = ForeignKeyField(Connection)
    event_id = CharField()
    kind = CharField(max_length=16)
    theirs = CharField(null=True)
    ours = CharField(null=True)
    received_at = InstantField()
    settled_at = InstantField(null=True)
    result = CharField(max_length=16, null=True)
    raw = JsonField()

    class Meta:
        table_name = "gateway_event"
        indexes = (
            (("connection", "event_id"), True),
            (("connection", "ours"), False),
            (("connection", "theirs"), False),
            (("settled_at", "id"), False),
        )


class LedgerEntry(Table):
    id = BigAutoField()
    cause = CharField()
    event = CharField(max_length=48)
    at = InstantField()
    on = DateField()

    class Meta:
        table_name = "ledger_entry"
        indexes = ((("cause", "event"), True),)


class LedgerLine(Table):
    id = BigAutoField()
    entry = ForeignKeyField(LedgerEntry)
    account = CharField(max_length=16)
    currency = CharField(max_length=3)
    amount = BigIntegerField()
    group = ForeignKeyField(BillingGroup)
    invoice = ForeignKeyField(Invoice, null=True)
    payment = ForeignKeyField(Payment, null=True)
    connection = ForeignKeyField(Connection, null=True)

    class Meta:
        table_name = "ledger_line"
        constraints = (Check("amount <> 0"),)
        indexes = ((("account", "group", "currency"), False), (("invoice", "account"), False))


class Letter(Table):
    id = AutoField()
    kind = CharField(max_length=32)
    cause = CharField(unique=True)
    to = CharField()
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    group = ForeignKeyField(BillingGroup, null=True)
    invoice = ForeignKeyField(Invoice, null=True)
    payment = ForeignKeyField(Payment, null=True)
    details = JsonField()
    state = CharField(max_length=8)
    tries = IntegerField()
    not_before = InstantField()
    lease_until = InstantField(null=True)
    message_id = CharField()
    created_at = InstantField()
    sent_at = InstantField(null=True)
    failure = TextField(null=True)

    class Meta:
        indexes = ((("state", "not_before"), False), (("group", "id"), False))


TABLES = Table.__subclasses__()
ADD_ONLY = ("ledger_entry", "ledger_line", "history")


def up(migrator: SchemaMigrator, db: Database) -> None:
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    sqlite = isinstance(db, SqliteDatabase)
    if not sqlite:
        db.execute_sql(
            "CREATE FUNCTION only_added() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is only ever added to'; END $$"
        )
    for table in ADD_ONLY:
        for verb in ("UPDATE", "DELETE"):
            act = (
                f"FOR EACH ROW BEGIN SELECT RAISE(ABORT, '{table} is only ever added to'); END"
                if sqlite
                else "FOR EACH ROW EXECUTE FUNCTION only_added()"
            )
            db.execute_sql(f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {act}")
        if not sqlite:
            db.execute_sql(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION only_added()"
            )
