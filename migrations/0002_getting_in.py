"""Getting in: access rules, passwords, second factors, passkeys, guests, money in suspense. Frozen: never edited."""

from __future__ import annotations

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    Database,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)
from playhouse.migrate import SchemaMigrator

from database import InstantField, JsonField


class Table(Model):
    class Meta:
        legacy_table_names = False


# --- What the new tables point at: only its key ----------------------------------------------------------------------


class BillingGroup(Table):
    id = AutoField()

    class Meta:
        table_name = "billing_group"


class Person(Table):
    id = AutoField()


class Staff(Table):
    id = AutoField()


class Payment(Table):
    id = AutoField()


class Connection(Table):
    id = AutoField()


KNOWN = (BillingGroup, Person, Staff, Payment, Connection)


# --- New tables -------------------------------------------------------------------------------------------------------


class AccessDomain(Table):
    id = AutoField()
    group = ForeignKeyField(BillingGroup)
    domain = CharField()
    kind = CharField(max_length=8)

    class Meta:
        table_name = "access_domain"
        indexes = ((("group", "domain"), True), (("group", "domain", "kind"), True))
        constraints = (Check("kind IN ('domain', 'address')"),)


class AccessRule(Table):
    id = AutoField()
    group = ForeignKeyField(BillingGroup)
    domain = CharField()
    kind = CharField(max_length=8)
    local = CharField()
    role = CharField(max_length=8)
    created_at = InstantField()

    class Meta:
        table_name = "access_rule"
        indexes = ((("group", "domain", "local"), True), (("domain", "local"), False))
        constraints = (
            Check("(kind = 'domain') = (local = '')"),
            Check("role IN ('view', 'pay', 'manage')"),
            SQL("FOREIGN KEY (group_id, domain, kind) REFERENCES access_domain (group_id, domain, kind)"),
        )


class RecoveryCode(Table):
    id = AutoField()
    staff = ForeignKeyField(Staff)
    code_hash = CharField(max_length=64)
    created_at = InstantField()
    used_at = InstantField(null=True)

    class Meta:
        table_name = "recovery_code"
        indexes = ((("staff", "code_hash"), True),)


