"""Imports: files are uploaded, each document's fate is shown, held ones are decided, a whole import is taken back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request, url_for
from wtforms import MultipleFileField, StringField, ValidationError
from wtforms.validators import AnyOf

import theming
from billing import arrivals, imports
from billing.errors import NotUndoable, Refusal
from blueprints import guards, paging, respond
from blueprints.forms import Form, mark
from blueprints.guards import require_staff, takes_up_to
from blueprints.throttles import limited, signed_in
from models import Import, ImportItem

bp = Blueprint("admin_imports", __name__, url_prefix="/admin/imports")

MOST_BYTES = 64 * 1024 * 1024  # of one upload
MOST_FILES = 500
CHOOSE_A_FILE = mark("Choose one or more files.")
TOO_MANY = mark("At most 500 files at once. Put many invoices into one CSV file, or import in steps.")
FAST_ASKS, ASKS = 10, 14  # every 2 s for 20 s, then every 10 s to a minute, then only when somebody presses


class UploadForm(Form):
    files = MultipleFileField(mark("Files"))

    def validate_files(self, control: MultipleFileField) -> None:
        chosen = [file for file in control.data or () if getattr(file, "filename", "")]
        if not chosen:
            raise ValidationError(CHOOSE_A_FILE)
        if len(chosen) > MOST_FILES:
            raise ValidationError(TOO_MANY)
        self.chosen = chosen


class DecisionForm(Form):
    decision = StringField(validators=[AnyOf(("revision", "another", "dropped"))])


@bp.get("")
@require_staff
def index() -> Response:
    return _index(UploadForm(formdata=None))


@bp.post("")
@require_staff
@limited("import", (30, "minute"), key=signed_in)
@takes_up_to(MOST_BYTES)
def create() -> Response:
    form = UploadForm()
    if not form.validate():
        return _index(form, status=422)
    uploads = [(_name(file.filename), file.read()) for file in form.chosen]
    run = imports.begin_upload(uploads, by=g.staff, now=g.now)
    return respond.see_other("admin_imports.show", public_id=run.public_id)


@bp.get("/template.csv")
@require_staff
def template() -> Response:
    """The columns of a CSV file, with an example."""
    return respond.file(arrivals.SAMPLE.read_bytes(), "invoices.csv", "text/csv")


@bp.get("/<public_id>")
@require_staff
def show(public_id: str) -> Response:
    run = _find(public_id)
    outcome = request.args.get("show", "")
    found = arrivals.items(run, outcome=outcome, after=request.args.get("after", ""))
    asked = request.args.get("asked", "0")
    count = min(int(asked), ASKS) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0
    kept: dict[str, Any] = {"public_id": public_id, "show": outcome or None}
    return respond.page(
        "admin/imports/show.html",
        {"import": "admin/imports/_run.html"},
        current="imports",
        run=arrivals.view(run),
        items=found.items,
        show=outcome,
        older_url=url_for("admin_imports.show", after=found.more, **kept) if found.more else None,
        newer_url=url_for("admin_imports.show", **kept) if request.args.get("after") else None,
        asked=count + 1,
        pace=2 if count < FAST_ASKS else 10 if count < ASKS else 0,
        not_undoable=arrivals.why_not_undoable(run),
    )


@bp.get("/<public_id>/delete")
@require_staff
def confirm_delete(public_id: str) -> Response:
    """What an undoing takes back, before it does."""
    run = _find(public_id)
    return respond.page(
        "admin/imports/delete.html",
        current="imports",
        run=arrivals.view(run),
        brought=arrivals.brought(run),
        not_undoable=arrivals.why_not_undoable(run),
    )


@bp.post("/<public_id>/delete")
@require_staff
def delete(public_id: str) -> Response:
    run = _find(public_id)
    try:
        count = imports.undo(run, by=g.staff, now=g.now)
    except NotUndoable as refusal:
        return respond.page(
            "admin/imports/delete.html",
            status=409,
            current="imports",
            run=arrivals.view(run),
            brought=arrivals.brought(run),
            not_undoable=refusal.code,
        )
    guards.tell("good", theming.gettext("Undone. %(count)s invoices are gone again.", count=count))
    return respond.see_other("admin_imports.show", public_id=public_id)


@bp.get("/<public_id>/items/<int:id>")
@require_staff
def show_item(public_id: str, id: int) -> Response:
    """A held document beside the one whose number it carries."""
    run = _find(public_id)
    return _item(run, _held(run, id))


@bp.post("/<public_id>/items/<int:id>")
@require_staff
def update_item(public_id: str, id: int) -> Response:
    run = _find(public_id)
    item, form = _held(run, id), DecisionForm()
    if not form.validate():
        return _item(run, item, status=422)
    try:
        imports.decide(item, form.decision.data, by=g.staff, now=g.now)
    except Refusal as refusal:
        return _item(run, item, status=409, refusal=refusal.code)
    guards.tell("good", theming.gettext("Decided."))
    return respond.see_other("admin_imports.show", public_id=public_id)


def _name(given: str) -> str:
    """A file's own name, whatever folders its browser or sender put before it."""
    return paging.seen(given.replace("\\", "/").rsplit("/", 1)[-1])[:200] or "file"


def _find(public_id: str) -> Import:
    run = arrivals.one(public_id)
    if run is None:
        abort(404)
    return run


def _held(run: Import, id: int) -> ImportItem:
    item = arrivals.held_item(run, id) if id < 2**31 else None
    if item is None or item.invoice_id is None:
        abort(404)
    return item


def _index(form: UploadForm, *, status: int = 200) -> Response:
    held = request.args.get("show") == "held"
    found = None if held else arrivals.page(after=request.args.get("after", ""))
    return respond.page(
        "admin/imports/index.html",
        status=status,
        invalid=status == 422,
        current="imports",
        form=form,
        held=held,
        rows=arrivals.with_held() if found is None else found.rows,
        older_url=url_for("admin_imports.index", after=found.older) if found and found.older else None,
        newer_url=url_for("admin_imports.index") if request.args.get("after") else None,
    )


def _item(run: Import, item: ImportItem, *, status: int = 200, refusal: str = "") -> Response:
    return respond.page(
        "admin/imports/item.html",
        status=status,
        current="imports",
        run=arrivals.view(run),
        held=arrivals.held_view(item),
        decision=item.decision or "",
        refusal=refusal or ("choose" if status == 422 else ""),
    )
