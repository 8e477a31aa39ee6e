"""The filing cabinet: one class per table: columns, keys, constraints, indexes, one-row questions.

Amounts are whole minor units; beside each stands a currency of its own or its group's. Instants are UTC, business
dates are dates in the merchant's zone. Verbs live in billing/.
"""

from __future__ import annotations

from datetime import date

from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    fn,
)

from database import InstantField, JsonField, db


class Table(Model):
    class Meta:
        database = db
        legacy_table_names = False


# --- The house -------------------------------------------------------------------------------------------------------


class Setting(Table):
    """One saved setting. What it means, its type and default: billing/settings.py."""

    name = CharField(primary_key=True)
    value = JsonField()
    changed_at = InstantField()


class StoredFile(Table):
    """A file kept under its SHA-256 in the data folder: originals and attachments. The row says what it is."""

    id = AutoField()
    sha256 = CharField(max_length=64, unique=True)
    media_type = CharField()
    size = BigIntegerField()  # bytes
    stored_at = InstantField()


class ClockLock(Table):
    """Who runs the clock just now: however many clocks there are, one holds the lease."""

    name = CharField(primary_key=True)
    holder = CharField()
    until = InstantField()


class ClockRun(Table):
    """When each regular duty of the clock last ran."""

    name = CharField(primary_key=True)
    ran_at = InstantField()


class History(Table):
    """Who did what when; only ever added (triggers). Ids, codes and amounts, never names or addresses."""

    id = BigAutoField()
    at = InstantField()
    actor_kind = CharField(max_length=16)  # person, staff, clock, gateway, command
    actor_id = IntegerField(null=True)
    subject_kind = CharField(max_length=32)  # the table's name
    subject_id = IntegerField()
    event = CharField(max_length=64)
    details = JsonField(default=dict)

    class Meta:
        indexes = ((("subject_kind", "subject_id", "id"), False),)


class Attention(Table):
    """Something staff must look at, told once per cause."""

    id = AutoField()
    kind = CharField(max_length=48)
    cause = CharField(unique=True)
    subject_kind = CharField(max_length=32)
    subject_id = IntegerField()
    details = JsonField(default=dict)
    at = InstantField()
    settled_at = InstantField(null=True)
    settled_by = IntegerField(null=True)  # staff

    class Meta:
        indexes = ((("settled_at", "id"), False),)


# --- Who -------------------------------------------------------------------------------------------------------------


class Customer(Table):
    """Who owes. Matched by (source, source_id), then VAT number, then name and address (`match_key`)."""

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    name = TextField()
    source = CharField(null=True)
    source_id = CharField(null=True)
    vat_number = CharField(null=True, index=True)  # upper case, no spaces
    registration_number = CharField(null=True)
    match_key = CharField(max_length=64, index=True)  # hash of the folded name and address
    email = CharField(null=True)  # where invoices go; makes nobody able to sign in
    phone = CharField(null=True)
    address = JsonField(default=dict)  # lines (list), postcode, city, region, country
    created_at = InstantField()
    archived_at = InstantField(null=True)

    class Meta:
        indexes = ((("source", "source_id"), True),)


# Whose customer somebody is who proves an address.
Customer.add_index(Customer.index(fn.LOWER(Customer.email), name="customer_email"))
# The merchant's list of customers, by name whatever its case.
Customer.add_index(Customer.index(fn.LOWER(Customer.name), Customer.id, name="customer_name"))


class BillingGroup(Table):
    """What a customer owes in one currency, with its own access, methods and credit."""

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    customer = ForeignKeyField(Customer, backref="groups")
    name = TextField()
    currency = CharField(max_length=3)
    credit = BigIntegerField(default=0)  # free money of the customer; only ledger.py writes it
    created_at = InstantField()
    contract_ended_on = DateField(null=True)

    class Meta:
        table_name = "billing_group"
        constraints = (Check("credit >= 0"),)


