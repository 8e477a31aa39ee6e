"""Who may see a customer's account: its portal link, the rules that let people in, its contract."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g
from wtforms import BooleanField, SelectField, StringField, ValidationError

import theming
from billing import groups, invitations, people, rules, settings
from billing.errors import BadRule
from billing.rules import RuleView
from blueprints import guards, respond
from blueprints.forms import DayField, Form, mark
from blueprints.guards import require_proof, require_staff
from models import AccessDomain, AccessRule, BillingGroup, Membership

bp = Blueprint("admin_access", __name__, url_prefix="/admin/customers/<customer>/groups/<group>")

# Why a rule was refused.
WRONG = {
    "not_one": mark("Enter one domain or one address at a time."),
    "not_an_address": mark("Enter a domain such as company.com, or an address such as name@company.com."),
    "public_domain": mark("Anybody can have an address there. Add single addresses of it instead."),
    "exists": mark("It is in the list already."),
    "under_domain": mark("Its whole domain is in the list already, so this address may sign in."),
    "over_addresses": mark("Single addresses of this domain are in the list already."),
    "contract_ended": mark("The contract has ended. Reopen it first."),
}
NO_ROLE = mark("Choose what they may do.")
NO_DAY = mark("Enter a date such as 2026-12-31 or 31 Dec 2026.")


class RoleField(SelectField):  # type: ignore[misc]
    """view, pay or manage; its words stand in the template."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=list(people.RANK), default=Membership.PAY, validate_choice=False, **options)

    def pre_validate(self, form: Form) -> None:
        if self.data not in people.RANK:
            raise ValidationError(NO_ROLE)


class RuleForm(Form):
    text = StringField(mark("Domain or address"), id="rule-text")
    role = RoleField(id="rule-role")
    replace = BooleanField(id="rule-replace")


class ChangeForm(Form):
    """About a rule that is there: `text` says which, as its number may be another's by now."""

    text = StringField()
    role = RoleField()


class EndForm(Form):
    on = DayField(label=mark("First day without it"), id="contract-on")

    def validate_on(self, control: DayField) -> None:
        if control.process_errors or control.data is None:
            control.errors = []
            raise ValidationError(NO_DAY)


@bp.get("")
@require_staff
@require_proof
def show(customer: str, group: str) -> Response:
    return _show(_find(customer, group))


@bp.post("/rules")
@require_staff
@require_proof
def create_rule(customer: str, group: str) -> Response:
    found, form = _find(customer, group), RuleForm()
    if not form.validate():
        return _show(found, form=form)
    try:
        rule = rules.add(
            found, form.text.data or "", form.role.data, by=guards.actor(), now=g.now, replace=form.replace.data
        )
    except BadRule as refusal:
        form.text.errors = [WRONG[refusal.code]]
        return _show(found, form=form, addresses=refusal.values.get("addresses", ()))
    if g.settings.enrolment == settings.INVITED:
        guards.tell("warn", theming.gettext("Added. Only invited people may sign in, so it opens nothing just now."))
    elif rule.kind == AccessDomain.DOMAIN:
        guards.tell("good", theming.gettext("Everybody at %(domain)s may sign in now.", domain=rules.text_of(rule)))
    else:
        guards.tell("good", theming.gettext("%(who)s may sign in now.", who=rules.text_of(rule)))
    return _back(customer, group)


@bp.get("/rules/<int:id>/edit")
@require_staff
@require_proof
def edit_rule(customer: str, group: str, id: int) -> Response:
    found = _find(customer, group)
    rule = _seen(found, id)
    return _edit(found, rule, ChangeForm(formdata=None, role=rule.role))


@bp.post("/rules/<int:id>")
@require_staff
@require_proof
def update_rule(customer: str, group: str, id: int) -> Response:
    found, form = _find(customer, group), ChangeForm()
    rule = _rule(found, id, form)
    if rule is None:
        return _gone(customer, group)
    if not form.validate():
        return _edit(found, _seen(found, id), form, status=422)
    if rules.change_role(rule, form.role.data, by=guards.actor(), now=g.now):
        guards.tell("good", theming.gettext("Saved."))
    return _back(customer, group)


@bp.get("/rules/<int:id>/delete")
@require_staff
@require_proof
def confirm_delete_rule(customer: str, group: str, id: int) -> Response:
    """Who loses what, before anybody does."""
    found = _find(customer, group)
    return respond.page(
        "admin/access/delete_rule.html",
        current="customers",
        group=groups.view(found, g.today),
        rule=_seen(found, id),
        only_invited=g.settings.enrolment == settings.INVITED,
    )


@bp.post("/rules/<int:id>/delete")
@require_staff
@require_proof
def delete_rule(customer: str, group: str, id: int) -> Response:
    found = _find(customer, group)
    rule = _rule(found, id, ChangeForm())
    if rule is None or not rules.remove(rule, by=guards.actor(), now=g.now, settings=g.settings):
        return _gone(customer, group)
    guards.tell("good", theming.gettext("Removed: %(who)s.", who=rules.text_of(rule)))
    return _back(customer, group)


@bp.post("/contract-end")
@require_staff
@require_proof
def create_contract_end(customer: str, group: str) -> Response:
    found, form = _find(customer, group), EndForm()
    if not form.validate():
        return _show(found, end_form=form)
    assert form.on.data is not None  # validated
    groups.end_contract(found, form.on.data, by=guards.actor(), now=g.now)
    return _back(customer, group)


@bp.post("/contract-end/delete")
@require_staff
@require_proof
def delete_contract_end(customer: str, group: str) -> Response:
    if groups.reopen_contract(_find(customer, group), by=guards.actor(), now=g.now):
        guards.tell("good", theming.gettext("The contract is open again."))
    return _back(customer, group)


def _find(customer: str, group: str) -> BillingGroup:
    found = groups.one(customer, group)
    if found is None:
        abort(404)
    return found


def _seen(group: BillingGroup, id: int) -> RuleView:
    found = next((rule for rule in rules.of(group, g.now) if rule.id == id), None)
    if found is None:
        abort(404)
    return found


def _rule(group: BillingGroup, id: int, form: ChangeForm) -> AccessRule | None:
    return rules.one(group, id, form.text.data or "") if id < 2**31 else None


def _gone(customer: str, group: str) -> Response:
    guards.tell("warn", theming.gettext("Somebody removed it meanwhile. Nothing was changed."))
    return _back(customer, group)


def _back(customer: str, group: str) -> Response:
    return respond.see_other("admin_access.show", customer=customer, group=group)


def _edit(group: BillingGroup, rule: RuleView, form: ChangeForm, *, status: int = 200) -> Response:
    return respond.page(
        "admin/access/edit_rule.html",
        status=status,
        invalid=status == 422,
        current="customers",
        group=groups.view(group, g.today),
        rule=rule,
        form=form,
    )


def _show(
    group: BillingGroup,
    *,
    form: RuleForm | None = None,
    end_form: EndForm | None = None,
    addresses: tuple[str, ...] = (),
) -> Response:
    """The page; with a form that was refused it is a 422 with everything that was typed."""
    invalid = form is not None or end_form is not None
    return respond.page(
        "admin/access/show.html",
        status=422 if invalid else 200,
        invalid=invalid,
        current="customers",
        group=groups.view(group, g.today),
        rules=rules.of(group, g.now),
        people=people.people_of_group(group, g.now, g.settings),
        invitations=invitations.open_of(group, g.now),
        form=form or RuleForm(formdata=None),
        end_form=end_form or EndForm(formdata=None, on=g.today),
        addresses=addresses,
        only_invited=g.settings.enrolment == settings.INVITED,
    )