class Passkey(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    credential_id = CharField(max_length=1400, unique=True)
    public_key = TextField()
    sign_count = BigIntegerField()
    name = CharField(max_length=80)
    transports = JsonField()
    created_at = InstantField()
    last_used_at = InstantField(null=True)

    class Meta:
        constraints = (Check("(person_id IS NULL) <> (staff_id IS NULL)"),)


class Caller(Table):
    id = AutoField()
    address = CharField(max_length=64, unique=True)
    seen_at = InstantField()


class AccessRequest(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    group = ForeignKeyField(BillingGroup)
    email = CharField()
    name = TextField()
    proved = BooleanField()
    asked_at = InstantField()
    decided_at = InstantField(null=True)
    decided_by = ForeignKeyField(Staff, null=True)
    allowed = BooleanField(null=True)

    class Meta:
        table_name = "access_request"


AccessRequest.add_index(
    AccessRequest.index(
        AccessRequest.group,
        AccessRequest.email,
        unique=True,
        where=AccessRequest.decided_at.is_null(),
        name="access_request_open",
    )
)


class Refund(Table):
    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    secret = CharField(max_length=32, unique=True)
    payment = ForeignKeyField(Payment)
    connection = ForeignKeyField(Connection)
    amount = BigIntegerField()
    currency = CharField(max_length=3)
    meaning = CharField(max_length=16)
    state = CharField(max_length=16)
    rank = IntegerField()
    key = CharField(max_length=64, unique=True)
    parameters = JsonField()
    lease_until = InstantField(null=True)
    not_before = InstantField(null=True)
    theirs = CharField(null=True)
    tries = IntegerField()
    asked = IntegerField()
    ask_at = InstantField(null=True)
    staff = ForeignKeyField(Staff, null=True)
    created_at = InstantField()
    ended_at = InstantField(null=True)
    failure = CharField(null=True)
    raw = JsonField()

    class Meta:
        constraints = (Check("amount > 0"),)
        indexes = ((("connection", "theirs"), True),)


Refund.add_index(Refund.index(Refund.state, Refund.id, where=(Refund.rank < 5), name="refund_live"))

NEW = (AccessDomain, AccessRule, RecoveryCode, Passkey, Caller, AccessRequest, Refund)


# --- Columns of the tables there are ---------------------------------------------------------------------------------

INSTANT, BOOLEAN, BIG = "{instant}", "{boolean}", "{big}"  # what the engines call differently
COLUMNS = {
    "person": (
        "user_id VARCHAR(64)",
        "password_hash VARCHAR(255)",
        f"password_temporary_until {INSTANT}",
        f"password_changed_at {INSTANT}",
        "failed_sign_ins INTEGER NOT NULL DEFAULT 0",
        f"locked_at {INSTANT}",
    ),
    "membership": (f"removed_at {INSTANT}",),
    "staff": (f"removed_at {INSTANT}", "totp_secret TEXT", f"totp_step {BIG}"),
    "session": (
        "stage VARCHAR(8) NOT NULL DEFAULT ''",
        "way VARCHAR(16) NOT NULL DEFAULT ''",
        f"proved_at {INSTANT}",
        "address VARCHAR(64) NOT NULL DEFAULT ''",
        f"passing {BOOLEAN}",
        f"preview {BOOLEAN}",
        "ended_because VARCHAR(24)",
    ),
    "sign_in": (
        "purpose VARCHAR(8) NOT NULL DEFAULT 'sign_in'",
        "email VARCHAR(255)",
        "name TEXT NOT NULL DEFAULT ''",
        "group_id INTEGER REFERENCES billing_group (id)",
        "role VARCHAR(8)",
        f"member_until {INSTANT}",
    ),
    "payment": (
        "came_by VARCHAR(8) NOT NULL DEFAULT 'portal'",
        "guest_name TEXT NOT NULL DEFAULT ''",
        "guest_email VARCHAR(255)",
        f"guest_enrols {BOOLEAN}",
        "reference TEXT NOT NULL DEFAULT ''",
        f"suspense {BIG} NOT NULL DEFAULT 0",
    ),
}
INDEXES = (
    "CREATE UNIQUE INDEX person_user_id ON person (user_id)",
    "CREATE INDEX customer_email ON customer (LOWER(email))",
    'CREATE INDEX letter_to ON letter ("to", kind)',
    "CREATE INDEX session_expires ON session (expires_at)",
    "CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX sign_in_link_expires_at ON sign_in (link_expires_at)",
    "CREATE INDEX session_of_person ON session (person_id) WHERE ended_at IS NULL",
    "CREATE INDEX sign_in_email ON sign_in (email)",
    "CREATE INDEX sign_in_group_id ON sign_in (group_id)",
    "CREATE INDEX payment_guests ON payment (created_at) WHERE came_by <> 'portal'",
    "CREATE INDEX payment_suspense ON payment (id) WHERE suspense > 0",
)


def up(migrator: SchemaMigrator, db: Database) -> None:
    sqlite = isinstance(db, SqliteDatabase)
    with db.bind_ctx((*KNOWN, *NEW)):
        db.create_tables(NEW, safe=False)
    words = (
        {"instant": "DATETIME", "boolean": "INTEGER NOT NULL DEFAULT 0", "big": "INTEGER"}
        if sqlite
        else {"instant": "TIMESTAMP", "boolean": "BOOLEAN NOT NULL DEFAULT FALSE", "big": "BIGINT"}
    )
    for table, columns in COLUMNS.items():
        for column in columns:
            db.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column.format(**words)}")
    for index in INDEXES:
        db.execute_sql(index)
    if sqlite:
        _loosen_sqlite(db)
    else:
        db.execute_sql("ALTER TABLE payment ALTER COLUMN group_id DROP NOT NULL")
        db.execute_sql("ALTER TABLE ledger_line ALTER COLUMN group_id DROP NOT NULL")
        db.execute_sql("ALTER TABLE sign_in DROP CONSTRAINT sign_in_check")


def _loosen_sqlite(db: Database) -> None:
    """Take two NOT NULLs and a CHECK away where the schema says them.

    The way SQLite's own documentation gives (lang_altertable, "Making Other Kinds Of Table Schema Changes") where no
    content changes: rebuilding `payment` would need foreign keys to be off, which no transaction can do.
    """
    required, free = '"group_id" INTEGER NOT NULL', '"group_id" INTEGER'
    check = ", CHECK ((person_id IS NULL) <> (staff_id IS NULL))"
    version = db.execute_sql("PRAGMA schema_version").fetchone()[0]
    db.execute_sql("PRAGMA writable_schema = 1")
    for table, old, new in (
        ("payment", required, free),
        ("ledger_line", required, free),
        ("sign_in", check, ""),
    ):
        found = db.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()[
            0
        ]
        if found.count(old) != 1:
            raise RuntimeError(f"the table {table} is not as this version knows it")
        db.execute_sql(
            "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (found.replace(old, new), table)
        )
    db.execute_sql(f"PRAGMA schema_version = {version + 1}")
    db.execute_sql("PRAGMA writable_schema = 0")