class Person(Table):
    """Who signs in. The e-mail is folded (lower case, IDN as ASCII); so is the user id, which holds no @.

    `password_hash` is Argon2id, null until one is chosen. One that the merchant had mailed is good for one sign-in,
    until `password_temporary_until`.
    """

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    email = CharField(unique=True)
    user_id = CharField(max_length=64, null=True, unique=True)  # null: the e-mail is the user id
    name = TextField()
    language = CharField(max_length=16, null=True)
    password_hash = CharField(null=True)
    password_temporary_until = InstantField(null=True)
    password_changed_at = InstantField(null=True)
    failed_sign_ins = IntegerField(default=0)
    locked_at = InstantField(null=True)
    created_at = InstantField()
    last_sign_in_at = InstantField(null=True)


class Membership(Table):
    """A person's role in a billing group. It goes before what a rule would give; a removed one shuts the rule out."""

    VIEW, PAY, MANAGE = "view", "pay", "manage"
    RANK = {VIEW: 1, PAY: 2, MANAGE: 3}

    id = AutoField()
    person = ForeignKeyField(Person, backref="memberships")
    group = ForeignKeyField(BillingGroup, backref="memberships")
    role = CharField(max_length=8)
    created_at = InstantField()
    expires_at = InstantField(null=True)
    removed_at = InstantField(null=True)

    class Meta:
        indexes = ((("person", "group"), True),)
        constraints = (Check("role IN ('view', 'pay', 'manage')"),)


class AccessDomain(Table):
    """How a group lets people of a mail domain in: all of them, or some by their address. One row decides which."""

    DOMAIN, ADDRESS = "domain", "address"

    id = AutoField()
    group = ForeignKeyField(BillingGroup, backref="access_domains")
    domain = CharField()  # folded: lower case, IDN as ASCII
    kind = CharField(max_length=8)

    class Meta:
        table_name = "access_domain"
        indexes = ((("group", "domain"), True), (("group", "domain", "kind"), True))
        constraints = (Check("kind IN ('domain', 'address')"),)


class AccessRule(Table):
    """Whom a group lets in: a whole mail domain (`local` is empty) or one address.

    The foreign key over three columns is what keeps a domain and an address under it apart: its one row in
    `access_domain` is of one kind, whoever submits first.
    """

    id = AutoField()
    group = ForeignKeyField(BillingGroup, backref="access_rules")
    domain = CharField()
    kind = CharField(max_length=8)
    local = CharField(default="")
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


class Staff(Table):
    """The merchant's people. `password_hash` is Argon2id, null until one is chosen; `totp_secret` is encrypted."""

    id = AutoField()
    email = CharField(unique=True)
    name = TextField()
    password_hash = CharField(null=True)
    created_at = InstantField()
    last_sign_in_at = InstantField(null=True)
    failed_sign_ins = IntegerField(default=0)
    locked_at = InstantField(null=True)
    removed_at = InstantField(null=True)
    totp_secret = TextField(null=True)
    totp_step = BigIntegerField(null=True)  # the newest 30 seconds whose code was taken: none is taken twice


class RecoveryCode(Table):
    """One of the ten codes that stand in for a lost second factor, each good once. Kept as a keyed hash."""

    id = AutoField()
    staff = ForeignKeyField(Staff, backref="recovery_codes")
    code_hash = CharField(max_length=64)
    created_at = InstantField()
    used_at = InstantField(null=True)

    class Meta:
        table_name = "recovery_code"
        indexes = ((("staff", "code_hash"), True),)


class Passkey(Table):
    """A passkey's public half (WebAuthn). Who removes one has it deleted; history keeps that it was there."""

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    person = ForeignKeyField(Person, null=True, backref="passkeys")
    staff = ForeignKeyField(Staff, null=True, backref="passkeys")
    credential_id = CharField(max_length=1400, unique=True)  # base64url; at most 1,023 bytes by the standard
    public_key = TextField()  # COSE, base64url
    sign_count = BigIntegerField(default=0)
    name = CharField(max_length=80)
    transports = JsonField(default=list)
    created_at = InstantField()
    last_used_at = InstantField(null=True)

    class Meta:
        constraints = (Check("(person_id IS NULL) <> (staff_id IS NULL)"),)


class Caller(Table):
    """A network address that something was asked from. History names it by id, so that it can be forgotten here."""

    id = AutoField()
    address = CharField(max_length=64, unique=True)
    seen_at = InstantField()


class Session(Table):
    """One signed-in browser. The cookie holds only the token, the row only its hash.

    `stage`: what still stands between a browser and the pages: a second factor, or a password to choose. A preview is
    a staff member's look at a group's pages; it opens nothing under /admin.
    """

    FULL, FACTOR, CHANGE = "", "factor", "change"

    id = AutoField()
    token_hash = CharField(max_length=64, unique=True)
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    group = ForeignKeyField(BillingGroup, null=True)  # the company looked at just now
    created_at = InstantField()
    last_seen_at = InstantField()
    expires_at = InstantField()  # absolute
    ended_at = InstantField(null=True)
    remembered = BooleanField(default=False)
    agent = CharField(default="")
    notices = JsonField(default=list)  # what the next page says after a change
    stage = CharField(max_length=8, default="")
    way = CharField(max_length=16, default="")  # link, code, password, passkey, command
    proved_at = InstantField(null=True)  # when they last proved who they are: asked again before what matters
    address = CharField(max_length=64, default="")  # where it began
    passing = BooleanField(default=False)  # "this is not my device": short
    preview = BooleanField(default=False)
    ended_because = CharField(max_length=24, null=True)

    class Meta:
        constraints = (Check("(person_id IS NULL) <> (staff_id IS NULL)"),)


Session.add_index(Session.index(Session.expires_at, name="session_expires"))
Session.add_index(Session.index(Session.ended_at, where=Session.ended_at.is_null(False), name="session_ended"))
Session.add_index(Session.index(Session.person, where=Session.ended_at.is_null(), name="session_of_person"))


class SignIn(Table):
    """A link and a code that were mailed (or printed). Single use, newest replaces older; `reusable` only in the demo.

    Link and code are signed from the row's id (billing/links.py), so the table holds nothing that opens a door.
    `purpose` says what the link does and nothing else: sign in, confirm an address and enrol, choose a new password,
    take up an invitation, move to a new address. Who is not a person yet is known by `email` alone.
    """

    SIGN_IN, ENROL, RESET, INVITE, EMAIL = "sign_in", "enrol", "reset", "invite", "email"

    id = AutoField()
    guesses = IntegerField(default=0)
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    next = TextField(default="")
    created_at = InstantField()
    link_expires_at = InstantField(index=True)
    code_expires_at = InstantField(null=True)
    used_at = InstantField(null=True)
    replaced_at = InstantField(null=True)
    reusable = BooleanField(default=False)
    purpose = CharField(max_length=8, default="sign_in")
    email = CharField(null=True, index=True)  # folded: where it was mailed to; what a link proves
    name = TextField(default="")  # of who is not a person yet
    group = ForeignKeyField(BillingGroup, null=True)  # to be let into
    role = CharField(max_length=8, null=True)
    member_until = InstantField(null=True)  # a pass's end

    class Meta:
        table_name = "sign_in"


class AccessRequest(Table):
    """Somebody who proved an address asks to be let into a group. Staff allow or refuse it."""

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    group = ForeignKeyField(BillingGroup, backref="access_requests")
    email = CharField()  # folded
    name = TextField(default="")
    proved = BooleanField(default=False)  # whether they proved the address before they asked
    asked_at = InstantField()
    decided_at = InstantField(null=True)
    decided_by = ForeignKeyField(Staff, null=True)
    allowed = BooleanField(null=True)

    class Meta:
        table_name = "access_request"


AccessRequest.add_index(  # one open question of an address about a group, however often the button is pressed
    AccessRequest.index(
        AccessRequest.group,
        AccessRequest.email,
        unique=True,
        where=AccessRequest.decided_at.is_null(),
        name="access_request_open",
    )
)


# --- What is owed ----------------------------------------------------------------------------------------------------


class Invoice(Table):
    """A bill (or a credit note) of one group. What is owed is `open`; what payments in flight hold is `claimed`."""

    OPEN, VOID = "open", "void"  # a paid one is open with nothing left to pay
    INVOICE, CREDIT_NOTE = "invoice", "credit_note"

    id = AutoField()
    address = CharField(unique=True)  # the <number> of its page; given once, never changed
    number = CharField()
    kind = CharField(max_length=16, default=INVOICE)
    group = ForeignKeyField(BillingGroup, backref="invoices")
    status = CharField(max_length=8, default=OPEN)
    issued_on = DateField()
    due_on = DateField()
    currency = CharField(max_length=3)
    total = BigIntegerField()  # with tax; of a credit note: what it takes off, positive
    payable = BigIntegerField()  # the amount due as the document says it; may be below zero
    open = BigIntegerField(default=0)  # only ledger.py writes it
    claimed = BigIntegerField(default=0)  # only ledger.py and payments write it
    po_number = CharField(null=True)
    credits = ForeignKeyField("self", null=True)  # a credit note: the invoice it names
    version = IntegerField(default=1)
    source = CharField(null=True)
    seller_key = CharField(default="")  # the seller's VAT number, else registration number, else folded name
    identity = CharField(max_length=64, null=True, unique=True)  # hash of source, seller, number, issue date, kind
    brought_forward = BooleanField(default=False)
    held_since = InstantField(null=True)
    held_reason = CharField(null=True)
    pays_itself = BooleanField(default=False)  # payment means 48, 49, 54, 55, 59: shown, not payable here
    created_at = InstantField()
    sent_at = InstantField(null=True)
    viewed_at = InstantField(null=True)
    voided_at = InstantField(null=True)
    settled_on = DateField(null=True)  # the day nothing was left to pay

    class Meta:
        constraints = (
            Check("open >= 0"),
            Check("claimed >= 0"),
            Check("status IN ('open', 'void')"),
            Check("kind IN ('invoice', 'credit_note')"),
        )

    @property
    def free(self) -> int:
        """What a new payment could take now, minor units."""
        return max(0, self.open - self.claimed) if self.status == Invoice.OPEN else 0

    def is_overdue(self, today: date) -> bool:
        return self.status == Invoice.OPEN and self.open > 0 and self.due_on < today


# Lists: newest first of a group; what is to pay, oldest due first; the merchant's lists; search by number and amount.
Invoice.add_index(
    Invoice.index(Invoice.group, Invoice.issued_on.desc(), Invoice.id.desc(), name="invoice_group_issued")
)
Invoice.add_index(
    Invoice.index(Invoice.group, Invoice.due_on, Invoice.id, where=(Invoice.open > 0), name="invoice_group_to_pay")
)
Invoice.add_index(Invoice.index(Invoice.issued_on.desc(), Invoice.id.desc(), name="invoice_issued"))
Invoice.add_index(
    Invoice.index(
        Invoice.due_on, Invoice.id, Invoice.currency, Invoice.open, where=(Invoice.open > 0), name="invoice_to_pay"
    )
)
Invoice.add_index(  # what is owed, summed without a look at the rows
    Invoice.index(Invoice.currency, Invoice.due_on, Invoice.open, where=(Invoice.open > 0), name="invoice_owed")
)
Invoice.add_index(Invoice.index(Invoice.number, name="invoice_number"))
Invoice.add_index(Invoice.index(Invoice.seller_key, Invoice.number, name="invoice_seller_number"))


class InvoiceVersion(Table):
    """What an invoice says, as it arrived: a revision adds one, the old one stays."""

    id = AutoField()
    invoice = ForeignKeyField(Invoice, backref="versions")
    version = IntegerField()
    content = JsonField()  # accounting.contract.Document as JSON
    content_hash = CharField(max_length=64)
    total = BigIntegerField()
    payable = BigIntegerField()
    arrived_at = InstantField()

    class Meta:
        table_name = "invoice_version"
        indexes = ((("invoice", "version"), True),)


class InvoiceFile(Table):
    """An original or an attachment of an invoice's version."""

    ORIGINAL, ATTACHMENT = "original", "attachment"

    id = AutoField()
    invoice = ForeignKeyField(Invoice, backref="files")
    version = IntegerField()
    file = ForeignKeyField(StoredFile)
    role = CharField(max_length=16)
    syntax = CharField(max_length=8)  # csv, ubl, cii, pdf for an original
    name = TextField()

    class Meta:
        table_name = "invoice_file"
        indexes = ((("invoice", "version", "file", "role"), True),)


class Import(Table):
    """One run of an import, with its progress and its end."""

    QUEUED, RUNNING, DONE, FAILED, UNDONE = "queued", "running", "done", "failed", "undone"

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    origin = CharField(max_length=16)  # command, upload
    staff = ForeignKeyField(Staff, null=True)
    state = CharField(max_length=8, default=QUEUED)
    dry_run = BooleanField(default=False)
    total = IntegerField(default=0)  # documents found
    done = IntegerField(default=0)
    counts = JsonField(default=dict)  # new, same, revised, held, refused
    created_at = InstantField()
    lease_until = InstantField(null=True)
    ended_at = InstantField(null=True)
    undone_at = InstantField(null=True)
    failure = TextField(null=True)


class ImportItem(Table):
    """What became of one document of an import. A held one waits here, with its content, until staff decide."""

    id = AutoField()
    run = ForeignKeyField(Import, backref="items")
    position = IntegerField()
    file_name = TextField()
    file = ForeignKeyField(StoredFile, null=True)
    outcome = CharField(max_length=8)  # waiting, new, same, revised, held, refused
    number = CharField(null=True)
    payable = BigIntegerField(null=True)
    currency = CharField(max_length=3, null=True)
    line = IntegerField(null=True)
    reason = TextField(null=True)
    invoice = ForeignKeyField(Invoice, null=True)  # what it became, or what it collides with
    content = JsonField(null=True)  # of a held document
    decided_at = InstantField(null=True)
    decision = CharField(max_length=16, null=True)  # revision, another, dropped

    class Meta:
        table_name = "import_item"
        indexes = ((("run", "position"), False), (("outcome", "decided_at"), False))


# --- Money -----------------------------------------------------------------------------------------------------------


class Connection(Table):
    """An account at a provider, live or test. Methods, payments, events belong to exactly one."""

    id = AutoField()
    provider = CharField(max_length=32)
    account = CharField()
    live = BooleanField(default=False)
    created_at = InstantField()
    ended_at = InstantField(null=True)
    cursor = TextField(null=True)  # where the list of changes was read up to
    read_at = InstantField(null=True)

    class Meta:
        indexes = ((("provider", "account", "live"), True),)


class PaymentMethod(Table):
    """A stored method: the provider's token and what may be shown of it."""

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)
    group = ForeignKeyField(BillingGroup, backref="methods")
    connection = ForeignKeyField(Connection)
    token = CharField()
    kind = CharField(max_length=16)
    brand = CharField()
    last4 = CharField(max_length=4)
    expires_year = IntegerField(null=True)
    expires_month = IntegerField(null=True)
    mandate = CharField(null=True)
    is_default = BooleanField(default=False)
    refused_at = InstantField(null=True)  # hard declined: unusable until replaced
    created_at = InstantField()
    removed_at = InstantField(null=True)

    class Meta:
        table_name = "payment_method"
        indexes = ((("connection", "token"), True),)


PaymentMethod.add_index(
    PaymentMethod.index(PaymentMethod.group, unique=True, where=PaymentMethod.is_default, name="payment_method_default")
)


class Payment(Table):
    """An intent to move money. Amount, currency, group, method, allocations, initiator and cause never change.

    But for one: money of the payment form that nobody could place lies in `suspense`, and finds its group by matching.
    """

    PORTAL, GUEST, FORM = "portal", "guest", "form"

    QUEUED, SENDING, UNKNOWN = "queued", "sending", "unknown"
    NEEDS_CUSTOMER, PROCESSING = "needs_customer", "processing"
    DECLINED, CANCELLED, PAID = "declined", "cancelled", "paid"
    RANK = {
        QUEUED: 1,
        SENDING: 2,
        UNKNOWN: 3,
        NEEDS_CUSTOMER: 4,
        PROCESSING: 5,
        DECLINED: 6,
        CANCELLED: 6,
        PAID: 7,
    }
    LIVE = (QUEUED, SENDING, UNKNOWN, NEEDS_CUSTOMER, PROCESSING)  # they hold their claim

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)  # P-7K3M-92
    secret = CharField(max_length=32, unique=True)  # random 128 bits: what keys are made of, and our id at the provider
    group = ForeignKeyField(BillingGroup, null=True, backref="payments")  # null: of the payment form, unmatched
    connection = ForeignKeyField(Connection)
    amount = BigIntegerField()
    currency = CharField(max_length=3)
    state = CharField(max_length=16, default=QUEUED)
    rank = IntegerField(default=1)
    initiator = CharField(max_length=16)
    cause = CharField(null=True, unique=True)  # "invoice 12 chase 2"; of a pressed Pay null
    person = ForeignKeyField(Person, null=True)
    method = ForeignKeyField(PaymentMethod, null=True)  # null: on the provider's page
    keep_method = BooleanField(default=False)
    form_owner = CharField(null=True)  # "person 5": whose form token it is
    form_token = CharField(null=True)
    form_hash = CharField(max_length=64, null=True)
    created_at = InstantField()
    not_before = InstantField(null=True)
    cancel_asked_at = InstantField(null=True)
    again_asked_at = InstantField(null=True)  # the customer pressed "try the same payment again"
    unknown_since = InstantField(null=True)
    unknown_told_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    captured = BigIntegerField(default=0)
    refundable = BigIntegerField(default=0)
    decline_code = CharField(null=True)
    decline_hard = BooleanField(null=True)
    decline_tell = BooleanField(default=False)  # whether the payer may read the code's reason
    looked_at = InstantField(null=True)  # the last look-up somebody's page asked for
    came_by = CharField(max_length=8, default="portal")
    guest_name = TextField(default="")  # who paid without an account, as they wrote it
    guest_email = CharField(null=True)
    guest_enrols = BooleanField(default=False)  # they also asked for an account
    reference = TextField(default="")  # what they wrote on the payment form
    suspense = BigIntegerField(default=0)  # received, not matched yet; only ledger.py writes it

    class Meta:
        constraints = (Check("amount > 0"), Check("refundable >= 0"))
        indexes = ((("form_owner", "form_token"), True),)


Payment.add_index(
    Payment.index(Payment.group, Payment.created_at.desc(), Payment.id.desc(), name="payment_group_created")
)
Payment.add_index(Payment.index(Payment.created_at.desc(), Payment.id.desc(), name="payment_created"))
Payment.add_index(Payment.index(Payment.state, Payment.id, where=(Payment.rank < 6), name="payment_live"))
Payment.add_index(  # what came in, summed without a look at the rows
    Payment.index(
        Payment.currency,
        Payment.ended_at,
        Payment.captured,
        Payment.state,
        where=(Payment.state == Payment.PAID),
        name="payment_came_in",
    )
)


Payment.add_index(  # what guests tried of late: card testing shows as a burst of refusals
    Payment.index(Payment.created_at, where=(Payment.came_by != Payment.PORTAL), name="payment_guests")
)
Payment.add_index(Payment.index(Payment.id, where=(Payment.suspense > 0), name="payment_suspense"))


class Allocation(Table):
    """What a payment means to pay on an invoice. None at all: a deposit."""

    id = AutoField()
    payment = ForeignKeyField(Payment, backref="allocations")
    invoice = ForeignKeyField(Invoice, backref="allocations")
    amount = BigIntegerField()

    class Meta:
        indexes = ((("payment", "invoice"), True),)
        constraints = (Check("amount > 0"),)


class Attempt(Table):
    """One try of a payment at the provider."""

    SENDING, OPEN, PROCESSING, UNKNOWN = "sending", "open", "processing", "unknown"
    NOT_SUBMITTED = "not_submitted"
    SUCCEEDED, DECLINED, CANCELLED = "succeeded", "declined", "cancelled"
    LIVE = (SENDING, OPEN, PROCESSING, UNKNOWN, NOT_SUBMITTED)

    id = AutoField()
    payment = ForeignKeyField(Payment, backref="attempts")
    number = IntegerField()
    operation = CharField(max_length=16)  # charge, page
    key = CharField(max_length=64, unique=True)
    parameters = JsonField(default=dict)  # what was asked for: a repeated call says exactly the same
    parameters_hash = CharField(max_length=64)
    connection = ForeignKeyField(Connection)
    state = CharField(max_length=16, default=SENDING)
    live = BooleanField(null=True)  # true while the try may still change, else null: see the unique index
    lease_until = InstantField(null=True)
    theirs = CharField(null=True)
    url = TextField(null=True)
    expires_at = InstantField(null=True)
    setup = CharField(null=True)  # what lookup_setup takes, where the method is to be kept
    setup_ended_at = InstantField(null=True)
    fee = BigIntegerField(null=True)
    tries = IntegerField(default=0)  # calls made with this key
    asked = IntegerField(default=0)  # look-ups made since the outcome became unknown
    ask_at = InstantField(null=True)
    started_at = InstantField()
    ended_at = InstantField(null=True)
    raw = JsonField(default=dict)

    class Meta:
        indexes = (
            (("payment", "number"), True),
            (("payment", "live"), True),  # one live try per payment: NULLs are distinct on both engines
            (("connection", "theirs"), True),
        )


Attempt.add_index(Attempt.index(Attempt.state, Attempt.ask_at, where=Attempt.live.is_null(False), name="attempt_live"))


class Refund(Table):
    """Money going back. It takes the same road as a payment: recorded, taken by a job, booked by one function.

    `meaning`: what it says about the debt (money.md); of money in suspense there is none.
    """

    QUEUED, SENDING, PROCESSING, UNKNOWN = "queued", "sending", "processing", "unknown"
    DONE, FAILED = "done", "failed"
    RANK = {QUEUED: 1, SENDING: 2, UNKNOWN: 3, PROCESSING: 4, DONE: 5, FAILED: 6}  # `failed` may follow `done`
    LIVE = (QUEUED, SENDING, UNKNOWN, PROCESSING)
    SUSPENSE = "suspense"

    id = AutoField()
    public_id = CharField(max_length=16, unique=True)  # R-7K3M-92
    secret = CharField(max_length=32, unique=True)  # our id at the provider
    payment = ForeignKeyField(Payment, backref="refunds")
    connection = ForeignKeyField(Connection)
    amount = BigIntegerField()
    currency = CharField(max_length=3)
    meaning = CharField(max_length=16)
    state = CharField(max_length=16, default=QUEUED)
    rank = IntegerField(default=1)
    key = CharField(max_length=64, unique=True)
    parameters = JsonField(default=dict)
    lease_until = InstantField(null=True)
    not_before = InstantField(null=True)
    theirs = CharField(null=True)
    tries = IntegerField(default=0)
    asked = IntegerField(default=0)
    ask_at = InstantField(null=True)
    staff = ForeignKeyField(Staff, null=True)
    created_at = InstantField()
    ended_at = InstantField(null=True)
    failure = CharField(null=True)
    raw = JsonField(default=dict)

    class Meta:
        constraints = (Check("amount > 0"),)
        indexes = ((("connection", "theirs"), True),)


Refund.add_index(Refund.index(Refund.state, Refund.id, where=(Refund.rank < 5), name="refund_live"))


class GatewayEvent(Table):
    """Something a provider told us, stored once, then looked up by a job."""

    id = AutoField()
    connection = ForeignKeyField(Connection)
    event_id = CharField()
    kind = CharField(max_length=16)
    theirs = CharField(null=True)
    ours = CharField(null=True)
    received_at = InstantField()
    settled_at = InstantField(null=True)
    result = CharField(max_length=16, null=True)  # matched, foreign
    raw = JsonField(default=dict)

    class Meta:
        table_name = "gateway_event"
        indexes = (
            (("connection", "event_id"), True),
            (("connection", "ours"), False),
            (("connection", "theirs"), False),
            (("settled_at", "id"), False),
        )


class LedgerEntry(Table):
    """One event of the books; its lines sum to zero. Only ever added (triggers)."""

    id = BigAutoField()
    cause = CharField()  # "payment 12"
    event = CharField(max_length=48)  # "captured"
    at = InstantField()
    on = DateField()  # the merchant's date

    class Meta:
        table_name = "ledger_entry"
        indexes = ((("cause", "event"), True),)


class LedgerLine(Table):
    """A debit (above zero) or a credit (below zero) of one account. Only ever added (triggers)."""

    id = BigAutoField()
    entry = ForeignKeyField(LedgerEntry, backref="lines")
    account = CharField(max_length=16)
    currency = CharField(max_length=3)
    amount = BigIntegerField()
    group = ForeignKeyField(BillingGroup, null=True)  # null: money nobody has placed yet
    invoice = ForeignKeyField(Invoice, null=True)
    payment = ForeignKeyField(Payment, null=True)
    connection = ForeignKeyField(Connection, null=True)

    class Meta:
        table_name = "ledger_line"
        constraints = (Check("amount <> 0"),)
        indexes = ((("account", "group", "currency"), False), (("invoice", "account"), False))


# --- Letters ---------------------------------------------------------------------------------------------------------


class Letter(Table):
    """A mail in the outbox. Written when it is sent, from the ids it names; told once per cause."""

    QUEUED, SENDING, SENT, FAILED, DROPPED = "queued", "sending", "sent", "failed", "dropped"

    id = AutoField()
    kind = CharField(max_length=32)
    cause = CharField(unique=True)  # "payment 12 receipt"
    to = CharField()
    person = ForeignKeyField(Person, null=True)
    staff = ForeignKeyField(Staff, null=True)
    group = ForeignKeyField(BillingGroup, null=True)
    invoice = ForeignKeyField(Invoice, null=True)
    payment = ForeignKeyField(Payment, null=True)
    details = JsonField(default=dict)
    state = CharField(max_length=8, default=QUEUED)
    tries = IntegerField(default=0)
    not_before = InstantField()
    lease_until = InstantField(null=True)
    message_id = CharField()
    created_at = InstantField()
    sent_at = InstantField(null=True)
    failure = TextField(null=True)

    class Meta:
        indexes = ((("state", "not_before"), False), (("group", "id"), False))


# Which addresses invoices were sent to: who proves one of them may belong to its customer.
Letter.add_index(Letter.index(Letter.to, Letter.kind, name="letter_to"))

TABLES: tuple[type[Table], ...] = tuple(Table.__subclasses__())
__all__ = [table.__name__ for table in TABLES] + ["SQL", "TABLES", "Table"]
